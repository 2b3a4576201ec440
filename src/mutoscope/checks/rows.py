"""Rows of a check, of what was found clip by clip: means, shares, ratios, what a knob moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from scipy.stats import rankdata

from mutoscope.checked import Number
from mutoscope.checks import Check
from mutoscope.evaluate import report
from mutoscope.evaluate.paired import bootstrap
from mutoscope.evaluate.report import Entry

RESAMPLES = 500
"""Draws of clips for the interval of a rank correlation."""

Row = Float[np.ndarray, " n"]
Table = Float[np.ndarray, "k n"]


def means(rows: Mapping[str, Row]) -> dict[str, float]:
    """What stands beside a row."""
    return {name: float(row.mean()) for name, row in rows.items()}


def mean(name: str, values: Row, least: float, beside: Mapping[str, float] | None = None) -> Check:
    """The mean over clips, which must be `least`; what must stay below is given negated."""
    return row(name, report.mean(values, better="higher", baselines=beside), least)


def share(name: str, rights: Row, least: float, beside: Mapping[str, float] | None = None) -> Check:
    """The share of rights, 1 or true, among rights and wrongs."""
    return row(name, report.share((bool(right) for right in rights), beside), least)


def row(name: str, found: Entry, least: float) -> Check:
    """An entry, and what it must reach."""
    return Check(
        id=name, value=found.value, interval=found.interval, n=found.n, threshold=least,
        baselines=found.baselines,
    )  # fmt: skip


def ratio(
    name: str, more: Row, less: Row, least: float, beside: Mapping[str, float] | None = None
) -> Check:
    """The ratio of two sums over the same clips; 0 where the second is."""
    total = float(less.sum())
    return Check(
        id=name, value=float(more.sum()) / total if total > 0 else 0.0,
        interval=bootstrap(more, less) if (less > 0).all() and len(less) > 1 else None,
        n=len(less), threshold=least, baselines=dict(beside or {}),
    )  # fmt: skip


def ranked(name: str, table: Table, knob: Sequence[Number], least: float, *, seed: int) -> Check:
    """Spearman's rank correlation of a knob, which rises, with means over clips, drawn again."""
    drawn = np.random.default_rng(seed).integers(0, table.shape[1], (RESAMPLES, table.shape[1]))
    low, high = np.quantile([rising(table[:, rows]) for rows in drawn], (0.025, 0.975)).tolist()
    beside = {f"at {at:g}": abs(float(one.mean())) for at, one in zip(knob, table, strict=True)}
    return Check(
        id=name, value=rising(table), interval=(low, high), n=table.shape[1], threshold=least,
        baselines=beside,
    )  # fmt: skip


def rising(table: Table) -> float:
    """Spearman's rank correlation of a row's number with its mean; 0 where all are equal."""
    ranks = rankdata(table.mean(1))
    if np.ptp(ranks) == 0:
        return 0.0
    return float(np.corrcoef(np.arange(len(ranks)), ranks)[0, 1])
