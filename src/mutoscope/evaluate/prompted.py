"""What can be asked about a clip of a free prompt: the words that the readers were taught.

A prompt is parsed as the world parses captions. What the readers were never taught, and words that
mean nothing to the world, are not asked; they are named instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from mutoscope.evaluate.faithfulness import BOTH, TITLES, Mark, marks
from mutoscope.evaluate.reading import Reading
from mutoscope.evaluate.tracks import SIDES
from mutoscope.networks.readers import HEADS, MOST, MOVING, ClipReader
from mutoscope.world.facts import Facts, ThingFacts
from mutoscope.world.parse import parse
from mutoscope.world.scene import CORE_COLOURS, CORE_MOVES, CORE_STAGES, CORE_VERBS, SHAPES

TAUGHT: Mapping[str, frozenset[str]] = MappingProxyType({
    "colour": frozenset(CORE_COLOURS), "shape": frozenset(SHAPES), "verb": frozenset(CORE_VERBS),
    "floor": frozenset(floor for floor, _ in CORE_STAGES.values()),
    "sky": frozenset(sky for _, sky in CORE_STAGES.values()),
    "move": frozenset(CORE_MOVES), "count": frozenset("12"),
})  # fmt: skip
"""The words of the core tier, on which the readers that ship were taught."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is asked about a clip, whether its things are counted, and what isn't asked."""

    facts: Facts
    counted: bool
    left: tuple[str, ...]


def wanted(prompt: str, reader: ClipReader, *, moving: bool = True) -> Wanted:
    """The questions of a prompt; without `moving` none about motion.

    Things are counted when their number is said, or when every word was understood.
    """
    bars = dict(zip(HEADS, reader.bars.tolist(), strict=True))
    words = {
        name: taught
        for name, taught in TAUGHT.items()
        if bars[name] <= 1 and (moving or name not in MOVING)
    }
    said = parse(prompt)
    many = len(said.things) > MOST
    things = () if many else tuple(_taught(thing, words) for thing in said.things)
    scene: dict[str, Any] = {name: _known(getattr(said, name), words.get(name)) for name in SCENE}
    count = said.count if str(said.count) in words.get("count", ()) else None
    understood = not (said.unknown or many or said.count is not None)
    implied = understood and str(len(things)) in words.get("count", ())
    left = [f"more than {MOST} things"] if many else []
    for thing, kept in zip(said.things, things, strict=False):
        left += _left(vars(thing), vars(kept))
    left += _left({name: getattr(said, name) for name in SCENE}, scene)
    left += [f"count: {said.count}"] if said.count is not None and count is None else []
    sides = tuple(r for r in said.relations if r[1] in SIDES and _apart(things, r[0], r[2]))
    left += [f"relation: {r[1]}" for r in said.relations if r not in sides]
    return Wanted(
        facts=Facts(things=things, count=count, relations=sides, **scene),
        counted=count is not None or implied,
        left=tuple(dict.fromkeys([*left, *said.unknown])),
    )


SILENT = ThingFacts()
"""A thing of which nothing is asked."""
SCENE = ("floor", "sky", "light", "fog", "move", "pace", "look", "sign")
"""What is said of a clip as a whole, its count aside."""


def asked(readings: Sequence[Reading], wishes: Sequence[Wanted], reader: ClipReader) -> list[Mark]:
    """All questions of the prompts about the clips, in their order."""
    found = marks(readings, [wish.facts for wish in wishes], reader)
    return [mark for mark in found if _meant(mark, wishes[mark.clip])]


def _meant(mark: Mark, wish: Wanted) -> bool:
    if mark.title == TITLES["count"]:
        return wish.counted
    if mark.title == BOTH:
        return all(thing.colour or thing.shape for thing in wish.facts.things)
    return True


def _apart(things: Sequence[ThingFacts], i: int, j: int) -> bool:
    """Whether two things can be found and told from each other by what is asked of them."""
    return bool(things) and things[i] != things[j] and SILENT not in (things[i], things[j])


def _taught(thing: ThingFacts, words: Mapping[str, frozenset[str]]) -> ThingFacts:
    kept: dict[str, Any] = {n: _known(v, words.get(n)) for n, v in vars(thing).items()}
    return ThingFacts(**kept)


def _known(value: object, words: frozenset[str] | None) -> str | None:
    return value if isinstance(value, str) and words is not None and value in words else None


def _left(said: Mapping[str, object], kept: Mapping[str, object]) -> list[str]:
    """The words that were said but aren't asked, each after its kind."""
    named = {"floor": "stage", "move": "camera", "becomes": "becomes"}
    return [
        f"{TITLES.get(name, named.get(name, name))}: {'yes' if value is True else value}"
        for name, value in said.items()
        if value is not None and kept[name] is None and name != "other"
    ]
