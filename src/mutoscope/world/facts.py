"""What a sentence says about a scene, as plain data; None is a thing left unsaid.

Two laws tie facts to scenes. `shown` is what a viewer could see of a scene: a pencil sketch has no
colour, a plain ball can't be seen to spin. `agrees` is truth: every fact holds of what is shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import permutations
from types import MappingProxyType

from mutoscope.world.scene import Camera, Scene, Thing

COLOURLESS_LOOKS = frozenset({"pencil", "blueprint", "mono", "sepia"})
"""Looks that keep no hue: objects, floors and skies are named without their colours."""
LINE_LOOKS = frozenset({"pencil", "blueprint", "neon"})
"""Looks in which a pattern does not show well enough to tell that a ball turns."""
_DRAB = frozenset({"tone", "wall", "sky"})
_HIDDEN: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "pencil": _DRAB | {"light", "sand", "snow", "material", "fog"},
        "blueprint": _DRAB | {"light", "floor", "material", "fog"},
        "neon": frozenset({"tone", "wall", "light"}),
        "mono": _DRAB,
        "sepia": _DRAB,
    }
)
"""What a look hides besides colour: floors or their tones, walls, skies, light, materials, fog.

Measured: where less than a clear share of pixels differ when the word is changed, or where only
brightness does (skies without colour).
"""
ROLLING_SHAPES = frozenset({"ball", "cylinder", "ring", "capsule"})
"""Shapes whose rolling shows by a pattern only; of these a plain ball can't be seen to spin."""
PATTERNS = frozenset({"striped", "dotted", "checkered"})
IN_PLACE = frozenset({"still", "rises", "bounces", "spins", "grows", "shrinks", "changes colour"})
"""Verbs that keep a thing above its place on the floor."""
FLEETING = frozenset({"appears", "vanishes"})
MARGIN = 0.7
"""Metres by which a thing must be further left, right, behind or in front to be said so (ours)."""
NEAR = 2.0
"""Metres between centres within which two things are "next to" each other (ours)."""


@dataclass(frozen=True, kw_only=True)
class ThingFacts:
    """What is said of one object: values of the vocabulary in `scene`.

    `other` is an index into the facts' things; `becomes` is the colour it changes into.
    """

    shape: str | None = None
    colour: str | None = None
    material: str | None = None
    size: str | None = None
    verb: str | None = None
    speed: str | None = None
    becomes: str | None = None
    other: int | None = None


@dataclass(frozen=True, kw_only=True)
class Facts:
    """All that is said, objects in the order of their mention.

    `relations` holds (i, "left of", j) triples at time 0; `count` is how many objects the scene is
    said to have in all; `pace` is the camera's; `unknown` lists words nothing was made of.
    """

    things: tuple[ThingFacts, ...] = ()
    floor: str | None = None
    sky: str | None = None
    light: str | None = None
    fog: bool | None = None
    move: str | None = None
    pace: str | None = None
    look: str | None = None
    sign: str | None = None
    count: int | None = None
    relations: tuple[tuple[int, str, int], ...] = field(default=())
    unknown: tuple[str, ...] = ()


SILENCE = Facts()
"""Nothing said."""


def shown(scene: Scene) -> Facts:
    """All that can be seen of a scene (`relations` aside: ask `related`)."""
    hidden = _HIDDEN.get(scene.look, frozenset[str]())
    floor, sky, light = scene.stage.floor, scene.stage.sky, scene.stage.light
    ground = {floor, "tone" if floor.endswith("plain") else "floor"}
    wall = sky.endswith("wall")
    cast = (wall or sky in {"day", "sunset"}) and "light" not in hidden
    move = camera_move(scene.camera)
    # Where a pushed thing goes is the pusher's doing, whatever its own verb.
    pushed = {thing.motion.other for thing in scene.things if thing.motion.verb == "pushes"}
    return Facts(
        things=tuple(
            replace(thing, verb=None, speed=None) if i in pushed else thing
            for i, thing in enumerate(_shown_thing(thing, scene.look) for thing in scene.things)
        ),
        floor=None if ground & hidden else floor,
        sky=None if ("wall" if wall else "sky") in hidden else sky,
        light=light if cast else None,
        fog=(scene.stage.fog or None) if "fog" not in hidden else None,
        move=move,
        pace=pace(scene.camera) if move not in {None, "static"} else None,
        look=scene.look,
        sign=scene.sign,
        count=len(scene.things),
    )


