"""What each verb does to a thing, as a function of continuous time.

One-way motions run evenly for about 2 seconds and then ease to a halt at the edge of the stage, so
that a clip of 4 seconds stays composed. Times are already paced: 1 second of "quickly" is 1.6 here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mutoscope.world.camera import ease
from mutoscope.world.palette import rgb
from mutoscope.world.scene import Thing
from mutoscope.world.shapes import (
    BALL_R,
    CAPS_R,
    CONE_H,
    CONE_R,
    CUBE_H,
    CYL_R,
    PYR_A,
    PYR_H,
    RING_R,
    RING_T,
    STAR_OUT,
)

Array = NDArray[np.float64]

EDGE = 1.7
"""How far from the middle a slide ends."""
FRONT, BACK = 2.1, -4.2
"""Where coming closer and moving away end."""
LOOP = 0.9
"""Radius of a circle."""
LIFT = 1.65
"""How high things rise, and sink from."""
SPEED = 1.1
"""Metres a second of sliding things."""
TUMBLERS = ("cylinder", "cone", "capsule")
"""Shapes whose spin about the vertical wouldn't show: they turn head over heels."""
LYING = ("cylinder", "capsule")
"""Shapes that roll on their side."""

_AROUND = 1 / (2 * math.pi)
_ROLL = {
    "ball": BALL_R,
    "cube": 8 * CUBE_H * _AROUND,
    "cylinder": CYL_R,
    "cone": (2 * CONE_R + 2 * math.hypot(CONE_R, 2 * CONE_H)) * _AROUND,
    "ring": RING_R + RING_T,
    "capsule": CAPS_R,
    "pyramid": (2 * PYR_A + 2 * math.hypot(PYR_A, 2 * PYR_H)) * _AROUND,
    "star": 10 * STAR_OUT * math.sin(math.pi / 5) * _AROUND,
}
"""Metres a thing rolls in a turn of one radian: the length around its hull over a full turn."""


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
class Path:
    """What a verb does: offsets in metres, a factor on the size, a turn in radians about an axis.

    `leans`: the thing's height follows from its lowest point as it turns. `rolls`: it begins lying
    on its side if it rolls so, and is not turned by its yaw. `mix`: share of the second colour.
    """

    x: Array | float = 0.0
    y: Array | float = 0.0
    z: Array | float = 0.0
    scale: Array | float = 1.0
    turn: Array | float = 0.0
    axis: tuple[float, float, float] = (0.0, 1.0, 0.0)
    leans: bool = False
    rolls: bool = False
    mix: Array | None = None


def path(thing: Thing, at: Spot, t: Array) -> Path:
    """What a verb does to its thing at paced times t; relational verbs do nothing by themselves."""
    return VERB_PATHS[thing.motion.verb](thing, at, t)


def colours(thing: Thing, mix: Array) -> Array:
    """A thing's colour as it turns into its second one, ... 3."""
    first, then = rgb(thing.colour), rgb(thing.motion.colour or thing.colour)
    changed: Array = first + mix[..., None] * (then - first)
    return changed


def smooth(low: float, high: float, t: Array) -> Array:
    """A smooth step from 0 at `low` to 1 at `high`."""
    u = np.clip((t - low) / (high - low), 0.0, 1.0)
    eased: Array = u * u * (3.0 - 2.0 * u)
    return eased


def _still(thing: Thing, at: Spot, t: Array) -> Path:
    return Path()


def _left(thing: Thing, at: Spot, t: Array) -> Array:
    return -ease(SPEED * t, np.maximum(1.4, EDGE + at.x), 0.3)


def _right(thing: Thing, at: Spot, t: Array) -> Array:
    return ease(SPEED * t, np.maximum(1.4, EDGE - at.x), 0.3)


def _slides_left(thing: Thing, at: Spot, t: Array) -> Path:
    return Path(x=_left(thing, at, t))


def _slides_right(thing: Thing, at: Spot, t: Array) -> Path:
    return Path(x=_right(thing, at, t))


def _rolled(thing: Thing, x: Array) -> Path:
    turn = -x / (_ROLL[thing.shape])
    return Path(x=x, turn=turn, axis=(0.0, 0.0, 1.0), leans=True, rolls=True)


