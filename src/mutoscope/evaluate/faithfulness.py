"""How much of what was asked for is seen: read clips against the scenes they were asked to show.

Things read are named after the things asked for so that most words agree; what is said of neither
counts for neither, and "can't tell" counts as wrong. The same is done with real renders of the same
scenes (what the readers can do at best) and with the clips against other clips' scenes (chance).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import TypeVar

import numpy as np
import torch

from mutoscope.clip import Frames
from mutoscope.evaluate import report
from mutoscope.evaluate.reading import Reading, ThingRead, as_frames, read
from mutoscope.evaluate.report import Entry, Report
from mutoscope.evaluate.tracks import SIDES, side
from mutoscope.networks.readers import HEADS, THING_WORDS, ClipReader
from mutoscope.world.facts import Facts, ThingFacts, related, shown
from mutoscope.world.render import render
from mutoscope.world.scene import Scene

Said = Scene | Facts
Relation = tuple[int, str, int]
"""A thing, "left of", another, as in Facts."""
Thing = TypeVar("Thing")

TITLES: Mapping[str, str] = {
    "colour": "colour", "shape": "shape", "material": "material", "size": "size",
    "verb": "verb", "speed": "speed word", "floor": "stage", "sky": "sky", "light": "light",
    "fog": "fog", "move": "camera", "look": "look", "count": "count",
}  # fmt: skip
"""What heads are called in reports; "speed" is what tracks go."""
RELATION, BOTH = "relation", "both objects"


@dataclass(frozen=True)
class Mark:
    """One question about one clip, the word asked for, and whether it was answered as asked."""

    title: str
    word: str
    clip: int
    right: bool
    told: bool


def faithfulness(
    clips: Frames, said: Sequence[Said], *, reader: ClipReader, fps: float = 8.0, seed: int = 0
) -> Report:
    """Shares of what was said that is seen in clips, by attribute, with truth and chance beside.

    Truth is there for scenes only. `seed` draws which captions stand in for chance.
    """
    readings = read(reader, clips, fps)
    beside = {"chance": marks(readings, disordered(said, seed), reader)}
    scenes = [scene for scene in said if isinstance(scene, Scene)]
    if len(scenes) == len(said):
        size = (clips.shape[-1], clips.shape[-2])
        beside["truth"] = marks(
            read(reader, renders(scenes, frames=clips.shape[2], size=size, fps=fps), fps),
            scenes,
            reader,
        )
    return summary(marks(readings, said, reader), beside)


def summary(found: Sequence[Mark], beside: Mapping[str, Sequence[Mark]]) -> Report:
    """A row a title, and "told": how many of all questions were answered at all."""
    seen = {mark.title for mark in found}
    titles = [title for title in (*TITLES.values(), RELATION, BOTH) if title in seen]
    rows: dict[str, Entry] = {}
    for title in titles:
        values = {name: _share(other, title) for name, other in beside.items()}
        rows[title] = report.share((m.right for m in found if m.title == title), values)
    values = {name: float(np.mean([m.told for m in other])) for name, other in beside.items()}
    rows["told"] = report.share((m.told for m in found), values)
    return rows


def by_word(found: Sequence[Mark], beside: Mapping[str, Sequence[Mark]]) -> Report:
    """A row for every word that was asked for, "title: word"."""
    rows: dict[str, Entry] = {}
    for title in [t for t in TITLES.values() if any(mark.title == t for mark in found)]:
        mine = [mark for mark in found if mark.title == title]
        for word in sorted({mark.word for mark in mine}):
            values = {name: _share(other, title, word) for name, other in beside.items()}
            rights = (mark.right for mark in mine if mark.word == word)
            rows[f"{title}: {word}"] = report.share(rights, values)
    return rows


def answers(found: Sequence[Mark], beside: Mapping[str, Sequence[Mark]]) -> tuple[Report, Report]:
    """Of the answers given how many are right, by title and by word, "title: word".

    "can't tell" counts for neither, unlike in `summary`; "coverage" is the share of questions that
    are answered, "truth coverage" that of real renders. For readers that answer few questions.
    """
    asked = [mark for mark in found if mark.title != BOTH]
    titles, words = _grouped(asked, _title), _grouped(asked, _word)
    others = {name: [m for m in row if m.title != BOTH] for name, row in beside.items()}
    return (
        _right(titles, {name: _grouped(row, _title) for name, row in others.items()}),
        _right(words, {name: _grouped(row, _word) for name, row in others.items()}),
    )


Groups = Mapping[str, Sequence[Mark]]


def _right(groups: Groups, beside: Mapping[str, Groups]) -> Report:
    rows: dict[str, Entry] = {}
    for name, found in groups.items():
        others = {other: row.get(name, ()) for other, row in beside.items()}
        values = {other: _mean([m.right for m in row if m.told]) for other, row in others.items()}
        values["coverage"] = _mean([m.told for m in found])
        if "truth" in others:
            values["truth coverage"] = _mean([m.told for m in others["truth"]])
        rows[name] = report.share((m.right for m in found if m.told), values)
    return rows


def _grouped(found: Sequence[Mark], key: Callable[[Mark], str]) -> dict[str, list[Mark]]:
    order = [*TITLES.values(), RELATION]
    groups: dict[str, list[Mark]] = {}
    for mark in sorted(found, key=lambda mark: (order.index(mark.title), mark.word)):
        groups.setdefault(key(mark), []).append(mark)
    return groups


def _title(mark: Mark) -> str:
    return mark.title


def _word(mark: Mark) -> str:
    return f"{mark.title}: {mark.word}"


def _mean(rights: Sequence[bool]) -> float:
    return float(np.mean(rights)) if rights else float("nan")


def marks(readings: Sequence[Reading], said: Sequence[Said], reader: ClipReader) -> list[Mark]:
    """All questions about all clips; those the reader was never taught aren't asked."""
    taught = {name for name, bar in zip(HEADS, reader.bars.tolist(), strict=True) if bar <= 1}
    pairs = enumerate(zip(readings, said, strict=True))
    return [mark for k, (seen, told) in pairs for mark in _marks(k, seen, told, taught)]


