"""The ray-caster: what one ray sees, and whole clips of such rays.

A pixel is one ray through its middle; where things, faces or walls meet, four more rays are
averaged. Shadows and contact shading come from the signed distances of shapes.py: the penumbra of a
shadow widens with the distance that light has passed by its thing.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mutoscope.world.shapes import BOUND, FAR, distance, hit, kernel
from mutoscope.world.stage import (
    AMBIENT,
    FIRST_PLAIN,
    FIRST_WALL,
    FLOOR,
    KEY,
    LIGHT,
    WALL,
    WALL_Z,
    WATER,
    floor,
    ripple,
    sky,
    water,
)

Array = NDArray[np.float64]

SHAPE, CENTRE, SCALE, ROTATION, COLOUR, MATERIAL = 0, 1, 4, 5, 14, 17
WIDTH = 18
"""Columns of a thing's row: shape, centre 3, scale, rotation 9, colour 3, material."""

EYE, BASIS, HALF_TAN = 0, 3, 12
VIEW_WIDTH = 13
"""Columns of a view's row: eye 3, basis 9 (right, down, forward), tangent of half the field."""

NOTHING, ON_FLOOR, ON_WALL = -1, -2, -3
"""What a ray met when it met no thing."""

FADE, HORIZON = 14.0, 64.0
"""Under an open sky the floor begins to melt into the sky here, and has melted there, in metres."""

Shade = tuple[float, float, float, float, int, int]
"""Linear red, green, blue; distance; what was met; its face."""


@kernel
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


@kernel
def _gap(row: Array, x: float, y: float, z: float) -> float:
    """Signed distance in metres from a point to a thing."""
    px, py, pz = x - row[CENTRE], y - row[CENTRE + 1], z - row[CENTRE + 2]
    m = row[ROTATION : ROTATION + 9]
    s = row[SCALE]
    return s * distance(
        int(row[SHAPE]),
        (m[0] * px + m[3] * py + m[6] * pz) / s,
        (m[1] * px + m[4] * py + m[7] * pz) / s,
        (m[2] * px + m[5] * py + m[8] * pz) / s,
    )


@kernel
def _lit(things: Array, skip: int, x: float, y: float, z: float, light: Array) -> float:
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


@kernel
def _contact(things: Array, skip: int, x: float, y: float, z: float) -> float:
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
def _thing(
    things: Array,
    k: int,
    point: tuple[float, float, float],
    normal: tuple[float, float, float],
    ray: tuple[float, float, float],
    light: Array,
) -> tuple[float, float, float]:
    """Colour of a point on thing k: hemisphere ambient, key light, a soft highlight and a rim."""
    x, y, z = point
    nx, ny, nz = normal
    dx, dy, dz = ray
    row = things[k]
    lx, ly, lz = light[LIGHT], light[LIGHT + 1], light[LIGHT + 2]
    facing = nx * lx + ny * ly + nz * lz
    lit = 0.0
    if facing > 0.0:
        lit = _lit(things, k, x + 1e-3 * nx, y + 1e-3 * ny, z + 1e-3 * nz, light)
    soft = max(0.0, 0.88 * facing + 0.12) * (lit if facing > 0.0 else 1.0)
    near = _contact(things, k, x, y, z)
    ground = min(1.0, max(0.0, 0.72 + 0.6 * y))
    hemisphere = (0.86 + 0.26 * ny) * near * (ground if ny < 0.3 else 1.0)
    hx, hy, hz = lx - dx, ly - dy, lz - dz
    f = 1.0 / math.sqrt(hx * hx + hy * hy + hz * hz)
    shine = max(0.0, (nx * hx + ny * hy + nz * hz) * f)
    shine *= shine
    shine *= shine
    shine *= shine
    gloss = 0.10 * shine * shine * shine * lit
    graze = 1.0 + nx * dx + ny * dy + nz * dz
    rim = 0.07 * graze * graze * max(0.0, 0.4 + 0.6 * ny)
    r = row[COLOUR] * (light[AMBIENT] * hemisphere + light[KEY] * soft)
    g = row[COLOUR + 1] * (light[AMBIENT + 1] * hemisphere + light[KEY + 1] * soft)
    b = row[COLOUR + 2] * (light[AMBIENT + 2] * hemisphere + light[KEY + 2] * soft)
    extra = gloss + rim
    return r + extra * light[KEY], g + extra * light[KEY + 1], b + extra * light[KEY + 2]


@kernel
def _background(
    codes: tuple[int, int, int], light: Array, d: tuple[float, float, float], pixel: float
) -> tuple[float, float, float]:
    if codes[1] >= FIRST_WALL:
        return light[WALL], light[WALL + 1], light[WALL + 2]
    return sky(codes[1], d[0], d[1], d[2], pixel, codes[2])


@kernel
def _nearest(
    things: Array, mask: int, eye: tuple[float, float, float], d: tuple[float, float, float]
) -> tuple[float, float, float, float, int, int]:
    """Nearest thing along a ray: distance, normal, index (NOTHING), face."""
    best, nx, ny, nz, k, face = FAR, 0.0, 0.0, 0.0, NOTHING, 0
    for i in range(things.shape[0]):
        if mask >> i & 1 and things[i, SCALE] > 1e-6:
            t, ax, ay, az, side = _meet(things[i], eye[0], eye[1], eye[2], d[0], d[1], d[2])
            if t < best:
                best, nx, ny, nz, k, face = t, ax, ay, az, i, side
    return best, nx, ny, nz, k, face


