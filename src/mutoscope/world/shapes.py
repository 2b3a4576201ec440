"""The eight solids in their own space: exact ray hits, surface normals and signed distances.

A solid is centred at the origin and upright (y up); the ring and the star stand facing +z. Lengths
are metres at medium size. Rays have unit direction d, so that scaling a solid scales distances.
`hit` is closed form but for the ring, which is sphere-traced inside its bounding sphere.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mutoscope.world.kernel import kernel

FAR = 1e30

BALL, CUBE, CYLINDER, CONE, RING, CAPSULE, PYRAMID, STAR = range(8)
# Ours: chosen so that all solids look about equally large.
BALL_R = 0.78
CUBE_H = 0.64
CYL_R, CYL_H = 0.58, 0.72
CONE_R, CONE_H = 0.76, 0.80
RING_R, RING_T = 0.60, 0.23
CAPS_R, CAPS_H = 0.47, 0.42
PYR_A, PYR_H = 0.74, 0.72
STAR_OUT, STAR_IN, STAR_W = 0.92, 0.43, 0.25
C36, S36 = math.cos(math.pi / 5), math.sin(math.pi / 5)

HALF = np.array(
    [
        [BALL_R, BALL_R, BALL_R],
        [CUBE_H, CUBE_H, CUBE_H],
        [CYL_R, CYL_H, CYL_R],
        [CONE_R, CONE_H, CONE_R],
        [RING_R + RING_T, RING_R + RING_T, RING_T],
        [CAPS_R, CAPS_H + CAPS_R, CAPS_R],
        [PYR_A, PYR_H, PYR_A],
        [STAR_OUT * math.sin(2 * math.pi / 5), STAR_OUT, STAR_W],
    ]
)
"""Half extents of each solid's own box."""
REST = np.array([*HALF[:7, 1], STAR_OUT * C36])
"""Height of the centre above the floor it stands on."""
BOUND = np.array(
    [
        BALL_R,
        CUBE_H * math.sqrt(3),
        math.hypot(CYL_R, CYL_H),
        math.hypot(CONE_R, CONE_H),
        RING_R + RING_T,
        CAPS_R + CAPS_H,
        math.sqrt(2 * PYR_A**2 + PYR_H**2),
        math.hypot(STAR_OUT, STAR_W),
    ]
)
"""Radius of the bounding sphere."""

_angles = np.arange(10) * math.pi / 5
_radii = np.where(np.arange(10) % 2 == 0, STAR_OUT, STAR_IN)
STAR_X = _radii * np.sin(_angles)
STAR_Y = _radii * np.cos(_angles)

_steep = 1.0 / math.sqrt(4.0 * PYR_H * PYR_H + PYR_A * PYR_A)
_u, _v, _w = 2.0 * PYR_H * _steep, PYR_A * _steep, PYR_A * PYR_H * _steep
PYR_PLANES = np.array(
    [
        [_u, _v, 0.0, _w],
        [-_u, _v, 0.0, _w],
        [0.0, _v, _u, _w],
        [0.0, _v, -_u, _w],
        [0.0, -1.0, 0.0, PYR_H],
    ]
)
"""Normals and offsets of the pyramid's sides and base."""

_SIGNS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
_CORNERS = {
    CUBE: CUBE_H * _SIGNS,
    PYRAMID: np.array([[0, PYR_H, 0], *(_SIGNS * (PYR_A, PYR_H, PYR_A))[_SIGNS[:, 1] < 0]]),
    STAR: np.array(
        [[x, y, w] for w in (-STAR_W, STAR_W) for x, y in zip(STAR_X, STAR_Y, strict=True)]
    ),
}

Hit = tuple[float, float, float, float, int]
"""Distance (FAR: none), unit normal, face number."""


