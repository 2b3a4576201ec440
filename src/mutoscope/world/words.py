"""The words of the world's language, as tables: what each attribute may be called.

A phrase is written with a bar before its telling part ("on the |grass"): the whole phrase is spoken
and the part after the bar is what is looked for when reading. Words in the `HELD_OUT_SYNONYMS`
tables are understood but never spoken, so that they measure how a model takes to a paraphrase.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from mutoscope.world.scene import MOVES, TONES

Table = Mapping[str, tuple[str, ...]]


def _table(rows: Mapping[str, str]) -> Table:
    return MappingProxyType({k: tuple(p.strip() for p in v.split(",")) for k, v in rows.items()})


SHAPES: Table = _table({
    "ball": "ball, sphere",
    "cube": "cube, box, block",
    "cylinder": "cylinder, drum",
    "cone": "cone",
    "ring": "ring, donut, torus",
    "capsule": "capsule, pill",
    "pyramid": "pyramid",
    "star": "star",
})  # fmt: skip
COLOURS: Table = _table({
    "red": "red, crimson",
    "orange": "orange",
    "yellow": "yellow",
    "green": "green, emerald",
    "cyan": "cyan, turquoise",
    "blue": "blue, deep blue",
    "purple": "purple, violet",
    "pink": "pink",
    "white": "white",
    "black": "black",
    "brown": "brown",
    "grey": "grey, gray",
})  # fmt: skip
MATERIALS: Table = _table({
    "matte": "matte, dull",
    "shiny": "shiny, glossy, polished",
    "striped": "striped, stripy",
    "dotted": "dotted, spotted",
    "checkered": "checkered, chequered",
})  # fmt: skip
MATERIALS_AFTER: Table = _table({
    "striped": "with |stripes",
    "dotted": "with |dots, with |spots",
    "checkered": "with |a checker pattern",
})  # fmt: skip
SIZES: Table = _table({
    "small": "small, little, tiny",
    "medium": "medium-sized, mid-sized",
    "large": "large, big",
})  # fmt: skip
SPEEDS: Table = _table({"slowly": "slowly, gently", "quickly": "quickly, rapidly, fast"})
THINGS = ("object", "thing", "shape")
NUMBERS = ("zero", "one", "two", "three", "four")

_SIDES = ("left", "right")
_SIDEWAYS = (
    "slide {d}, slide to the {d}, move {d}, move to the {d}, glide {d}, glide {d}ward, "
    "drift to the {d}, travel {d}, move from {e} to {d}, slide from {e} to {d}"
)
_ROLLING = "roll {d}, roll to the {d}, roll {d}ward, roll along to the {d}"
VERB_PHRASES: Table = _table({
    "still": "stay still, stand still, keep still, sit still, remain in place, do not move",
    "slides left": _SIDEWAYS.format(d="left", e="right"),
    "slides right": _SIDEWAYS.format(d="right", e="left"),
    "comes closer": "come closer, approach, move towards the camera, come towards us, move closer, "
    "come forward",
    "moves away": "move away, go away, move away from the camera, recede, back away, "
    "move into the distance",
    "rises": "rise, rise up, float up, go up, lift off, move up, float upward",
    "drops": "drop, fall, fall down, drop down, drop to the ground, fall to the ground",
    "bounces": "bounce, bounce up and down, jump up and down, keep bouncing",
    "spins": "spin, rotate, spin around, spin in place, turn on the spot, rotate in place",
    "circles": "circle, move in a circle, go round in a circle, go around in circles, "
    "travel in a circle",
    "grows": "grow, get bigger, get larger, grow bigger, become bigger, expand",
    "shrinks": "shrink, get smaller, become smaller, shrink down, grow smaller",
    "sinks": "sink, sink down, go down, move down",
    "rolls left": _ROLLING.format(d="left"),
    "rolls right": _ROLLING.format(d="right"),
    "sways": "sway, sway from side to side, swing from side to side, rock from side to side",
    "zigzags": "zigzag, move in a zigzag, travel in a zigzag, weave from side to side",
    "appears": "appear, pop up, fade in, show up",
    "vanishes": "vanish, disappear, fade away, fade out",
    "changes colour": "turn {c}, become {c}, change colour to {c}, change color to {c}",
    "follows": "follow {o}, chase {o}, go after {o}, trail behind {o}",
    "pushes": "push {o}, shove {o}, push against {o}",
    "orbits": "orbit {o}, orbit around {o}, circle around {o}, move around {o}, revolve around {o}",
    "stacks on": "land on top of {o}, stack on top of {o}, settle on top of {o}",
})  # fmt: skip

FLOORS: Table = _table({
    "checkerboard": "on a |checkerboard floor, on a |checkerboard, on a |checkered floor, "
    "on the |chequered floor",
    "grass": "on the |grass, on |grass, on a |grassy field, on |green grass, on a |lawn",
    "sand": "on the |sand, on |sand, on a |sandy floor, on |sandy ground",
    "snow": "on the |snow, on |snow, in the |snow, on |snowy ground, on a |snowy field",
    "wood": "on a |wooden floor, on the |wooden floor, on |wood, on |wooden planks, "
    "on a |wood floor",
    "water": "on the |water, on |water, over the |water, on the |surface of the water",
    **{
        f"{t} plain": f"on a |{t} floor, on a |plain {t} floor, on |{t} ground, "
        f"on a |smooth {t} floor"
        for t in TONES
    },
})  # fmt: skip
FLOOR_IS: Table = _table({
    "checkerboard": "the floor is a |checkerboard",
    "grass": "the ground is covered in |grass",
    "sand": "the ground is |sand",
    "snow": "the ground is covered in |snow",
    "wood": "the floor is made of |wood",
    "water": "below is |water",
    **{f"{t} plain": f"the |floor is {t}, the |floor is plain {t}" for t in TONES},
})  # fmt: skip
SKIES: Table = _table({
    "day": "under a |blue sky, |by day, on a |sunny day, under a |clear sky, in |daylight",
    "sunset": "at |sunset, under a |sunset sky, at |dusk, in the |evening",
    "night": "at |night, under a |night sky, |under the stars, under a |starry sky",
    "overcast": "under an |overcast sky, under a |cloudy sky, on a |cloudy day, under a |grey sky",
    **{
        f"{t} wall": f"|in front of a {t} wall, |against a {t} wall, |before a {t} wall, "
        f"with a |{t} wall behind, |against a {t} background"
        for t in TONES
    },
})  # fmt: skip
SKY_IS: Table = _table({
    "day": "the sky is |clear, |it is daytime",
    "sunset": "|it is sunset, the |sun is setting",
    "night": "|it is night, the |sky is dark",
    "overcast": "the |sky is overcast, the |sky is cloudy",
    **{f"{t} wall": f"the |wall is {t}, the |background is {t}" for t in TONES},
})  # fmt: skip
FLOOR_TAGS: Table = _table({
    "checkerboard": "checkerboard floor", "grass": "grass", "sand": "sand", "snow": "snow",
    "wood": "wooden floor", "water": "water", **{f"{t} plain": f"{t} floor" for t in TONES},
})  # fmt: skip
SKY_TAGS: Table = _table({
    "day": "blue sky, daylight", "sunset": "sunset", "night": "night, night sky",
    "overcast": "overcast sky, cloudy sky", **{f"{t} wall": f"{t} wall" for t in TONES},
})  # fmt: skip
LIGHTS: Table = _table({
    **{
        s: f"|lit from the {s}, with |light from the {s}, with the |light coming from the {s}"
        for s in _SIDES
    },
    "above": "|lit from above, with |light from above, with the |light coming from above",
})  # fmt: skip
FOGS: Table = _table({"fog": "in |fog, in the |mist, in thick |fog"})
MOVE_PHRASES: Table = _table({
    "static": "stay still, stay fixed, remain static, do not move, keep still",
    **{f"pan {d}": f"pan {d}, pan to the {d}, turn {d}, turn to the {d}" for d in _SIDES},
    **{f"tilt {d}": f"tilt {d}, tilt {d}ward, look {d}" for d in ("up", "down")},
    "zoom in": "zoom in, zoom in closer",
    "zoom out": "zoom out, zoom out wider",
    **{f"truck {d}": f"truck {d}, move {d}, move to the {d}, track {d}" for d in _SIDES},
    "pedestal up": "pedestal up, move up, rise, crane up",
    "pedestal down": "pedestal down, move down, sink, crane down",
    **{
        f"orbit {d}": f"orbit {d}, orbit to the {d}, orbit {d} around the scene, arc {d}"
        for d in _SIDES
    },
    **{
        f"roll {d}": f"roll {d}, rotate {d}, roll over {d}" for d in ("clockwise", "anticlockwise")
    },
})  # fmt: skip
MOVE_NOUNS: Table = _table({
    "static": "static camera, fixed camera, still camera",
    **{f"pan {d}": f"camera pan {d}, camera pan to the {d}" for d in _SIDES},
    **{f"tilt {d}": f"camera tilt {d}" for d in ("up", "down")},
    "zoom in": "camera zoom in",
    "zoom out": "camera zoom out",
    **{m: f"camera {m}" for m in MOVES if m.split()[0] in {"truck", "pedestal", "orbit", "roll"}},
})  # fmt: skip
LOOK_OF: Table = _table({
    "plain": "a |3d render of, a |plain render of",
    "pencil": "a |pencil sketch of, a |pencil drawing of",
    "watercolour": "a |watercolour of, a |watercolour painting of, a |watercolor painting of",
    "oil": "an |oil painting of",
    "pixel": "|pixel art of, a |pixel art picture of",
    "cartoon": "a |cartoon of, a |cel-shaded cartoon of",
    "neon": "a |neon picture of, a |glowing neon picture of",
    "blueprint": "a |blueprint of, a |blueprint drawing of",
    "mono": "a |black and white film of, a |monochrome film of",
    "sepia": "a |sepia film of, an old |sepia film of",
})  # fmt: skip
LOOK_IN: Table = _table({
    "plain": "as a |plain render, as a |3d render",
    "pencil": "as a |pencil sketch, drawn in |pencil, in the style of a |pencil drawing",
    "watercolour": "in |watercolour, painted in |watercolour, as a |watercolor painting",
    "oil": "in |oil paint, as an |oil painting, in the style of an |oil painting",
    "pixel": "as |pixel art, in |pixel art style",
    "cartoon": "in |cartoon style, as a |cartoon",
    "neon": "in |neon style, in |neon, in glowing |neon",
    "blueprint": "as a |blueprint, in |blueprint style",
    "mono": "in |black and white, in |monochrome",
    "sepia": "in |sepia, in |sepia tones",
})  # fmt: skip
RELATIONS: Table = _table({
    "left of": "to the |left of, |left of",
    "right of": "to the |right of, |right of",
    "behind": "|behind",
    "in front of": "|in front of",
    "next to": "|next to, |beside",
})  # fmt: skip

HELD_OUT_SYNONYMS: Mapping[str, Table] = MappingProxyType({
    "shape": _table({
        "ball": "orb, globe", "cube": "crate", "cylinder": "barrel", "ring": "hoop, doughnut",
        "capsule": "lozenge",
    }),
    "colour": _table({
        "red": "scarlet, ruby", "orange": "tangerine", "yellow": "lemon, golden", "green": "jade",
        "cyan": "aqua, teal", "blue": "sapphire, cobalt", "purple": "lilac, mauve",
        "pink": "fuchsia, magenta", "white": "ivory", "black": "ebony, jet-black",
        "brown": "chocolate", "grey": "silver",
    }),
    "material": _table({
        "matte": "dusty", "shiny": "gleaming, reflective", "striped": "banded",
        "dotted": "speckled, polka-dot", "checkered": "plaid",
    }),
    "size": _table({"small": "miniature, mini", "medium": "average", "large": "huge, giant"}),
    "speed": _table({"slowly": "leisurely, sluggishly", "quickly": "swiftly, speedily"}),
    "verb": _table({
        "still": "stay put, lie motionless",
        **{f"slides {d}": f"scoot {d}, head {d}, shift {d}, creep {d}ward" for d in _SIDES},
        "comes closer": "draw near, advance, come nearer",
        "moves away": "retreat, withdraw, head off into the distance",
        "rises": "ascend, levitate, climb",
        "drops": "plunge, plummet, tumble down",
        "bounces": "hop, leap up and down",
        "spins": "twirl, whirl, pirouette",
        "circles": "loop around, run in circles",
        "grows": "swell, inflate, enlarge",
        "shrinks": "contract, dwindle",
        "sinks": "descend, subside",
        **{f"rolls {d}": f"trundle {d}, tumble {d}" for d in _SIDES},
        "sways": "wobble, oscillate",
        "zigzags": "zig-zag, slalom",
        "appears": "materialise, emerge",
        "vanishes": "evaporate, dissolve",
        "follows": "pursue {o}, tail {o}",
        "pushes": "nudge {o}, bump {o}",
        "orbits": "encircle {o}, fly around {o}",
        "stacks on": "perch on {o}, climb onto {o}",
    }),
    "floor": _table({
        "checkerboard": "chessboard, checkers", "grass": "turf, meadow, green turf",
        "sand": "dunes, desert, beach", "snow": "snowfield, powder", "wood": "parquet, floorboards",
        "water": "pond, sea", "cream plain": "beige floor",
    }),
    "sky": _table({
        "day": "noon, midday", "sunset": "twilight, sundown", "night": "midnight, moonless night",
        "overcast": "clouds, gloomy sky", "cream wall": "beige wall",
    }),
    "fog": _table({"fog": "haze"}),
    "look": _table({
        "pencil": "graphite drawing", "watercolour": "aquarelle", "oil": "canvas painting",
        "pixel": "8-bit graphics", "cartoon": "anime", "neon": "fluorescent tubes",
        "blueprint": "technical drawing", "mono": "greyscale", "sepia": "old brown photograph",
    }),
    "move": _table({
        "static": "locked-off camera",
        **{f"pan {d}": f"swivel {d}, veer {d}" for d in _SIDES},
        "tilt up": "look upwards", "zoom in": "zoom inwards", "zoom out": "zoom backwards",
        "pedestal up": "ascend", "pedestal down": "descend",
        **{f"truck {d}": f"dolly {d}, shift {d}" for d in _SIDES},
    }),
})  # fmt: skip
"""By kind and attribute value: phrases that `parse` understands and `caption` never says."""

_S = {"do": "does", "go": "goes"}
_ING = {"lie": "lying"}
_PAST = {
    "do": "did", "go": "went", "stand": "stood", "keep": "kept", "sit": "sat", "come": "came",
    "rise": "rose", "fall": "fell", "get": "got", "grow": "grew", "become": "became",
    "shrink": "shrank", "sink": "sank", "swing": "swung", "spin": "spun", "draw": "drew",
    "withdraw": "withdrew", "lie": "lay", "run": "ran", "fly": "flew", "creep": "crept",
    "weave": "wove", "leap": "leapt", "swell": "swelled", "show": "showed", "sway": "swayed",
    "stay": "stayed",
}  # fmt: skip
_DOUBLE = frozenset((
    "drop", "get", "spin", "sit", "pop", "zigzag", "zig-zag", "hop", "run", "pan", "travel", "slip",
    "skim", "skid", "plop", "hit", "bob", "bop", "skip", "lap", "dip", "tip", "wag", "begin",
    "flip", "swap", "tag", "ram", "set", "nod", "jib", "step", "sidestep", "crab", "thud", "barrel",
    "propel", "shrivel",
))  # fmt: skip


@cache
def inflect(phrase: str, form: str) -> str:
    """A verb phrase in the form "s" (slides left), "ing" (sliding left), "past" or "base"."""
    verb, _, rest = phrase.partition(" ")
    if phrase == "do not move" and form == "ing":
        return "not moving"
    return f"{_head(verb, form)} {rest}".rstrip()


def _head(verb: str, form: str) -> str:
    if form == "s":
        return _third(verb)
    return _gerund(verb) if form == "ing" else _past(verb) if form == "past" else verb


def _third(verb: str) -> str:
    if verb.endswith("y") and verb[-2] not in "aeou":
        return verb[:-1] + "ies"
    ending = "es" if verb.endswith(("s", "sh", "ch", "x", "z")) else "s"
    return _S.get(verb, verb + ending)


def _gerund(verb: str) -> str:
    stem = verb + verb[-1] if verb in _DOUBLE else verb
    if stem.endswith("e") and not stem.endswith("ee"):
        stem = stem[:-1]
    return _ING.get(verb, stem + "ing")


def _past(verb: str) -> str:
    if verb in _PAST:
        return _PAST[verb]
    stem = verb + verb[-1] if verb in _DOUBLE else verb
    return stem + ("d" if stem.endswith("e") else "ed")


def said(phrase: str) -> str:
    """A table's phrase as it is spoken."""
    return phrase.replace("|", "")


def key(phrase: str) -> str:
    """The telling part of a table's phrase."""
    return phrase.rpartition("|")[2]


def plural(noun: str) -> str:
    """The plural of a shape's name."""
    if noun.endswith("y") and noun[-2] not in "aeou":
        return noun[:-1] + "ies"
    return noun + ("es" if noun.endswith(("x", "s", "sh", "ch")) else "s")
