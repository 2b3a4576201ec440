"""What one ray sees: things in their materials, floors, walls, water, sign and fog under light."""

from __future__ import annotations

import math

from mutoscope.world.kernel import inlined, kernel
from mutoscope.world.materials import SHINY, share
from mutoscope.world.shapes import FAR
from mutoscope.world.sign import PEN, TEXELS
from mutoscope.world.skies import FIRST_WALL, sky
from mutoscope.world.stage import (
    AMBIENT,
    FLOOR,
    FLOOR_CODE,
    FOG,
    KEY,
    LIGHT,
    SEED,
    SKY_CODE,
    THICK,
    WALL,
    WALL_Z,
    Setting,
)
from mutoscope.world.textures import FIRST_PLAIN, WATER, floor, ripple, water
from mutoscope.world.trace import (
    CENTRE,
    COLOUR,
    MATERIAL,
    NOTHING,
    ON_FLOOR,
    ON_SIGN,
    ON_WALL,
    ROTATION,
    SCALE,
    SECOND,
    SHAPE,
    Array,
    Triple,
    contact,
    lit,
    nearest,
)

FADE, HORIZON = 14.0, 64.0
"""Under an open sky the floor begins to melt into the sky here, and has melted there, in metres."""
SIGN_Z, SIGN_Y, SIGN_UNIT = -5.9, 1.25, 0.2
"""Where the sign's board stands, its lower edge, and a unit of its font, in metres."""
POST = 0.07

Shade = tuple[float, float, float, float, int, int]
"""Linear red, green, blue; distance; what was met; its face."""


@kernel
def _paint(row: Array, p: Triple, n: Triple, width: float) -> Triple:
    """A thing's own colour at a point of the world."""
    m = row[ROTATION : ROTATION + 9]
    s = 1.0 / row[SCALE]
    x, y, z = p[0] - row[CENTRE], p[1] - row[CENTRE + 1], p[2] - row[CENTRE + 2]
    own = (
        (m[0] * x + m[3] * y + m[6] * z) * s,
        (m[1] * x + m[4] * y + m[7] * z) * s,
        (m[2] * x + m[5] * y + m[8] * z) * s,
    )
    facing = (
        m[0] * n[0] + m[3] * n[1] + m[6] * n[2],
        m[1] * n[0] + m[4] * n[1] + m[7] * n[2],
        m[2] * n[0] + m[5] * n[1] + m[8] * n[2],
    )
    w = share(int(row[MATERIAL]), int(row[SHAPE]), own, facing, width * s)
    return (
        row[COLOUR] + (row[SECOND] - row[COLOUR]) * w,
        row[COLOUR + 1] + (row[SECOND + 1] - row[COLOUR + 1]) * w,
        row[COLOUR + 2] + (row[SECOND + 2] - row[COLOUR + 2]) * w,
    )


@kernel
def _thing(
    things: Array, k: int, point: Triple, normal: Triple, ray: Triple, light: Array, width: float
) -> Triple:
    """Colour of a point on thing k: hemisphere ambient, key light, a soft highlight and a rim."""
    x, y, z = point
    nx, ny, nz = normal
    dx, dy, dz = ray
    row = things[k]
    pr, pg, pb = row[COLOUR], row[COLOUR + 1], row[COLOUR + 2]
    if row[MATERIAL] > SHINY:
        pr, pg, pb = _paint(row, point, normal, width)
    lx, ly, lz = light[LIGHT], light[LIGHT + 1], light[LIGHT + 2]
    facing = nx * lx + ny * ly + nz * lz
    open_ = 0.0
    if facing > 0.0:
        open_ = lit(things, k, x + 1e-3 * nx, y + 1e-3 * ny, z + 1e-3 * nz, light)
    soft = max(0.0, 0.88 * facing + 0.12) * (open_ if facing > 0.0 else 1.0)
    near = contact(things, k, x, y, z)
    ground = min(1.0, max(0.0, 0.72 + 0.6 * y))
    hemisphere = (0.86 + 0.26 * ny) * near * (ground if ny < 0.3 else 1.0)
    hx, hy, hz = lx - dx, ly - dy, lz - dz
    f = 1.0 / math.sqrt(hx * hx + hy * hy + hz * hz)
    shine = max(0.0, (nx * hx + ny * hy + nz * hz) * f)
    shine *= shine
    shine *= shine
    shine *= shine
    gloss = 0.10 * shine * shine * shine * open_
    if row[MATERIAL] == SHINY:
        gloss = 1.2 * shine * shine * shine * open_
    graze = 1.0 + nx * dx + ny * dy + nz * dz
    rim = 0.07 * graze * graze * max(0.0, 0.4 + 0.6 * ny)
    r = pr * (light[AMBIENT] * hemisphere + light[KEY] * soft)
    g = pg * (light[AMBIENT + 1] * hemisphere + light[KEY + 1] * soft)
    b = pb * (light[AMBIENT + 2] * hemisphere + light[KEY + 2] * soft)
    extra = gloss + rim
    return r + extra * light[KEY], g + extra * light[KEY + 1], b + extra * light[KEY + 2]


