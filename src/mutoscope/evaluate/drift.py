"""The drift meter: how a long clip's colour, contrast and sharpness change by the second.

Of each frame k, seen at t_k = k / fps, with x in [0, 1]:

    colour      |m_k - m|, m_k its mean colour, m that of the clip's first fifth
    contrast    c_k = standard deviation of luma, over its mean over the clip
    sharpness   mean |gradient of luma| / c_k, over its mean over the clip
    identity    the share of things that are what they were at first (`evaluate.identity`)

and of each the slope b of the least-squares line over time, per second; 0 is best. Neighbouring
frames err alike, so the 95 % interval b ± q s_b takes n (1 - r) / (1 + r) frames for independent,
r being the correlation of neighbouring residuals, and q Student's quantile at that number less 2.
Sources: the interval, Santer et al. (2000), section 4.2; the quantile, Abramowitz & Stegun 26.7.5.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mutoscope.evaluate.report import Z
from mutoscope.evaluate.temporal import LUMA

FIRST = 5
"""One part in so many, from the start, is what colours are compared with (ours)."""
FEWEST = 8
"""Frames below which no slope is told (ours)."""


@dataclass(frozen=True, kw_only=True)
class Slope:
    """A change per second and its 95 % interval; None where too few frames are independent."""

    value: float
    interval: tuple[float, float] | None
    n: int


def drift(frames: Float[Tensor, "3 T H W"], fps: float | int) -> Mapping[str, Slope]:
    """The slopes of one clip by name; those of what can't be measured on flat frames are absent.

    "colour" is in [0, 1] a second, the others are shares of the clip's mean a second; all are
    better the nearer to 0. A moving camera changes them rightly: compare with real clips.
    """
    rows = {"colour": colours(frames), "contrast": contrasts(frames), "sharpness": edges(frames)}
    found: dict[str, Slope] = {}
    for name, row in rows.items():
        values = row.double().numpy()
        mean = 1.0 if name == "colour" else float(values.mean())
        if len(values) >= FEWEST and np.isfinite(values).all() and mean > 0:
            found[name] = slope(values / mean, np.arange(len(values)) / fps)
    return found


def lost(values: Float[np.ndarray, " n"], times: Float[np.ndarray, " n"]) -> Mapping[str, Slope]:
    """The slope "identity" of `identity.kept` over times, a share a second; 0 is best.

    Absent where fewer than FEWEST pictures can be told.
    """
    known = np.isfinite(values)
    if known.sum() < FEWEST:
        return {}
    return {"identity": slope(values[known], times[known])}


def colours(frames: Float[Tensor, "3 T H W"]) -> Float[Tensor, " T"]:
    """How far each frame's mean colour is from that of the first fifth, in [0, sqrt 3]."""
    means = ((frames + 1) / 2).mean((-2, -1))
    first = means[:, : max(1, means.shape[1] // FIRST)].mean(1, keepdim=True)
    return (means - first).norm(dim=0)


def contrasts(frames: Float[Tensor, "3 T H W"]) -> Float[Tensor, " T"]:
    """The standard deviation of luma over each frame, in [0, 0.5]."""
    return _luma(frames).std((-2, -1), correction=0)


def edges(frames: Float[Tensor, "3 T H W"]) -> Float[Tensor, " T"]:
    """The mean gradient of luma over the contrast, per pixel; nan for a frame of one colour."""
    y = _luma(frames)
    across, down = y[:, :-1, :].diff(dim=-1), y[:, :, :-1].diff(dim=-2)
    contrast = contrasts(frames)
    flat = contrast < 1 / 255
    return torch.where(flat, math.nan, torch.hypot(across, down).mean((-2, -1)) / contrast)


def slope(values: Float[np.ndarray, " n"], times: Float[np.ndarray, " n"]) -> Slope:
    """The least-squares slope of values over times, and its interval."""
    n = len(values)
    t = times - times.mean()
    square = float((t**2).sum())
    b = float((t * (values - values.mean())).sum()) / square
    left = values - values.mean() - b * t
    total = float((left**2).sum())
    if total < 1e-18 * max(1.0, float((values**2).sum())):
        return Slope(value=b, interval=(b, b), n=n)
    r = max(0.0, float((left[1:] * left[:-1]).sum()) / total)
    alone = n * (1 - r) / (1 + r)
    if alone < 3:
        return Slope(value=b, interval=None, n=n)
    half = quantile(alone - 2) * math.sqrt(total / (alone - 2) / square)
    return Slope(value=b, interval=(b - half, b + half), n=n)


def quantile(freedom: float) -> float:
    """Student's 97.5 % quantile, to 1 % from 3 degrees of freedom on; below, a bit too narrow."""
    z, v = Z, freedom
    return (
        z
        + (z**3 + z) / (4 * v)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * v**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * v**3)
    )


def _luma(frames: Float[Tensor, "3 T H W"]) -> Float[Tensor, "T H W"]:
    weights = torch.tensor(LUMA, dtype=frames.dtype, device=frames.device)
    return ((frames + 1) / 2 * weights[:, None, None, None]).sum(0)
