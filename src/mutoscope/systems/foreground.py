"""Where things are in frames, for systems that treat things and background apart.

Read by the shipped dense reader, which stands in for a detector of salient objects: it knows the
things of the world, and of other pictures what looks like them.
"""

from __future__ import annotations

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from mutoscope.clip import Frames
from mutoscope.machine import precision
from mutoscope.networks.dense import SIDE, DenseReader
from mutoscope.zoo import load_part

READER = "dense-readers"
WINDOW = 16
"""Frames that are read together (ours)."""
WIDER = 5
"""Cells of SIDE over which a mask is widened. Source: Text2Video-Zero's code, at the same side."""


def opened() -> DenseReader:
    """The dense reader of the zoo, ready to read."""
    return load_part(DenseReader, READER).eval().requires_grad_(requires_grad=False)


def fresh() -> DenseReader:
    """A tiny one that has learned nothing."""
    reader = DenseReader(width=8, middle=8, deep=8, match=8, depth=1, rounds=1)
    return reader.eval().requires_grad_(requires_grad=False)


@torch.inference_mode()
def things(
    reader: DenseReader, frames: Frames, size: tuple[int, int]
) -> Float[Tensor, "b 1 t h w"]:
    """1 where there are things, or next to them, in a grid of `size` = (h, w) cells, else 0."""
    masks = [_masks(reader, part) for part in torch.split(frames, WINDOW, dim=2)]
    flat = rearrange(torch.cat(masks, dim=1), "b t y x -> (b t) 1 y x").float()
    wide = F.adaptive_max_pool2d(F.max_pool2d(flat, WIDER, 1, WIDER // 2), size)
    return rearrange(wide, "(b t) 1 h w -> b 1 t h w", b=len(frames))


def _masks(reader: DenseReader, frames: Frames) -> Tensor:
    flat = rearrange(frames, "b c t y x -> (b t) c y x").float()
    if min(flat.shape[-2:]) > SIDE:
        flat = F.adaptive_avg_pool2d(flat, SIDE)
    else:
        flat = F.interpolate(flat, size=(SIDE, SIDE), mode="bilinear", align_corners=False)
    x = rearrange(flat, "(b t) c y x -> b t c y x", b=len(frames)).transpose(1, 2)
    with torch.autocast("cpu", torch.bfloat16, enabled=precision() is torch.bfloat16):
        return reader.things(reader(x.contiguous()))