@kernel
def _polished(
    things: Array, k: int, seen: Triple, p: Triple, n: Triple, d: Triple, place: Setting
) -> Triple:
    """A shiny thing's colour with the room mirrored in it, more so at grazing angles."""
    light = place[0]
    c = 2.0 * (d[0] * n[0] + d[1] * n[1] + d[2] * n[2])
    w = (d[0] - c * n[0], d[1] - c * n[1], d[2] - c * n[2])
    graze = min(1.0, max(0.0, 1.0 + 0.5 * c))
    f = 0.24 + 0.6 * graze * graze * graze
    e = (p[0] + 2e-3 * n[0], p[1] + 2e-3 * n[1], p[2] + 2e-3 * n[2])
    t, nx, ny, nz, other, _ = nearest(things, -1, e, w)
    floor_t = -e[1] / w[1] if w[1] < -1e-6 else FAR
    if other >= 0 and other != k and t < floor_t:
        q = (e[0] + t * w[0], e[1] + t * w[1], e[2] + t * w[2])
        r, g, b = _thing(things, other, q, (nx, ny, nz), w, light, 0.02)
    elif floor_t < 30.0:
        q = (e[0] + floor_t * w[0], 0.0, e[2] + floor_t * w[2])
        r, g, b = _dry(light, q[0], q[2], 0.05, 0.05)
        bright = contact(things, -1, q[0], 0.0, q[2]) * 0.95
        r, g, b = r * bright, g * bright, b * bright
    else:
        r, g, b = _background(light, w, 0.06)
    r, g, b = min(1.0, r), min(1.0, g), min(1.0, b)
    return (
        seen[0] + (r - seen[0]) * f,
        seen[1] + (g - seen[1]) * f,
        seen[2] + (b - seen[2]) * f,
    )


@inlined
def _background(light: Array, d: Triple, pixel: float) -> Triple:
    code = int(light[SKY_CODE])
    if code >= FIRST_WALL:
        return light[WALL], light[WALL + 1], light[WALL + 2]
    return sky(code, d[0], d[1], d[2], pixel, int(light[SEED]))


@kernel
def _mirror(
    things: Array, light: Array, p: Triple, d: Triple, slope: tuple[float, float], pixel: float
) -> tuple[float, float, float, float]:
    """What water reflects at p, and how strongly."""
    sx, sz = slope
    f = 1.0 / math.sqrt(1.0 + sx * sx + sz * sz)
    nx, ny, nz = -sx * f, f, -sz * f
    c = 2.0 * (d[0] * nx + d[1] * ny + d[2] * nz)
    rx, ry, rz = d[0] - c * nx, max(0.02, d[1] - c * ny), d[2] - c * nz
    e = (p[0], 1e-3, p[2])
    t, ax, ay, az, k, _ = nearest(things, -1, e, (rx, ry, rz))
    share = 0.10 + 0.55 * (1.0 - min(1.0, ry * 1.5)) ** 2
    if k >= 0:
        q = (e[0] + t * rx, e[1] + t * ry, e[2] + t * rz)
        r, g, b = _thing(things, k, q, (ax, ay, az), (rx, ry, rz), light, 0.05)
        return r, g, b, min(0.7, share + 0.15)
    # Wide, so that water shows a glow for the moon and no stars.
    r, g, b = _background(light, (rx, ry, rz), pixel + 0.06)
    return r, g, b, share


