"""Words of a scene drawn at random, before anything has a place; no word that wouldn't show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mutoscope.world.scene import (
    COLOURS,
    CORE_COLOURS,
    CORE_MOVES,
    CORE_STAGES,
    CORE_VERBS,
    FLOORS,
    LIGHTS,
    LOOKS,
    MATERIALS,
    MOVES,
    RELATIONAL,
    SHAPES,
    SIZES,
    SKIES,
    VERBS,
    Camera,
    Motion,
    Scene,
    Stage,
    Thing,
)

Rng = np.random.Generator

SIZING = ("comes closer", "moves away", "grows", "shrinks")
"""Verbs that a zooming camera would undo or feign."""
LED = ("slides left", "slides right", "circles")
"""Verbs of things that are followed."""
PUSHERS = ("ball", "cube", "cylinder", "capsule")
"""Shapes that touch at half height when they push."""
BEARERS = ("cube", "cylinder")
"""Shapes with a flat top."""
SLENDER = ("cone", "ring", "capsule", "pyramid", "star")
"""Shapes that cover little of the picture."""
PATTERNS = ("striped", "dotted", "checkered")
_ROUND = ("ball", "cylinder", "ring", "capsule")
_ROOMY = (
    "still", "slides left", "slides right", "rolls left", "rolls right", "spins", "sways",
    "appears", "vanishes", "changes colour",
)  # fmt: skip
"""Verbs that leave room in the picture for a large thing."""
_COLOURLESS = ("pencil", "blueprint", "mono", "sepia")
_LINES = ("pencil", "blueprint", "neon")
SIGNS = (
    "HELLO", "OPEN", "STOP", "GO", "LOVE", "CAFE", "ZOO", "PARK", "MUSIC", "DANCE", "SALE", "EXIT",
    "HOME", "STAR", "MOON", "SUN", "PLAY", "JAZZ", "WOW", "YES", "NO", "BOOK", "FILM", "ROBOT",
    "PIZZA", "TAXI", "HOTEL", "BAR", "ART", "LAB", "SPRING", "WINTER", "SUMMER", "AUTUMN",
    "TOKYO", "PARIS", "ROME", "OSLO", "LIMA", "2022", "2023", "A1", "B52", "404", "42",
)  # fmt: skip


def core_words(rng: Rng, count: int) -> Scene:
    """Words of the core tier."""
    colours = rng.permutation(CORE_COLOURS)[:count]
    shapes = rng.permutation(SHAPES)[:count]
    # Less than half of all cameras stand still; zooming ones are asked less of.
    move = "static" if rng.random() < 0.4 else str(rng.choice(CORE_MOVES[1:]))
    verbs = [v for v in CORE_VERBS if not (move.startswith("zoom") and v in SIZING)]
    things = tuple(
        Thing(
            shape=str(shape), colour=str(colour), motion=Motion(verb=_verb(str(shape), verbs, rng))
        )
        for shape, colour in zip(shapes, colours, strict=True)
    )
    floor, sky = CORE_STAGES[str(rng.choice(list(CORE_STAGES)))]
    amount = 0.5 if move == "static" else round(float(rng.uniform(0.5, 0.9)), 3)
    return Scene(
        things=things,
        stage=Stage(floor=floor, sky=sky),
        camera=Camera(move=move, amount=amount),
    )


def _verb(shape: str, verbs: list[str], rng: Rng) -> str:
    while True:
        verb = str(rng.choice(verbs))
        if verb != "spins" or shape != "ball":
            return verb


def wide_words(rng: Rng, count: int) -> Scene:
    """Words of all tiers."""
    look = "plain" if rng.random() < 0.35 else _pick(rng, LOOKS[1:])
    stage = _stage(rng)
    camera = _camera(rng, stage)
    things = _things(rng, count, look, camera)
    if count > 1 and rng.random() < 0.35:
        things = _related(rng, things)
    return Scene(
        things=things,
        stage=stage,
        camera=camera,
        look=look,
        sign=_sign(rng) if rng.random() < 0.12 else None,
        texture_seed=int(rng.integers(1000)),
    )


def _pick(rng: Rng, words: Sequence[str]) -> str:
    return words[int(rng.integers(len(words)))]


def _stage(rng: Rng) -> Stage:
    walls = [sky for sky in SKIES if sky.endswith(" wall")]
    plain = rng.random() < 0.3
    floors = [floor for floor in FLOORS if floor.endswith(" plain") == plain]
    indoors = rng.random() < (0.7 if plain else 0.35)
    skies = walls if indoors else [sky for sky in SKIES if sky not in walls]
    return Stage(
        floor=_pick(rng, floors),
        sky=_pick(rng, skies),
        light=_pick(rng, LIGHTS),
        fog=bool(rng.random() < 0.12),
    )


def _camera(rng: Rng, stage: Stage) -> Camera:
    """A plain floor can't show that a camera moves, so there it stands still."""
    if stage.floor.endswith(" plain") or rng.random() < 0.35:
        return Camera()
    amount = round(float(rng.uniform(0.3, 1.0)), 3)
    if rng.random() < 0.12:
        axes = np.where(rng.permutation(6) < 2, rng.uniform(-0.7, 0.7, 6).round(3), 0.0)
        truck, pedestal, pan, tilt, zoom, roll = axes.tolist()
        return Camera(amount=amount, axes=(truck, pedestal, pan, tilt, zoom, roll))
    return Camera(move=_pick(rng, MOVES[1:]), amount=amount)


