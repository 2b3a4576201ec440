"""A picture: frames as they are, to begin with, to end on, to animate, or whose look shall be had.

Unit: colour in [-1, 1], sRGB, three channels. Convention: `first` and `last` are the frames that a
clip begins with and ends on; `image` is one to animate, wherever it falls; of `style` only the look
counts, not what is where. For a network that wants it in pixels: the mean of each cell.
"""

from __future__ import annotations

import torch
from einops import rearrange

from mutoscope.clip import Clip, Frames
from mutoscope.controls.control import Map, Size, Told, pooled
from mutoscope.world.render import Render

TRUTHS: tuple[str, ...] = ()
CHANNELS = 3


def from_truth(made: Render) -> Map:
    """Every frame of a render."""
    return rearrange(torch.from_numpy(made.rgb).float() / 127.5 - 1, "T H W c -> 1 c T H W")


def from_clip(clip: Clip) -> Map:
    """Every frame of a clip."""
    return clip.frames


def shown(values: Map) -> Frames:
    """As it is."""
    return values


def from_shown(frames: Frames) -> Map:
    """As it is."""
    return frames


def encoded(values: Map, size: Size) -> Told:
    """The mean of each cell."""
    return pooled(values, size)