@inlined
def _dry(light: Array, x: float, z: float, fx: float, fz: float) -> Triple:
    """The floor's own colour; of water, what an unruffled patch has."""
    code = int(light[FLOOR_CODE])
    if code >= FIRST_PLAIN:
        return light[FLOOR], light[FLOOR + 1], light[FLOOR + 2]
    if code == WATER:
        return water(0.5)
    return floor(code, x, z, fx, fz, int(light[SEED]))


@inlined
def _ground(things: Array, light: Array, p: Triple, d: Triple, pixel: float, t: float) -> Triple:
    x, _, z = p
    fx = t * pixel
    fz = fx / max(0.02, -d[1])
    wet = light[FLOOR_CODE] == WATER
    sx, sz = 0.0, 0.0
    if wet:
        sx, sz, crest = ripple(x, z, fz, int(light[SEED]))
        r, g, b = water(crest)
    else:
        r, g, b = _dry(light, x, z, fx, fz)
    key = lit(things, -1, x, 0.0, z, light) * light[LIGHT + 1] * 1.25
    near = contact(things, -1, x, 0.0, z)
    r *= light[AMBIENT] * near + light[KEY] * key
    g *= light[AMBIENT + 1] * near + light[KEY + 1] * key
    b *= light[AMBIENT + 2] * near + light[KEY + 2] * key
    if wet:
        mr, mg, mb, w = _mirror(things, light, p, d, (sx, sz), pixel)
        r, g, b = r + (mr - r) * w, g + (mg - g) * w, b + (mb - b) * w
    if light[SKY_CODE] < FIRST_WALL and t > FADE:
        # The far floor melts into the horizon.
        sr, sg, sb = _background(light, (d[0], 0.0, d[2]), pixel)
        w = min(1.0, (t - FADE) / (HORIZON - FADE))
        r, g, b = r + (sr - r) * w, g + (sg - g) * w, b + (sb - b) * w
    return r, g, b


@inlined
def _wall(light: Array, x: float, y: float) -> Triple:
    """A studio wall: lit from the top, falling off to the sides, a skirting board at its foot."""
    fall = 1.02 - 0.010 * x * x - 0.035 * max(0.0, 2.6 - y)
    fall *= 0.92 + 0.08 * min(1.0, y / 0.5)
    k = light[AMBIENT] + 0.62 * light[KEY]
    if y < 0.32:
        return 0.80 * k, 0.79 * k, 0.76 * k
    return light[WALL] * k * fall, light[WALL + 1] * k * fall, light[WALL + 2] * k * fall


@kernel
def _on_board(board: Array, x: float, y: float) -> bool:
    """Whether the sign's plane has board or post at (x, y)."""
    wide, high = board.shape[1] * SIGN_UNIT / TEXELS, board.shape[0] * SIGN_UNIT / TEXELS
    if SIGN_Y <= y <= SIGN_Y + high:
        return bool(abs(x) <= 0.5 * wide)
    return bool(0.0 <= y < SIGN_Y and abs(abs(x) - 0.36 * wide) <= POST)


