"""How well a number agrees with people: rank correlations over clips, resampled by prompt.

With ranks r (ties share their mean) Spearman is the correlation of r_x and r_y; Kendall's tau b is
sum of s_x s_y over pairs / (sum s_x^2 sum s_y^2)^½, s the sign of a pair's difference. Clips of one
prompt aren't independent, so prompts are drawn with replacement for the interval. What is fitted
answers for a prompt only after being fitted on all others.

Sources: Spearman (1904); Kendall (1945), Biometrika 33.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float
from scipy.stats import rankdata

from mutoscope.errors import DataError
from mutoscope.evaluate.report import RESAMPLES, Entry

FEWEST = 5
"""Prompts below which no correlation is told (ours)."""
Row = Float[np.ndarray, " n"]
Measure = Callable[[Row, Row], float]


def spearman(x: Row, y: Row) -> float:
    """The correlation of ranks, in [-1, 1]; nan where either is all one value."""
    a, b = rankdata(x), rankdata(y)
    a, b = a - a.mean(), b - b.mean()
    scale = math.sqrt(float((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / scale if scale > 0 else math.nan


def kendall(x: Row, y: Row) -> float:
    """Kendall's tau b, in [-1, 1]; nan where either is all one value."""
    a, b = (np.sign(one[:, None] - one[None]) for one in (x, y))
    scale = math.sqrt(float((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / scale if scale > 0 else math.nan


def agreement(
    values: Row, ratings: Row, prompts: Sequence[str], measure: Measure, *, seed: int = 0
) -> Entry | None:
    """A rank correlation with its 95 % interval; n counts clips. None: too few to say.

    Clips with a value or a rating that is nan are in neither; nor are draws without a correlation.
    """
    known = np.isfinite(values) & np.isfinite(ratings)
    x, y = values[known], ratings[known]
    names, place = np.unique(np.asarray(prompts)[known], return_inverse=True)
    if len(names) < FEWEST:
        return None
    value = measure(x, y)
    if math.isnan(value):
        return None
    members = [np.flatnonzero(place == k) for k in range(len(names))]
    rng = np.random.default_rng(seed)
    drawn = (
        np.concatenate([members[k] for k in rng.integers(0, len(names), len(names))])
        for _ in range(RESAMPLES)
    )
    found = [told for rows in drawn for told in [measure(x[rows], y[rows])] if told == told]
    low, high = np.quantile(found, (0.025, 0.975)).tolist()
    return Entry(value=value, interval=(low, high), n=len(x))


def left_out(features: Float[np.ndarray, "n d"], ratings: Row, prompts: Sequence[str]) -> Row:
    """What least squares on all other prompts predicts for each clip: a fit that can't know it.

    Columns are standardised by the other prompts too. Refuses fewer than FEWEST prompts and
    anything that isn't finite.
    """
    names = np.asarray(prompts)
    if len(set(prompts)) < FEWEST or not np.isfinite(features).all():
        raise DataError(f"a fit needs {FEWEST} prompts or more and finite numbers")
    told = np.empty(len(ratings))
    for name in np.unique(names):
        out = names == name
        x, y = features[~out], ratings[~out]
        mean, scale = x.mean(0), np.where(x.std(0) > 0, x.std(0), 1)
        design = np.column_stack([(x - mean) / scale, np.ones(len(x))])
        weights = np.linalg.lstsq(design, y, rcond=None)[0]
        told[out] = np.column_stack([(features[out] - mean) / scale, np.ones(out.sum())]) @ weights
    return told
