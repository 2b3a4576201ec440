"""Depth: how far off what each pixel sees is, along the camera's axis.

Unit: metres, as the world counts them; + is away from the camera, the sky is inf. What is read of a
real clip is metres of a world that would look so: trust its order, not its scale. Convention: shown
as grey near = NEAR / (NEAR + depth), white at the eye, black in the sky. For a network: the mean
of near over the cell, in [0, 1], never rescaled by clip or frame, which would flicker.
"""

from __future__ import annotations

import torch

from mutoscope.clip import Clip, Frames
from mutoscope.controls import dense
from mutoscope.controls.control import Map, Size, Told, grey, lit, pooled
from mutoscope.networks.dense import NEAR, DenseReader, nearness
from mutoscope.world.render import Render

TRUTHS = ("depth",)
CHANNELS = 1


def from_truth(made: Render) -> Map:
    """Exact depth; the render must have been asked for it."""
    assert made.depth is not None
    return torch.from_numpy(made.depth).float()[None, None]


def from_clip(clip: Clip, *, reader: DenseReader | None = None) -> Map:
    """What the dense reader says, that of the zoo by itself."""
    return dense.every(clip, "depth", reader)


def shown(values: Map) -> Frames:
    """Near is light."""
    return grey(nearness(values))


def from_shown(frames: Frames) -> Map:
    """Depth from its picture; 255 levels of near, so that what is far is coarse."""
    near = lit(frames).clamp(0, 1)
    return torch.where(near < 0.5 / 255, torch.inf, NEAR / near - NEAR)


def encoded(values: Map, size: Size) -> Told:
    """The mean of near over each cell."""
    return pooled(nearness(values), size)
