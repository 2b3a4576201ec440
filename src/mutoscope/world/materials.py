"""What things are made of: paint in two colours, laid out in a thing's own space, and gloss."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mutoscope.world.kernel import kernel
from mutoscope.world.palette import PAINTS, linear
from mutoscope.world.shapes import RING, RING_R
from mutoscope.world.textures import square

MATTE, SHINY, STRIPED, DOTTED, CHECKERED = range(5)

STRIPE = 0.44
"""A light and a dark stripe together, in metres at medium size; a ring has 7 pairs instead."""
DOT = 0.42
"""From dot to dot."""
DOT_R = 0.145
CHECK = 0.43
"""Side of a square."""
_DIRECTION = (0.42, 0.80, 0.43)
"""Stripes lie across this, so that turning about any axis shows."""

_LIGHT_PAINTS = ("yellow", "cyan", "pink", "white")


def second(colour: str) -> NDArray[np.float64]:
    """The other colour of a pattern, linear: dark on light paints, white on dark ones."""
    if colour not in PAINTS or colour not in _LIGHT_PAINTS:
        return linear((244, 244, 240))
    return linear((44, 44, 56))


@kernel
def _dots(u: float, v: float, width: float) -> float:
    a, b = u / DOT - math.floor(u / DOT) - 0.5, v / DOT - math.floor(v / DOT) - 0.5
    r = math.sqrt(a * a + b * b) * DOT
    w = max(width, 1e-4)
    return min(1.0, max(0.0, 0.5 + (DOT_R - r) / w))


@kernel
def _wave(u: float, width: float) -> float:
    """Stripes of period 2 as a share in [0, 1], averaged over `width`."""
    return 0.5 - 0.5 * square(u, width)


@kernel
def share(
    material: int,
    kind: int,
    p: tuple[float, float, float],
    n: tuple[float, float, float],
    width: float,
) -> float:
    """How much of the second colour shows at p, with normal n, both in the thing's own space.

    `width` is about what a pixel covers, in the thing's own metres.
    """
    x, y, z = p
    if material == STRIPED:
        if kind == RING:
            return _wave(math.atan2(y, x) * 7.0 / math.pi, width * 7.0 / math.pi / RING_R)
        u = _DIRECTION[0] * x + _DIRECTION[1] * y + _DIRECTION[2] * z
        return _wave(2.0 * u / STRIPE, 2.0 * width / STRIPE)
    if material == DOTTED:
        ax, ay, az = abs(n[0]), abs(n[1]), abs(n[2])
        if ay >= ax and ay >= az:
            return _dots(x, z, width)
        if ax >= az:
            return _dots(y, z, width)
        return _dots(x, y, width)
    if material == CHECKERED:
        w = width / CHECK
        a = square(x / CHECK + 0.5, w) * square(y / CHECK + 0.5, w)
        return 0.5 - 0.5 * a * square(z / CHECK + 0.5, w)
    return 0.0
