"""How far a set of clips is from real ones: kernel distance, inception score, any features.

What a distance is taken over is a callable from frames and their rate to rows of numbers: our own
reader's 64 by itself (`ours`), Kinetics logits of an I3D (`networks.i3d`) for the published FVD, or
anybody's; `of_frames` makes rows of single frames, which over Inception's 2048 is FID.

    KVD, KID    mean k(x_i, x_j), rows of unlike clips, + the same of y - 2 mean k(x_i, y_j)
                k(x, y) = (x . y / d + 1)^3: unbiased, so that it may lie below 0
    IS          exp of the mean over x of KL(p(y | x) || p(y)), on each of ten parts

Sources: Binkowski et al. (2018), section 4; Unterthiner et al. (2019); Salimans et al. (2016).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from mutoscope.clip import Frames
from mutoscope.errors import DataError
from mutoscope.evaluate.frechet import LADDER, Features, features, frechet, spoilt
from mutoscope.evaluate.reading import read
from mutoscope.evaluate.report import Entry, Report
from mutoscope.networks.readers import ClipReader

Extract = Callable[[Frames, float], Features]
"""Frames in [-1, 1] and frames a second to a row a clip, or several rows in the clips' order."""
Rows = Float[np.ndarray, "_ d"]
"""Features of however many clips."""
SPLITS = 10
"""Parts of an inception score, as its source has it."""


@dataclass(frozen=True, kw_only=True)
class Traps:
    """What a published distance silently depends on: said with every value.

    `n` clips on each side; `rate` and `start`: how frames are taken of real clips; `resize`: its
    filter; `split`: which real clips; `drawn`: each once, or again; `features`: whose.
    """

    n: int
    rate: str
    start: str
    resize: str
    split: str
    drawn: str
    features: str

    def said(self) -> str:
        """One line of six; compare only values that share them."""
        told = f"{self.n} clips on each side"
        rest = (self.rate, self.start, self.resize, self.split, self.drawn, self.features)
        return "; ".join((told, *rest, "compare only what agrees in all six"))


def kernel(a: Features, b: Float[np.ndarray, "m d"], per: int = 1) -> float:
    """The squared maximum mean discrepancy of two sets, cubic kernel, unbiased; 0 for one law.

    Lower is better; the value has no upper bound and doesn't grow for few clips, but its spread
    does. Of clips of `per` rows each (frames, which aren't independent) no two rows of one clip are
    a pair. Refuses fewer than 2 clips, and parts of clips. Sources: KVD and KID as above.
    """
    odd = len(a) % per or len(b) % per
    if min(len(a), len(b)) < 2 * per or odd or a.shape[1] != b.shape[1]:
        each = f" of {per} rows each" if per > 1 else ""
        raise DataError(
            f"the kernel distance needs two sets of at least 2 clips{each}, equally wide "
            f"(got {a.shape} and {b.shape})"
        )
    x, y = a.astype(np.float64), b.astype(np.float64)
    return _within(x, per) + _within(y, per) - 2 * float(_cubic(x, y).mean())


def inception_score(posteriors: Float[np.ndarray, "n k"], splits: int = SPLITS) -> Entry:
    """The inception score of posteriors, a row a frame or clip, in [1, k]; higher is better.

    Its interval is mean ± standard deviation over the parts, as papers print it, not a confidence.
    Refuses rows that aren't probabilities and fewer rows than parts.
    """
    p = posteriors.astype(np.float64)
    if not (np.isfinite(p).all() and (p >= 0).all() and np.allclose(p.sum(1), 1, atol=1e-4)):
        raise DataError("posteriors must be probabilities that sum to 1 in every row")
    if len(p) < splits:
        raise DataError(f"an inception score of {splits} parts needs as many rows (got {len(p)})")
    scores = [_score(part) for part in np.array_split(p, splits)]
    value, spread = float(np.mean(scores)), float(np.std(scores))
    return Entry(value=value, interval=(value - spread, value + spread), n=len(p))


def ours(reader: ClipReader) -> Extract:
    """The 64 numbers our reader sums a clip up in."""
    return lambda frames, fps: features(read(reader, frames, fps))


def of_frames(look: Callable[[Float[Tensor, "n 3 H W"]], Float[Tensor, "n d"]]) -> Extract:
    """A network for pictures as an extractor: a row a frame, over which Fréchet's distance is FID.

    `look` is handed frames in [-1, 1], one clip after another, and resizes them as it must.
    """

    def extract(frames: Frames, _: float) -> Features:
        flat = rearrange(frames, "b c t h w -> b t c h w")
        with torch.inference_mode():
            return torch.cat([look(clip) for clip in flat]).float().cpu().numpy()

    return extract


def distances(real: Rows, made: Rows, beside: Mapping[str, Rows], per: int = 1) -> Report:
    """Rows "frechet" and "kernel" of `made` from `real`, and of each reference in `beside`.

    Each clip has `per` rows, one after another; n counts clips.
    "frechet" is there only for twice as many rows as columns, below which a covariance says more
    of how few there are than of the clips; and beside it are only references of as many rows.
    """
    n, width = made.shape
    alike = {name: rows for name, rows in beside.items() if len(rows) == n}
    rows = {"kernel": _entry(partial(kernel, per=per), real, made, beside, per)}
    if n < 2 * width:
        return rows
    return {"frechet": _entry(frechet, real, made, alike, per), **rows}


def ladder(extract: Extract, real: Frames, other: Frames, fps: float, seed: int = 0) -> Report:
    """How far `other` real clips and these spoilt are from `real` ones: the instrument's proof."""
    known = extract(real, fps)
    rungs = {kind: extract(spoilt(other, kind, seed), fps) for kind in LADDER}
    return distances(known, rungs["real"], rungs, len(known) // len(real))


def _entry(
    distance: Callable[[Rows, Rows], float],
    real: Rows,
    made: Rows,
    beside: Mapping[str, Rows],
    per: int,
) -> Entry:
    values = {name: distance(real, rows) for name, rows in beside.items()}
    return Entry(value=distance(real, made), n=len(made) // per, better="lower", baselines=values)


def _cubic(x: Features, y: Float[np.ndarray, "m d"]) -> Float[np.ndarray, "n m"]:
    return (x @ y.T / x.shape[1] + 1) ** 3


def _within(x: Features, per: int) -> float:
    """The mean over pairs of rows of unlike clips."""
    every = _cubic(x, x)
    n = len(x)
    same = sum(float(every[k : k + per, k : k + per].sum()) for k in range(0, n, per))
    return float((every.sum() - same) / (n * (n - per)))


def _score(p: Float[np.ndarray, "n k"]) -> float:
    safe = np.where(p > 0, p, 1.0)
    mean = p.mean(0)
    whole = np.where(mean > 0, mean, 1.0)
    return float(np.exp((p * (np.log(safe) - np.log(whole))).sum(1).mean()))
