"""Single pictures to train an autoencoder on: world frames, stickers over grounds, photographs.

The photographs are those inside scikit-image and scikit-learn (public domain, CC0, CC BY);
the five that measure the autoencoder (astronaut, chelsea, coffee, hubble, rocket) are left out.
"""

from __future__ import annotations

import importlib.resources
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from mutoscope.data.stickers import Stickers
from mutoscope.errors import DataError

Picture = UInt8[np.ndarray, "_ _ 3"]

PHOTOGRAPHS = {
    "skimage.data": (
        "brick.png", "camera.png", "cell.png", "coins.png", "grass.png", "gravel.png", "ihc.png",
        "moon.png", "motorcycle_left.png", "motorcycle_right.png", "retina.jpg",
    ),
    "sklearn.datasets.images": ("china.jpg", "flower.jpg"),
}  # fmt: skip
HELD_OUT = 37
"""Every 37th sticker is never trained on."""


def photographs() -> tuple[Picture, ...]:
    """The training photographs, in colour, their short side at most 384."""
    found = []
    for package, names in PHOTOGRAPHS.items():
        try:
            folder = importlib.resources.files(package)
        except ModuleNotFoundError as error:
            raise DataError(
                f"training photographs come from {package}, which is not installed; "
                "pip install 'mutoscope[train]'",
                failed=True,
            ) from error
        for name in names:
            with importlib.resources.as_file(folder / name) as path, Image.open(path) as image:
                rgb = image.convert("RGB")
                rgb.thumbnail((576, 384) if rgb.width > rgb.height else (384, 576))
                found.append(np.asarray(rgb))
    return tuple(found)


@dataclass(frozen=True)
class Pictures:
    """A mixture of sources; `shares` are those of (world, stickers, photographs), summing to 1."""

    world: UInt8[np.ndarray, "n side side 3"] | None
    stickers: Stickers
    photographs: tuple[Picture, ...]
    shares: tuple[float, float, float] = (0.6, 0.25, 0.15)

    def draw(self, rng: np.random.Generator, side: int) -> Picture:
        """One picture of `side` x `side` pixels."""
        source = rng.choice(3, p=self.shares)
        if source == 0 and self.world is not None:
            return _crop(self.world[rng.integers(len(self.world))], rng, side)
        if source <= 1:
            return self._sticker(rng, side)
        return self._photograph(rng, side)

    def _photograph(self, rng: np.random.Generator, side: int) -> Picture:
        photograph = self.photographs[rng.integers(len(self.photographs))]
        short = min(photograph.shape[:2])
        window = int(rng.integers(side, short + 1)) if short > side else short
        crop = _crop(photograph, rng, window)
        image = Image.fromarray(crop).resize((side, side), Image.Resampling.BOX)
        return _tinted(np.asarray(image), rng)

    def _sticker(self, rng: np.random.Generator, side: int) -> Picture:
        i = int(rng.integers(len(self.stickers.names)))
        i += i % HELD_OUT == 0
        i = min(i, len(self.stickers.names) - 1)
        rgba = self.stickers.frames[i, rng.integers(self.stickers.frames.shape[1])]
        ground = self._photograph(rng, side) if rng.random() < 0.3 else _ramp(rng, side)
        size = int(side * rng.uniform(0.4, 1.1))
        small = np.asarray(Image.fromarray(rgba).resize((size, size), Image.Resampling.BOX))
        return paste(
            ground, small, *(int(v) for v in rng.integers(-size // 4, side - size // 2, 2))
        )


def paste(ground: Picture, rgba: UInt8[np.ndarray, "h w 4"], x: int, y: int) -> Picture:
    """`ground` with `rgba` composed over it, top left corner at (x, y), parts outside cut off."""
    out = ground.astype(np.float32)
    height, width = ground.shape[:2]
    x0, y0 = max(0, x), max(0, y)
    x1, y1 = min(width, x + rgba.shape[1]), min(height, y + rgba.shape[0])
    if x1 > x0 and y1 > y0:
        piece = rgba[y0 - y : y1 - y, x0 - x : x1 - x].astype(np.float32)
        alpha = piece[..., 3:] / 255
        out[y0:y1, x0:x1] = out[y0:y1, x0:x1] * (1 - alpha) + piece[..., :3] * alpha
    return out.round().astype(np.uint8)


def _crop(picture: Picture, rng: np.random.Generator, side: int) -> Picture:
    y, x = (int(rng.integers(0, n - side + 1)) for n in picture.shape[:2])
    crop = picture[y : y + side, x : x + side]
    return crop[:, ::-1] if rng.random() < 0.5 else crop


def _ramp(rng: np.random.Generator, side: int) -> Picture:
    ends = rng.uniform(0, 255, (2, 3))
    along = np.linspace(0, 1, side)[:, None, None] * np.ones((1, side, 1))
    ramp = ends[0] * (1 - along) + ends[1] * along
    return (ramp if rng.random() < 0.5 else ramp.transpose(1, 0, 2)).astype(np.uint8)


def _tinted(picture: Picture, rng: np.random.Generator) -> Picture:
    gain, channels = rng.uniform(0.7, 1.2, 3), rng.permutation(3)
    return np.clip(picture[..., channels] * gain, 0, 255).astype(np.uint8)
