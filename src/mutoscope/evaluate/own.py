"""What the readers get wrong themselves, on real renders of held-out scenes: the ruler's own error.

Of each visible thing the read thing that overlaps it best is asked. `right` is the share of answers
that are right, `coverage` the share of questions answered: a thing that isn't found is a question
not answered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import torch

from mutoscope.data import degrade
from mutoscope.data.rendered import Rendered
from mutoscope.evaluate import report
from mutoscope.evaluate.faithfulness import TITLES
from mutoscope.evaluate.reading import Reading, ThingRead, as_frames, read
from mutoscope.evaluate.report import Entry, Report
from mutoscope.evaluate.tracks import track
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
    """One question: its title, and the answer as right, wrong (False) or not given (None)."""

    title: str
    right: bool | None


def own_error(
    reader: ClipReader, held: Rendered, count: int, *, spoil: str | None = None
) -> Report:
    """Of each title the share of right answers, with "coverage" beside it.

    `spoil` names a degradation of data.degrade, applied to every clip at severity HALF. The entry
    "place" is the mean distance of middles in frame sides, "found" the share of things found.
    """
    questions: list[Question] = []
    away: list[float] = []
    for first in range(0, count, 16):
        rgb, ids, scenes = held.pick(range(first, min(count, first + 16)))
        frames = as_frames(rgb)
        if spoil is not None:
            frames = torch.stack([_spoilt(clip, spoil, first + k) for k, clip in enumerate(frames)])
        for seen, mine, scene in zip(read(reader, frames, FPS), ids, scenes, strict=True):
            questions += _ask(seen, mine, scene)
            away += _away(seen, mine)
    return {**_entries(questions, reader), **_places(away)}


def degraded(reader: ClipReader, held: Rendered, count: int) -> Mapping[str, Report]:
    """The same under each degradation, by name, and clean ("none")."""
    kinds: Sequence[str | None] = (None, *degrade.ALL)
    return {k or "none": own_error(reader, held, count, spoil=k) for k in kinds}


def overlap(masks: np.ndarray, ids: np.ndarray) -> float:
    """Intersection over union of bools T h w and T H W over a whole clip."""
    step = ids.shape[-1] // masks.shape[-1]
    true = ids[:, step // 2 :: step, step // 2 :: step]
    return float((masks & true).sum() / max(1, (masks | true).sum()))


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
    truth = shown(scene)
    for k, thing in _pairs(seen, ids):
        yield Question("found", thing is not None)
        for name in THING_WORDS:
            word = getattr(truth.things[k], name)
            if word is not None:
                answer = None if thing is None else thing.words[name].word
                yield Question(TITLES[name], None if answer is None else answer == word)
    clip = {**vars(truth), "count": str(truth.count), "fog": "fog" if truth.fog else "clear"}
    for name in CLIP_WORDS:
        answer = seen.words[name].word
        if clip[name] is not None:
            yield Question(TITLES[name], None if answer is None else answer == clip[name])


def _away(seen: Reading, ids: np.ndarray) -> Iterator[float]:
    for k, thing in _pairs(seen, ids):
        if thing is not None:
            true = track((ids == k + 1).astype(float), thing.track.seconds).middles
            away = np.hypot(*(thing.track.middles - true).T)
            yield from away[np.isfinite(away)].tolist()


def _entries(questions: Sequence[Question], reader: ClipReader) -> Report:
    taught = {TITLES[n] for n, bar in zip(HEADS, reader.bars.tolist(), strict=True) if bar <= 1}
    rows: dict[str, Entry] = {}
    for title, group in groupby(sorted(questions, key=_title), key=_title):
        rights = [q.right for q in group]
        told = [right for right in rights if right is not None]
        if title in taught | {"found"}:
            rows[title] = report.share(told, {"coverage": len(told) / len(rights)})
    order = ["found", *TITLES.values()]
    return {title: rows[title] for title in order if title in rows}


def _title(question: Question) -> str:
    return question.title


def _places(away: Sequence[float]) -> Report:
    if not away:
        return {}
    return {"place": Entry(value=float(np.mean(away)), n=len(away), better="lower")}
