"""Where each thing is at any time: its motion program turned into a track.

Every verb is a function of continuous time. One-way motions run evenly for about 2 seconds and then
ease to a halt at the edge of the stage, so that a clip of 4 seconds stays composed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mutoscope.errors import DataError
from mutoscope.world.camera import ease
from mutoscope.world.palette import rgb
from mutoscope.world.scene import SHAPES, Scene, Thing
from mutoscope.world.shapes import BOUND, HALF, REST

Array = NDArray[np.float64]

SCALES = {"small": 0.62, "medium": 1.0, "large": 1.36}
PACES = {"slowly": 0.6, "": 1.0, "quickly": 1.6}
EDGE = 1.7
"""How far from the middle a slide ends."""
FRONT, BACK = 2.1, -4.2
"""Where coming closer and moving away end."""
LOOP = 0.9
"""Radius of a circle."""
TUMBLERS = ("cylinder", "cone", "capsule")
"""Shapes whose spin about the vertical wouldn't show: they turn head over heels."""


@dataclass(frozen=True, kw_only=True)
class Spot:
    """Where a thing begins; arrays B 1 stand for B things tried at once."""

    x: Array | float
    z: Array | float
    yaw: Array | float
    phase: Array | float

    @classmethod
    def of(cls, thing: Thing) -> Spot:
        """Where the scene says that a thing begins."""
        return cls(x=thing.x, z=thing.z, yaw=thing.yaw, phase=thing.motion.phase)


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


@dataclass(kw_only=True)
class _Path:
    """What a verb does to a thing: offsets in metres, a factor on its size, a turn in radians."""

    x: Array | float = 0.0
    y: Array | float = 0.0
    z: Array | float = 0.0
    scale: Array | float = 1.0
    turn: Array | float = 0.0
    axis: tuple[float, float, float] = (0.0, 1.0, 0.0)


def tracks(scene: Scene, times: Array) -> list[Track]:
    """The track of every thing of a scene at the given times in seconds."""
    return [track(thing, Spot.of(thing), times) for thing in scene.things]


def track(thing: Thing, at: Spot, times: Array) -> Track:
    """The track of a thing that begins at a spot."""
    if thing.motion.verb not in _VERBS:
        raise DataError(f"no motion {thing.motion.verb!r}; use one of {', '.join(_VERBS)}")
    path = _VERBS[thing.motion.verb](thing, at, times * PACES[thing.motion.speed])
    kind = SHAPES.index(thing.shape)
    zero = np.zeros(np.broadcast_shapes(np.shape(at.x), times.shape))
    scale = SCALES[thing.size] * path.scale + zero
    height = BOUND[kind] if _tumbles(thing) else REST[kind]
    centre = np.stack(
        [at.x + path.x + zero, height * scale + path.y, at.z + path.z + zero], axis=-1
    )
    spin = about(path.axis, path.turn + zero) @ about((0.0, 1.0, 0.0), at.yaw + zero)
    colour = np.broadcast_to(rgb(thing.colour), (*zero.shape, 3))
    return Track(centre=centre, rotation=spin, scale=scale, colour=colour)


def about(axis: tuple[float, float, float], angle: Array) -> Array:
    """Rotation matrices T 3 3 about a unit axis (Rodrigues)."""
    x, y, z = axis
    k = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    s, c = np.sin(angle)[..., None, None], np.cos(angle)[..., None, None]
    turned: Array = np.eye(3) + s * k + (1 - c) * (k @ k)
    return turned


def _tumbles(thing: Thing) -> bool:
    return thing.motion.verb == "spins" and thing.shape in TUMBLERS


def _still(thing: Thing, at: Spot, t: Array) -> _Path:
    return _Path()


def _slides_left(thing: Thing, at: Spot, t: Array) -> _Path:
    return _Path(x=-ease(1.1 * t, np.maximum(1.4, EDGE + at.x), 0.3))


def _slides_right(thing: Thing, at: Spot, t: Array) -> _Path:
    return _Path(x=ease(1.1 * t, np.maximum(1.4, EDGE - at.x), 0.3))


def _comes_closer(thing: Thing, at: Spot, t: Array) -> _Path:
    return _Path(z=ease(2.3 * t, np.maximum(2.5, FRONT - at.z), 0.4))


def _moves_away(thing: Thing, at: Spot, t: Array) -> _Path:
    return _Path(z=-ease(2.3 * t, np.maximum(2.5, at.z - BACK), 0.4))


def _rises(thing: Thing, at: Spot, t: Array) -> _Path:
    return _Path(y=ease(0.85 * t, 1.65, 0.2))


def _drops(thing: Thing, at: Spot, t: Array) -> _Path:
    """A fall from 1.9 m with two small rebounds (gravity 6, slowed so that 8 fps shows it)."""
    gravity, height, rebound = 6.0, 1.9, 0.35
    late = np.maximum(t - 0.25, 0.0)
    fall = math.sqrt(2 * height / gravity)
    y = np.maximum(height - 0.5 * gravity * late**2, 0.0)
    speed, begin = gravity * fall, fall
    for _ in range(2):
        speed *= rebound
        u = late - begin
        y = np.maximum(y, np.where(u > 0, speed * u - 0.5 * gravity * u**2, 0.0))
        begin += 2 * speed / gravity
    return _Path(y=y)


def _bounces(thing: Thing, at: Spot, t: Array) -> _Path:
    u = (t / 0.8 + at.phase) % 1.0
    return _Path(y=1.5 * 4.0 * u * (1.0 - u))


def _spins(thing: Thing, at: Spot, t: Array) -> _Path:
    axis = (0.0, 0.28, 0.96) if thing.shape in TUMBLERS else (0.0, 1.0, 0.0)
    return _Path(turn=math.pi * t, axis=axis)


def _circles(thing: Thing, at: Spot, t: Array) -> _Path:
    """A loop in 2 seconds, clockwise seen from above; `phase` is where it begins."""
    begin = 2 * math.pi * at.phase
    angle = begin + math.pi * t
    return _Path(x=LOOP * (np.cos(angle) - np.cos(begin)), z=LOOP * (np.sin(angle) - np.sin(begin)))


def _grows(thing: Thing, at: Spot, t: Array) -> _Path:
    return _Path(scale=0.6 * 2.25 ** ease(t / 2.0, 1.12, 0.12))


def _shrinks(thing: Thing, at: Spot, t: Array) -> _Path:
    return _Path(scale=1.35 * 2.25 ** -ease(t / 2.0, 1.12, 0.12))


_VERBS: dict[str, Callable[[Thing, Spot, Array], _Path]] = {
    "still": _still,
    "slides left": _slides_left,
    "slides right": _slides_right,
    "comes closer": _comes_closer,
    "moves away": _moves_away,
    "rises": _rises,
    "drops": _drops,
    "bounces": _bounces,
    "spins": _spins,
    "circles": _circles,
    "grows": _grows,
    "shrinks": _shrinks,
}