def _sign(rng: Rng) -> str:
    if rng.random() < 0.6:
        return _pick(rng, SIGNS)
    letters = rng.integers(26, size=int(rng.integers(2, 7)))
    return "".join(chr(ord("A") + int(k)) for k in letters)


def _things(rng: Rng, count: int, look: str, camera: Camera) -> tuple[Thing, ...]:
    verbs = [v for v in VERBS if v not in RELATIONAL and _suits(v, look, camera)]
    colours = rng.permutation(COLOURS)[:count]
    return tuple(_thing(rng, _pick(rng, verbs), str(c), look, count) for c in colours)


def _thing(rng: Rng, verb: str, colour: str, look: str, count: int) -> Thing:
    """A thing of a colour on which the verb shows."""
    sizes: Sequence[str] = SIZES if count < 3 and verb in _ROOMY else SIZES[:2]
    sizes = ("medium",) if verb in SIZING else sizes
    # Gloss doesn't show among lines.
    materials = PATTERNS if look in _LINES else MATERIALS[1:]
    while True:
        thing = Thing(
            shape=_pick(rng, SHAPES),
            colour=colour,
            material="matte" if rng.random() < 0.35 else _pick(rng, materials),
            size=_pick(rng, sizes),
            motion=_motion(rng, verb, colour),
        )
        if _shows(thing, look) and not _tiny(thing):
            return thing


def _suits(verb: str, look: str, camera: Camera) -> bool:
    if verb == "changes colour":
        return look not in _COLOURLESS
    return verb not in SIZING or not camera.move.startswith("zoom")


def _shows(thing: Thing, look: str) -> bool:
    """Whether a turn shows: a ball's by its pattern only, and so for whatever rolls as round."""
    patterned = thing.material in PATTERNS and look not in _LINES
    if thing.motion.verb == "spins" and thing.shape == "ball":
        return patterned
    if thing.motion.verb.startswith("rolls"):
        return thing.shape in ("cube", "star") or (patterned and thing.shape in _ROUND)
    return True


def _tiny(thing: Thing) -> bool:
    """Whether a thing would cover too little of the picture for its material to show."""
    fleeting = thing.motion.verb in ("appears", "vanishes")
    slender = thing.shape in SLENDER
    if thing.size == "small":
        return fleeting or (slender and thing.material != "matte")
    return thing.size == "medium" and fleeting and slender and thing.material != "matte"


def _motion(rng: Rng, verb: str, colour: str) -> Motion:
    speed = "" if rng.random() < 0.6 else _pick(rng, ("slowly", "quickly"))
    if verb in ("still", "appears", "vanishes", "changes colour"):
        speed = ""
    other = None
    if verb == "changes colour":
        other = _pick(rng, [c for c in COLOURS if c != colour and {c, colour} != {"grey", "black"}])
    return Motion(verb=verb, speed=speed, colour=other)


def _related(rng: Rng, things: tuple[Thing, ...]) -> tuple[Thing, ...]:
    """The same things, of which the first now does something with the second."""
    first, second, *rest = things
    verb = _pick(rng, RELATIONAL)
    own, speed = "still", ""
    if verb == "follows":
        own = _pick(rng, LED)
    elif verb == "pushes":
        own = _pick(rng, ("slides left", "slides right"))
        first, second = (replace(t, shape=_pick(rng, PUSHERS)) for t in (first, second))
        first, second = replace(first, size="medium"), replace(second, size="medium")
    elif verb == "orbits":
        first = replace(first, size="small")
    else:
        second = replace(second, shape=_pick(rng, BEARERS), size="medium")
        own = _pick(rng, ("still", "slides left", "slides right"))
        first = replace(first, size="small")
    if own == "still":
        speed = _pick(rng, ("", "", "slowly", "quickly"))
    return (
        replace(first, motion=Motion(verb=verb, speed=speed, other=1)),
        replace(second, motion=Motion(verb=own)),
        *rest,
    )
