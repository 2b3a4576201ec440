"""The Fréchet distance of two sets of clips, over the 64 numbers the reader sums a clip up in.

    d = |m - n|² + Tr(A + B - 2 (A B)^½),   m, n means and A, B unbiased covariances

Only distances of equally many clips compare: few clips make it larger. It is printed among four
references of real clips (`distribution.ladder`): other real clips, frozen, shuffled in time, and
frames of unlike clips.
Source: Heusel et al. (2017), eq. 6; Unterthiner et al. (2019). Departs: our features.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float

from mutoscope.clip import Frames
from mutoscope.errors import DataError
from mutoscope.evaluate.reading import Reading

Features = Float[np.ndarray, "n d"]
LADDER = ("real", "frozen", "shuffled", "independent")
"""References to which a set of clips is compared; the first is nearest, the last furthest."""


def gaussians(
    m: Float[np.ndarray, " d"],
    a: Float[np.ndarray, "d d"],
    n: Float[np.ndarray, " d"],
    b: Float[np.ndarray, "d d"],
) -> float:
    """The distance of two normal distributions with means m, n and covariances a, b."""
    values, vectors = np.linalg.eigh(a)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    # (A B)^½ has the trace of (A^½ B A^½)^½, which is symmetric.
    cross = np.sqrt(np.linalg.eigvalsh(root @ b @ root).clip(0)).sum()
    return float(((m - n) ** 2).sum() + np.trace(a) + np.trace(b) - 2 * cross)


def frechet(a: Features, b: Float[np.ndarray, "m d"]) -> float:
    """The distance of two sets of features, a row a clip; refuses fewer than 2 rows."""
    if min(len(a), len(b)) < 2 or a.shape[1] != b.shape[1]:
        raise DataError(
            f"the Fréchet distance needs two sets of at least 2 rows, equally wide "
            f"(got {a.shape} and {b.shape})"
        )
    x, y = a.astype(np.float64), b.astype(np.float64)
    return gaussians(x.mean(0), np.cov(x.T), y.mean(0), np.cov(y.T))


def features(readings: Sequence[Reading]) -> Features:
    """The features of clips that have been read."""
    return np.stack([reading.feature for reading in readings])


def spoilt(frames: Frames, kind: str, seed: int = 0) -> Frames:
    """Real clips spoilt as a reference: "real" is as they are, the others as LADDER names them."""
    rng = np.random.default_rng(seed)
    b, _, T = frames.shape[:3]
    if kind == "real":
        return frames
    if kind == "frozen":
        return frames[:, :, :1].expand_as(frames)
    if kind == "shuffled":
        return torch.stack([clip[:, _disorder(T, rng)] for clip in frames])
    if kind == "independent":
        columns = [frames[torch.from_numpy(rng.permutation(b)), :, k] for k in range(T)]
        return torch.stack(columns, dim=2)
    raise DataError(f"no reference called {kind}; choose from {', '.join(LADDER)}")


def ordered(distances: dict[str, float], apart: float = 3.0) -> bool:
    """Whether a ladder is as it should be: each other rung `apart` times as far as real clips.

    Frames of unlike clips must be furthest; which of frozen and shuffled is nearer is left open.
    """
    real, *others = (distances[kind] for kind in LADDER)
    return min(others) >= apart * real and max(others) == distances["independent"]


def _disorder(length: int, rng: np.random.Generator) -> list[int]:
    return [int(k) for k in rng.permutation(length)]
