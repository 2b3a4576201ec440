"""Scenes drawn at random, each a pure function of (seed, index).

Words come first; then places are tried until all things are in view, apart from each other and not
hidden for as long as a clip lasts. A word that wouldn't show is never drawn (a plain ball doesn't
spin). Pairs of words on a fixed hashed list, about one in ten, are held out of training.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mutoscope.errors import DataError
from mutoscope.world.camera import View, view
from mutoscope.world.motion import LOOP, Spot, Track, track
from mutoscope.world.scene import (
    CORE_COLOURS,
    CORE_MOVES,
    CORE_STAGES,
    CORE_VERBS,
    SECONDS,
    SHAPES,
    Camera,
    Motion,
    Scene,
    Stage,
    Thing,
)
from mutoscope.world.shapes import BOUND, HALF, kernel

Array = NDArray[np.float64]
Verdict = NDArray[np.bool_]

SPLITS = {"train": 0, "validation": 1, "test": 2}
"""Each split draws from its own streams of random numbers."""
HELD_OUT = 0.1
"""Share of the pairs of words that training never sees."""
_SIZING = ("comes closer", "moves away", "grows", "shrinks")
"""Verbs that a zooming camera would undo or feign."""
_SALT = "779"
"""Chosen so that no word of the core tier loses more than two partners."""
_BATCH = 48
_TRIES = 12 * _BATCH
_CHECK = np.arange(0.0, SECONDS + 0.01, 0.25)
_CLIP = _CHECK <= 2.0
"""The reference clip lasts 2 seconds: then everything must be in view, afterwards the middles."""


def sample(
    seed: int,
    index: int,
    *,
    tier: str = "core",
    objects: int | None = None,
    split: str = "train",
    unseen: bool = False,
) -> Scene:
    """The scene of a number: `objects` things (None: 1 or 2), never a held-out pair in training.

    `unseen` draws only scenes that have a held-out pair.
    """
    if tier != "core":
        raise DataError(f"tier must be 'core' (got {tier!r})")
    if split not in SPLITS or (unseen and split == "train"):
        raise DataError(
            f"split must be train, validation or test, and unseen scenes are never in train "
            f"(got {split!r}, unseen={unseen})"
        )
    rng = np.random.default_rng(np.random.SeedSequence((seed, index, SPLITS[split])))
    count = objects if objects is not None else int(rng.integers(1, 3))
    if not 1 <= count <= 2:
        raise DataError(f"the core tier has 1 or 2 objects (got {count})")
    while True:
        words = _core(rng, count)
        if held_out(words) != unseen and (unseen or split == "train"):
            continue
        scene = arrange(words, rng)
        if scene is not None:
            return scene


def pairs(scene: Scene) -> Iterator[tuple[str, str, str]]:
    """The pairs of words of a scene that can be held out, as (kind, word, word)."""
    for thing in scene.things:
        yield "colour shape", thing.colour, thing.shape
        yield "shape verb", thing.shape, thing.motion.verb
    yield "stage move", scene.stage.floor, scene.camera.move


def held_out(scene: Scene) -> bool:
    """Whether a scene has a pair of words that training never sees."""
    return any(_hidden(pair) for pair in pairs(scene))


def _hidden(pair: tuple[str, str, str]) -> bool:
    digest = hashlib.sha256("|".join((_SALT, *pair)).encode()).digest()
    # A still thing and a static camera are what all other words are compared with.
    return pair[2] not in ("still", "static") and digest[0] < HELD_OUT * 256


def _core(rng: np.random.Generator, count: int) -> Scene:
    """Words of the core tier, with no places yet."""
    colours = rng.permutation(CORE_COLOURS)[:count]
    shapes = rng.permutation(SHAPES)[:count]
    # Less than half of all cameras stand still; zooming ones are asked less of.
    move = "static" if rng.random() < 0.4 else str(rng.choice(CORE_MOVES[1:]))
    verbs = [v for v in CORE_VERBS if not (move.startswith("zoom") and v in _SIZING)]
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


def _verb(shape: str, verbs: list[str], rng: np.random.Generator) -> str:
    while True:
        verb = str(rng.choice(verbs))
        if verb != "spins" or shape != "ball":
            return verb


def arrange(scene: Scene, rng: np.random.Generator, tries: int = _TRIES) -> Scene | None:
    """The same words at new random places where all goes well; None if no place was found."""
    seen = view(scene.camera, _CHECK)
    for _ in range(0, tries, _BATCH):
        spots = [_spots(thing, scene, rng) for thing in scene.things]
        good = np.flatnonzero(_well(scene, spots, seen))
        if len(good):
            return replace(
                scene,
                things=tuple(
                    _settle(t, spot, int(good[0]))
                    for t, spot in zip(scene.things, spots, strict=True)
                ),
            )
    return None


def goes_well(scene: Scene) -> bool:
    """Whether all things stay in view, apart from each other, and mostly unhidden."""
    spots = [
        Spot(**{k: np.array([[v]]) for k, v in vars(Spot.of(t)).items()}) for t in scene.things
    ]
    return bool(_well(scene, spots, view(scene.camera, _CHECK))[0])


_START: dict[str, tuple[float, float, float, float]] = {
    "slides left": (-0.3, 1.7, -1.9, 0.9),
    "slides right": (-1.7, 0.3, -1.9, 0.9),
    "comes closer": (-1.1, 1.1, -4.0, -2.0),
    "moves away": (-1.1, 1.1, 0.5, 1.9),
    "circles": (-1.0, 1.0, -1.9, 0.4),
}
"""Where a verb's things may begin: x from, to, z from, to, in metres."""