def clearance(shape: int, rotation: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far below its centre a turned solid's lowest point is; rotations ... 3 3 to ..."""
    down = rotation[..., 1, :]
    flat = np.sqrt(np.maximum(0.0, 1.0 - down**2))
    low: NDArray[np.float64]
    if shape == BALL:
        low = np.full(down.shape[:-1], BALL_R)
    elif shape == CYLINDER:
        low = CYL_H * np.abs(down[..., 1]) + CYL_R * flat[..., 1]
    elif shape == CONE:
        base = CONE_H * down[..., 1] + CONE_R * flat[..., 1]
        low = np.maximum(base, -CONE_H * down[..., 1])
    elif shape == RING:
        low = RING_R * flat[..., 2] + RING_T
    elif shape == CAPSULE:
        low = CAPS_H * np.abs(down[..., 1]) + CAPS_R
    else:
        low = -(down @ _CORNERS[shape].T).min(-1)
    return low


@kernel
def _ball(ox: float, oy: float, oz: float, dx: float, dy: float, dz: float) -> Hit:
    b = ox * dx + oy * dy + oz * dz
    q = b * b - (ox * ox + oy * oy + oz * oz - BALL_R * BALL_R)
    if q <= 0.0:
        return FAR, 0.0, 0.0, 0.0, 0
    t = -b - math.sqrt(q)
    if t <= 0.0:
        return FAR, 0.0, 0.0, 0.0, 0
    r = 1.0 / BALL_R
    return t, (ox + t * dx) * r, (oy + t * dy) * r, (oz + t * dz) * r, 0


@kernel
def _cube(ox: float, oy: float, oz: float, dx: float, dy: float, dz: float) -> Hit:
    near, far, axis, sign = 0.0, FAR, -1, 0.0
    for k in range(3):
        o, d = (ox, dx) if k == 0 else ((oy, dy) if k == 1 else (oz, dz))
        if abs(d) < 1e-12:
            if abs(o) > CUBE_H:
                return FAR, 0.0, 0.0, 0.0, 0
            continue
        s = -1.0 if d > 0.0 else 1.0
        t0 = (s * CUBE_H - o) / d
        t1 = (-s * CUBE_H - o) / d
        if t0 > near:
            near, axis, sign = t0, k, s
        far = min(far, t1)
    if axis < 0 or near >= far:
        return FAR, 0.0, 0.0, 0.0, 0
    nx = sign if axis == 0 else 0.0
    ny = sign if axis == 1 else 0.0
    nz = sign if axis == 2 else 0.0
    return near, nx, ny, nz, axis * 2 + (1 if sign > 0 else 0)


@kernel
def _cylinder(ox: float, oy: float, oz: float, dx: float, dy: float, dz: float) -> Hit:
    best, nx, ny, nz, face = FAR, 0.0, 0.0, 0.0, 0
    if abs(dy) > 1e-12:
        s = -1.0 if dy > 0.0 else 1.0
        t = (s * CYL_H - oy) / dy
        x, z = ox + t * dx, oz + t * dz
        if t > 0.0 and x * x + z * z <= CYL_R * CYL_R:
            best, nx, ny, nz, face = t, 0.0, s, 0.0, 1 if s > 0 else 2
    a = dx * dx + dz * dz
    if a > 1e-12:
        b = ox * dx + oz * dz
        q = b * b - a * (ox * ox + oz * oz - CYL_R * CYL_R)
        if q > 0.0:
            t = (-b - math.sqrt(q)) / a
            if 0.0 < t < best and abs(oy + t * dy) <= CYL_H:
                best, face = t, 0
                nx, ny, nz = (ox + t * dx) / CYL_R, 0.0, (oz + t * dz) / CYL_R
    return best, nx, ny, nz, face


@kernel
def _cone(ox: float, oy: float, oz: float, dx: float, dy: float, dz: float) -> Hit:
    best, nx, ny, nz, face = FAR, 0.0, 0.0, 0.0, 0
    if dy > 1e-12:
        t = (-CONE_H - oy) / dy
        x, z = ox + t * dx, oz + t * dz
        if t > 0.0 and x * x + z * z <= CONE_R * CONE_R:
            best, ny, face = t, -1.0, 1
    k = CONE_R / (2.0 * CONE_H)
    k2 = k * k
    py = CONE_H - oy
    a = dx * dx + dz * dz - k2 * dy * dy
    b = ox * dx + oz * dz + k2 * py * dy
    c = ox * ox + oz * oz - k2 * py * py
    q = b * b - a * c
    if q > 0.0 and abs(a) > 1e-12:
        root = math.sqrt(q)
        for side in range(2):
            t = (-b - root) / a if side == 0 else (-b + root) / a
            y = oy + t * dy
            if 0.0 < t < best and -CONE_H <= y <= CONE_H:
                x, z = ox + t * dx, oz + t * dz
                r = math.sqrt(x * x + z * z) + 1e-9
                f = 1.0 / math.sqrt(1.0 + k2)
                best, nx, ny, nz, face = t, x / r * f, k * f, z / r * f, 0
    return best, nx, ny, nz, face


@kernel
def _end(ox: float, oy: float, oz: float, dx: float, dy: float, dz: float) -> float:
    """Distance to the ball at one end of a capsule."""
    b = ox * dx + oy * dy + oz * dz
    q = b * b - (ox * ox + oy * oy + oz * oz - CAPS_R * CAPS_R)
    t = -b - math.sqrt(max(q, 0.0))
    return t if q > 0.0 and t > 0.0 else FAR


@kernel
def _capsule(ox: float, oy: float, oz: float, dx: float, dy: float, dz: float) -> Hit:
    best, cy = FAR, 0.0
    a = dx * dx + dz * dz
    if a > 1e-12:
        b = ox * dx + oz * dz
        q = b * b - a * (ox * ox + oz * oz - CAPS_R * CAPS_R)
        if q <= 0.0:
            return FAR, 0.0, 0.0, 0.0, 0
        t = (-b - math.sqrt(q)) / a
        y = oy + t * dy
        if t > 0.0 and abs(y) <= CAPS_H:
            best, cy = t, y
    if best == FAR:
        top, low = _end(ox, oy - CAPS_H, oz, dx, dy, dz), _end(ox, oy + CAPS_H, oz, dx, dy, dz)
        best, cy = (top, CAPS_H) if top <= low else (low, -CAPS_H)
    if best == FAR:
        return FAR, 0.0, 0.0, 0.0, 0
    r = 1.0 / CAPS_R
    return best, (ox + best * dx) * r, (oy + best * dy - cy) * r, (oz + best * dz) * r, 0


@kernel
def _pyramid(ox: float, oy: float, oz: float, dx: float, dy: float, dz: float) -> Hit:
    near, far, face = 0.0, FAR, -1
    for k in range(5):
        ax, ay, az = PYR_PLANES[k, 0], PYR_PLANES[k, 1], PYR_PLANES[k, 2]
        den = ax * dx + ay * dy + az * dz
        num = PYR_PLANES[k, 3] - (ax * ox + ay * oy + az * oz)
        if abs(den) < 1e-12:
            if num < 0.0:
                return FAR, 0.0, 0.0, 0.0, 0
        elif den < 0.0:
            if num / den > near:
                near, face = num / den, k
        else:
            far = min(far, num / den)
    if face < 0 or near >= far:
        return FAR, 0.0, 0.0, 0.0, 0
    return near, PYR_PLANES[face, 0], PYR_PLANES[face, 1], PYR_PLANES[face, 2], face


@kernel
def _star(ox: float, oy: float, oz: float, dx: float, dy: float, dz: float) -> Hit:
    best, nx, ny, nz, face = FAR, 0.0, 0.0, 0.0, 0
    if abs(dz) > 1e-12:
        s = -1.0 if dz > 0.0 else 1.0
        t = (s * STAR_W - oz) / dz
        if t > 0.0 and _star_plane(ox + t * dx, oy + t * dy) <= 0.0:
            best, nz, face = t, s, 10 if s > 0 else 11
    for k in range(10):
        m = (k + 1) % 10
        ex, ey = STAR_X[m] - STAR_X[k], STAR_Y[m] - STAR_Y[k]
        # The outline runs clockwise, so its outward normal is (-ey, ex).
        den = -ey * dx + ex * dy
        if den < -1e-12:
            qx, qy = STAR_X[k] - ox, STAR_Y[k] - oy
            t = (-ey * qx + ex * qy) / den
            if 0.0 < t < best and abs(oz + t * dz) <= STAR_W:
                along = ((ox + t * dx - STAR_X[k]) * ex + (oy + t * dy - STAR_Y[k]) * ey) / (
                    ex * ex + ey * ey
                )
                if 0.0 <= along <= 1.0:
                    f = 1.0 / math.sqrt(ex * ex + ey * ey)
                    best, nx, ny, nz, face = t, -ey * f, ex * f, 0.0, k
    return best, nx, ny, nz, face


@kernel
def _ring(ox: float, oy: float, oz: float, dx: float, dy: float, dz: float) -> Hit:
    r = RING_R + RING_T
    b = ox * dx + oy * dy + oz * dz
    q = b * b - (ox * ox + oy * oy + oz * oz - r * r)
    if q <= 0.0:
        return FAR, 0.0, 0.0, 0.0, 0
    t = max(0.0, -b - math.sqrt(q))
    end = -b + math.sqrt(q)
    for _ in range(64):
        x, y, z = ox + t * dx, oy + t * dy, oz + t * dz
        e = math.sqrt(x * x + y * y) + 1e-12
        d = math.sqrt((e - RING_R) ** 2 + z * z) - RING_T
        if d < 1e-5:
            k = (e - RING_R) / e
            f = 1.0 / math.sqrt(x * x * k * k + y * y * k * k + z * z)
            return t, x * k * f, y * k * f, z * f, 0
        t += d
        if t > end:
            break
    return FAR, 0.0, 0.0, 0.0, 0


@kernel
def hit(shape: int, ox: float, oy: float, oz: float, dx: float, dy: float, dz: float) -> Hit:
    """First point where a ray from outside enters the solid."""
    if shape == BALL:
        return _ball(ox, oy, oz, dx, dy, dz)
    if shape == CUBE:
        return _cube(ox, oy, oz, dx, dy, dz)
    if shape == CYLINDER:
        return _cylinder(ox, oy, oz, dx, dy, dz)
    if shape == CONE:
        return _cone(ox, oy, oz, dx, dy, dz)
    if shape == RING:
        return _ring(ox, oy, oz, dx, dy, dz)
    if shape == CAPSULE:
        return _capsule(ox, oy, oz, dx, dy, dz)
    if shape == PYRAMID:
        return _pyramid(ox, oy, oz, dx, dy, dz)
    return _star(ox, oy, oz, dx, dy, dz)


@kernel
def _star_plane(x: float, y: float) -> float:
    """Signed distance to the star's outline, folded into half a spike by its ten reflections."""
    x = abs(x)
    for _ in range(2):
        over = x * C36 - y * S36
        if over > 0.0:
            x -= 2.0 * over * C36
            y += 2.0 * over * S36
        x = abs(x)
    ex, ey = STAR_IN * S36, STAR_IN * C36 - STAR_OUT
    px, py = x, y - STAR_OUT
    along = min(1.0, max(0.0, (px * ex + py * ey) / (ex * ex + ey * ey)))
    d = math.sqrt((px - along * ex) ** 2 + (py - along * ey) ** 2)
    return d if ex * py - ey * px > 0.0 else -d


@kernel
def _prism(flat: float, high: float) -> float:
    return min(max(flat, high), 0.0) + math.sqrt(max(flat, 0.0) ** 2 + max(high, 0.0) ** 2)


@kernel
def _cone_distance(r: float, y: float) -> float:
    ex, ey = CONE_R, -2.0 * CONE_H
    py = y - CONE_H
    along = min(1.0, max(0.0, (r * ex + py * ey) / (ex * ex + ey * ey)))
    slant = math.sqrt((r - along * ex) ** 2 + (py - along * ey) ** 2)
    base = math.sqrt(max(r - CONE_R, 0.0) ** 2 + (y + CONE_H) ** 2)
    d = min(slant, base)
    outside = y < -CONE_H or r * (2.0 * CONE_H) > CONE_R * (CONE_H - y)
    return d if outside else -d


@kernel
def distance(shape: int, x: float, y: float, z: float) -> float:
    """Signed distance to the solid (a lower bound near the pyramid's edges)."""
    if shape == BALL:
        return math.sqrt(x * x + y * y + z * z) - BALL_R
    if shape == CUBE:
        ax, ay, az = abs(x) - CUBE_H, abs(y) - CUBE_H, abs(z) - CUBE_H
        out = math.sqrt(max(ax, 0.0) ** 2 + max(ay, 0.0) ** 2 + max(az, 0.0) ** 2)
        return out + min(0.0, max(ax, ay, az))
    if shape == CYLINDER:
        return _prism(math.sqrt(x * x + z * z) - CYL_R, abs(y) - CYL_H)
    if shape == CONE:
        return _cone_distance(math.sqrt(x * x + z * z), y)
    if shape == RING:
        return math.sqrt((math.sqrt(x * x + y * y) - RING_R) ** 2 + z * z) - RING_T
    if shape == CAPSULE:
        return math.sqrt(x * x + max(0.0, abs(y) - CAPS_H) ** 2 + z * z) - CAPS_R
    if shape == PYRAMID:
        f = 1.0 / math.sqrt(4.0 * PYR_H * PYR_H + PYR_A * PYR_A)
        side = (2.0 * PYR_H * max(abs(x), abs(z)) + PYR_A * y - PYR_A * PYR_H) * f
        return max(side, -y - PYR_H)
    return _prism(_star_plane(x, y), abs(z) - STAR_W)
