"""The hand's part in a look: smoothing in patches, strokes along a field, lines, paper, hatching.

Everything here is anchored to the picture plane and free of chance from frame to frame, so that a
still scene stays still. Images are float32 in [0, 1], H W or H W 3.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mutoscope.world.kernel import kernel
from mutoscope.world.textures import noise

Image = NDArray[Any]


def luminance(image: Image) -> Image:
    """Brightness of an image, H W."""
    grey: Image = image @ np.array([0.30, 0.59, 0.11], np.float32)
    return grey


def blur(image: Image, times: int = 1) -> Image:
    """An image after `times` passes of the 1 2 1 kernel along both axes."""
    for _ in range(times):
        for axis in (0, 1):
            pad = [(1, 1) if a == axis else (0, 0) for a in range(image.ndim)]
            wide = np.pad(image, pad, mode="edge")
            n = image.shape[axis]
            before, middle, after = (np.take(wide, range(k, k + n), axis) for k in range(3))
            image = 0.25 * before + 0.5 * middle + 0.25 * after
    return image


def edges(grey: Image) -> tuple[Image, Image]:
    """The gradient of an image along x and y (Sobel, per pixel)."""
    p = np.pad(grey, 1, mode="edge")
    gx = p[:-2, 2:] + 2 * p[1:-1, 2:] + p[2:, 2:] - p[:-2, :-2] - 2 * p[1:-1, :-2] - p[2:, :-2]
    gy = p[2:, :-2] + 2 * p[2:, 1:-1] + p[2:, 2:] - p[:-2, :-2] - 2 * p[:-2, 1:-1] - p[:-2, 2:]
    return gx / 8, gy / 8


def soft_lines(drawn: NDArray[np.uint8], weight: float) -> Image:
    """Binary lines as ink in [0, 1] with soft sides; weight 1 is about a pixel wide."""
    ink: Image = np.minimum(1.0, weight * 1.7 * blur((drawn > 0).astype(np.float32)))
    return ink


@kernel
def patches(image: Image, radius: int) -> Image:
    """Kuwahara's filter: each pixel takes the mean of the calmest of the four squares beside it.

    Source: Kuwahara et al. (1976).
    """
    H, W, _ = image.shape
    out = np.empty_like(image)
    for y in range(H):
        for x in range(W):
            best = 1e9
            for q in range(4):
                x0 = x - radius if q & 1 else x
                y0 = y - radius if q & 2 else y
                s0, s1, s2, ss, n = 0.0, 0.0, 0.0, 0.0, 0.0
                for j in range(max(0, y0), min(H, y0 + radius + 1)):
                    for i in range(max(0, x0), min(W, x0 + radius + 1)):
                        a, b, c = image[j, i, 0], image[j, i, 1], image[j, i, 2]
                        s0, s1, s2, n = s0 + a, s1 + b, s2 + c, n + 1.0
                        ss += a * a + b * b + c * c
                spread = ss / n - (s0 * s0 + s1 * s1 + s2 * s2) / (n * n)
                if spread < best - 1e-7:
                    best = spread
                    out[y, x, 0], out[y, x, 1], out[y, x, 2] = s0 / n, s1 / n, s2 / n
    return out


@kernel
def brushed(image: Image, bristle: Image, field: Image, length: int) -> tuple[Image, Image]:
    """Colours and bristle marks averaged along the streamlines of a field (H W 2, unit vectors).

    Source: line integral convolution, Cabral and Leedom (1993).
    """
    H, W, _ = image.shape
    out, marks = np.empty_like(image), np.empty_like(bristle)
    for y in range(H):
        for x in range(W):
            r, g, b, m, n = 0.0, 0.0, 0.0, 0.0, 0.0
            for way in range(2):
                px, py = float(x), float(y)
                sign = 1.0 if way == 0 else -1.0
                lx, ly = 0.0, 0.0
                for k in range(length):
                    i = min(W - 1, max(0, int(px + 0.5)))
                    j = min(H - 1, max(0, int(py + 0.5)))
                    w = 1.0 - k / length
                    r, g, b = r + w * image[j, i, 0], g + w * image[j, i, 1], b + w * image[j, i, 2]
                    m, n = m + w * bristle[j, i], n + w
                    u, v = sign * field[j, i, 0], sign * field[j, i, 1]
                    if lx * u + ly * v < 0.0:
                        u, v = -u, -v
                    lx, ly = u, v
                    px, py = px + 0.8 * u, py + 0.8 * v
            out[y, x, 0], out[y, x, 1], out[y, x, 2] = r / n, g / n, b / n
            marks[y, x] = m / n
    return out, marks


@kernel
def _noise_image(h: int, w: int, grain_x: float, grain_y: float, seed: int) -> Image:
    out = np.empty((h, w), np.float32)
    for y in range(h):
        for x in range(w):
            out[y, x] = noise(x / grain_x, y / grain_y, seed)
    return out


@lru_cache(maxsize=64)
def grain(h: int, w: int, size: float, seed: int) -> Image:
    """Smooth noise in [0, 1] with grains of `size` pixels; the same for every frame."""
    image = _noise_image(h, w, size, size, seed)
    image.setflags(write=False)
    return image


@lru_cache(maxsize=16)
def paper(h: int, w: int) -> Image:
    """Paper's tooth in [-1, 1]: two fine grains."""
    tooth: Image = (grain(h, w, 1.3, 101) + 0.7 * grain(h, w, 2.7, 102) - 0.85) / 0.85
    tooth.setflags(write=False)
    return tooth


@lru_cache(maxsize=64)
def hatch(h: int, w: int, angle: float, spacing: float) -> Image:
    """Slightly unsteady parallel strokes as ink in [0, 1]."""
    y, x = np.mgrid[:h, :w].astype(np.float32)
    shake = 1.6 * (grain(h, w, 17.0 * spacing / 4, 103) - 0.5)
    u = (x * math.sin(angle) + y * math.cos(angle)) / spacing + shake
    wave = np.cos(2 * np.pi * u)
    ink: Image = np.clip(0.55 * wave + 0.25 + 0.25 * paper(h, w), 0, 1).astype(np.float32)
    ink.setflags(write=False)
    return ink


@lru_cache(maxsize=16)
def swirls(h: int, w: int) -> Image:
    """A field of unit vectors that turns in whirls about a fifth of the frame wide, H W 2."""
    size = max(h, w) / 4.5
    height = grain(h, w, size, 104) + 0.5 * grain(h, w, size / 2, 105)
    gx, gy = edges(blur(height, 2))
    # Along the level lines of a landscape: whirls about its hills and hollows.
    field = np.stack([-gy, gx], axis=-1)
    field /= np.linalg.norm(field, axis=-1, keepdims=True) + 1e-6
    unit: Image = field.astype(np.float32)
    unit.setflags(write=False)
    return unit
