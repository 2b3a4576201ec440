"""What a picture shows, as the shipped aligner sees it: a token a patch, and one vector in all.

The eye that systems look at a user's picture with, whose vector lies on the sphere of the prompts'
(`networks.alignment`). In training the same is read of cached clips (`data.exact`).
"""

from __future__ import annotations

import math

import torch
from einops import rearrange, repeat
from jaxtyping import Float
from torch import Tensor

from mutoscope import zoo
from mutoscope.clip import Frames
from mutoscope.controls.control import pooled
from mutoscope.encoders import TextEncoder
from mutoscope.networks.alignment import SIDE, Aligner, Sighted, Vectors
from mutoscope.nn.tokens import waves

NAME = "alignment"
"""What it is called in the zoo."""
TOKEN, VECTOR = 96, 128
"""Numbers of a patch's token and of a vector, in what ships."""


def opened() -> Aligner:
    """The aligner of the zoo, ready to look."""
    return zoo.load_part(Aligner, NAME).eval().requires_grad_(requires_grad=False)


def fresh() -> Aligner:
    """One of the shipped sizes that has learned nothing."""
    return Aligner()


@torch.no_grad()
def seen(aligner: Aligner, frames: Frames) -> Sighted:
    """One picture a clip: the first frame of each, square, of SIDE pixels or more, in [-1, 1].

    In float32, whatever runs around it, as the cached ones were.
    """
    small = pooled(frames[:, :, :1], (1, SIDE, SIDE))
    with torch.autocast(frames.device.type, enabled=False):
        return aligner.see(small)


def placed(patches: Float[Tensor, "b n e"]) -> Float[Tensor, "b n e"]:
    """Patches of a square picture that say where they lie: waves of row and column are added.

    The aligner's say what is there, and only by what shines through from the edges where.
    """
    side, width = math.isqrt(patches.shape[1]), patches.shape[2] // 2
    told = waves(torch.arange(side, device=patches.device) * (math.pi / side), width, float(side))
    rows, columns = repeat(told, "h e -> h w e", w=side), repeat(told, "w e -> h w e", h=side)
    both = torch.cat([rows, columns], dim=-1)
    return patches + rearrange(both, "h w e -> (h w) e").to(patches)


def heard(aligner: Aligner, text: TextEncoder, prompts: list[str]) -> Vectors:
    """The vectors of prompts."""
    read = text(prompts)
    assert read.text is not None
    assert read.text_mask is not None
    return aligner.hear(read.text, read.text_mask)
