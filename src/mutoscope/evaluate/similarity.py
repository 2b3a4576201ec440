"""Similarities of frames and text over anybody's embeddings: pure functions, no network of ours.

Rows are embeddings of frames in their order, of any scale; cos is the cosine of two rows. Values
of other networks or prompt templates never compare: name them with every value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import TypeVar

import numpy as np
from jaxtyping import Float

from mutoscope.errors import DataError

Rows = Float[np.ndarray, "n d"]
Text = TypeVar("Text")


def clipsim(frames: Rows, text: Float[np.ndarray, " d"]) -> float:
    """The mean of cos(frame, text) over frames, in [-1, 1]; higher is better.

    Source: Wu et al. (2021), GODIVA, CLIPSIM; with several captions take the mean over them.
    """
    return float((_unit(frames) @ _unit(text[None])[0]).mean())


def r_precision(
    similar: Float[np.ndarray, "n k"],
    right: Sequence[int],
    rivals: Sequence[Sequence[int]] | None = None,
) -> list[bool]:
    """Of each row whether its right candidate is more similar than each rival (all others if None).

    The mean is in [0, 1], higher is better, chance is 1 / (1 + rivals); a tie counts as wrong.
    Source: Xu et al. (2018), AttnGAN, section 4; Park et al. (2021) with CLIP's features.
    """
    if len(right) != len(similar) or similar.shape[1] < 2:
        raise DataError(
            f"R-precision needs 2 candidates or more and one right one a row (got {similar.shape}"
            f" and {len(right)})"
        )
    rivals = rivals or [[j for j in range(similar.shape[1]) if j != k] for k in right]
    rows = zip(similar, right, rivals, strict=True)
    return [bool((row[k] > row[list(others)]).all()) for row, k, others in rows]


def competing(
    own: Text,
    among: Sequence[Text],
    true: Callable[[Text], bool],
    rng: np.random.Generator,
    count: int,
) -> list[Text]:
    """Up to `count` rivals of a row's own text in random order: others that aren't true of it too.

    To rank one first that is true as well would be no mistake.
    """
    others = (among[k] for k in rng.permutation(len(among)))
    return list(islice((one for one in others if one != own and not true(one)), count))


def neighbours(frames: Rows) -> float:
    """The mean of cos(t, t - 1), in [-1, 1]; higher is better, 1 for a frozen clip.

    nan for one frame. Source: EvalCrafter, CLIP-Temp.
    """
    x = _unit(frames)
    return float((x[1:] * x[:-1]).sum(1).mean()) if len(x) > 1 else float("nan")


def to_first(frames: Rows) -> float:
    """The mean of cos(t, 0) over the frames after the first, in [-1, 1]; higher is better.

    nan for one frame. Source: EvalCrafter, face consistency, there of all frames' embeddings.
    """
    x = _unit(frames)
    return float((x[1:] @ x[0]).mean()) if len(x) > 1 else float("nan")


def consistency(frames: Rows) -> float:
    """The mean over t > 0 of (max(0, cos(t, t - 1)) + max(0, cos(t, 0))) / 2, in [0, 1].

    Higher is better, 1 for a frozen clip; nan for one frame. Source: VBench, subject consistency
    (over DINO) and background consistency (over CLIP).
    """
    x = _unit(frames)
    if len(x) < 2:
        return float("nan")
    near, first = (x[1:] * x[:-1]).sum(1), x[1:] @ x[0]
    return float(((near.clip(0) + first.clip(0)) / 2).mean())


def spread(rows: Rows) -> float:
    """The mean of 1 - cos over all pairs of rows, in [0, 2]; 0 where all are the same.

    nan for one row. Source: P10 of the project's instruments.
    """
    n, x = len(rows), _unit(rows)
    whole = x.sum(0)
    return float(1 - (whole @ whole - (x * x).sum()) / (n * (n - 1))) if n > 1 else float("nan")


def named(
    posteriors: Float[np.ndarray, "n k"], names: Float[np.ndarray, "k d"], top: int = 10
) -> Rows:
    """Frames as text: the embeddings of the likeliest classes' names, weighted by how likely.

    So an image classifier and a sentence encoder together stand in for CLIP. Source: Norouzi et
    al. (2014), ConSE, eq. 3.
    """
    best = np.argsort(-posteriors, axis=1)[:, :top]
    weights = np.take_along_axis(posteriors, best, axis=1)
    total = weights.sum(1, keepdims=True)
    return (weights[..., None] * _unit(names)[best]).sum(1) / np.where(total > 0, total, 1)


def _unit(rows: Rows) -> Rows:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(length > 0, length, 1)