def renders(scenes: Sequence[Scene], *, frames: int, size: tuple[int, int], fps: float) -> Frames:
    """What the scenes really look like."""
    made = [render(scene, frames=frames, size=size, fps=fps).rgb for scene in scenes]
    return as_frames(np.stack(made))


def disordered(said: Sequence[Thing], seed: int) -> list[Thing]:
    """The same in another order, none at its own place (a random cycle)."""
    order = np.random.default_rng(seed).permutation(len(said))
    moved = np.empty(len(said), int)
    moved[order] = np.roll(order, 1)
    return [said[k] for k in moved]


def facts(said: Said) -> Facts:
    """What a clip is held against: all that a scene shows, or what was said as it stands."""
    return shown(said) if isinstance(said, Scene) else said


def assigned(things: Sequence[ThingRead], asked: Sequence[ThingFacts]) -> list[ThingRead | None]:
    """For each thing asked for the one read in its place, so that most words agree."""
    spare = [*things, *[None] * max(0, len(asked) - len(things))]
    return list(max(permutations(spare, len(asked)), key=lambda row: _agreement(row, asked)))


def _agreement(row: Iterable[ThingRead | None], asked: Sequence[ThingFacts]) -> float:
    pairs = [(thing, wish) for thing, wish in zip(row, asked, strict=True) if thing is not None]
    agreed = (
        weight * (thing.words[name].best == getattr(wish, name))
        for thing, wish in pairs
        for name, weight in (("colour", 1.0), ("shape", 1.0), ("verb", 0.5))
    )
    return sum(agreed, 0.0)


def _marks(clip: int, seen: Reading, said: Said, taught: set[str]) -> Iterator[Mark]:
    wanted = facts(said)
    row = assigned(seen.things, wanted.things)
    both = []
    for thing, wish in zip(row, wanted.things, strict=True):
        rights = {}
        for name in THING_WORDS:
            word = getattr(wish, name)
            if word is None or name not in taught:
                continue
            answer = None if thing is None else thing.words[name].word
            rights[name] = answer == word
            yield Mark(TITLES[name], word, clip, rights[name], answer is not None)
        both.append(rights.get("colour", True) and rights.get("shape", True))
    if len(both) == 2:
        yield Mark(BOTH, "", clip, all(both), told=True)
    for word, answer in answered(wanted.relations, dict(enumerate(row))):
        yield Mark(RELATION, word, clip, answer == word, answer is not None)
    for name in ("floor", "sky", "light", "fog", "move", "look", "count"):
        word = _clip_word(wanted, name)
        if word is not None and name in taught:
            answer = seen.words[name].word
            yield Mark(TITLES[name], word, clip, answer == word, answer is not None)


def sides(scene: Scene) -> list[Relation]:
    """All of SIDES that plainly hold between things of a scene, both ways round."""
    pairs = permutations(range(len(scene.things)), 2)
    return [(i, word, j) for i, j in pairs for word in SIDES if related(scene, i, word, j)]


def answered(
    relations: Iterable[Relation], things: Mapping[int, ThingRead | None]
) -> Iterator[tuple[str, str | None]]:
    """Of the relations of SIDES each one's word, and on which side the thing read begins.

    None where that can't be told; what is said of a thing that isn't in `things` isn't asked.
    """
    for i, word, j in relations:
        if word in SIDES and i in things and j in things:
            one, other = things[i], things[j]
            yield word, None if one is None or other is None else side(one.track, other.track)


def _clip_word(wanted: Facts, name: str) -> str | None:
    if name == "count":
        return str(wanted.count or len(wanted.things))
    value = getattr(wanted, name)
    return "fog" if value is True else value


def _share(found: Sequence[Mark], title: str, word: str | None = None) -> float:
    rights = [m.right for m in found if m.title == title and word in (None, m.word)]
    return _mean(rights)


def untold(readings: Sequence[Reading]) -> dict[str, float]:
    """The share of "can't tell" by head, over things and clips."""
    answers: dict[str, list[bool]] = {}
    for reading in readings:
        for words in (reading.words, *(thing.words for thing in reading.things)):
            for name, answer in words.items():
                answers.setdefault(TITLES[name], []).append(answer.word is None)
    return {name: float(np.mean(row)) for name, row in answers.items()}


def as_clips(rgb: Sequence[np.ndarray]) -> Frames:
    """Clips of bytes T H W 3, all of one shape, as one batch."""
    return torch.cat([as_frames(clip[None]) for clip in rgb])
