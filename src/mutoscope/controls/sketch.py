"""A sketch: lines as someone would draw what is seen, outlines and creases, no texture, no shadow.

Unit: 1 on a line, 0 on the paper. Convention: shown as black lines on white; the world draws a line
one pixel wide, on the nearer side of what it parts. A sketch may be of one frame (`sketch`) or of
every frame (`sketches`). For a network: 1 where any pixel of the cell is on a line.
"""

from __future__ import annotations

import torch

from mutoscope.clip import Clip, Frames
from mutoscope.controls import dense
from mutoscope.controls.control import Map, Size, Told, grey, lit, pooled
from mutoscope.networks.dense import DenseReader
from mutoscope.world.render import Render

TRUTHS = ("sketch",)
CHANNELS = 1


def from_truth(made: Render) -> Map:
    """The lines of the world; the render must have been asked for them."""
    assert made.sketch is not None
    return torch.from_numpy(made.sketch > 0).float()[None, None]


def from_clip(clip: Clip, *, reader: DenseReader | None = None) -> Map:
    """What the dense reader says, that of the zoo by itself."""
    return dense.every(clip, "lines", reader)


def shown(values: Map) -> Frames:
    """Black on white."""
    return grey(1 - values)


def from_shown(frames: Frames) -> Map:
    """Lines from a drawing: what is darker than middle grey."""
    return (lit(frames) < 0.5).float()


def encoded(values: Map, size: Size) -> Told:
    """1 where any pixel of a cell is on a line."""
    return pooled(values, size, most=True)
