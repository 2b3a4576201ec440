"""Rays among things: the nearest one met, and how much light things leave to a point.

Shadows and contact shading come from the signed distances of shapes.py: the penumbra of a shadow
widens with the distance that light has passed by its thing.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mutoscope.world.kernel import inlined, kernel
from mutoscope.world.shapes import BOUND, FAR, distance, hit
from mutoscope.world.stage import LIGHT

Array = NDArray[np.float64]
Triple = tuple[float, float, float]

SHAPE, CENTRE, SCALE, ROTATION, COLOUR, MATERIAL, SECOND = 0, 1, 4, 5, 14, 17, 18
WIDTH = 21
"""Columns of a thing's row: shape, centre 3, scale, rotation 9, colour 3, material, 2nd colour."""

EYE, BASIS, HALF_TAN = 0, 3, 12
VIEW_WIDTH = 13
"""Columns of a view's row: eye 3, basis 9 (right, down, forward), tangent of half the field."""

NOTHING, ON_FLOOR, ON_WALL, ON_SIGN = -1, -2, -3, -4
"""What a ray met when it met no thing."""


@inlined
def _meet(
    row: Array, ox: float, oy: float, oz: float, dx: float, dy: float, dz: float
) -> tuple[float, float, float, float, int]:
    """`hit` for a thing standing somewhere: distance, world normal, face."""
    px, py, pz = ox - row[CENTRE], oy - row[CENTRE + 1], oz - row[CENTRE + 2]
    kind, scale = int(row[SHAPE]), row[SCALE]
    b = px * dx + py * dy + pz * dz
    reach = BOUND[kind] * scale
    if b * b - (px * px + py * py + pz * pz) + reach * reach <= 0.0:
        return FAR, 0.0, 0.0, 0.0, 0
    m = row[ROTATION : ROTATION + 9]
    s = 1.0 / scale
    t, nx, ny, nz, face = hit(
        kind,
        (m[0] * px + m[3] * py + m[6] * pz) * s,
        (m[1] * px + m[4] * py + m[7] * pz) * s,
        (m[2] * px + m[5] * py + m[8] * pz) * s,
        m[0] * dx + m[3] * dy + m[6] * dz,
        m[1] * dx + m[4] * dy + m[7] * dz,
        m[2] * dx + m[5] * dy + m[8] * dz,
    )
    if t >= FAR:
        return FAR, 0.0, 0.0, 0.0, 0
    return (
        t * scale,
        m[0] * nx + m[1] * ny + m[2] * nz,
        m[3] * nx + m[4] * ny + m[5] * nz,
        m[6] * nx + m[7] * ny + m[8] * nz,
        face,
    )


@inlined
def _gap(row: Array, x: float, y: float, z: float) -> float:
    """Signed distance in metres from a point to a thing."""
    px, py, pz = x - row[CENTRE], y - row[CENTRE + 1], z - row[CENTRE + 2]
    m = row[ROTATION : ROTATION + 9]
    s = row[SCALE]
    gap: float = s * distance(
        int(row[SHAPE]),
        (m[0] * px + m[3] * py + m[6] * pz) / s,
        (m[1] * px + m[4] * py + m[7] * pz) / s,
        (m[2] * px + m[5] * py + m[8] * pz) / s,
    )
    return gap


@inlined
def lit(things: Array, skip: int, x: float, y: float, z: float, light: Array) -> float:
    """How much of the key light reaches a point, 0 to 1."""
    lx, ly, lz = light[LIGHT], light[LIGHT + 1], light[LIGHT + 2]
    clear = 1.0
    for k in range(things.shape[0]):
        row = things[k]
        reach = BOUND[int(row[SHAPE])] * row[SCALE]
        if k == skip or reach <= 0.0:
            continue
        cx, cy, cz = row[CENTRE] - x, row[CENTRE + 1] - y, row[CENTRE + 2] - z
        along = cx * lx + cy * ly + cz * lz
        wide = reach + 0.11 * max(0.0, along)
        miss = cx * cx + cy * cy + cz * cz - along * along
        if along < -reach or miss >= wide * wide:
            continue
        span = math.sqrt(wide * wide - miss)
        t, end = max(0.02, along - span), along + span
        for _ in range(24):
            h = _gap(row, x + t * lx, y + t * ly, z + t * lz)
            clear = min(clear, 0.5 + 0.5 * h / (0.10 * t + 0.01))
            if clear <= 0.0:
                return 0.0
            t += min(0.5, max(0.03, abs(h)))
            if t > end:
                break
    return clear * clear * (3.0 - 2.0 * clear)


@inlined
def contact(things: Array, skip: int, x: float, y: float, z: float) -> float:
    """Ambient light left by things close by, 0.4 to 1."""
    left = 1.0
    for k in range(things.shape[0]):
        row = things[k]
        reach = BOUND[int(row[SHAPE])] * row[SCALE]
        px, py, pz = x - row[CENTRE], y - row[CENTRE + 1], z - row[CENTRE + 2]
        soft = 0.55 * row[SCALE]
        if k == skip or px * px + py * py + pz * pz > (reach + soft) ** 2:
            continue
        d = max(0.0, _gap(row, x, y, z)) / soft
        if d < 1.0:
            left *= 1.0 - 0.6 * (1.0 - d) ** 2
    return left


@kernel
def nearest(
    things: Array, mask: int, eye: Triple, d: Triple
) -> tuple[float, float, float, float, int, int]:
    """Nearest thing along a ray: distance, normal, index (NOTHING), face."""
    best, nx, ny, nz, k, face = FAR, 0.0, 0.0, 0.0, NOTHING, 0
    for i in range(things.shape[0]):
        if mask >> i & 1 and things[i, SCALE] > 1e-6:
            t, ax, ay, az, side = _meet(things[i], eye[0], eye[1], eye[2], d[0], d[1], d[2])
            if t < best:
                best, nx, ny, nz, k, face = t, ax, ay, az, i, side
    return best, nx, ny, nz, k, face
