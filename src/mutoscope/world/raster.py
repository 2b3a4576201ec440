"""Frames of rays: a pixel is one through its middle and, where things or faces meet, four more."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mutoscope.world.kernel import inlined, kernel
from mutoscope.world.palette import CODES
from mutoscope.world.shade import look
from mutoscope.world.shapes import FAR
from mutoscope.world.stage import Setting
from mutoscope.world.trace import BASIS, EYE, HALF_TAN

Array = NDArray[np.float64]


@inlined
def ray(view: Array, x: float, y: float, w: int, h: int) -> tuple[float, float, float]:
    """Unit direction through the point (x, y) of a frame, in pixels from its top left corner."""
    half = view[HALF_TAN]
    a = (2.0 * x - w) / h * half
    b = (2.0 * y - h) / h * half
    dx = view[BASIS] * a + view[BASIS + 3] * b + view[BASIS + 6]
    dy = view[BASIS + 1] * a + view[BASIS + 4] * b + view[BASIS + 7]
    dz = view[BASIS + 2] * a + view[BASIS + 5] * b + view[BASIS + 8]
    f = 1.0 / math.sqrt(dx * dx + dy * dy + dz * dz)
    return dx * f, dy * f, dz * f


@inlined
def _mask(rects: Array, x: int, y: int) -> int:
    bits = 0
    for i in range(rects.shape[0]):
        if rects[i, 0] <= x + 1 and x <= rects[i, 2] and rects[i, 1] <= y + 1 and y <= rects[i, 3]:
            bits |= 1 << i
    return bits


@kernel
def paint(
    things: Array,
    views: Array,
    rects: Array,
    place: Setting,
    rgb: NDArray[np.uint8],
    met: NDArray[np.int16],
    depth: NDArray[np.float32],
) -> None:
    """Fill rgb (T H W 3), met (what + 4 | face << 8) and depth along the optical axis (T H W)."""
    T, H, W = met.shape
    colour = np.empty((H, W, 3))
    for k in range(T):
        _first(things[k], views[k], rects[k], place, colour, met[k], depth[k])
        for y in range(H):
            for x in range(W):
                if _edge(met[k], x, y):
                    _refine(things[k], views[k], rects[k], place, colour, x, y)
                for c in range(3):
                    level = min(1.0, max(0.0, colour[y, x, c]))
                    rgb[k, y, x, c] = CODES[int(level * 4095.0)]


@kernel
def _first(
    things: Array,
    view: Array,
    rects: Array,
    place: Setting,
    colour: Array,
    met: NDArray[np.int16],
    depth: NDArray[np.float32],
) -> None:
    """One ray through the middle of every pixel."""
    H, W = met.shape
    eye = (view[EYE], view[EYE + 1], view[EYE + 2])
    pixel = 2.0 * view[HALF_TAN] / H
    for y in range(H):
        for x in range(W):
            d = ray(view, x + 0.5, y + 0.5, W, H)
            mask = _mask(rects, x, y)
            r, g, b, t, what, face = look(things, place, mask, eye, d, pixel)
            colour[y, x, 0], colour[y, x, 1], colour[y, x, 2] = r, g, b
            met[y, x] = (what + 4) | face << 8
            ahead = d[0] * view[BASIS + 6] + d[1] * view[BASIS + 7] + d[2] * view[BASIS + 8]
            depth[y, x] = np.inf if t >= FAR else t * ahead


@kernel
def _refine(
    things: Array, view: Array, rects: Array, place: Setting, colour: Array, x: int, y: int
) -> None:
    """Four more rays on a rotated grid, averaged with the one in the middle."""
    H, W = colour.shape[:2]
    eye = (view[EYE], view[EYE + 1], view[EYE + 2])
    pixel = 2.0 * view[HALF_TAN] / H
    mask = _mask(rects, x, y)
    for s in range(4):
        sx = 0.375 if s == 0 else (0.875 if s == 1 else (0.125 if s == 2 else 0.625))
        d = ray(view, x + sx, y + 0.125 + 0.25 * s, W, H)
        r, g, b, _, _, _ = look(things, place, mask, eye, d, 0.5 * pixel)
        colour[y, x, 0] += min(1.0, r)
        colour[y, x, 1] += min(1.0, g)
        colour[y, x, 2] += min(1.0, b)
    for c in range(3):
        colour[y, x, c] *= 0.2


@kernel
def _differ(a: int, b: int) -> bool:
    # Floor and open sky have melted into each other where they meet.
    return a != b and (a | b) > 3


@kernel
def _edge(met: NDArray[np.int16], x: int, y: int) -> bool:
    H, W = met.shape
    here = met[y, x]
    return bool(
        (x > 0 and _differ(met[y, x - 1], here))
        or (x + 1 < W and _differ(met[y, x + 1], here))
        or (y > 0 and _differ(met[y - 1, x], here))
        or (y + 1 < H and _differ(met[y + 1, x], here))
    )
