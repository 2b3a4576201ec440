"""How edits are asked for, as tables, and the reader that understands them again.

Slots: {the} an object of the given scene, {a} a new one, {colour} {material} {size} {do} its new
attribute or verb, {on} a place, {backdrop} {weather} a sky, {look} {style} a look, {side} of the
light, {sign} letters in quotes, {rel} a relation, {scene} a whole caption.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType

from mutoscope.world import words
from mutoscope.world.facts import SILENCE, Facts
from mutoscope.world.parse import parse
from mutoscope.world.words import Table, key, said

TASKS = (
    "local", "remove", "add", "texture", "background", "global", "style", "text",
    "detect", "segment", "colour", "depth", "segmap", "pose", "normal", "sketch",
)  # fmt: skip
"""The sixteen tasks, in the order of their index (`task` condition of an editing system).

Source: Sheynin et al. (2023), Emu Edit, section 3; the paper names twelve and counts the five maps
of its image-to-image family apart, which is our reading.
"""
MAPS = ("depth", "segmap", "pose", "normal", "sketch")
"""Targets that are pictures of a truth, and may also be what is given."""
FILTERS = ("brighter", "darker", "blurred", "sharper", "vivid", "faded", "warmer", "cooler")
"""Targets of the colour task: what is done to the pixels."""
_MAP_NAMES = {
    "depth": "depth map", "segmap": "segmentation map", "pose": "pose map",
    "normal": "normal map", "sketch": "line map",
}  # fmt: skip
_FILTER_ORDERS = {
    "brighter": ("make the picture brighter", "brighten the picture"),
    "darker": ("make the picture darker", "darken the picture"),
    "blurred": ("blur the picture", "make the picture blurry"),
    "sharper": ("sharpen the picture", "make the picture sharper"),
    "vivid": ("make the colours more vivid", "increase the saturation"),
    "faded": ("fade the colours", "lower the saturation"),
    "warmer": ("make the colours warmer", "shift the colours to warm tones"),
    "cooler": ("make the colours cooler", "shift the colours to cold tones"),
}
ORDERS: Mapping[tuple[str, str], tuple[str, ...]] = MappingProxyType({
    ("text", "add"): (
        "add a sign that says {sign}", "write {sign} on a sign", "put up a sign that reads {sign}",
    ),
    ("text", "change"): (
        "change the sign to {sign}", "the sign should read {sign}", "make the sign say {sign}",
    ),
    ("text", "remove"): ("remove the sign", "take the sign away", "get rid of the sign"),
    ("global", "fog"): ("add fog", "make it foggy", "fill the scene with fog"),
    ("global", "clear"): ("remove the fog", "clear the fog away"),
    ("global", "light"): (
        "light the scene from {side}", "make the light come from {side}",
        "move the light so that it comes from {side}",
    ),
    ("global", "sky"): (
        "make it {weather}", "change the weather to {weather}", "let it be {weather}",
    ),
    ("background", "sky"): (
        "change the background to {backdrop}", "replace the background with {backdrop}",
        "put {backdrop} behind everything",
    ),
    ("background", "floor"): ("move everything {on}", "put the objects {on}", "set it all {on}"),
    ("background", "both"): (
        "move the scene {on}", "let the scene play {on}", "set the scene {on}",
    ),
    **{
        (task, "to"): (
            f"show the {name}", f"turn it into a {name}", f"make a {name} of the scene",
        )
        for task, name in _MAP_NAMES.items()
    },
    ("style", "look"): (
        "redraw it {look}", "show the scene {look}", "render it {look}", "turn it into {style}",
        "make it {style}",
    ),
    ("local", "verb"): ("make {the} {do}", "let {the} {do}", "have {the} {do}"),
    ("texture", "colour"): (
        "paint {the} {colour}", "make {the} {colour}", "recolour {the} {colour}",
        "change the colour of {the} to {colour}",
    ),
    ("texture", "material"): (
        "make {the} {material}", "give {the} a {material} surface",
        "change the surface of {the} to {material}",
    ),
    ("local", "size"): ("make {the} {size}", "change the size of {the} to {size}"),
    ("local", "shape"): (
        "replace {the} with {a}", "turn {the} into {a}", "swap {the} for {a}",
        "change {the} into {a}",
    ),
    ("remove", "thing"): (
        "remove {the}", "erase {the}", "take {the} away", "delete {the}", "get rid of {the}",
    ),
    ("add", "related"): ("add {a} {rel} {the}", "put {a} {rel} {the}", "place {a} {rel} {the}"),
    ("add", "thing"): ("add {a}", "insert {a}", "put {a} into the scene", "bring in {a}"),
    ("detect", "thing"): (
        "detect {the}", "draw a bounding box around {the}", "mark {the} with a rectangle",
        "show where {the} is", "find {the}",
    ),
    ("segment", "thing"): (
        "segment {the}", "paint a mask over {the}", "highlight {the}", "mask {the}",
    ),
    **{("colour", name): orders for name, orders in _FILTER_ORDERS.items()},
    **{
        (task, "from"): (
            f"turn this {name} into a video: {{scene}}", f"colour this {name}: {{scene}}",
        )
        for task, name in _MAP_NAMES.items()
    },
})  # fmt: skip
"""By task and kind; when reading, the first that fits wins."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """What an instruction asks: `about` is said of the given scene, `facts` of the answer."""

    task: str
    kind: str
    about: Facts = SILENCE
    facts: Facts = SILENCE


def read(instruction: str) -> Order | None:
    """What an instruction of the tables asks, or None if it is none of them."""
    parts = re.split(r'("[^"]*")', instruction.strip().rstrip("."))
    plain = "".join(p if p.startswith('"') else p.lower() for p in parts)
    for task, kind, pattern in _readers():
        found = pattern.fullmatch(plain)
        if found is not None:
            return _order(task, kind, found.groupdict())
    return None


def _order(task: str, kind: str, slots: Mapping[str, str]) -> Order:
    about = parse(slots["the"]) if "the" in slots else Facts()
    if kind == "related":
        return Order(task=task, kind=kind, about=about, facts=parse(" ".join(slots.values())))
    if kind == "fog":
        return Order(task=task, kind=kind, facts=Facts(fog=True))
    rest = [(name, text) for name, text in slots.items() if name != "the"]
    facts = parse(_sentence(*rest[0])) if rest else Facts()
    if facts.things and rest[0][0] in {"colour", "material", "size", "do"}:
        facts = replace(facts, things=(replace(facts.things[0], shape=None),))
    return Order(task=task, kind=kind, about=about, facts=facts)


def _sentence(name: str, text: str) -> str:
    """A slot's text as a sentence that `parse` reads."""
    if name in {"colour", "material", "size"}:
        return f"a {text} object"
    frames = {"do": f"make an object {text}", "sign": f"a sign says {text}",
              "side": f"light from {text}"}  # fmt: skip
    return frames.get(name, text)