@kernel
def _mirror(
    things: Array,
    codes: tuple[int, int, int],
    light: Array,
    p: tuple[float, float, float],
    d: tuple[float, float, float],
    slope: tuple[float, float],
    pixel: float,
) -> tuple[float, float, float, float]:
    """What water reflects at p, and how strongly."""
    sx, sz = slope
    f = 1.0 / math.sqrt(1.0 + sx * sx + sz * sz)
    nx, ny, nz = -sx * f, f, -sz * f
    c = 2.0 * (d[0] * nx + d[1] * ny + d[2] * nz)
    rx, ry, rz = d[0] - c * nx, max(0.02, d[1] - c * ny), d[2] - c * nz
    e = (p[0], 1e-3, p[2])
    t, ax, ay, az, k, _ = _nearest(things, -1, e, (rx, ry, rz))
    share = 0.10 + 0.55 * (1.0 - min(1.0, ry * 1.5)) ** 2
    if k >= 0:
        q = (e[0] + t * rx, e[1] + t * ry, e[2] + t * rz)
        r, g, b = _thing(things, k, q, (ax, ay, az), (rx, ry, rz), light)
        return r, g, b, min(0.7, share + 0.15)
    # Wide, so that water shows a glow for the moon and no stars.
    r, g, b = _background(codes, light, (rx, ry, rz), pixel + 0.06)
    return r, g, b, share


@kernel
def _ground(
    things: Array,
    codes: tuple[int, int, int],
    light: Array,
    p: tuple[float, float, float],
    d: tuple[float, float, float],
    pixel: float,
    t: float,
) -> tuple[float, float, float]:
    x, _, z = p
    sx, sz = 0.0, 0.0
    fx = t * pixel
    fz = fx / max(0.02, -d[1])
    if codes[0] >= FIRST_PLAIN:
        r, g, b = light[FLOOR], light[FLOOR + 1], light[FLOOR + 2]
    elif codes[0] == WATER:
        sx, sz, crest = ripple(x, z, fz, codes[2])
        r, g, b = water(crest)
    else:
        r, g, b = floor(codes[0], x, z, fx, fz, codes[2])
    lit = _lit(things, -1, x, 0.0, z, light)
    key = lit * light[LIGHT + 1] * 1.25
    near = _contact(things, -1, x, 0.0, z)
    r *= light[AMBIENT] * near + light[KEY] * key
    g *= light[AMBIENT + 1] * near + light[KEY + 1] * key
    b *= light[AMBIENT + 2] * near + light[KEY + 2] * key
    if codes[0] == WATER:
        mr, mg, mb, share = _mirror(things, codes, light, p, d, (sx, sz), pixel)
        r, g, b = r + (mr - r) * share, g + (mg - g) * share, b + (mb - b) * share
    return r, g, b


@kernel
def _wall(light: Array, p: tuple[float, float, float]) -> tuple[float, float, float]:
    """A studio wall: lit from the top, falling off to the sides, a skirting board at its foot."""
    x, y, _ = p
    fall = 1.02 - 0.010 * x * x - 0.035 * max(0.0, 2.6 - y)
    fall *= 0.92 + 0.08 * min(1.0, y / 0.5)
    k = light[AMBIENT] + 0.62 * light[KEY]
    if y < 0.32:
        return 0.80 * k, 0.79 * k, 0.76 * k
    return light[WALL] * k * fall, light[WALL + 1] * k * fall, light[WALL + 2] * k * fall


@kernel
def look(
    things: Array,
    codes: tuple[int, int, int],
    light: Array,
    mask: int,
    eye: tuple[float, float, float],
    d: tuple[float, float, float],
    pixel: float,
) -> Shade:
    """What a ray from `eye` along unit `d` sees; `mask` has a bit for each thing it may meet."""
    t, nx, ny, nz, k, face = _nearest(things, mask, eye, d)
    flat, what = FAR, NOTHING
    if d[1] < -1e-6:
        flat, what = -eye[1] / d[1], ON_FLOOR
    if codes[1] >= FIRST_WALL and d[2] < -1e-6:
        back = (WALL_Z - eye[2]) / d[2]
        if back < flat:
            flat, what = back, ON_WALL
    if k >= 0 and t < flat:
        p = (eye[0] + t * d[0], eye[1] + t * d[1], eye[2] + t * d[2])
        r, g, b = _thing(things, k, p, (nx, ny, nz), d, light)
        return r, g, b, t, k, face
    p = (eye[0] + flat * d[0], eye[1] + flat * d[1], eye[2] + flat * d[2])
    if what == ON_FLOOR:
        r, g, b = _ground(things, codes, light, p, d, pixel, flat)
        if codes[1] < FIRST_WALL and flat > FADE:
            # The far floor melts into the horizon.
            sr, sg, sb = _background(codes, light, (d[0], 0.0, d[2]), pixel)
            w = min(1.0, (flat - FADE) / (HORIZON - FADE))
            r, g, b = r + (sr - r) * w, g + (sg - g) * w, b + (sb - b) * w
        return r, g, b, flat, ON_FLOOR, 0
    if what == ON_WALL:
        r, g, b = _wall(light, p)
        return r, g, b, flat, ON_WALL, 1 if p[1] < 0.32 else 0
    r, g, b = _background(codes, light, d, pixel)
    return r, g, b, FAR, NOTHING, 0
