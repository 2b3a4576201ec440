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
"""Slopes as Sobel's sums give them, 8 times that of grey (0 to 1) a pixel: edges begin from HIGH on
and go on from LOW on. With SIGMA, the defaults of scikit-image."""
REACH = 4.0
"""Sigmas at which the smoothing is cut off."""
STRIP = 65536
"""Pixels that are smoothed together."""
Grey = Float[Tensor, "H W"]


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
    where they are largest along their own direction, from HIGH on or joined to such by ones from
    LOW on. Source: Canny (1986), section VII; slopes are Sobel's.
    """
    scale = min(frames.shape[1:3]) / SIDE
    luma, found = np.asarray(LUMA, np.float32), np.zeros(frames.shape[:3], bool)
    for one, frame in zip(found, frames, strict=True):
        light = (frame.astype(np.float32) + 1) / 2 @ luma
        one[:] = _drawn(torch.from_numpy(light), sigma or SIGMA * scale, scale)
    return found


def _edges(frames: Frames) -> Map:
    if min(frames.shape[-2:]) < 2:
        raise DataError("edges need frames of at least 2x2 pixels; give larger ones")
    drawn = [canny(rearrange(one, "c T H W -> T H W c").cpu().numpy()) for one in frames.unbind()]
    return torch.from_numpy(np.stack(drawn))[:, None].float()


def _drawn(light: Grey, sigma: float, scale: float) -> Bool[np.ndarray, "H W"]:
    gx, gy = _slopes(_along(_along(light, sigma).T.contiguous(), sigma).T.contiguous())
    slope = torch.hypot(gx, gy)
    thin = torch.where(_highest(slope, gx, gy), slope * scale, 0.0)
    return _joined((thin >= HIGH).numpy(), (thin >= LOW).numpy())


def _along(light: Grey, sigma: float) -> Grey:
    """A Gaussian along the rows, the picture going on at its borders as it ends there.

    Tap by tap, so that a plain edge stays as straight as it was and nothing is unfolded; STRIP
    pixels at a time, which stay in a core's cache.
    """
    reach = int(REACH * sigma + 0.5)
    bell = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma) ** 2)
    weights = (bell / bell.sum()).tolist()
    W = light.shape[1]
    wide = F.pad(light[None], (reach, reach), mode="replicate")[0]
    smooth = torch.zeros_like(light)
    rows = max(1, STRIP // W)
    for into, strip in zip(torch.split(smooth, rows), torch.split(wide, rows), strict=True):
        for k, weight in enumerate(weights):
            into.add_(strip[:, k : k + W], alpha=weight)
    return smooth


def _slopes(smooth: Grey) -> tuple[Grey, Grey]:
    """Sobel's sums, to the right and down."""
    wide = F.pad(smooth[None, None], (1,) * 4, mode="replicate")[0, 0]
    right, down = wide[:, 2:] - wide[:, :-2], wide[2:] - wide[:-2]
    return (
        right[:-2] + 2 * right[1:-1] + right[2:],
        down[:, :-2] + 2 * down[:, 1:-1] + down[:, 2:],
    )


def _highest(slope: Grey, gx: Grey, gy: Grey) -> Bool[Tensor, "H W"]:
    """Where no slope a pixel up or down the slope's own direction is larger."""
    H, W = slope.shape
    y, x = torch.arange(H)[:, None] + 0.5, torch.arange(W) + 0.5
    ux, uy = gx / (slope + 1e-9), gy / (slope + 1e-9)
    sides = []
    for way in (-1, 1):
        grid = torch.stack([2 * (x + way * ux) / W - 1, 2 * (y + way * uy) / H - 1], dim=-1)
        side = F.grid_sample(
            slope[None, None], grid[None], padding_mode="border", align_corners=False
        )
        sides.append(side[0, 0])
    return (slope >= sides[0]) & (slope > sides[1])


def _joined(
    strong: Bool[np.ndarray, "H W"], weak: Bool[np.ndarray, "H W"]
) -> Bool[np.ndarray, "H W"]:
    """The weak pixels that strong ones reach over weak ones, in eight directions."""
    left = np.pad(weak & ~strong, 1)  # a border that nothing reaches
    W = left.shape[1]
    around = np.array([-W - 1, -W, -W + 1, -1, 1, W - 1, W, W + 1])
    kept, left = np.pad(strong, 1).ravel(), left.ravel()
    reached = np.flatnonzero(kept)
    while reached.size:
        near = (reached[:, None] + around).ravel()
        reached = np.unique(near[left[near]])
        kept[reached], left[reached] = True, False
    return kept.reshape(-1, W)[1:-1, 1:-1]
