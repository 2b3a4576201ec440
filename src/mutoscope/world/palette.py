"""Colours of the world, written as sRGB bytes and kept as linear light."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mutoscope.errors import DataError

GAMMA = 2.2

PAINTS: dict[str, tuple[int, int, int]] = {
    "red": (218, 24, 30),
    "orange": (250, 118, 8),
    "yellow": (252, 218, 22),
    "green": (16, 152, 52),
    "cyan": (20, 206, 222),
    "blue": (24, 62, 222),
    "purple": (116, 30, 176),
    "pink": (255, 112, 176),
    "white": (246, 246, 246),
    "black": (20, 20, 24),
    "brown": (132, 76, 34),
    "grey": (124, 124, 128),
}


@lru_cache(maxsize=len(PAINTS))
def rgb(colour: str) -> NDArray[np.float64]:
    """A colour word as linear red, green, blue in [0, 1]."""
    if colour not in PAINTS:
        raise DataError(f"no colour {colour!r}; use one of {', '.join(PAINTS)}")
    light = linear(PAINTS[colour])
    light.setflags(write=False)
    return light


def linear(srgb: tuple[int, int, int]) -> NDArray[np.float64]:
    """Bytes of sRGB as linear light in [0, 1]."""
    return (np.array(srgb, np.float64) / 255.0) ** GAMMA


CODES = np.array([round(255 * (i / 4095) ** (1 / GAMMA)) for i in range(4096)], np.uint8)
"""Linear light, 0..4095, to sRGB bytes."""
