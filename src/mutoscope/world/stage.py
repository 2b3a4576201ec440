"""Floors and skies as functions of a place: what a stage looks like before light falls on it.

All textures are built from one lattice noise and fade to their mean where a pixel covers more than
their grain, so that they neither shimmer nor alias. Colours are linear light.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mutoscope.world.palette import linear
from mutoscope.world.scene import FLOORS, SKIES, Stage
from mutoscope.world.shapes import kernel

Colour = tuple[float, float, float]

CHECKER, GRASS, SAND, SNOW, WOOD, WATER, FIRST_PLAIN = range(7)
DAY, SUNSET, NIGHT, OVERCAST, FIRST_WALL = range(5)
WALL_Z = -7.5
"""A studio's back wall stands here."""

_TONES = {
    "white": (236, 236, 234),
    "grey": (150, 152, 156),
    "cream": (238, 222, 190),
    "pink": (240, 188, 196),
    "blue": (150, 186, 226),
    "green": (164, 206, 160),
}
_LIGHTS = {"left": (-0.62, 0.66, 0.26), "right": (0.62, 0.66, 0.26), "above": (0.05, 0.98, 0.18)}
# Key light and ambient light of each sky (ours): kept near white so that colours stay themselves.
_LAMPS = {
    "day": ((0.80, 0.77, 0.71), (0.40, 0.43, 0.47)),
    "sunset": ((0.80, 0.71, 0.61), (0.43, 0.39, 0.41)),
    "night": ((0.58, 0.61, 0.68), (0.36, 0.38, 0.44)),
    "overcast": ((0.42, 0.42, 0.42), (0.60, 0.61, 0.63)),
    "wall": ((0.72, 0.70, 0.67), (0.44, 0.44, 0.45)),
}

LIGHT, KEY, AMBIENT, FLOOR, WALL = 0, 3, 6, 9, 12
"""Where each triple begins in the array that `lamp` makes."""


def lamp(stage: Stage) -> NDArray[np.float64]:
    """Light direction, key and ambient light, floor and wall tones, as 15 numbers."""
    key, ambient = _LAMPS["wall" if stage.sky.endswith(" wall") else stage.sky]
    light = np.array(_LIGHTS[stage.light])
    return np.concatenate(
        [light / np.linalg.norm(light), key, ambient, _tone(stage.floor), _tone(stage.sky)]
    )


def _tone(word: str) -> NDArray[np.float64]:
    return linear(_TONES.get(word.split()[0], (128, 128, 128)))


def codes(stage: Stage) -> tuple[int, int]:
    """The numbers of a stage's floor and sky."""
    return FLOORS.index(stage.floor), SKIES.index(stage.sky)


@kernel
def _hash(x: int, y: int, seed: int) -> float:
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
    a, b = _hash(i, j, seed), _hash(i + 1, j, seed)
    c, d = _hash(i, j + 1, seed), _hash(i + 1, j + 1, seed)
    return (a + (b - a) * u) * (1.0 - v) + (c + (d - c) * u) * v


@kernel
def _fade(grain: float, width: float) -> float:
    """1 where a pixel of `width` resolves the grain, 0 where it covers it."""
    return min(1.0, max(0.0, 1.6 - 1.2 * width / grain))


@kernel
def _mix(a: float, b: float, w: float) -> float:
    return a + (b - a) * w


@kernel
def _step(low: float, high: float, x: float) -> float:
    u = min(1.0, max(0.0, (x - low) / (high - low)))
    return u * u * (3.0 - 2.0 * u)


@kernel
def _square(x: float, width: float) -> float:
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
    w = 0.5 + 0.5 * _square(x / 1.1, fx / 1.1) * _square(z / 1.1, fz / 1.1)
    return _mix(0.13, 0.70, w), _mix(0.14, 0.69, w), _mix(0.17, 0.65, w)


@kernel
def _grass(x: float, z: float, fx: float, fz: float, seed: int) -> Colour:
    patch = noise(x * 0.7, z * 0.7, seed)
    tuft = (noise(x * 3.4, z * 1.5, seed + 1) - 0.5) * _fade(0.45, 0.5 * (fx + fz))
    blade = (noise(x * 11.0, z * 3.2, seed + 2) - 0.5) * _fade(0.16, 0.75 * fx + 0.25 * fz)
    w = 0.5 + 0.5 * (patch - 0.5) + 0.85 * tuft + 0.75 * blade
    w = min(1.0, max(0.0, w))
    return _mix(0.055, 0.34, w), _mix(0.155, 0.50, w), _mix(0.02, 0.085, w)


