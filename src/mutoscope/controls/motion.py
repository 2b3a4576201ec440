"""Motion: where what is seen came from, a vector for each block, as a video codec has it.

Unit: pixels of these frames, from the frame before to this one, whatever their rate. Sign: x right,
y down; a thing that slides right has x > 0. Convention: anchored at the *destination*, so frame k
holds at a place how far what is there now has come since frame k - 1; frame 0, which came from
nowhere, is unknown. Three channels: x, y, and 1 where it is known (0 where a block was hidden or
misjudged before: x and y are 0 there too). One vector a block of BLOCK x BLOCK pixels.

Flow (controls.flow, world truth) is anchored at the source; `arrived` carries it over. Shown as
colours: hue is the way (red right, lime down, cyan left, violet up), saturation the length, whole
from FULL of the shorter side on; white is still, grey unknown. For a network: x and y in sixteenths
of the shorter side, the mean over what is known in a cell, and the share that is.

Source: VideoComposer (Wang et al., 2023), motion vectors of 16 x 16 macroblocks. Departs: the third
channel; blocks are filled whole, theirs at single pixels.
"""

from __future__ import annotations

import math

import torch
from einops import rearrange, repeat
from jaxtyping import Bool, Float
from torch import Tensor

from mutoscope import media
from mutoscope.clip import Clip, Frames
from mutoscope.codecs import Codec
from mutoscope.controls import flow
from mutoscope.controls.control import Map, Size, Told, pooled
from mutoscope.errors import DataError, RequestError
from mutoscope.world.render import Render

TRUTHS = ("flow", "occluded")
CHANNELS = 3
BLOCK = 16
"""Pixels of a side of a block."""
SHARE = 0.25
"""The share of a block's pixels that must have come from somewhere known (ours)."""
FULL = 1 / 8
"""Shorter sides a frame at which a colour is full (ours)."""
PARTS = 16
"""What a network is told counts so many to the shorter side (ours)."""

Flow = Float[Tensor, "1 2 pairs H W"]
Known = Bool[Tensor, "1 1 pairs H W"]


def from_truth(made: Render, *, block: int = BLOCK) -> Map:
    """Exact flow, carried to where it leads; what is hidden then leads nowhere."""
    assert made.flow is not None
    assert made.occluded is not None
    exact = rearrange(torch.from_numpy(made.flow[:-1]), "pairs H W xy -> 1 xy pairs H W")
    known = torch.from_numpy(~made.occluded[:-1])[None, None]
    return arrived(exact.float(), known, block=block)


def from_clip(clip: Clip, *, block: int = BLOCK, codec: Codec | None = None) -> Map:
    """What `flow.estimated` finds, or that video codec alone; needs 2 frames or more."""
    if clip.frames.shape[2] < 2:
        raise DataError("motion needs at least 2 frames (got 1); give a clip")
    found = [
        media.motion_vectors(one, codec=codec) if codec else flow.estimated(one)
        for one in clip.split()
    ]
    return torch.cat([arrived(one.flow, one.known, block=block) for one in found])


def arrived(found: Flow, known: Known, *, block: int = BLOCK) -> Map:
    """Flow from each frame to the next, anchored at its source, as motion of blocks; see above.

    A vector of a block is the mean of those that end in it. With `block` 1 it is one a pixel.
    """
    pairs, H, W = found.shape[2:]
    rows, columns = -(-H // block), -(-W // block)
    y, x = torch.meshgrid(torch.arange(H), torch.arange(W), indexing="ij")
    u, v = (x + 0.5 + found[0, 0]).floor().long(), (y + 0.5 + found[0, 1]).floor().long()
    kept = known[0, 0] & (u >= 0) & (v >= 0) & (u < W) & (v < H)
    pair = torch.arange(pairs).view(-1, 1, 1) * rows * columns
    cell = (pair + v.div(block, rounding_mode="floor") * columns + u // block)[kept]
    sums = torch.zeros(3, pairs * rows * columns)
    came = torch.stack([found[0, 0], found[0, 1], torch.ones_like(found[0, 0])])[:, kept]
    sums.index_add_(1, cell, came.to(sums.dtype))
    x0, y0 = torch.arange(columns) * block, torch.arange(rows) * block
    area = (H - y0).clamp(max=block)[:, None] * (W - x0).clamp(max=block)
    total = sums.view(3, pairs, rows, columns)
    there = total[2] >= SHARE * area
    mean = torch.where(there, total[:2] / total[2].clamp(min=1), torch.zeros(()))
    return filled(torch.cat([mean, there[None].to(mean.dtype)]), (H, W), block)


def filled(blocks: Float[Tensor, "3 pairs h w"], size: tuple[int, int], block: int = BLOCK) -> Map:
    """A vector a block as one a pixel of (H, W), after a first frame of which nothing is known."""
    wide = repeat(blocks, "c t h w -> 1 c t (h p) (w q)", p=block, q=block)
    wide = wide[..., : size[0], : size[1]]
    return torch.cat([wide.new_zeros(1, 3, 1, *size), wide], dim=2)


def shown(values: Map) -> Frames:
    """Hue is the way and saturation the length."""
    x, y, known = torch.split(values, 1, dim=1)
    full = FULL * min(values.shape[-2:])
    much = (torch.hypot(x, y) / full).clamp(max=1)
    hue = torch.atan2(y, x) * 3 / math.pi
    parts = [((hue + turn) % 6 - 3).abs() - 1 for turn in (0, 4, 2)]
    rgb = 1 - much * (1 - torch.cat(parts, dim=1).clamp(0, 1))
    return torch.where(known > 0.5, 2 * rgb - 1, torch.zeros(()))


def from_shown(frames: Frames) -> Map:
    """Refused: colours of a video file are too coarse to be vectors again."""
    raise RequestError(
        f"a picture of motion can't be taken back for vectors (got {frames.shape[2]} frames);"
        " give the clip that moves, or a stroke"
    )


def encoded(values: Map, size: Size) -> Told:
    """Vectors in sixteenths of the shorter side, and how much of a cell is known."""
    side = min(values.shape[-2:])
    known = pooled(values[:, 2:], size)
    mean = pooled(values[:, :2] * values[:, 2:], size) / known.clamp(min=1e-6)
    return torch.cat([mean * PARTS / side, known], dim=1)
