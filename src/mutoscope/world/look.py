"""Looks: a plain picture redrawn by another hand, frame by frame.

Each look reads the picture and the lines and things under its pixels. Looks are deterministic and
anchored to the picture plane; sizes of strokes follow the frame's height.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mutoscope.errors import DataError
from mutoscope.world.scene import LOOKS
from mutoscope.world.strokes import (
    Image,
    blur,
    brushed,
    edges,
    grain,
    hatch,
    luminance,
    paper,
    patches,
    soft_lines,
    swirls,
)


@dataclass(frozen=True, kw_only=True)
class Frame:
    """A frame to redraw: picture (H W 3, 0 to 1), lines and outlines (255 on them), ids."""

    image: Image
    lines: NDArray[np.uint8]
    outlines: NDArray[np.uint8]
    ids: NDArray[np.uint8]

    @property
    def unit(self) -> float:
        """A pixel of a frame 128 high."""
        return float(self.image.shape[0]) / 128.0


def redrawn(
    look: str,
    rgb: NDArray[np.uint8],
    ids: NDArray[np.uint8],
    lines: NDArray[np.uint8],
    outlines: NDArray[np.uint8],
) -> NDArray[np.uint8]:
    """A clip T H W 3 in another look; "plain" leaves it as it is."""
    if look == "plain":
        return rgb
    if look not in _HANDS:
        raise DataError(f"no look {look!r}; use one of {', '.join(LOOKS)}")
    out = np.empty_like(rgb)
    for k in range(len(rgb)):
        frame = Frame(
            image=rgb[k].astype(np.float32) / 255.0,
            lines=lines[k],
            outlines=outlines[k],
            ids=ids[k],
        )
        out[k] = np.clip(np.rint(255.0 * _HANDS[look](frame)), 0, 255).astype(np.uint8)
    return out


def _tinted(ink: Image, paper_colour: tuple[float, ...], ink_colour: tuple[float, ...]) -> Image:
    """Ink of one colour on paper of another."""
    below = np.array(paper_colour, np.float32)
    above = np.array(ink_colour, np.float32)
    image: Image = below + ink[..., None] * (above - below)
    return image


def _contrast(grey: Image) -> Image:
    """Faint lines where the picture itself changes: patterns, shadows, horizons."""
    gx, gy = edges(blur(grey))
    steep: Image = np.clip(5.0 * np.hypot(gx, gy) - 0.18, 0.0, 1.0)
    return steep


def _pencil(frame: Frame) -> Image:
    h, w = frame.ids.shape
    grey = blur(luminance(frame.image))
    space = max(2.6, 3.4 * frame.unit)
    # The stage is hatched with a lighter hand than the things on it.
    hand = 0.5 + 0.5 * blur((frame.ids > 0).astype(np.float32))
    ink: Image = np.zeros((h, w), np.float32)
    for angle, below, weight in ((0.8, 0.74, 0.42), (-0.7, 0.50, 0.45), (0.15, 0.28, 0.55)):
        dark = np.clip((below - grey) / 0.16, 0.0, 1.0)
        ink = 1.0 - (1.0 - ink) * (1.0 - hand * weight * dark * hatch(h, w, angle, space))
    line: Image = np.maximum(0.92 * soft_lines(frame.lines, 1.0), 0.65 * _contrast(grey))
    line *= 0.86 + 0.14 * paper(h, w)
    ink = 1.0 - (1.0 - ink) * (1.0 - np.clip(line, 0, 1))
    page = 0.965 + 0.014 * paper(h, w)
    return _tinted(ink, (1.0, 0.99, 0.96), (0.17, 0.17, 0.20)) * page[..., None]


def _watercolour(frame: Frame) -> Image:
    h, w = frame.ids.shape
    calm = patches(blur(frame.image), max(1, round(2.0 * frame.unit)))
    calm = blur(calm)
    gx, gy = edges(luminance(calm))
    pool = np.clip(3.0 * np.hypot(gx, gy), 0, 0.5)
    wash = grain(h, w, 21 * frame.unit, 106) + 0.6 * grain(h, w, 8 * frame.unit, 107) - 0.8
    # Pigment is what is left out of white: more of it pools at the edges of a wash.
    absent = (1.0 - calm) * (0.80 + 0.55 * pool + 0.34 * wash)[..., None]
    absent += 0.045 * np.maximum(paper(h, w), -0.5)[..., None] * (0.3 + absent)
    line = 0.30 * soft_lines(frame.outlines, 0.8)
    sheet = np.array([1.0, 0.992, 0.97], np.float32)
    return (sheet - absent) * (1.0 - line[..., None] * (1 - 0.5 * calm))


def _oil(frame: Frame) -> Image:
    h, w = frame.ids.shape
    gx, gy = edges(blur(luminance(frame.image), 2))
    steep = np.hypot(gx, gy)
    along = np.stack([-gy, gx], axis=-1) / (steep[..., None] + 1e-6)
    # Strokes follow contours where there are any, and whirl where there are none.
    field = swirls(h, w)
    along *= np.sign(np.sum(along * field, axis=-1, keepdims=True) + 1e-9)
    share = np.clip(steep[..., None] * 14.0, 0.0, 1.0)
    field = (share * along + (1.0 - share) * field).astype(np.float32)
    field /= np.linalg.norm(field, axis=-1, keepdims=True) + 1e-6
    long = max(4, round(9 * frame.unit))
    calm = patches(frame.image, max(1, round(1.6 * frame.unit)))
    painted, marks = brushed(calm, grain(h, w, 1.5 * max(1.0, frame.unit), 108), field, long)
    relief = (marks - 0.5) * 2.6
    bx, by = edges(marks)
    light = 4.2 * (bx + by)
    grey = luminance(painted)[..., None]
    rich = grey + 1.25 * (painted - grey)
    return rich * (1.0 + 0.24 * relief[..., None]) + 0.20 * light[..., None]


def _pixel(frame: Frame) -> Image:
    h, w = frame.ids.shape
    block = max(2, round(h / 40))
    rows, columns = -(-h // block), -(-w // block)
    wide = np.pad(
        frame.image, ((0, rows * block - h), (0, columns * block - w), (0, 0)), mode="edge"
    )
    cells = wide.reshape(rows, block, columns, block, 3).mean((1, 3))
    grey = luminance(cells)[..., None]
    vivid = np.clip(grey + 1.3 * (cells - grey), 0, 1)
    # Brightness in nine steps, tints in coarser ones, so that greys stay grey.
    bright = luminance(vivid)[..., None]
    levels = np.clip(np.rint(bright * 9) / 9 + np.rint((vivid - bright) * 7) / 7, 0, 1)
    return np.repeat(np.repeat(levels, block, 0), block, 1)[:h, :w].astype(np.float32)


def _cartoon(frame: Frame) -> Image:
    flat = patches(frame.image, max(1, round(2.2 * frame.unit)))
    grey = np.maximum(luminance(flat), 1e-3)[..., None]
    steps = 5.0
    band = np.floor(grey * steps)
    part = grey * steps - band
    # A soft step between two bands, a fifth of a band wide, keeps borders from crawling.
    levelled = (band + 0.35 + np.clip((part - 0.4) / 0.2, 0, 1) * 0.5) / steps
    lit = flat * (levelled / grey)
    middle = luminance(lit)[..., None]
    vivid = np.clip(middle + 1.45 * (lit - middle), 0, 1)
    # Below 128 pixels a line can't get thinner, only paler: ink must not drown what it outlines.
    thin = min(1.0, frame.unit)
    ink = np.maximum(
        soft_lines(frame.outlines, 1.5 * thin), 0.55 * thin * soft_lines(frame.lines, 0.9)
    )
    return vivid * (1.0 - 0.95 * ink[..., None])


def _neon(frame: Frame) -> Image:
    top = frame.image.max(-1, keepdims=True)
    hue = frame.image / np.maximum(top, 0.30)
    grey = hue.mean(-1, keepdims=True)
    hue = np.clip(grey + 1.5 * (hue - grey), 0.0, 1.0)
    thing = (frame.ids > 0).astype(np.float32)[..., None]
    line = soft_lines(frame.lines, 1.0)[..., None]
    faint = _contrast(luminance(frame.image))[..., None] * (1 - thing)
    violet = np.array([0.36, 0.16, 0.85], np.float32)
    # Lines on things shine in the thing's colour; the stage's glimmer in violet.
    tube = line * thing * (hue * 0.95 + 0.05) + (line * 0.5 + 0.30 * faint) * (1 - thing) * violet
    glow = blur(tube, round(3 * frame.unit) + 1)
    wide = blur(glow, round(8 * frame.unit) + 2)
    night = np.array([0.030, 0.018, 0.075], np.float32)
    fill = thing * hue * (0.10 + 0.22 * luminance(frame.image)[..., None])
    core = line**2 * thing * 0.35
    shining: Image = night + fill + 1.1 * tube + 0.9 * glow + 0.8 * wide + core
    return shining


def _blueprint(frame: Frame) -> Image:
    h, w = frame.ids.shape
    grey = blur(luminance(frame.image))
    y, x = np.mgrid[:h, :w].astype(np.float32) / (8.0 * frame.unit)
    sharp = 4.0 * frame.unit
    near = np.minimum(np.abs(x - np.rint(x)), np.abs(y - np.rint(y))) * 8.0 * frame.unit
    grid = 0.10 * np.clip(1.0 - near, 0, 1)
    ink = np.maximum(0.95 * soft_lines(frame.lines, 1.05), 0.42 * _contrast(grey))
    shade = hatch(h, w, 0.8, max(2.6, sharp)) * np.clip((0.42 - grey) / 0.3, 0, 1) * 0.26
    thing = 0.07 * (frame.ids > 0)
    chalk = np.clip(np.maximum(ink, shade) + grid + thing, 0, 1)
    chalk *= 0.93 + 0.07 * paper(h, w)
    return _tinted(chalk, (0.055, 0.20, 0.46), (0.90, 0.95, 1.0))


def _mono(frame: Frame) -> Image:
    grey = luminance(frame.image)
    curve = np.clip(grey + 0.16 * np.sin(2 * math.pi * (grey - 0.5)) / 2, 0, 1)
    return np.repeat(curve[..., None], 3, axis=-1)


def _sepia(frame: Frame) -> Image:
    h, w = frame.ids.shape
    y, x = np.mgrid[:h, :w].astype(np.float32)
    far = np.hypot((x + 0.5) / w - 0.5, (y + 0.5) / h - 0.5)
    fall = 1.0 - 0.75 * np.maximum(far - 0.38, 0.0)
    grey = luminance(frame.image) * fall + 0.015 * (grain(h, w, 1.4, 109) - 0.5)
    return _tinted(np.clip(grey, 0, 1), (0.12, 0.07, 0.03), (1.0, 0.92, 0.76))


_HANDS: dict[str, Callable[[Frame], Image]] = {
    "pencil": _pencil,
    "watercolour": _watercolour,
    "oil": _oil,
    "pixel": _pixel,
    "cartoon": _cartoon,
    "neon": _neon,
    "blueprint": _blueprint,
    "mono": _mono,
    "sepia": _sepia,
}
