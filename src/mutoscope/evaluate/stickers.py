"""Which sticker of many a clip shows: the one that, laid over the picture, explains most of it.

    gain(p) = sum over q of m(q) [ |x(p+q) - b(p+q)|² - BLAME |x(p+q) - c(q)|² ]
    share   = max over places p, sizes and phases of gain / sum |x - b|²,   mean over frames

x is a frame, b the nearest of the colours that are usually seen at the left and right edges at that
height (grounds stand still), c and m the sticker's colours and opacity. A sticker that is right
leaves nothing, one that is too small explains too little, one of another shape pays for what it
covers wrongly; so nothing is learned and no threshold is set. The few that explain most are
compared again at twice the size. Numbers ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional as F

from mutoscope.errors import DataError

SIDE = 24
"""Pixels a side at which pictures are compared first."""
SIZES = (8, 10, 12, 14, 16, 18, 20, 22, 25, 28)
"""Sides of a sticker that are tried, in those pixels."""
LOOKS = 4
"""Frames of a clip that are looked at."""
PHASES = 6
"""Frames of a sticker that are tried."""
OUTSIDE = 8
"""Pixels by which a sticker may stand outside the frame."""
EDGE = 2
"""Pixels at the left and right edges that are taken for ground."""
BLAME = 2.0
"""How much more a wrong colour costs than an explained one gains."""
CLOSEST = 6
"""Candidates that are compared again at twice the size."""

Shot = UInt8[np.ndarray, "T H W 3"]
Rgba = UInt8[np.ndarray, "n k S S 4"]


@dataclass(frozen=True)
class Album:
    """Candidates: their colours times opacity and opacity, and what frames are multiplied with."""

    solid: Float[Tensor, "n k 4 S S"]
    kernels: tuple[Float[Tensor, "_ 5 _ _"], ...]

    def __len__(self) -> int:
        return len(self.solid)


def album(stickers: Rgba) -> Album:
    """Candidates n with k frames each; refuses fewer than two."""
    if len(stickers) < 2:
        raise DataError(
            f"one of many is looked for, so give at least 2 stickers (got {len(stickers)})"
        )
    moments = np.linspace(0, stickers.shape[1], PHASES, endpoint=False).astype(int)
    rgba = torch.from_numpy(stickers[:, moments].astype(np.float32) / 255).movedim(-1, 2)
    solid = torch.cat([rgba[:, :, :3] * rgba[:, :, 3:], rgba[:, :, 3:]], dim=2)
    return Album(solid, tuple(_kernel(solid, size) for size in SIZES))


@torch.inference_mode()
def shares(shot: Shot, candidates: Album) -> Float[np.ndarray, " n"]:
    """How much of a clip each candidate explains, at most 1; -inf for all but the CLOSEST few."""
    rows = sorted({round(k) for k in np.linspace(0, len(shot) - 1, LOOKS)})
    frames = torch.from_numpy(shot.astype(np.float32) / 255).movedim(-1, 1)
    coarse, fine = (F.adaptive_avg_pool2d(frames, k * SIDE) for k in (1, 2))
    rough = _explained(coarse[rows], _away(coarse)[rows], candidates.kernels)
    close = rough.topk(min(CLOSEST, len(candidates))).indices
    kernels = [_kernel(candidates.solid[close], 2 * size) for size in SIZES]
    found = torch.full((len(candidates),), -torch.inf)
    found[close] = _explained(fine[rows], _away(fine)[rows], kernels)
    return found.numpy()


def nearest(shot: Shot, candidates: Album) -> int:
    """The candidate that explains most of a clip."""
    return int(shares(shot, candidates).argmax())


def _explained(
    frames: Float[Tensor, "t 3 h w"], away: Float[Tensor, "t 1 h w"], kernels: Sequence[Tensor]
) -> Float[Tensor, " n"]:
    """The share of frames that each candidate explains at its best size, place and phase."""
    outside = OUTSIDE * frames.shape[-1] // SIDE
    flat = frames.square().sum(1, keepdim=True)
    planes = torch.cat([away - BLAME * flat, frames, torch.ones_like(flat)], dim=1)
    planes = F.pad(planes, (outside,) * 4)
    gains = [F.conv2d(planes, kernel).flatten(2).amax(-1) for kernel in kernels]
    gain = rearrange(torch.stack(gains).amax(0), "t (n k) -> t n k", k=PHASES).amax(-1)
    return (gain / (away.sum((1, 2, 3))[:, None] + 1e-6)).mean(0)


def _away(frames: Float[Tensor, "t 3 h w"]) -> Float[Tensor, "t 1 h w"]:
    """Squared distance from the nearest colour at the edges, at this height or beside it.

    What is at an edge in less than half of the frames is no ground.
    """
    edge = EDGE * frames.shape[-1] // SIDE
    edges = torch.cat([frames[..., :edge], frames[..., -edge:]], dim=-1).median(0).values
    tall = F.pad(edges, (0, 0, 1, 1), mode="replicate")
    ground = torch.cat([tall[:, :-2], edges, tall[:, 2:]], dim=-1)
    apart = frames[..., :, None] - ground[:, :, None, :]
    return apart.square().sum(1, keepdim=True).amin(-1)


def _kernel(solid: Float[Tensor, "n k 4 S S"], size: int) -> Float[Tensor, "m 5 s s"]:
    """What planes are multiplied with: opacity, twice the colours, and what they cost."""
    small = F.adaptive_avg_pool2d(solid.flatten(0, 1), size)
    cover, colours = small[:, 3:], small[:, :3]
    cost = (colours.square() / cover.clamp(min=1e-3)).sum(1, keepdim=True)
    return torch.cat([cover, 2 * BLAME * colours, -BLAME * cost], dim=1)
