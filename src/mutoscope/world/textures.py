"""Patterns in the plane: the floors' colours, and the noise and bands they are made of.

All floors are built from one lattice noise and fade to their mean where a pixel covers more than
their grain, so that they neither shimmer nor alias. Colours are linear light.
"""

from __future__ import annotations

import math

from mutoscope.world.kernel import kernel

Colour = tuple[float, float, float]

CHECKER, GRASS, SAND, SNOW, WOOD, WATER, FIRST_PLAIN = range(7)
"""Floors by number; from FIRST_PLAIN on they are plain."""


@kernel
def hashed(x: int, y: int, seed: int) -> float:
    """A number in [0, 1] that belongs to a point of the lattice."""
    n = (x * 374761393 + y * 668265263 + seed * 974711) & 0xFFFFFFFF
    n = ((n ^ (n >> 13)) * 1274126177) & 0xFFFFFFFF
    return ((n ^ (n >> 16)) & 0xFFFF) / 65535.0


@kernel
def noise(x: float, y: float, seed: int) -> float:
    """Smooth lattice noise in [0, 1] with one grain a unit."""
    ix, iy = math.floor(x), math.floor(y)
    fx, fy = x - ix, y - iy
    i, j = int(ix), int(iy)
    u, v = fx * fx * (3.0 - 2.0 * fx), fy * fy * (3.0 - 2.0 * fy)
    a, b = hashed(i, j, seed), hashed(i + 1, j, seed)
    c, d = hashed(i, j + 1, seed), hashed(i + 1, j + 1, seed)
    return (a + (b - a) * u) * (1.0 - v) + (c + (d - c) * u) * v


@kernel
def fade(grain: float, width: float) -> float:
    """1 where a pixel of `width` resolves the grain, 0 where it covers it."""
    return min(1.0, max(0.0, 1.6 - 1.2 * width / grain))


@kernel
def mix(a: float, b: float, w: float) -> float:
    """From a to b by a share w."""
    return a + (b - a) * w


@kernel
def step(low: float, high: float, x: float) -> float:
    """A smooth step from 0 at `low` to 1 at `high`."""
    u = min(1.0, max(0.0, (x - low) / (high - low)))
    return u * u * (3.0 - 2.0 * u)


@kernel
def square(x: float, width: float) -> float:
    """The +-1 square wave of period 2, averaged over `width`."""
    w = max(width, 1e-4)
    a = x - 0.5 * w
    b = x + 0.5 * w
    ta = 1.0 - abs(a - 2.0 * math.floor(0.5 * a) - 1.0)
    tb = 1.0 - abs(b - 2.0 * math.floor(0.5 * b) - 1.0)
    if w >= 2.0:
        return 0.0
    # Between two kinks of the triangle wave the difference is the average; across a kink, too,
    # because the triangle is the integral of the square.
    return (tb - ta) / w


@kernel
def _checkerboard(x: float, z: float, fx: float, fz: float) -> Colour:
    w = 0.5 + 0.5 * square(x / 1.1, fx / 1.1) * square(z / 1.1, fz / 1.1)
    return mix(0.13, 0.70, w), mix(0.14, 0.69, w), mix(0.17, 0.65, w)


@kernel
def _grass(x: float, z: float, fx: float, fz: float, seed: int) -> Colour:
    patch = noise(x * 0.7, z * 0.7, seed)
    tuft = (noise(x * 3.4, z * 1.5, seed + 1) - 0.5) * fade(0.45, 0.5 * (fx + fz))
    blade = (noise(x * 11.0, z * 3.2, seed + 2) - 0.5) * fade(0.16, 0.75 * fx + 0.25 * fz)
    w = 0.5 + 0.5 * (patch - 0.5) + 0.85 * tuft + 0.75 * blade
    w = min(1.0, max(0.0, w))
    return mix(0.055, 0.34, w), mix(0.155, 0.50, w), mix(0.02, 0.085, w)


@kernel
def _sand(x: float, z: float, fx: float, fz: float, seed: int) -> Colour:
    bend = 1.6 * noise(x * 0.55, z * 0.8, seed) + 0.5 * noise(x * 1.7, z * 1.9, seed + 1)
    u = z * 2.1 + 0.25 * x + bend * 1.5
    wave = 0.5 + 0.5 * math.sin(2.0 * math.pi * (u - math.floor(u)))
    wave = (wave * wave * (3 - 2 * wave) - 0.5) * fade(0.42, fz)
    grain = (noise(x * 17.0, z * 17.0, seed + 2) - 0.5) * fade(0.08, fx)
    w = min(1.0, max(0.0, 0.52 + 0.72 * wave + 0.3 * grain))
    return mix(0.44, 0.86, w), mix(0.28, 0.66, w), mix(0.12, 0.37, w)