@cache
def _readers() -> tuple[tuple[str, str, re.Pattern[str]], ...]:
    return tuple(
        (task, kind, re.compile(_regex(order)))
        for (task, kind), orders in ORDERS.items()
        for order in orders
    )


def _regex(order: str) -> str:
    closed = {
        "colour": _any(_row_words(words.COLOURS)),
        "material": _any(_row_words(words.MATERIALS)),
        "size": _any(_row_words(words.SIZES)),
        "rel": _any(said(p) for p in _row_words(words.RELATIONS)),
        "side": "the left|the right|above",
        "sign": '"[^"]*"',
        "the": "the [a-z0-9 -]+?",
        "a": "(?:an?|another) [a-z0-9 -]+?",
        "do": _doing(),
        "on": "(?:on|in|over|at|under|by|before|against) .+",
        "weather": _any(key(p) for p in _weathers()),
    }  # fmt: skip
    slots = {name: f"(?P<{name}>{pattern})" for name, pattern in closed.items()}
    open_slots = {n: f"(?P<{n}>.+)" for n in ("backdrop", "look", "style", "scene")}
    return order.format_map({**slots, **open_slots})


def _doing() -> str:
    verbs = _any(p.replace("{c}", "[a-z ]+") for p in _row_words(words.VERB_PHRASES))
    how = f"(?:{_any(_row_words(words.SPEEDS))})"
    return f"(?:{how} )?(?:{verbs})(?: {how})?"


def _row_words(table: Table) -> Iterator[str]:
    return (phrase for row in table.values() for phrase in row)


def _weathers() -> Iterator[str]:
    return (phrase for row in WEATHERS.values() for phrase in row)


def _any(phrases: Iterator[str]) -> str:
    return "|".join(sorted(phrases, key=len, reverse=True))


WEATHERS: Table = MappingProxyType({
    "day": ("daylight", "a sunny day"),
    "sunset": ("sunset", "dusk"),
    "night": ("night", "a starry night"),
    "overcast": ("overcast", "a cloudy day"),
})  # fmt: skip
BACKDROPS: Table = MappingProxyType({
    "day": ("a blue sky", "a clear sky"),
    "sunset": ("a sunset sky", "a sunset"),
    "night": ("a night sky", "a starry sky"),
    "overcast": ("a cloudy sky", "an overcast sky"),
    **{key_: (f"a {key_}",) for key_ in words.SKIES if key_.endswith("wall")},
})  # fmt: skip
