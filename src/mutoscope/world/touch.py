"""Whether things pass through each other, measured on their surfaces."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache
from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray

from mutoscope.world.kernel import kernel
from mutoscope.world.motion import Spot, Track, one_of
from mutoscope.world.scene import SHAPES, Scene, Thing
from mutoscope.world.shapes import BOUND, FAR, distance, hit

Array = NDArray[np.float64]

_POINTS = 500


@lru_cache(maxsize=len(SHAPES))
def surface(kind: int) -> Array:
    """About 500 points on a solid of medium size, K 3, met by rays from all around."""
    rng = np.random.default_rng(kind)
    origin, aim = rng.normal(size=(2, _POINTS, 3))
    origin *= 4.0 / np.linalg.norm(origin, axis=1, keepdims=True)
    aim *= 0.75 * BOUND[kind] / np.linalg.norm(aim, axis=1, keepdims=True)
    way = aim - origin
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    reached = _reached(kind, origin, way)
    met = reached < FAR
    points: Array = origin[met] + reached[met, None] * way[met]
    return points


@kernel
def _reached(kind: int, origin: Array, way: Array) -> Array:
    far = np.empty(len(origin))
    for i in range(len(origin)):
        o, d = origin[i], way[i]
        far[i], _, _, _, _ = hit(kind, o[0], o[1], o[2], d[0], d[1], d[2])
    return far


@kernel
def _deepest(kind: int, points: Array, shift: Array, turn: Array) -> float:
    """The least signed distance to a solid of points that are turned, then shifted."""
    least = 1e9
    for i in range(len(points)):
        x, y, z = points[i, 0], points[i, 1], points[i, 2]
        a = turn[0, 0] * x + turn[0, 1] * y + turn[0, 2] * z + shift[0]
        b = turn[1, 0] * x + turn[1, 1] * y + turn[1, 2] * z + shift[1]
        c = turn[2, 0] * x + turn[2, 1] * y + turn[2, 2] * z + shift[2]
        least = min(least, distance(kind, a, b, c))
    return least


def overlap(
    scene: Scene, times: Array, group: Sequence[int] | None = None, beside: Collection[int] = ()
) -> float:
    """How deep any two things are in each other at any of the times, in metres; 0 if apart.

    Those of a group count with each other (None: all), and with those beside it.
    """
    things = scene.things
    group = range(len(things)) if group is None else group
    met = (*permutations(group, 2), *product(group, beside), *product(beside, group))
    spots = [Spot.of(thing) for thing in things]
    counted = {i for pair in met for i in pair}
    known = {i: (things[i], one_of(things, spots, i, times)) for i in counted}
    return max((_sunk(known[i], known[j]) for i, j in met), default=0.0)


def _sunk(a: tuple[Thing, Track], b: tuple[Thing, Track]) -> float:
    """How deep points of a are in b."""
    (one, p), (two, q) = a, b
    i, j = SHAPES.index(one.shape), SHAPES.index(two.shape)
    gap = np.linalg.norm(p.centre - q.centre, axis=-1)
    near = gap < BOUND[i] * p.scale + BOUND[j] * q.scale
    deepest = 0.0
    for k in np.flatnonzero(near & (p.scale > 1e-6) & (q.scale > 1e-6)):
        turn = q.rotation[k].T @ p.rotation[k] * (p.scale[k] / q.scale[k])
        shift = q.rotation[k].T @ (p.centre[k] - q.centre[k]) / q.scale[k]
        deepest = max(deepest, -_deepest(j, surface(i), shift, turn) * q.scale[k])
    return deepest
