"""Small clips whose right reading is known."""

import math
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from mutoscope.clip import Clip


def waves(count=6, height=32, width=48, fps=8.0, record=None) -> Clip:
    """Soft colours drifting: what a codec keeps well."""
    t, y, x = torch.meshgrid(
        torch.arange(count), torch.arange(height), torch.arange(width), indexing="ij"
    )
    colours = [
        torch.sin(x / 9 + t / 2), torch.cos(y / 7 - t / 3), torch.sin((x + y) / 11) * (t % 2 - 0.5)
    ]  # fmt: skip
    return Clip(frames=0.9 * torch.stack(colours)[None].float(), fps=fps, record=record or {})


def counting(count=8, side=16, fps=8.0) -> Clip:
    """Grey frames, frame k at level 20 k: which frame is which can be read from one pixel."""
    levels = np.arange(count, dtype=np.uint8) * 20
    frames = np.broadcast_to(levels[None, :, None, None, None], (1, count, side, side, 3)).copy()
    return Clip.from_uint8(frames, fps=fps)


def numbers(clip: Clip) -> list[int]:
    """Which frames of `counting` these are."""
    return [round(float(level) / 20) for level in clip.uint8()[0].mean(axis=(1, 2, 3))]


def sliding(dx: float, dy: float, count=4, height=64, width=96) -> Clip:
    """A rough texture moving by (dx, dy) pixels a frame, x right, y down."""
    grain = np.random.default_rng(1).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    texture = Image.fromarray(grain).resize((768, 768), Image.Resampling.BICUBIC)
    boxes = [(256 - 2 * dx * k, 256 - 2 * dy * k) for k in range(count)]
    frames = [
        texture.resize(
            (width, height), Image.Resampling.BOX, box=(x, y, x + 2 * width, y + 2 * height)
        )
        for x, y in boxes
    ]
    return Clip.from_uint8(np.stack([np.asarray(f) for f in frames])[None], fps=8.0)


def psnr(one: Clip, other: Clip) -> float:
    error = np.mean((one.uint8().astype(float) - other.uint8()) ** 2)
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


def hidden(folder: Path) -> list[str]:
    """What an unfinished file would leave behind."""
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]