@kernel
def _snow(x: float, z: float, fx: float, fz: float, seed: int) -> Colour:
    drift = noise(x * 0.5, z * 0.8, seed) + 0.5 * noise(x * 1.1, z * 1.9, seed + 1)
    w = step(0.35, 1.05, drift)
    spark = noise(x * 9.0, z * 9.0, seed + 2)
    glint = 0.16 * step(0.80, 0.95, spark) * fade(0.12, fx)
    return (
        mix(0.46, 0.74, w) + glint,
        mix(0.57, 0.79, w) + glint,
        mix(0.75, 0.86, w) + glint,
    )


@kernel
def _wood(x: float, z: float, fx: float, fz: float, seed: int) -> Colour:
    plank = math.floor(x / 0.62)
    i = int(plank)
    u = x / 0.62 - plank
    board = z / 2.6 + hashed(i, 7, seed)
    j = math.floor(board)
    v = board - math.floor(board)
    tone = hashed(i, j, seed + 3)
    grain = noise(x * 13.0, z * 0.9 + 31.0 * tone, seed + i) - 0.5
    grain = grain * fade(0.13, 0.85 * fx + 0.15 * fz)
    w = min(1.0, max(0.0, 0.25 + 0.5 * tone + 0.55 * grain))
    seam = 1.0 - step(0.0, 0.035 + fx / 0.62, min(u, 1.0 - u)) * 1.0
    end = 1.0 - step(0.0, 0.012 + fz / 2.6, min(v, 1.0 - v))
    dark = 1.0 - 0.72 * max(seam * min(1.0, 0.10 / fx), end * min(1.0, 0.09 / fz))
    return (
        mix(0.25, 0.62, w) * dark,
        mix(0.12, 0.35, w) * dark,
        mix(0.045, 0.15, w) * dark,
    )


@kernel
def _slope(x: float, y: float, seed: int) -> Colour:
    """`noise` with its two derivatives."""
    ix, iy = math.floor(x), math.floor(y)
    fx, fy = x - ix, y - iy
    i, j = int(ix), int(iy)
    u, v = fx * fx * (3.0 - 2.0 * fx), fy * fy * (3.0 - 2.0 * fy)
    du, dv = 6.0 * fx * (1.0 - fx), 6.0 * fy * (1.0 - fy)
    a, b = hashed(i, j, seed), hashed(i + 1, j, seed)
    c, d = hashed(i, j + 1, seed), hashed(i + 1, j + 1, seed)
    low, high = a + (b - a) * u, c + (d - c) * u
    return low + (high - low) * v, ((b - a) * (1.0 - v) + (d - c) * v) * du, (high - low) * dv


@kernel
def ripple(x: float, z: float, fz: float, seed: int) -> Colour:
    """Slope of the water along x and z, and the height of its crests in [0, 1]."""
    a, ax, az = _slope(x * 1.1, z * 2.4, seed)
    b, bx, bz = _slope(x * 2.6 + z, z * 5.2, seed + 1)
    f = fade(0.5, fz)
    crest = 0.5 + ((a + 0.5 * b) / 1.5 - 0.5) * f
    return (ax + 0.5 * bx) * 0.10 * f, (az + 0.5 * bz) * 0.10 * f, crest


@kernel
def water(crest: float) -> Colour:
    """The water's own colour at a height of its ripples."""
    w = step(0.25, 0.80, crest)
    foam = 0.40 * step(0.60, 0.74, crest)
    return (
        mix(0.010, 0.05, w) + 0.6 * foam,
        mix(0.075, 0.25, w) + 0.9 * foam,
        mix(0.170, 0.42, w) + foam,
    )


@kernel
def floor(code: int, x: float, z: float, fx: float, fz: float, seed: int) -> Colour:
    """A textured dry floor's colour at (x, z), averaged over a pixel of about fx by fz metres."""
    if code == CHECKER:
        return _checkerboard(x, z, fx, fz)
    if code == GRASS:
        return _grass(x, z, fx, fz, seed)
    if code == SAND:
        return _sand(x, z, fx, fz, seed)
    if code == SNOW:
        return _snow(x, z, fx, fz, seed)
    return _wood(x, z, fx, fz, seed)