def _rolls_left(thing: Thing, at: Spot, t: Array) -> Path:
    return _rolled(thing, _left(thing, at, t))


def _rolls_right(thing: Thing, at: Spot, t: Array) -> Path:
    return _rolled(thing, _right(thing, at, t))


def _comes_closer(thing: Thing, at: Spot, t: Array) -> Path:
    return Path(z=ease(2.3 * t, np.maximum(2.5, FRONT - at.z), 0.4))


def _moves_away(thing: Thing, at: Spot, t: Array) -> Path:
    return Path(z=-ease(2.3 * t, np.maximum(2.5, at.z - BACK), 0.4))


def _rises(thing: Thing, at: Spot, t: Array) -> Path:
    return Path(y=ease(0.85 * t, LIFT, 0.2))


def _sinks(thing: Thing, at: Spot, t: Array) -> Path:
    return Path(y=LIFT - ease(0.85 * t, LIFT, 0.2))


def _drops(thing: Thing, at: Spot, t: Array) -> Path:
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
    return Path(y=y)


def _bounces(thing: Thing, at: Spot, t: Array) -> Path:
    u = (t / 0.8 + at.phase) % 1.0
    return Path(y=1.5 * 4.0 * u * (1.0 - u))


def _spins(thing: Thing, at: Spot, t: Array) -> Path:
    axis = (0.0, 0.28, 0.96) if thing.shape in TUMBLERS else (0.0, 1.0, 0.0)
    return Path(turn=math.pi * t, axis=axis)


def _circles(thing: Thing, at: Spot, t: Array) -> Path:
    """A loop in 2 seconds, clockwise seen from above; `phase` is where it begins."""
    begin = 2 * math.pi * at.phase
    angle = begin + math.pi * t
    return Path(x=LOOP * (np.cos(angle) - np.cos(begin)), z=LOOP * (np.sin(angle) - np.sin(begin)))


def _sways(thing: Thing, at: Spot, t: Array) -> Path:
    """Rocking from side to side, one and a quarter times in 2 seconds."""
    begin = 2 * math.pi * at.phase
    swing = np.sin(begin + 2 * math.pi * t / 1.6)
    return Path(
        x=0.42 * (swing - np.sin(begin)), turn=-0.34 * swing, axis=(0.0, 0.0, 1.0), leans=True
    )


def _zigzags(thing: Thing, at: Spot, t: Array) -> Path:
    """Across the stage to the roomier side, to and fro in depth once a second."""
    way = np.where(np.asarray(at.x) > 0, -1.0, 1.0)
    u = (t + 0.25) % 1.0
    z = 0.6 * (4.0 * np.abs(u - 0.5) - 1.0)
    return Path(x=way * ease(0.85 * t, EDGE + np.abs(at.x), 0.3), z=z)


def _grows(thing: Thing, at: Spot, t: Array) -> Path:
    return Path(scale=0.6 * 2.25 ** ease(t / 2.0, 1.12, 0.12))


def _shrinks(thing: Thing, at: Spot, t: Array) -> Path:
    return Path(scale=1.35 * 2.25 ** -ease(t / 2.0, 1.12, 0.12))


def _appears(thing: Thing, at: Spot, t: Array) -> Path:
    return Path(scale=smooth(0.6, 0.85, t))


def _vanishes(thing: Thing, at: Spot, t: Array) -> Path:
    return Path(scale=1.0 - smooth(1.0, 1.25, t))


def _changes_colour(thing: Thing, at: Spot, t: Array) -> Path:
    return Path(mix=smooth(0.6, 1.4, t))


VERB_PATHS: dict[str, Callable[[Thing, Spot, Array], Path]] = {
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
    "sinks": _sinks,
    "rolls left": _rolls_left,
    "rolls right": _rolls_right,
    "sways": _sways,
    "zigzags": _zigzags,
    "appears": _appears,
    "vanishes": _vanishes,
    "changes colour": _changes_colour,
    "follows": _still,
    "pushes": _still,
    "orbits": _still,
    "stacks on": _still,
}
