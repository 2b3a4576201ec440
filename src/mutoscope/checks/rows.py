"""Rows of a check, of what was found clip by clip."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from mutoscope.checks import Check
from mutoscope.evaluate import report
from mutoscope.evaluate.report import Entry

Row = Float[np.ndarray, " n"]


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
