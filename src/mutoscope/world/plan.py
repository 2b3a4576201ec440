"""Deciding what to say of a scene: facts that are shown, in an order English can tell them in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Literal

from mutoscope.world.dice import Dice
from mutoscope.world.facts import FLEETING, Facts, ThingFacts, related, shown
from mutoscope.world.scene import RELATIONAL, Scene
from mutoscope.world.words import RELATIONS

Detail = Literal["full", "short", "any"]

_ODDS: Mapping[str, Mapping[str, float]] = MappingProxyType({
    "full": {
        "shape": 1.0, "colour": 1.0, "material": 1.0, "matte": 0.1, "size": 1.0, "medium": 0.15,
        "verb": 1.0, "idle": 0.4, "speed": 1.0, "floor": 1.0, "sky": 0.75, "light": 0.06,
        "fog": 1.0, "move": 1.0, "static": 0.25, "pace": 0.8, "look": 1.0, "plain": 0.03,
        "sign": 1.0, "relation": 0.25, "count": 0.03, "all": 1.0,
    },
    "short": {
        "shape": 1.0, "colour": 1.0, "material": 0.15, "matte": 0.0, "size": 0.1, "medium": 0.0,
        "verb": 0.85, "idle": 0.2, "speed": 0.15, "floor": 0.35, "sky": 0.1, "light": 0.0,
        "fog": 0.3, "move": 0.3, "static": 0.05, "pace": 0.3, "look": 0.8, "plain": 0.0,
        "sign": 0.4, "relation": 0.1, "count": 0.0, "all": 1.0,
    },
    "mixed": {
        "shape": 0.98, "colour": 0.95, "material": 0.75, "matte": 0.03, "size": 0.45,
        "medium": 0.05, "verb": 0.92, "idle": 0.3, "speed": 0.8, "floor": 0.8, "sky": 0.45,
        "light": 0.03, "fog": 0.7, "move": 0.8, "static": 0.15, "pace": 0.6, "look": 0.93,
        "plain": 0.02, "sign": 0.85, "relation": 0.2, "count": 0.04, "all": 0.9,
    },
})  # fmt: skip
"""How likely each fact is to be said; the second name of a row is its unremarkable value (ours)."""
_QUIET = {"material": "matte", "size": "medium", "verb": "still", "move": "static", "look": "plain"}
_QUIET_ODDS = {"matte": "matte", "medium": "medium", "still": "idle", "static": "static",
               "plain": "plain"}  # fmt: skip
_MOVING = ("verb", "speed", "becomes", "other")


def plan(
    scene: Scene,
    dice: Dice,
    *,
    still: bool = False,
    detail: Detail = "any",
    sure: tuple[str, ...] = (),
) -> Facts:
    """Facts to tell of a scene, all of them shown; `still` leaves out all that takes time.

    `sure` names rows of the odds that are taken whatever the dice say ("idle": say who is still).
    """
    level = dice.pick(("full", "full", "short", "mixed", "mixed")) if detail == "any" else detail
    odds = dice.gates(_ODDS[level]) | dict.fromkeys(sure, True)
    truth = _frozen(shown(scene), scene) if still else shown(scene)
    keep = _kept(truth, odds, dice, whole=not still)
    things = [_spoken(thing, odds) for thing in truth.things]
    order, things = _ordered(keep, things, dice)
    told = _pointable([_renamed(things[i], order) for i in order])
    said = _scene_facts(truth, odds)
    if odds["count"] and not still and len(order) == len(truth.things):
        said["count"] = truth.count
    if odds["relation"] and len(order) > 1:
        said["relations"] = _relation(scene, order, told, dice)
    if not told:
        said["floor"] = truth.floor
    return Facts(things=told, **said)


def _frozen(truth: Facts, scene: Scene) -> Facts:
    """What any single frame is sure to show."""
    things = tuple(_frozen_thing(thing) for thing in truth.things)
    return replace(truth, things=things, move=None, pace=None)


def _frozen_thing(thing: ThingFacts) -> ThingFacts:
    if thing.verb in FLEETING:
        return ThingFacts()
    colour = None if thing.verb == "changes colour" else thing.colour
    size = None if thing.verb in {"grows", "shrinks"} else thing.size
    return ThingFacts(shape=thing.shape, colour=colour, size=size, material=thing.material)


def _kept(truth: Facts, odds: Mapping[str, bool], dice: Dice, *, whole: bool) -> list[int]:
    """Which things to name: all, or some with whatever their verbs refer to; shuffled."""
    named = [i for i, thing in enumerate(truth.things) if thing.shape]
    if not odds["all"] and len(named) > 1:
        chosen = set(dice.shuffled(named)[: 1 + int(dice.roll() * (len(named) - 1))])
        while missing := {truth.things[i].other for i in chosen} - chosen - {None}:
            chosen |= {i for i in missing if i is not None}
        named = [i for i in named if i in chosen]
    return dice.shuffled(named)


def _spoken(thing: ThingFacts, odds: Mapping[str, bool]) -> ThingFacts:
    said: dict[str, Any] = {}
    for name in ("shape", "colour", "material", "size", "verb"):
        value = getattr(thing, name)
        gate = _QUIET_ODDS[value] if value and value == _QUIET.get(name) else name
        said[name] = value if odds[gate] else None
    if said["shape"] is None and said["colour"] is None:
        said["shape"] = thing.shape
    if said["verb"] == "changes colour" and thing.becomes is None:
        said["verb"] = None
    if said["verb"] is not None:
        said["becomes"], said["other"] = thing.becomes, None
        said["speed"] = thing.speed if odds["speed"] else None
        said["other"] = thing.other if said["verb"] in RELATIONAL else None
    return ThingFacts(**said)


def _scene_facts(truth: Facts, odds: Mapping[str, bool]) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for name in ("floor", "sky", "light", "fog", "move", "look", "sign"):
        value = getattr(truth, name)
        gate = _QUIET_ODDS[value] if value and value == _QUIET.get(name) else name
        said[name] = value if value is not None and odds[gate] else None
    said["pace"] = truth.pace if said["move"] and odds["pace"] else None
    return said


def _ordered(
    keep: list[int], things: list[ThingFacts], dice: Dice
) -> tuple[list[int], list[ThingFacts]]:
    """An order in which whoever follows, pushes ... comes just before its object or after it."""
    things, order = list(things), list[int]()
    for start in keep:
        _place(start, things, order, (), dice)
    told = [things[i] for i in order]
    first = {i: told.index(things[i]) if _plain(i, things) else order.index(i) for i in order}
    return sorted(order, key=first.__getitem__), things


def _place(
    index: int, things: list[ThingFacts], order: list[int], open_: tuple[int, ...], dice: Dice
) -> None:
    if index in order:
        return
    other = things[index].other
    if other in open_ or other == index:
        things[index] = replace(things[index], verb=None, speed=None, other=None)
        other = None
    if other is None or other in order:
        order.append(index)
    elif things[other].other is None and dice.chance(0.6):
        order += [index, other]
    else:
        _place(other, things, order, (*open_, index), dice)
        order.append(index)


def _plain(index: int, things: list[ThingFacts]) -> bool:
    """Whether a thing stands for itself only, so that its twins may be told with it."""
    return things[index].other is None and all(thing.other != index for thing in things)


def _renamed(thing: ThingFacts, order: list[int]) -> ThingFacts:
    return thing if thing.other is None else replace(thing, other=order.index(thing.other))


def _pointable(things: list[ThingFacts]) -> tuple[ThingFacts, ...]:
    """The things without verbs whose object comes earlier and has no name of its own."""
    if all(thing.other is None for thing in things):
        return tuple(things)
    return tuple(
        replace(thing, verb=None, speed=None, other=None)
        if thing.other is not None and thing.other < i and handle(things, thing.other) is None
        else thing
        for i, thing in enumerate(things)
    )


def handle(things: Sequence[ThingFacts], index: int) -> tuple[str, ...] | None:
    """The attributes that tell a thing from all others, for "the ball", "the red ball"."""
    thing = things[index]
    for names in (("shape",), ("colour", "shape"), ("size", "shape"), ("material", "shape")):
        said = [getattr(thing, name) for name in names]
        if None not in said:
            same = [t for t in things if [getattr(t, n) for n in names] == said]
            if len(same) == 1:
                return names
    return None


def _relation(
    scene: Scene, order: list[int], things: Sequence[ThingFacts], dice: Dice
) -> tuple[tuple[int, str, int], ...]:
    """At most one plain relation between two of the named things."""
    i, j = dice.shuffled(range(len(order)))[:2]
    if handle(things, i) is None or handle(things, j) is None:
        return ()
    true = [name for name in RELATIONS if related(scene, order[i], name, order[j])]
    return ((i, dice.pick(true), j),) if true else ()
