"""Open skies as functions of a direction, in linear light."""

from __future__ import annotations

import math

from mutoscope.world.kernel import kernel
from mutoscope.world.textures import Colour, hashed, mix, noise, step

DAY, SUNSET, NIGHT, OVERCAST, FIRST_WALL = range(5)
"""Skies by number; from FIRST_WALL on they are the walls of a studio."""


@kernel
def _clouds(dx: float, dy: float, dz: float, seed: int) -> float:
    # None at the horizon, where the far floor asks for the sky, too.
    if dy <= 0.0:
        return 0.0
    h = 1.0 / (dy + 0.10)
    x, z = dx * h, dz * h
    n = noise(x * 0.9, z * 0.55, seed + 5) + 0.5 * noise(x * 2.1, z * 1.3, seed + 6)
    n += 0.25 * noise(x * 4.6, z * 2.9, seed + 7)
    return n / 1.75


@kernel
def _stars(dx: float, dy: float, dz: float, pixel: float, seed: int) -> float:
    u, v = math.atan2(dx, -dz) / 0.050, math.asin(dy) / 0.050
    i, j = math.floor(u), math.floor(v)
    if hashed(i, j, seed + 8) < 0.45:
        return 0.0
    x = u - i - 0.25 - 0.5 * hashed(i, j, seed + 9)
    y = v - j - 0.25 - 0.5 * hashed(i, j, seed + 10)
    wide = max(0.08, 0.55 * pixel / 0.050)
    bright = (0.35 + 0.65 * hashed(i, j, seed + 11)) * min(1.0, 1.7 * 0.08 / wide)
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
        c = step(0.52, 0.72, _clouds(dx, up, dz, seed)) * step(0.0, 0.06, up)
        return (
            mix(mix(0.62, 0.07, w), 0.94, c),
            mix(mix(0.80, 0.28, w), 0.95, c),
            mix(mix(0.96, 0.80, w), 0.97, c),
        )
    if code == SUNSET:
        w = min(1.0, up / 0.26)
        a = _apart(dx, dy, dz, SUN)
        sun = 1.0 - step(0.040 - 0.5 * pixel, 0.040 + 0.5 * pixel, a)
        glow = math.exp(-a * 7.0) * 0.5
        r = mix(mix(1.0, 0.80, w), 0.30, w * w)
        g = mix(mix(0.46, 0.16, w), 0.09, w * w)
        b = mix(mix(0.14, 0.24, w), 0.36, w * w)
        return (
            mix(r + glow, 1.0, sun),
            mix(g + 0.7 * glow, 0.86, sun),
            mix(b + 0.2 * glow, 0.45, sun),
        )
    if code == NIGHT:
        w = min(1.0, up / 0.30)
        a = _apart(dx, dy, dz, MOON)
        moon = 1.0 - step(0.034 - 0.5 * pixel, 0.034 + 0.5 * pixel, a)
        s = 0.10 * math.exp(-a * 9.0)
        if pixel < 0.04:
            s += _stars(dx, dy, dz, pixel, seed)
        r, g, b = mix(0.035, 0.006, w) + s, mix(0.050, 0.010, w) + s, mix(0.16, 0.045, w) + s
        return mix(r, 0.92, moon), mix(g, 0.90, moon), mix(b, 0.78, moon)
    w = min(1.0, up / 0.3)
    c = _clouds(dx, up, dz, seed) - 0.5
    c = 0.35 * c * step(0.0, 0.1, up)
    return mix(0.62, 0.40, w) + c, mix(0.65, 0.43, w) + c, mix(0.68, 0.47, w) + c
