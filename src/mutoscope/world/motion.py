"""Where each thing is at any time: its motion program, and those of its company, made a track."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mutoscope.errors import DataError
from mutoscope.world.camera import ease
from mutoscope.world.palette import rgb
from mutoscope.world.scene import MATERIALS, RELATIONAL, SHAPES, SIZES, SPEEDS, Motion, Scene, Thing
from mutoscope.world.shapes import BOUND, HALF, REST, clearance
from mutoscope.world.verbs import (
    EDGE,
    LYING,
    SPEED,
    TUMBLERS,
    VERB_PATHS,
    Path,
    colours,
    path,
    smooth,
)
from mutoscope.world.verbs import (
    Spot as Spot,
)

Array = NDArray[np.float64]

SCALES = {"small": 0.72, "medium": 1.0, "large": 1.36}
PACES = {"slowly": 0.6, "": 1.0, "quickly": 1.6}


@dataclass(frozen=True, kw_only=True)
class Track:
    """A thing at T instants: centre (T 3), rotation (T 3 3, local to world), scale and colour.

    Tracks of B spots tried at once have one more dimension in front.
    """

    centre: Array
    rotation: Array
    scale: Array
    colour: Array

    def corners(self, shape: str) -> Array:
        """The corners of the box around the thing in the world, T 8 3."""
        signs = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
        local = signs * HALF[SHAPES.index(shape)]
        turned = np.einsum("...ij,kj->...ki", self.rotation, local)
        corners: Array = self.centre[..., None, :] + self.scale[..., None, None] * turned
        return corners


def tracks(scene: Scene, times: Array) -> list[Track]:
    """The track of every thing of a scene at the given times in seconds."""
    return company(scene.things, [Spot.of(thing) for thing in scene.things], times)


def company(things: Sequence[Thing], spots: Sequence[Spot], times: Array) -> list[Track]:
    """The tracks of things that begin at spots and may follow, push, orbit or mount each other."""
    return [one_of(things, spots, i, times) for i in range(len(things))]


def one_of(things: Sequence[Thing], spots: Sequence[Spot], i: int, times: Array) -> Track:
    """The track of thing i of a company."""
    return _resolved(things, spots, i, times, ())


def track(thing: Thing, at: Spot, times: Array) -> Track:
    """The track of a thing by itself that begins at a spot."""
    _check(thing)
    done = path(thing, at, times * PACES[thing.motion.speed])
    kind = SHAPES.index(thing.shape)
    zero = np.zeros(np.broadcast_shapes(np.shape(at.x), times.shape))
    scale = SCALES[thing.size] * done.scale + zero
    spin = _turned(thing, at, done, zero)
    height = (BOUND if _tumbles(thing) else REST)[kind] + zero
    if done.leans:
        height = clearance(kind, spin)
    centre = np.stack(
        [at.x + done.x + zero, height * scale + done.y, at.z + done.z + zero], axis=-1
    )
    colour = np.broadcast_to(rgb(thing.colour), (*zero.shape, 3))
    if done.mix is not None:
        colour = colours(thing, done.mix + zero)
    return Track(centre=centre, rotation=spin, scale=scale, colour=colour)


def _turned(thing: Thing, at: Spot, done: Path, zero: Array) -> Array:
    if not done.rolls:
        # A thing's yaw is the same at all times, and most things never turn otherwise.
        yawed = about((0.0, 1.0, 0.0), np.atleast_1d(at.yaw))
        if isinstance(done.turn, float):
            return np.broadcast_to(yawed, (*zero.shape, 3, 3))
        return about(done.axis, done.turn + zero) @ yawed
    spin = about(done.axis, done.turn + zero)
    return spin @ about((1.0, 0.0, 0.0), zero + math.pi / 2) if thing.shape in LYING else spin


def about(axis: tuple[float, float, float], angle: Array) -> Array:
    """Rotation matrices T 3 3 about a unit axis (Rodrigues)."""
    x, y, z = axis
    k = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    s, c = np.sin(angle)[..., None, None], np.cos(angle)[..., None, None]
    turned: Array = np.eye(3) + s * k + (1 - c) * (k @ k)
    return turned


def _tumbles(thing: Thing) -> bool:
    return thing.motion.verb == "spins" and thing.shape in TUMBLERS


def _check(thing: Thing) -> None:
    for word, known in (
        (thing.motion.verb, VERB_PATHS),
        (thing.motion.speed, SPEEDS),
        (thing.shape, SHAPES),
        (thing.size, SIZES),
        (thing.material, MATERIALS),
    ):
        if word not in known:
            raise DataError(f"a thing can't have {word!r}; use one of {', '.join(known)}")


def _resolved(
    things: Sequence[Thing], spots: Sequence[Spot], i: int, times: Array, asking: tuple[int, ...]
) -> Track:
    """The track of thing i; `asking` are the things whose tracks wait for it."""
    if i in asking:
        raise DataError("things follow, push, orbit or mount each other in a ring; undo one verb")
    thing, at = things[i], spots[i]
    pusher = next((k for k, t in enumerate(things) if pushes(t, i)), None)
    if pusher is not None:
        alone = track(replace(thing, motion=Motion()), at, times)
        return _moved(alone, x=_push(things, spots, pusher, times)[1])
    alone = track(thing, at, times)
    if thing.motion.verb not in RELATIONAL:
        return alone
    j = _partner(things, i)
    if thing.motion.verb == "pushes":
        return _moved(alone, x=_push(things, spots, i, times)[0])

    def where(when: Array) -> Track:
        return _resolved(things, spots, j, when, (*asking, i))

    paced = times * PACES[thing.motion.speed]
    if thing.motion.verb == "follows":
        return _followed(alone, where, things[j], times)
    if thing.motion.verb == "orbits":
        return _orbited(alone, where(times).centre, where(0 * times).centre, paced)
    return _stacked(alone, where(times), where(0 * times), (thing, things[j]), paced)


def pushes(thing: Thing, other: int) -> bool:
    """Whether a thing pushes thing number `other`."""
    return thing.motion.verb == "pushes" and thing.motion.other == other


def _partner(things: Sequence[Thing], i: int) -> int:
    j = things[i].motion.other
    if j is None or j == i or not 0 <= j < len(things):
        raise DataError(
            f"thing {i} {things[i].motion.verb} thing {j}; it needs another thing of the scene, "
            f"0 to {len(things) - 1}"
        )
    return j


def _moved(alone: Track, *, x: Array) -> Track:
    return replace(alone, centre=alone.centre + np.stack([x, 0 * x, 0 * x], axis=-1))


def lag(other: Thing) -> float:
    """Seconds by which a follower is behind: more on a circle, where lag is all that parts them."""
    return (0.8 if other.motion.verb == "circles" else 0.25) / PACES[other.motion.speed]


def _followed(alone: Track, where: Callable[[Array], Track], other: Thing, times: Array) -> Track:
    """Doing later, from one's own place, what the other does on the floor."""
    late = lag(other)
    way = where(times - late).centre - where(0 * times - late).centre
    way[..., 1] = 0.0
    return replace(alone, centre=alone.centre + way)