@kernel
def _sand(x: float, z: float, fx: float, fz: float, seed: int) -> Colour:
    bend = 1.6 * noise(x * 0.55, z * 0.8, seed) + 0.5 * noise(x * 1.7, z * 1.9, seed + 1)
    u = z * 2.1 + 0.25 * x + bend * 1.5
    wave = 0.5 + 0.5 * math.sin(2.0 * math.pi * (u - math.floor(u)))
    wave = (wave * wave * (3 - 2 * wave) - 0.5) * _fade(0.42, fz)
    grain = (noise(x * 17.0, z * 17.0, seed + 2) - 0.5) * _fade(0.08, fx)
    w = min(1.0, max(0.0, 0.52 + 0.72 * wave + 0.3 * grain))
    return _mix(0.44, 0.86, w), _mix(0.28, 0.66, w), _mix(0.12, 0.37, w)


@kernel
def _snow(x: float, z: float, fx: float, fz: float, seed: int) -> Colour:
    drift = noise(x * 0.5, z * 0.8, seed) + 0.5 * noise(x * 1.1, z * 1.9, seed + 1)
    w = _step(0.35, 1.05, drift)
    spark = noise(x * 9.0, z * 9.0, seed + 2)
    glint = 0.16 * _step(0.80, 0.95, spark) * _fade(0.12, fx)
    return (
        _mix(0.46, 0.74, w) + glint,
        _mix(0.57, 0.79, w) + glint,
        _mix(0.75, 0.86, w) + glint,
    )


@kernel
def _wood(x: float, z: float, fx: float, fz: float, seed: int) -> Colour:
    plank = math.floor(x / 0.62)
    i = int(plank)
    u = x / 0.62 - plank
    board = z / 2.6 + _hash(i, 7, seed)
    j = math.floor(board)
    v = board - math.floor(board)
    tone = _hash(i, j, seed + 3)
    grain = noise(x * 13.0, z * 0.9 + 31.0 * tone, seed + i) - 0.5
    grain = grain * _fade(0.13, 0.85 * fx + 0.15 * fz)
    w = min(1.0, max(0.0, 0.25 + 0.5 * tone + 0.55 * grain))
    seam = 1.0 - _step(0.0, 0.035 + fx / 0.62, min(u, 1.0 - u)) * 1.0
    end = 1.0 - _step(0.0, 0.012 + fz / 2.6, min(v, 1.0 - v))
    dark = 1.0 - 0.72 * max(seam * min(1.0, 0.10 / fx), end * min(1.0, 0.09 / fz))
    return (
        _mix(0.25, 0.62, w) * dark,
        _mix(0.12, 0.35, w) * dark,
        _mix(0.045, 0.15, w) * dark,
    )


@kernel
def _slope(x: float, y: float, seed: int) -> Colour:
    """`noise` with its two derivatives."""
    ix, iy = math.floor(x), math.floor(y)
    fx, fy = x - ix, y - iy
    i, j = int(ix), int(iy)
    u, v = fx * fx * (3.0 - 2.0 * fx), fy * fy * (3.0 - 2.0 * fy)
    du, dv = 6.0 * fx * (1.0 - fx), 6.0 * fy * (1.0 - fy)
    a, b = _hash(i, j, seed), _hash(i + 1, j, seed)
    c, d = _hash(i, j + 1, seed), _hash(i + 1, j + 1, seed)
    low, high = a + (b - a) * u, c + (d - c) * u
    return low + (high - low) * v, ((b - a) * (1.0 - v) + (d - c) * v) * du, (high - low) * dv


@kernel
def ripple(x: float, z: float, fz: float, seed: int) -> Colour:
    """Slope of the water along x and z, and the height of its crests in [0, 1]."""
    a, ax, az = _slope(x * 1.1, z * 2.4, seed)
    b, bx, bz = _slope(x * 2.6 + z, z * 5.2, seed + 1)
    f = _fade(0.5, fz)
    crest = 0.5 + ((a + 0.5 * b) / 1.5 - 0.5) * f
    return (ax + 0.5 * bx) * 0.10 * f, (az + 0.5 * bz) * 0.10 * f, crest