def _spots(thing: Thing, scene: Scene, rng: np.random.Generator) -> Spot:
    """A batch of random beginnings."""
    x0, x1, z0, z1 = _START.get(thing.motion.verb, (-1.7, 1.7, -1.9, 0.9))
    turn = 0.6 if thing.shape in ("ring", "star") else np.pi
    low, high = np.array([x0, z0, -turn, 0.0]), np.array([x1, z1, turn, 1.0])
    drawn = low + (high - low) * rng.random((_BATCH, 4))
    x, z, yaw, phase = (drawn[:, k : k + 1] for k in range(4))
    if thing.motion.verb == "circles":
        # What was drawn is the middle of the loop.
        x, z = x + LOOP * np.cos(2 * np.pi * phase), z + LOOP * np.sin(2 * np.pi * phase)
    return Spot(x=x.round(3), z=z.round(3), yaw=yaw.round(3), phase=phase.round(3))


def _settle(thing: Thing, spot: Spot, row: int) -> Thing:
    x, z, yaw, phase = (float(np.asarray(v)[row, 0]) for v in vars(spot).values())
    return replace(thing, x=x, z=z, yaw=yaw, motion=replace(thing.motion, phase=phase))


def _well(scene: Scene, spots: list[Spot], seen: View) -> Verdict:
    """Which of a batch of spots go well."""
    paths = [track(t, s, _CHECK) for t, s in zip(scene.things, spots, strict=True)]
    areas = [_extent(t.shape, p, seen) for t, p in zip(scene.things, paths, strict=True)]
    good: Verdict = np.all([_in_view(area) for area in areas], axis=0)
    for i in range(len(areas)):
        for j in range(i):
            good = good & _apart(scene, paths, i, j) & _unhidden(areas[i], areas[j])
    return good


def _extent(shape: str, path: Track, seen: View) -> Array:
    """x0 y0 x1 y1 in [0, 1] across the frame, and the middle's depth, B T 5."""
    areas = np.empty((*path.scale.shape, 5))
    half = HALF[SHAPES.index(shape)]
    tans = np.tan(seen.fov / 2)
    _project(half, path.centre, path.rotation, path.scale, seen.eye, seen.basis, tans, areas)
    return areas


@kernel
def _project(  # noqa: PLR0913 - the inner loop of `_extent`
    half: Array,
    centre: Array,
    rotation: Array,
    scale: Array,
    eye: Array,
    basis: Array,
    tans: Array,
    areas: Array,
) -> None:
    point, local = np.empty(3), np.empty(3)
    for b in range(scale.shape[0]):
        for t in range(scale.shape[1]):
            x0, y0, x1, y1, deep = 1e9, 1e9, -1e9, -1e9, 0.0
            for k in range(8):
                a0 = half[0] if k & 4 else -half[0]
                a1 = half[1] if k & 2 else -half[1]
                a2 = half[2] if k & 1 else -half[2]
                for i in range(3):
                    r = rotation[b, t, i]
                    turned = r[0] * a0 + r[1] * a1 + r[2] * a2
                    point[i] = centre[b, t, i] + scale[b, t] * turned - eye[t, i]
                for i in range(3):
                    m = basis[t, i]
                    local[i] = m[0] * point[0] + m[1] * point[1] + m[2] * point[2]
                d = max(local[2], 1e-3) * tans[t]
                x, y = 0.5 + 0.5 * local[0] / d, 0.5 + 0.5 * local[1] / d
                x0, y0, x1, y1 = min(x0, x), min(y0, y), max(x1, x), max(y1, y)
                deep += local[2]
            areas[b, t, 0], areas[b, t, 1] = x0, y0
            areas[b, t, 2], areas[b, t, 3] = x1, y1
            areas[b, t, 4] = deep / 8.0


def _in_view(area: Array) -> Verdict:
    middle = (area[..., :2] + area[..., 2:4]) / 2
    early = area[:, _CLIP]
    kept = (middle > 0.04) & (middle < 0.96)
    inside = (early[..., :2] > -0.02) & (early[..., 2:4] < 1.02)
    good = [(area[..., 4] > 2.0).all(-1), kept.all((-1, -2)), inside.all((-1, -2))]
    verdict: Verdict = np.logical_and.reduce(good)
    return verdict


def _apart(scene: Scene, paths: list[Track], i: int, j: int) -> Verdict:
    """Whether two things never meet, each taken for a ball a little smaller than its bound."""
    ri, rj = (BOUND[SHAPES.index(scene.things[k].shape)] * paths[k].scale for k in (i, j))
    gap = np.linalg.norm(paths[i].centre - paths[j].centre, axis=-1)
    good: Verdict = (gap > 0.9 * (ri + rj)).all(-1)
    return good


def _unhidden(a: Array, b: Array) -> Verdict:
    """Whether two things overlap little in the picture at first, and not for long later on."""
    over = np.minimum(a[..., 2:4], b[..., 2:4]) - np.maximum(a[..., :2], b[..., :2])
    shared = np.maximum(over, 0).prod(axis=-1)
    sizes = [(s[..., 2:4] - s[..., :2]).prod(axis=-1) for s in (a, b)]
    share = (shared / np.where(a[..., 4] > b[..., 4], *sizes))[:, _CLIP]
    early, late, often = share[:, 0], share[:, -1], (share > 0.4).mean(-1)
    good: Verdict = (early < 0.15) & (late < 0.35) & (often < 0.25)
    return good
