"""What a picture shows, as the shipped aligner sees it: a token a patch, and one vector in all.

The eye that systems look at a user's picture with, whose vector lies on the sphere of the prompts'
(`networks.alignment`). In training the same is read of cached clips (`data.exact`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

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

Tokens = Float[Tensor, "b n e"]


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


def placed(patches: Tokens) -> Tokens:
    """Patches of a square picture that say where they lie: waves of row and column are added.

    The aligner's say what is there, and only by what shines through from the edges where.
    """
    side, width = math.isqrt(patches.shape[1]), patches.shape[2] // 2
    told = waves(torch.arange(side, device=patches.device) * (math.pi / side), width, float(side))
    rows, columns = repeat(told, "h e -> h w e", w=side), repeat(told, "w e -> h w e", h=side)
    both = torch.cat([rows, columns], dim=-1)
    return patches + rearrange(both, "h w e -> (h w) e").to(patches)


@dataclass(frozen=True)
class Eye:
    """What a network is given of a picture: all its patches, placed, or the one vector alone."""

    aligner: Aligner
    whole: bool = True

    def tokens(self, picture: Frames) -> Tokens:
        """Of one picture a clip, as `seen` takes them."""
        found = seen(self.aligner, picture)
        return placed(found.patches[:, 0]) if self.whole else found.vector[:, None]

    def taught(self, shown: Mapping[str, Tensor], rng: torch.Generator) -> Tokens:
        """Of cached clips (`data.exact`), of each one of its pictures at random."""
        found = shown["patches"] if self.whole else shown["vectors"][:, :, None]
        rows = torch.randint(found.shape[1], (len(found),), generator=rng)
        tokens = found[torch.arange(len(found)), rows].float()
        return placed(tokens) if self.whole else tokens

    @cached_property
    def nothing(self) -> Tokens:
        """The null picture: what is seen in a picture of zeros. Source: VideoCrafter1's code."""
        return self.tokens(torch.zeros(1, 3, 1, SIDE, SIDE))


def heard(aligner: Aligner, text: TextEncoder, prompts: list[str]) -> Vectors:
    """The vectors of prompts."""
    read = text(prompts)
    assert read.text is not None
    assert read.text_mask is not None
    return aligner.hear(read.text, read.text_mask)