def _shown_thing(thing: Thing, look: str) -> ThingFacts:
    hued, verb = look not in COLOURLESS_LOOKS, shown_verb(thing, look)
    speed = thing.motion.speed or None
    return ThingFacts(
        shape=thing.shape,
        colour=thing.colour if hued else None,
        material=thing.material if "material" not in _HIDDEN.get(look, ()) else None,
        size=thing.size,
        verb=verb,
        speed=speed if verb not in {"still", "changes colour", *FLEETING} else None,
        becomes=thing.motion.colour if verb == "changes colour" else None,
        other=thing.motion.other,
    )


def shown_verb(thing: Thing, look: str) -> str:
    """The verb a viewer would use: a turn that leaves the picture as it was is no motion."""
    verb = thing.motion.verb
    marked = thing.material in PATTERNS and look not in LINE_LOOKS
    if verb == "spins" and thing.shape == "ball" and not marked:
        return "still"
    if verb == "changes colour" and look in COLOURLESS_LOOKS:
        return "still"
    if verb.startswith("rolls") and thing.shape in ROLLING_SHAPES and not marked:
        return verb.replace("rolls", "slides")
    return verb


def camera_move(camera: Camera) -> str | None:
    """The move of MOVES that a camera makes, or None when its axes make none of them."""
    if camera.axes is None:
        return camera.move
    truck, pedestal, pan, tilt, zoom, roll = camera.axes
    if truck * pan < 0 and not any((pedestal, tilt, zoom, roll)):
        return "orbit right" if truck > 0 else "orbit left"
    signs = {
        "truck": (truck, "right", "left"), "pedestal": (pedestal, "up", "down"),
        "pan": (pan, "right", "left"), "tilt": (tilt, "up", "down"),
        "zoom": (zoom, "in", "out"), "roll": (roll, "clockwise", "anticlockwise"),
    }  # fmt: skip
    moving = [(n, plus if v > 0 else minus) for n, (v, plus, minus) in signs.items() if v]
    if not moving:
        return "static"
    return " ".join(moving[0]) if len(moving) == 1 else None


def pace(camera: Camera) -> str | None:
    """The speed of a moving camera: "slowly" up to 0.35, "quickly" above 0.9, else None."""
    amount = camera.amount if camera.axes is None else max(map(abs, camera.axes))
    return "slowly" if amount <= 0.35 else "quickly" if amount > 0.9 else None


def related(scene: Scene, i: int, relation: str, j: int) -> bool:
    """Whether a relation of RELATIONS plainly holds between two things that keep their places."""
    a, b = scene.things[i], scene.things[j]
    if i == j or not {a.motion.verb, b.motion.verb} <= IN_PLACE:
        return False
    if (camera_move(scene.camera) or "orbit").startswith(("orbit", "roll")):
        return False
    dx, dz = b.x - a.x, b.z - a.z
    if relation == "next to":
        return dx * dx + dz * dz <= NEAR * NEAR and abs(dz) < MARGIN
    along, across = (dx, dz) if relation in {"left of", "right of"} else (dz, dx)
    sign = 1 if relation in {"left of", "behind"} else -1
    return sign * along >= MARGIN and abs(across) <= abs(along)


def agrees(facts: Facts, scene: Scene) -> bool:
    """Whether everything said is true of what the scene shows, for some naming of its things."""
    truth = shown(scene)
    scalars = ("floor", "sky", "light", "fog", "move", "pace", "look", "sign", "count")
    if any(getattr(facts, n) not in {None, getattr(truth, n)} for n in scalars):
        return False
    return any(_holds(facts, truth, scene, naming) for naming in _namings(facts, scene))


def _namings(facts: Facts, scene: Scene) -> Iterator[tuple[int, ...]]:
    return permutations(range(len(scene.things)), len(facts.things))


def _holds(facts: Facts, truth: Facts, scene: Scene, naming: tuple[int, ...]) -> bool:
    for said, index in zip(facts.things, naming, strict=True):
        other = None if said.other is None else naming[said.other]
        if not _true_of(replace(said, other=other), truth.things[index]):
            return False
    return all(related(scene, naming[i], relation, naming[j]) for i, relation, j in facts.relations)


def _true_of(said: ThingFacts, truth: ThingFacts) -> bool:
    return all(value is None or value == getattr(truth, name) for name, value in vars(said).items())
