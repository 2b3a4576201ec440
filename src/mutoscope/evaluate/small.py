"""Maps and motion of a clip brought to where the dense reader reads: its frames, its square, SIDE.

What is asked for comes at any size and rate; what is read is SIDE x SIDE, RATE frames a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

from mutoscope.evaluate.measure import middle
from mutoscope.networks.dense import SIDE


def maps(
    whole: np.ndarray, rows: Sequence[int], *, thin: bool = False
) -> Float[np.ndarray, "n S S"]:
    """Maps of the frames read, their square middle at SIDE; `thin` things don't fade."""
    kept = [row for row in rows if row < len(whole)]
    return np.stack(
        [_shrunk(torch.from_numpy(whole[k].astype(np.float32)), thin=thin) for k in kept]
    )


def _shrunk(x: Float[Tensor, "H W"], *, thin: bool) -> Float[np.ndarray, "S S"]:
    square = middle(rearrange(x, "H W -> 1 1 1 H W").expand(1, 3, 1, *x.shape))[:, :1, 0]
    if square.shape[-1] > SIDE and thin:
        square = F.adaptive_max_pool2d(square, SIDE)
    elif square.shape[-1] > SIDE:
        square = F.adaptive_avg_pool2d(square, SIDE)
    elif square.shape[-1] < SIDE:
        square = F.interpolate(square, size=(SIDE, SIDE), mode="nearest" if thin else "bilinear")
    return square[0, 0].numpy()


def flow(
    told: Float[np.ndarray, "pairs H W 2"], rows: Sequence[int]
) -> Float[np.ndarray, "n S S 2"]:
    """Motion between the frames read, of their square middle, in pixels of SIDE; nan: not asked."""
    steps = [(a, b) for a, b in pairwise(rows) if b <= len(told)]
    if not steps:
        return np.zeros((0, SIDE, SIDE, 2), np.float32)
    scale = SIDE / min(told.shape[1:3])
    whole = np.stack([_chained(told[a:b]) for a, b in steps])
    known = np.isfinite(whole).all(-1)
    every = range(len(whole))
    share = maps(known.astype(np.float32), every)
    parts = [maps(np.where(known, whole[..., k], 0.0), every) for k in (0, 1)]
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.stack(parts, -1) / share[..., None] * scale
    return np.where(share[..., None] >= 0.5, mean, np.nan).astype(np.float32)


def _chained(flow: Float[np.ndarray, "k H W 2"]) -> Float[np.ndarray, "H W 2"]:
    """The way of each pixel of the first frame over several steps; nan where it leaves them."""
    way = flow[0].astype(np.float64)
    y, x = np.indices(way.shape[:2])
    for step in flow[1:]:
        there = np.stack([y + way[..., 1], x + way[..., 0]])
        lost = ~np.isfinite(there).all(0)
        at = np.where(lost, -1e9, there)
        more = [ndimage.map_coordinates(step[..., k], at, order=1, cval=np.nan) for k in (0, 1)]
        way = way + np.where(lost[..., None], np.nan, np.stack(more, -1))
    return way
