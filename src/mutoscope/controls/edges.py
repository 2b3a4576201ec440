"""Edges: where the picture changes sharply, found by Canny's rule; exact, with nothing learned.

Unit: 1 on an edge, 0 elsewhere; one pixel wide. Convention: shown as white lines on black. Edges
hear texture and shadows too, which lines (`controls.sketch`) do not. For a network: 1 where any
pixel of the cell is on an edge.
"""

from __future__ import annotations

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from mutoscope.clip import Clip, Frames
from mutoscope.controls.control import LUMA, Map, Size, Told, grey, lit, pooled
from mutoscope.errors import DataError
from mutoscope.world.render import Render

TRUTHS: tuple[str, ...] = ()
CHANNELS = 1
SIDE = 64
"""The side at which numbers in pixels are told."""
SIGMA = 1.0
LOW, HIGH = 0.1, 0.2
"""Slopes of grey (0 to 1) a pixel: edges begin above HIGH and go on above LOW, as scikit-image has
them."""
REACH = 4.0
"""Sigmas at which the smoothing is cut off."""


def from_truth(made: Render) -> Map:
    """The edges of a render: they are a matter of the pixels, so that truth and reading are one."""
    return _edges(rearrange(torch.from_numpy(made.rgb).float() / 127.5 - 1, "T H W c -> 1 c T H W"))


def from_clip(clip: Clip) -> Map:
    """The edges of anybody's clip, frame by frame."""
    return _edges(clip.frames)


def shown(values: Map) -> Frames:
    """White on black."""
    return grey(values)


def from_shown(frames: Frames) -> Map:
    """Edges from a picture of them: what is lighter than middle grey."""
    return (lit(frames) >= 0.5).float()


def encoded(values: Map, size: Size) -> Told:
    """1 where any pixel of a cell is on an edge."""
    return pooled(values, size, most=True)


def canny(
    frames: Float[np.ndarray, "T H W 3"], sigma: float | None = None
) -> Bool[np.ndarray, "T H W"]:
    """Edges of frames in [-1, 1], one pixel wide: the opinion on lines that has learned nothing.

    Slopes of the grey picture smoothed by `sigma` (SIGMA at SIDE, scaling with the side), kept
    where they are largest along their own direction, above HIGH or joined to such by ones above
    LOW. Source: Canny (1986), section VII; slopes by central differences.
    """
    scale = min(frames.shape[1:3]) / SIDE
    light = torch.from_numpy(((frames.astype(np.float64) + 1) / 2) @ LUMA)[:, None]
    smooth = _smoothed(light, sigma or SIGMA * scale)
    gy, gx = torch.gradient(smooth, dim=(2, 3))
    slope = torch.hypot(gx, gy)
    thin = torch.where(_highest(slope, gx, gy), slope, torch.zeros_like(slope)) * scale
    return _joined(thin > HIGH / 2, thin > LOW / 2)[:, 0].numpy()


def _edges(frames: Frames) -> Map:
    if min(frames.shape[-2:]) < 2:
        raise DataError("edges need frames of at least 2x2 pixels; give larger ones")
    drawn = [canny(rearrange(one, "c T H W -> T H W c").cpu().numpy()) for one in frames.unbind()]
    return torch.from_numpy(np.stack(drawn))[:, None].float()


def _smoothed(light: Float[Tensor, "T 1 H W"], sigma: float) -> Float[Tensor, "T 1 H W"]:
    """A Gaussian along both axes, the picture going on at its borders as it ends there."""
    reach = int(REACH * sigma + 0.5)
    x = torch.arange(-reach, reach + 1, dtype=light.dtype)
    bell = torch.exp(-0.5 * (x / sigma) ** 2)
    bell = bell / bell.sum()
    wide = F.pad(light, (reach,) * 4, mode="replicate")
    return F.conv2d(F.conv2d(wide, bell.view(1, 1, 1, -1)), bell.view(1, 1, -1, 1))


def _highest(
    slope: Float[Tensor, "T 1 H W"], gx: Float[Tensor, "T 1 H W"], gy: Float[Tensor, "T 1 H W"]
) -> Bool[Tensor, "T 1 H W"]:
    """Where no slope a pixel up or down the slope's own direction is larger."""
    H, W = slope.shape[-2:]
    y, x = torch.meshgrid(
        torch.arange(H, dtype=slope.dtype), torch.arange(W, dtype=slope.dtype), indexing="ij"
    )
    ux, uy = gx[:, 0] / (slope[:, 0] + 1e-9), gy[:, 0] / (slope[:, 0] + 1e-9)
    sides = []
    for way in (-1, 1):
        u, v = 2 * (x + way * ux + 0.5) / W - 1, 2 * (y + way * uy + 0.5) / H - 1
        grid = torch.stack([u, v], dim=-1)
        sides.append(F.grid_sample(slope, grid, padding_mode="border", align_corners=False))
    return (slope >= sides[0]) & (slope > sides[1])


def _joined(strong: Bool[Tensor, "T 1 H W"], weak: Bool[Tensor, "T 1 H W"]) -> Tensor:
    """The weak pixels that strong ones reach over weak ones, in eight directions."""
    kept = strong
    while True:
        grown = (F.max_pool2d(kept.float(), 3, 1, 1) > 0) & weak
        if torch.equal(grown, kept):
            return kept
        kept = grown
