"""Motion, depth, things, lines and pictures against what is true: pure functions of arrays.

Flow is the world's: pixels, x right, y down, from frame k to k + 1, anchored at the source pixel.
Pixel thresholds are those of a side of 64; larger frames scale them by side / 64. Where there is
nothing to measure the answer is nan.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage
from scipy.stats import rankdata

SIDE = 64
"""The side at which thresholds in pixels are told."""
REACH = 1.0
"""Pixels of SIDE by which a line may be off."""

WINDOW = 11
"""Pixels of a window of `ssim`."""
LUMA = np.array([0.299, 0.587, 0.114])

Flow = Float[np.ndarray, "pairs H W 2"]
Maps = Float[np.ndarray, "T H W"]
Shown = Bool[np.ndarray, "T H W"]
Pictures = Float[np.ndarray, "3 H W"]


def endpoint_errors(flow: Flow, true: Flow) -> Float[np.ndarray, "pairs H W"]:
    """|flow - true| of each pixel, in pixels of these frames; 0 is best.

    Source: Otte and Nagel (1994); Baker et al. (2011), section 4.1.
    """
    return np.hypot(*np.moveaxis(flow.astype(np.float64) - true, -1, 0))


def endpoint_error(
    flow: Flow, true: Flow, where: Bool[np.ndarray, "pairs H W"] | None = None
) -> float:
    """The mean of `endpoint_errors` over all pixels, or those told; lower is better.

    `where` may be things, or what isn't occluded next. Source: P3 of the project's instruments.
    """
    return _mean(endpoint_errors(flow, true), where)


def rank_correlation(depth: Maps, true: Maps, where: Shown | None = None) -> float:
    """Spearman's rho of depth and true depth over a frame's pixels, the mean over frames.

    In [-1, 1], higher is better; any rising change of depth, a scale or an offset among them,
    leaves it. Infinity ties with itself and is furthest. Frames in which one of the two is the same
    everywhere say nothing. Source: Spearman (1904), ties at their mean rank; Chen et al. (2016) for
    depth by order.
    """
    found = []
    for k in range(len(true)):
        kept = np.ones(true.shape[1:], bool) if where is None else where[k]
        a, b = (rankdata(one[k][kept]) for one in (depth, true))
        if len(a) > 1 and np.ptp(a) > 0 and np.ptp(b) > 0:
            found.append(float(np.corrcoef(a, b)[0, 1]))
    return float(np.mean(found)) if found else math.nan


def overlap(mask: Shown, true: Shown, where: Shown | None = None) -> float:
    """Intersection over union of two masks over all frames, in [0, 1]; higher is better.

    nan where both are empty. Source: Jaccard (1912).
    """
    kept = np.ones(true.shape, bool) if where is None else where
    either = ((mask | true) & kept).sum()
    return float(((mask & true) & kept).sum() / either) if either else math.nan


def line_scores(lines: Shown, true: Shown, reach: float | None = None) -> tuple[float, float]:
    """Precision and recall of lines: shares of pixels within `reach` pixels of the other's lines.

    In [0, 1]; nan for the one of the two whose own lines are nowhere. Distances are Euclidean to
    the nearest pixel, each frame by itself; by itself `reach` is REACH at SIDE and scales with the
    side. Source: Martin, Fowlkes and Malik (2004), section 3, without their one-to-one matching:
    doubled lines aren't punished.
    """
    scale = min(true.shape[1:]) / SIDE
    far = REACH * scale if reach is None else reach
    return _near(lines, true, far), _near(true, lines, far)


def line_f1(lines: Shown, true: Shown, reach: float | None = None) -> float:
    """2 P R / (P + R) of `line_scores`, in [0, 1]; higher is better.

    0 where only one has lines, nan where none has. Source: van Rijsbergen (1979); P4 of the
    project's instruments.
    """
    precision, recall = line_scores(lines, true, reach)
    if math.isnan(precision) and math.isnan(recall):
        return math.nan
    total = precision + recall
    return 2 * precision * recall / total if total > 0 else 0.0


def ssim(picture: Pictures, true: Pictures) -> float:
    """How alike two pictures in [0, 1] are in mean, spread and pattern, in [-1, 1]; 1 is the same.

    Mean over all windows of (2 m n + c) (2 s + d) / ((m² + n² + c) (v + w + d)) of luma: means m
    and n, variances v and w and covariance s under a Gaussian of WINDOW pixels (sigma 1.5), whole
    windows only; c = .01², d = .03². nan where no window fits. Source: Wang, Bovik, Sheikh and
    Simoncelli (2004), eq. 13, 14 and section III-B, without their scaling down; P7 of the project's
    instruments.
    """
    if min(picture.shape[1:]) < WINDOW:
        return math.nan
    x, y = (np.tensordot(LUMA, one.astype(np.float64), 1) for one in (picture, true))
    m, n = _windows(x), _windows(y)
    v, w, s = _windows(x * x) - m * m, _windows(y * y) - n * n, _windows(x * y) - m * n
    c, d = 0.01**2, 0.03**2
    alike = (2 * m * n + c) * (2 * s + d) / ((m * m + n * n + c) * (v + w + d))
    return float(alike.mean())


def _windows(x: Float[np.ndarray, "H W"]) -> Float[np.ndarray, "h w"]:
    """Means under the window, where all of it lies in the picture."""
    half = WINDOW // 2
    return ndimage.gaussian_filter(x, 1.5, radius=half)[half:-half, half:-half]


def _near(lines: Shown, other: Shown, reach: float) -> float:
    """The share of one's line pixels within reach of the other's, or nan when it has none."""
    if not lines.any():
        return math.nan
    close = np.zeros(other.shape, bool)
    for k, frame in enumerate(other):
        if frame.any():
            close[k] = ndimage.distance_transform_edt(~frame) <= reach + 1e-6
    return float(close[lines].mean())


def _mean(values: np.ndarray, where: np.ndarray | None) -> float:
    kept = values if where is None else values[where]
    return float(kept.mean()) if kept.size else math.nan
