"""What the readers get wrong themselves, on real renders of held-out scenes: the ruler's own error.

Of each visible thing the read thing that overlaps it best is asked. `right` is the share of answers
that are right, `coverage` the share of questions answered: a thing that isn't found is a question
not answered.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
import torch

from mutoscope.data import degrade
from mutoscope.data.rendered import Rendered
from mutoscope.evaluate import report
from mutoscope.evaluate.faithfulness import RELATION, TITLES, answered, sides
from mutoscope.evaluate.reading import Reading, ThingRead, as_frames, read
from mutoscope.evaluate.report import Entry, Report
from mutoscope.evaluate.tracks import Track, track
from mutoscope.networks.readers import CLIP_WORDS, FPS, HEADS, SIDE, THING_WORDS, ClipReader
from mutoscope.world.facts import shown
from mutoscope.world.scene import Scene

VISIBLE = 60
"""Pixels of SIDE x SIDE that a thing must show, on average over a clip, to be asked about."""
SAME = 0.3
"""Overlap (IoU over the clip) from which a read thing is the true one."""
HALF = 0.5
"""Severity at which degradations are measured one by one."""


@dataclass(frozen=True)
class Question:
    """One question: its title, the right word, and the answer: right, wrong or not given (None)."""

    title: str
    word: str
    right: bool | None
    look: str = "plain"


def own_error(
    reader: ClipReader, held: Rendered, count: int, *, spoil: str | None = None
) -> Report:
    """Of each title the share of right answers, with "coverage" beside it.

    `spoil` names a degradation of data.degrade, applied to every clip at severity HALF. The entry
    "place" is the mean distance of middles in frame sides, "found" the share of things found. Of
    the tracks, "direction" is the share of right points of the compass, "speed" the mean error as a
    share of the true speed, "jitter" the mean difference in frame sides. A "relation" is asked of
    the two of tracks.SIDES, where the world says that one plainly holds.
    """
    questions, ways = _examined(reader, held, count, spoil)
    return {**_by_title(questions, _taught(reader)), **tracked(ways)}


def tracked(ways: Sequence[tuple[Track | None, Track]]) -> Report:
    """How far read tracks (None: a thing not found) are from the true ones beside them.

    A direction is asked where the true thing goes somewhere, a speed likewise, since a share of
    none is none; an answer is missing where the read thing isn't found or seen often enough.
    """
    found = [(mine, true) for mine, true in ways if mine is not None]
    going = [(mine, true) for mine, true in ways if true.direction is not None]
    told = [mine.direction == true.direction for mine, true in going if mine and mine.direction]
    middles = [np.hypot(*(mine.middles - true.middles).T) for mine, true in found]
    speeds = [
        abs(mine.speed - true.speed) / true.speed
        for mine, true in going
        if mine and mine.speed is not None and true.speed
    ]
    jitters = [
        abs(mine.jitter - true.jitter)
        for mine, true in found
        if mine.jitter is not None and true.jitter is not None
    ]
    away = [float(one) for middle in middles for one in middle[np.isfinite(middle)]]
    rows = {"place": _mean(away), "speed": _mean(speeds), "jitter": _mean(jitters)}
    kept = {title: row for title, row in rows.items() if row.n}
    if not going:
        return kept
    return {**kept, "direction": report.share(told, {"coverage": len(told) / len(going)})}


def _mean(values: Sequence[float]) -> Entry:
    return Entry(value=float(np.mean(values or [math.nan])), n=len(values), better="lower")


def own_words(reader: ClipReader, held: Rendered, count: int) -> Mapping[str, Report]:
    """The same for every word by itself, by title: where the errors are."""
    questions, _ = _examined(reader, held, count, None)
    titles = [title for title in TITLES.values() if title in _taught(reader)]
    return {
        title: _entries([q for q in questions if q.title == title], lambda question: question.word)
        for title in titles
    }


def by_look(reader: ClipReader, held: Rendered, count: int) -> Mapping[str, Report]:
    """The shares of `own_error` by the look of the scene."""
    questions, _ = _examined(reader, held, count, None)
    looks = sorted({question.look for question in questions})
    taught = _taught(reader)
    return {look: _by_title([q for q in questions if q.look == look], taught) for look in looks}


def degraded(reader: ClipReader, held: Rendered, count: int) -> Mapping[str, Report]:
    """The same under each degradation, by name, and clean ("none")."""
    kinds: Sequence[str | None] = (None, *degrade.ALL)
    return {k or "none": own_error(reader, held, count, spoil=k) for k in kinds}


def overlap(masks: np.ndarray, ids: np.ndarray) -> float:
    """Intersection over union of bools T h w and T H W over a whole clip."""
    step = ids.shape[-1] // masks.shape[-1]
    true = ids[:, step // 2 :: step, step // 2 :: step]
    return float((masks & true).sum() / max(1, (masks | true).sum()))


def _examined(
    reader: ClipReader, held: Rendered, count: int, spoil: str | None
) -> tuple[list[Question], list[tuple[Track | None, Track]]]:
    """All questions about the first clips, and the tracks of things, read and true."""
    questions: list[Question] = []
    ways: list[tuple[Track | None, Track]] = []
    for first in range(0, count, 16):
        rgb, ids, scenes = held.pick(range(first, min(count, first + 16)))
        frames = as_frames(rgb)
        if spoil is not None:
            frames = torch.stack([_spoilt(clip, spoil, first + k) for k, clip in enumerate(frames)])
        for seen, mine, scene in zip(read(reader, frames, FPS), ids, scenes, strict=True):
            questions += [replace(q, look=scene.look) for q in _ask(seen, mine, scene)]
            ways += _ways(seen, mine)
    return questions, ways


def _spoilt(clip: torch.Tensor, kind: str, seed: int) -> torch.Tensor:
    return degrade.ALL[kind](clip, torch.Generator().manual_seed(seed), HALF).clamp(-1, 1)


def _pairs(seen: Reading, ids: np.ndarray) -> Iterator[tuple[int, ThingRead | None]]:
    """Each thing that is visible enough, with the read thing that is the same."""
    scale = (SIDE / ids.shape[-1]) ** 2
    for k in range(int(ids.max())):
        mine = ids == k + 1
        if mine.sum((1, 2)).mean() * scale < VISIBLE:
            continue
        shares = [overlap(thing.masks, mine) for thing in seen.things]
        best = int(np.argmax(shares)) if shares else -1
        yield k, seen.things[best] if shares and shares[best] >= SAME else None


def _ask(seen: Reading, ids: np.ndarray, scene: Scene) -> Iterator[Question]:
    truth, found = shown(scene), dict(_pairs(seen, ids))
    for word, answer in answered(sides(scene), found):
        yield Question(RELATION, word, None if answer is None else answer == word)
    for k, thing in found.items():
        yield Question("found", "thing", thing is not None)
        for name in THING_WORDS:
            word = getattr(truth.things[k], name)
            if word is not None:
                answer = None if thing is None else thing.words[name].word
                yield Question(TITLES[name], word, None if answer is None else answer == word)
    clip = {**vars(truth), "count": str(truth.count), "fog": "fog" if truth.fog else "clear"}
    for name in CLIP_WORDS:
        answer, word = seen.words[name].word, clip[name]
        if word is not None:
            yield Question(TITLES[name], word, None if answer is None else answer == word)


def _ways(seen: Reading, ids: np.ndarray) -> Iterator[tuple[Track | None, Track]]:
    for k, thing in _pairs(seen, ids):
        true = track((ids == k + 1).astype(float), 1 / FPS)
        yield None if thing is None else thing.track, true


def _taught(reader: ClipReader) -> set[str]:
    return {TITLES[n] for n, bar in zip(HEADS, reader.bars.tolist(), strict=True) if bar <= 1}


def _by_title(questions: Sequence[Question], taught: set[str]) -> Report:
    rows = _entries(questions, lambda question: question.title)
    order = ["found", *(t for t in TITLES.values() if t in taught), RELATION]
    return {title: rows[title] for title in order if title in rows}


def _entries(questions: Sequence[Question], key: Callable[[Question], str]) -> Report:
    rows: dict[str, Entry] = {}
    for name, group in groupby(sorted(questions, key=key), key=key):
        rights = [q.right for q in group]
        told = [right for right in rights if right is not None]
        rows[name] = report.share(told, {"coverage": len(told) / len(rights)})
    return rows
