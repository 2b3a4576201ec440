"""Where things are in frames, for systems that treat things and background apart.

Read by the shipped dense reader, which stands in for a detector of salient objects: it knows the
things of the world, and of other pictures what looks like them.
"""

from __future__ import annotations

from einops import rearrange
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from mutoscope.autoencoders import Autoencoder
from mutoscope.clip import Clip, Frames
from mutoscope.controls import dense, mask
from mutoscope.core.shapes import Latent
from mutoscope.networks.dense import RATE, SIDE, DenseReader

READER = dense.NAME
WIDER = 5
"""Cells of SIDE over which a mask is widened. Source: Text2Video-Zero's code, at the same side."""


def opened() -> DenseReader:
    """The dense reader of the zoo, ready to read."""
    return dense.shipped()


def fresh() -> DenseReader:
    """A tiny one that has learned nothing."""
    reader = DenseReader(width=8, middle=8, deep=8, match=8, depth=1, rounds=1)
    return reader.eval().requires_grad_(requires_grad=False)


def within(
    reader: DenseReader, autoencoder: Autoencoder, latent: Latent
) -> Float[Tensor, "b 1 t h w"]:
    """`things` of the frames that a latent stands for, in its own cells."""
    return things(reader, autoencoder.decode(latent), (latent.shape[3], latent.shape[4]))


def things(
    reader: DenseReader, frames: Frames, size: tuple[int, int]
) -> Float[Tensor, "b 1 t h w"]:
    """1 where there are things, or next to them, in a grid of `size` = (h, w) cells, else 0."""
    found = mask.from_clip(Clip(frames=frames.float(), fps=RATE), reader=reader)
    flat = F.adaptive_max_pool2d(rearrange(found, "b 1 t y x -> (b t) 1 y x"), SIDE)
    wide = F.adaptive_max_pool2d(F.max_pool2d(flat, WIDER, 1, WIDER // 2), size)
    return rearrange(wide, "(b t) 1 h w -> b 1 t h w", b=len(frames))