def _orbited(alone: Track, centre: Array, begin: Array, paced: Array) -> Track:
    """Around the other once in 2.6 seconds, clockwise seen from above."""
    angle = 2 * math.pi * paced / 2.6
    x, z = alone.centre[..., 0] - begin[..., 0], alone.centre[..., 2] - begin[..., 2]
    c, s = np.cos(angle), np.sin(angle)
    placed = [centre[..., 0] + c * x - s * z, alone.centre[..., 1], centre[..., 2] + s * x + c * z]
    return replace(alone, centre=np.stack(placed, axis=-1))


def _stacked(
    alone: Track, other: Track, begin: Track, pair: tuple[Thing, Thing], paced: Array
) -> Track:
    """Settling from 1.3 m above onto the other's top, and staying there."""
    way = other.centre - begin.centre
    top = other.centre[..., 1] + HALF[SHAPES.index(pair[1].shape), 1] * other.scale
    rest = REST[SHAPES.index(pair[0].shape)] * alone.scale
    way[..., 1] = top + rest + 1.3 * (1.0 - smooth(0.2, 1.3, paced)) - alone.centre[..., 1]
    return replace(alone, centre=alone.centre + way)


def reach(thing: Thing) -> float:
    """Half of a thing's width seen from the front at no yaw, in metres."""
    return float(HALF[SHAPES.index(thing.shape), 0] * SCALES[thing.size])


def _push(
    things: Sequence[Thing], spots: Sequence[Spot], i: int, times: Array
) -> tuple[Array, Array]:
    """How far along x the pusher i goes, and the thing it pushes."""
    j = _partner(things, i)
    apart = np.asarray(spots[j].x) - np.asarray(spots[i].x)
    way = np.where(apart >= 0, 1.0, -1.0)
    gap = np.maximum(np.abs(apart) - reach(things[i]) - reach(things[j]), 0.0)
    limit = gap + np.maximum(1.0, EDGE - way * spots[j].x)
    gone = ease(SPEED * times * PACES[things[i].motion.speed], limit, 0.3)
    return way * gone, way * np.maximum(gone - gap, 0.0)