@kernel
def _sign(board: Array, light: Array, x: float, y: float, width: float) -> Triple:
    """The sign's colour: dark letters and a dark rim on a pale board, on wooden posts."""
    k = light[AMBIENT] + 0.62 * light[KEY]
    if y < SIGN_Y:
        return 0.20 * k, 0.11 * k, 0.05 * k
    rows, columns = board.shape
    u = x / SIGN_UNIT * TEXELS + 0.5 * columns - 0.5
    v = rows - (y - SIGN_Y) / SIGN_UNIT * TEXELS - 0.5
    i, j = min(max(int(u), 0), columns - 2), min(max(int(v), 0), rows - 2)
    a, b = min(max(u - i, 0.0), 1.0), min(max(v - j, 0.0), 1.0)
    top = board[j, i] + (board[j, i + 1] - board[j, i]) * a
    low = board[j + 1, i] + (board[j + 1, i + 1] - board[j + 1, i]) * a
    edge = min(u, v, columns - 1.0 - u, rows - 1.0 - v) / TEXELS
    gap = min(top + (low - top) * b - PEN, edge - 0.25)
    ink = min(1.0, max(0.0, 0.5 - gap * SIGN_UNIT / max(width, 1e-4)))
    return (0.88 - 0.86 * ink) * k, (0.86 - 0.83 * ink) * k, (0.79 - 0.72 * ink) * k


@kernel
def _fogged(light: Array, seen: Triple, t: float, d: Triple) -> Triple:
    if t >= FAR:
        w = 0.35 + 0.6 * math.exp(-9.0 * max(0.0, d[1]))
    else:
        w = 0.95 * (1.0 - math.exp(-0.105 * max(0.0, t - 5.8)))
    return (
        seen[0] + (light[FOG] - seen[0]) * w,
        seen[1] + (light[FOG + 1] - seen[1]) * w,
        seen[2] + (light[FOG + 2] - seen[2]) * w,
    )


@inlined
def _behind(place: Setting, eye: Triple, d: Triple) -> tuple[float, int]:
    """Distance and kind of the stage along a ray: floor, wall, sign or open sky."""
    light, board = place
    flat, what = FAR, NOTHING
    if d[1] < -1e-6:
        flat, what = -eye[1] / d[1], ON_FLOOR
    if d[2] < -1e-6:
        if light[SKY_CODE] >= FIRST_WALL:
            back = (WALL_Z - eye[2]) / d[2]
            if back < flat:
                flat, what = back, ON_WALL
        if board.shape[0] > 0:
            back = (SIGN_Z - eye[2]) / d[2]
            if 0.0 < back < flat and _on_board(board, eye[0] + back * d[0], eye[1] + back * d[1]):
                flat, what = back, ON_SIGN
    return flat, what


@inlined
def _stage(
    things: Array, place: Setting, p: Triple, d: Triple, t: float, what: int, pixel: float
) -> tuple[float, float, float, int]:
    """Colour and face of the stage where a ray met it."""
    light, board = place
    if what == ON_FLOOR:
        r, g, b = _ground(things, light, p, d, pixel, t)
        return r, g, b, 0
    if what == ON_WALL:
        r, g, b = _wall(light, p[0], p[1])
        return r, g, b, 1 if p[1] < 0.32 else 0
    if what == ON_SIGN:
        r, g, b = _sign(board, light, p[0], p[1], t * pixel)
        return r, g, b, 1
    r, g, b = _background(light, d, pixel)
    return r, g, b, 0


@kernel
def look(things: Array, place: Setting, mask: int, eye: Triple, d: Triple, pixel: float) -> Shade:
    """What a ray from `eye` along unit `d` sees; `mask` has a bit for each thing it may meet."""
    light = place[0]
    t, nx, ny, nz, k, face = FAR, 0.0, 0.0, 0.0, NOTHING, 0
    if mask:
        t, nx, ny, nz, k, face = nearest(things, mask, eye, d)
    flat, what = _behind(place, eye, d)
    if k >= 0 and t < flat:
        flat, what, n = t, k, (nx, ny, nz)
        p = (eye[0] + t * d[0], eye[1] + t * d[1], eye[2] + t * d[2])
        seen = _thing(things, k, p, n, d, light, t * pixel)
        if things[k, MATERIAL] == SHINY:
            seen = _polished(things, k, seen, p, n, d, place)
    else:
        p = (eye[0] + flat * d[0], eye[1] + flat * d[1], eye[2] + flat * d[2])
        r, g, b, face = _stage(things, place, p, d, flat, what, pixel)
        seen = (r, g, b)
    if light[THICK] > 0.0:
        seen = _fogged(light, seen, flat, d)
    return seen[0], seen[1], seen[2], flat, what, face
