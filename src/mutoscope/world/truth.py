"""What is true of a clip's pixels besides their colour: where each goes next, what hides, lines.

Flow: the point seen in the middle of pixel p at instant k is carried along by its thing (or stays,
on the stage; at infinity, in the sky) and projected at instant k + 1 to p + flow. It is occluded if
it is then outside the frame or behind something, itself included.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mutoscope.world.kernel import kernel
from mutoscope.world.raster import ray
from mutoscope.world.trace import (
    BASIS,
    CENTRE,
    EYE,
    HALF_TAN,
    NOTHING,
    ROTATION,
    SCALE,
    nearest,
)

Array = NDArray[np.float64]
Point = tuple[float, float, float]


@kernel
def _carried(now: Array, then: Array, p: Point) -> Point:
    """Where a point of a thing is after the thing has moved from one row to another."""
    x, y, z = p[0] - now[CENTRE], p[1] - now[CENTRE + 1], p[2] - now[CENTRE + 2]
    a, b = now[ROTATION : ROTATION + 9], then[ROTATION : ROTATION + 9]
    s = then[SCALE] / now[SCALE]
    u = (a[0] * x + a[3] * y + a[6] * z) * s
    v = (a[1] * x + a[4] * y + a[7] * z) * s
    w = (a[2] * x + a[5] * y + a[8] * z) * s
    return (
        then[CENTRE] + b[0] * u + b[1] * v + b[2] * w,
        then[CENTRE + 1] + b[3] * u + b[4] * v + b[5] * w,
        then[CENTRE + 2] + b[6] * u + b[7] * v + b[8] * w,
    )


@kernel
def _projected(view: Array, d: Point, w: int, h: int) -> Point:
    """Pixel position and depth of what lies at `d` from the eye."""
    m = view[BASIS : BASIS + 9]
    x = m[0] * d[0] + m[1] * d[1] + m[2] * d[2]
    y = m[3] * d[0] + m[4] * d[1] + m[5] * d[2]
    z = max(1e-3, m[6] * d[0] + m[7] * d[1] + m[8] * d[2])
    k = 0.5 * h / (z * view[HALF_TAN])
    return 0.5 * w + k * x, 0.5 * h + k * y, z


@kernel
def _hidden(things: Array, view: Array, d: Point, what: int) -> bool:
    """Whether something stands before what lies at `d` from the eye (the sky lies very far)."""
    far = math.sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2])
    way = (d[0] / far, d[1] / far, d[2] / far)
    eye = (view[EYE], view[EYE + 1], view[EYE + 2])
    t, _, _, _, k, _ = nearest(things, -1, eye, way)
    if what != NOTHING:
        return k >= 0 and t < far * (1.0 - 1e-3)
    return k >= 0 or way[1] < 0.0


@kernel
def follow(
    things: Array,
    views: Array,
    met: NDArray[np.int16],
    depth: NDArray[np.float32],
    flow: NDArray[np.float32],
    occluded: NDArray[np.bool_],
) -> None:
    """Fill flow (T H W 2) and occluded (T H W) from rows and views of T + 1 instants."""
    T, H, W = met.shape
    for k in range(T):
        now, then = views[k], views[k + 1]
        for y in range(H):
            for x in range(W):
                d = ray(now, x + 0.5, y + 0.5, W, H)
                what = (met[k, y, x] & 255) - 4
                gone = False
                if what != NOTHING:
                    m = now[BASIS + 6 : BASIS + 9]
                    t = depth[k, y, x] / (d[0] * m[0] + d[1] * m[1] + d[2] * m[2])
                    p = (now[EYE] + t * d[0], now[EYE + 1] + t * d[1], now[EYE + 2] + t * d[2])
                    if what >= 0:
                        p = _carried(things[k, what], things[k + 1, what], p)
                        gone = things[k + 1, what, SCALE] <= 1e-6
                    d = (p[0] - then[EYE], p[1] - then[EYE + 1], p[2] - then[EYE + 2])
                u, v, _ = _projected(then, d, W, H)
                flow[k, y, x, 0], flow[k, y, x, 1] = u - x - 0.5, v - y - 0.5
                out = u < 0.0 or v < 0.0 or u > W or v > H
                occluded[k, y, x] = gone or out or _hidden(things[k + 1], then, d, what)


def lines(
    met: NDArray[np.int16] | NDArray[np.uint8], depth: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """Outlines and creases: 255 on lines, one pixel wide on the nearer side, and 0 elsewhere."""
    drawn = np.zeros(met.shape, np.uint8)
    for axis in (1, 2):
        a = [slice(None)] * 3
        b = [slice(None)] * 3
        a[axis], b[axis] = slice(None, -1), slice(1, None)
        here, there = tuple(a), tuple(b)
        differ = met[here] != met[there]
        nearer = depth[here] <= depth[there]
        drawn[here] |= np.where(differ & nearer, 255, 0).astype(np.uint8)
        drawn[there] |= np.where(differ & ~nearer, 255, 0).astype(np.uint8)
    return drawn
