"""A mask: which pixels are meant, be it to make them anew or to keep the rest as it is.

Unit: 1 where it is meant, 0 elsewhere. Convention: shown white on black, and white is what is made
anew, as inpainting has it. Of a clip by itself what is meant is its things; the background is not.
For a network: the share of the cell that is meant, in [0, 1].
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from mutoscope.clip import Clip, Frames
from mutoscope.controls import dense
from mutoscope.controls.control import Map, Size, Told, grey, lit, pooled
from mutoscope.networks.dense import DenseReader
from mutoscope.world.render import Render

TRUTHS: tuple[str, ...] = ()
CHANNELS = 1


def from_truth(made: Render, *, thing: int | None = None) -> Map:
    """Where the things of a render are seen, or one of them by its number from 0."""
    where = made.ids > 0 if thing is None else made.ids == thing + 1
    return torch.from_numpy(where).float()[None, None]


def from_clip(clip: Clip, *, reader: DenseReader | None = None) -> Map:
    """Where the dense reader sees things, that of the zoo by itself."""
    return dense.every(clip, "things", reader)


def shown(values: Map) -> Frames:
    """White on black."""
    return grey(values)


def from_shown(frames: Frames) -> Map:
    """A mask from its picture: what is lighter than middle grey."""
    return (lit(frames) >= 0.5).float()


def encoded(values: Map, size: Size) -> Told:
    """The share of each cell."""
    return pooled(values, size)


def hidden(frames: Frames, values: Map) -> Float[Tensor, "b 4 T H W"]:
    """Frames with what is masked grey (0), and 1 where they are kept: what inpainting is told.

    Source: VideoComposer (Wang et al., 2023), whose mask condition has these four channels.
    """
    keep = 1 - values
    return torch.cat([frames * keep, keep.expand(len(frames), -1, -1, -1, -1)], dim=1)