@kernel
def water(crest: float) -> Colour:
    """The water's own colour at a height of its ripples."""
    w = _step(0.25, 0.80, crest)
    foam = 0.40 * _step(0.60, 0.74, crest)
    return (
        _mix(0.010, 0.05, w) + 0.6 * foam,
        _mix(0.075, 0.25, w) + 0.9 * foam,
        _mix(0.170, 0.42, w) + foam,
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


@kernel
def _clouds(dx: float, dy: float, dz: float, seed: int) -> float:
    h = 1.0 / (dy + 0.10)
    x, z = dx * h, dz * h
    n = noise(x * 0.9, z * 0.55, seed + 5) + 0.5 * noise(x * 2.1, z * 1.3, seed + 6)
    n += 0.25 * noise(x * 4.6, z * 2.9, seed + 7)
    return n / 1.75


@kernel
def _stars(dx: float, dy: float, dz: float, pixel: float, seed: int) -> float:
    u, v = math.atan2(dx, -dz) / 0.050, math.asin(dy) / 0.050
    i, j = math.floor(u), math.floor(v)
    if _hash(i, j, seed + 8) < 0.45:
        return 0.0
    x = u - i - 0.25 - 0.5 * _hash(i, j, seed + 9)
    y = v - j - 0.25 - 0.5 * _hash(i, j, seed + 10)
    wide = max(0.08, 0.55 * pixel / 0.050)
    bright = (0.35 + 0.65 * _hash(i, j, seed + 11)) * min(1.0, 1.7 * 0.08 / wide)
    return bright * math.exp(-(x * x + y * y) / (wide * wide))


def _toward(azimuth: float, height: float) -> Colour:
    return (
        math.sin(azimuth) * math.cos(height),
        math.sin(height),
        -math.cos(azimuth) * math.cos(height),
    )


SUN, MOON = _toward(-0.17, 0.055), _toward(0.19, 0.135)


@kernel
def _apart(dx: float, dy: float, dz: float, p: Colour) -> float:
    """About the angle in radians between direction d and p."""
    return math.sqrt((dx - p[0]) ** 2 + (dy - p[1]) ** 2 + (dz - p[2]) ** 2)


@kernel
def sky(code: int, dx: float, dy: float, dz: float, pixel: float, seed: int) -> Colour:
    """The open sky in direction d, averaged over a pixel of about `pixel` radians."""
    up = max(0.0, dy)
    if code == DAY:
        w = min(1.0, up / 0.32) ** 0.65
        c = _step(0.52, 0.72, _clouds(dx, up, dz, seed)) * _step(0.0, 0.06, up)
        return (
            _mix(_mix(0.62, 0.07, w), 0.94, c),
            _mix(_mix(0.80, 0.28, w), 0.95, c),
            _mix(_mix(0.96, 0.80, w), 0.97, c),
        )
    if code == SUNSET:
        w = min(1.0, up / 0.26)
        a = _apart(dx, dy, dz, SUN)
        sun = 1.0 - _step(0.040 - 0.5 * pixel, 0.040 + 0.5 * pixel, a)
        glow = math.exp(-a * 7.0) * 0.5
        r = _mix(_mix(1.0, 0.80, w), 0.30, w * w)
        g = _mix(_mix(0.46, 0.16, w), 0.09, w * w)
        b = _mix(_mix(0.14, 0.24, w), 0.36, w * w)
        return (
            _mix(r + glow, 1.0, sun),
            _mix(g + 0.7 * glow, 0.86, sun),
            _mix(b + 0.2 * glow, 0.45, sun),
        )
    if code == NIGHT:
        w = min(1.0, up / 0.30)
        a = _apart(dx, dy, dz, MOON)
        moon = 1.0 - _step(0.034 - 0.5 * pixel, 0.034 + 0.5 * pixel, a)
        s = 0.10 * math.exp(-a * 9.0)
        if pixel < 0.04:
            s += _stars(dx, dy, dz, pixel, seed)
        r, g, b = _mix(0.035, 0.006, w) + s, _mix(0.050, 0.010, w) + s, _mix(0.16, 0.045, w) + s
        return _mix(r, 0.92, moon), _mix(g, 0.90, moon), _mix(b, 0.78, moon)
    w = min(1.0, up / 0.3)
    c = _clouds(dx, up, dz, seed) - 0.5
    c = 0.35 * c * _step(0.0, 0.1, up)
    return _mix(0.62, 0.40, w) + c, _mix(0.65, 0.43, w) + c, _mix(0.68, 0.47, w) + c
