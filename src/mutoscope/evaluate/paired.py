"""Two sets of clips of the same prompts: the difference of a number, and what can be said of it.

Of pairs k with questions w_k and d_k = (right answers of the other) - (right answers of the first)
the difference is sum d / sum w, which is that of the two shares; of a number over time w is 1.
Clips of one prompt aren't independent, so prompts are what is drawn with replacement for the
interval, and what the sign test counts: two-sided, exact, on the sign of each prompt's sum d,
prompts without a difference left aside. Over all tests of one command p is corrected by Holm.

Sources: Efron (1979), Ann. Statist. 7; Dixon & Mood (1946); Holm (1979), Scand. J. Stat. 6.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Int

from mutoscope.evaluate.report import RESAMPLES, Entry

FEWEST = 6
"""Prompts below which no sign test can reach 5 %, and nothing is said of a difference."""
LEVEL = 0.05


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A number of the other set less that of the first, over `n` pairs of `prompts` prompts.

    `up` and `down` count prompts with a difference above and below 0; `p` is of their sign test,
    `holm` corrected for all tests of the command. None: too few prompts.
    """

    value: float
    interval: tuple[float, float] | None
    n: int
    prompts: int
    first: float
    other: float
    better: Literal["higher", "lower"]
    up: int
    down: int
    p: float | None
    holm: float | None = None

    @property
    def verdict(self) -> str:
        """What is shown: interval and corrected sign test must both leave out "no difference"."""
        if self.interval is None or self.holm is None:
            return f"too few prompts ({self.prompts}, needs {FEWEST})"
        low, high = self.interval
        if self.holm > LEVEL or low <= 0 <= high or (self.up > self.down) != (self.value > 0):
            return "no difference shown"
        return "better" if (self.value > 0) == (self.better == "higher") else "worse"

    def to_json(self) -> dict[str, Any]:
        """As an entry of a summary, and the sign test."""
        entry = Entry(
            value=self.value,
            interval=self.interval,
            n=self.n,
            better=self.better,
            baselines={"first": self.first, "other": self.other},
        )
        return {
            **entry.to_json(),
            "prompts": self.prompts,
            "up": self.up,
            "down": self.down,
            "p": self.p,
            "holm": self.holm,
            "verdict": self.verdict,
        }


def difference(
    first: Float[np.ndarray, " n"],
    other: Float[np.ndarray, " n"],
    weights: Float[np.ndarray, " n"],
    prompts: Sequence[str],
    *,
    better: Literal["higher", "lower"],
    seed: int = 0,
) -> Difference:
    """The difference of sums over pairs; weights are positive, there is at least one pair."""
    names, place = np.unique(np.asarray(prompts), return_inverse=True)
    by_prompt = np.bincount(place, other - first)
    weight = np.bincount(place, weights)
    few = len(names) < FEWEST
    up, down = int((by_prompt > 0).sum()), int((by_prompt < 0).sum())
    return Difference(
        value=float(by_prompt.sum() / weight.sum()),
        interval=None if few else bootstrap(by_prompt, weight, seed),
        n=len(first),
        prompts=len(names),
        first=float(first.sum() / weight.sum()),
        other=float(other.sum() / weight.sum()),
        better=better,
        up=up,
        down=down,
        p=None if few else sign_test(up, down),
    )


def bootstrap(
    sums: Float[np.ndarray, " n"], weights: Float[np.ndarray, " n"], seed: int = 0
) -> tuple[float, float]:
    """The 2.5 and 97.5 % quantiles of sum / weight over RESAMPLES draws with replacement."""
    n = len(sums)
    drawn: Int[np.ndarray, "r n"] = np.random.default_rng(seed).integers(0, n, (RESAMPLES, n))
    values = sums[drawn].sum(1) / weights[drawn].sum(1)
    low, high = np.quantile(values, (0.025, 0.975)).tolist()
    return low, high


def sign_test(up: int, down: int) -> float:
    """The two-sided p of so many signs either way if both were equally likely; 1 for none."""
    n, few = up + down, min(up, down)
    tail = sum(math.comb(n, k) for k in range(few + 1))
    return min(1.0, 2 * tail / 2**n)


def holm(found: Mapping[str, Difference]) -> dict[str, Difference]:
    """The same with p corrected so that any of all is wrongly shown in at most LEVEL of cases."""
    tested = sorted((one.p, name) for name, one in found.items() if one.p is not None)
    corrected: dict[str, float] = {}
    worst = 0.0
    for rank, (p, name) in enumerate(tested):
        worst = max(worst, min(1.0, (len(tested) - rank) * p))
        corrected[name] = worst
    return {name: replace(one, holm=corrected.get(name)) for name, one in found.items()}
