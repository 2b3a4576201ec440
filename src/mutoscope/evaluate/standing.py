"""Whether references stand where they should: real renders first, what has learned nothing last."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mutoscope.evaluate.measure import NUMBERS
from mutoscope.evaluate.report import Entry, Report

FIRST = ("truth", "real")
"""References that nothing should be better than."""
LAST = ("untrained", "chance", "shuffled condition")
"""References that should be worse than what is measured."""


def order(name: str, entry: Entry) -> str:
    """In words: "in order", or which references aren't where they should be.

    Empty where no order is due: over time a frozen clip is perfect, and where no reference stands.
    A reference on the wrong side but inside the 95 % interval is "not told apart".
    """
    known = [one for one in (*FIRST, *LAST) if one in entry.baselines]
    if name in NUMBERS or not known:
        return ""
    sign = 1 if entry.better == "higher" else -1
    wrong = [one for one in known if not _right(one, sign * (entry.value - entry.baselines[one]))]
    if not wrong:
        return "in order"
    low, high = entry.interval or (entry.value, entry.value)
    near = all(low <= entry.baselines[one] <= high for one in wrong)
    return f"{'not told apart' if near else 'out of order'}: {', '.join(wrong)}"


@dataclass(frozen=True, kw_only=True)
class Rung:
    """A figure between that of real renders and that of what has learned nothing.

    `frozen` is that of the clips frozen, where it is known; `said` is what `order` says.
    """

    name: str
    real: float
    value: float
    untrained: float
    frozen: float | None
    said: str


def rungs(rows: Report) -> list[Rung]:
    """Every figure beside which real renders and an untrained twin stand, words one by one aside.

    What of these is no number is no reference.
    """
    found = []
    for name, entry in rows.items():
        beside = {one: value for one, value in entry.baselines.items() if math.isfinite(value)}
        real = [beside[one] for one in FIRST if one in beside]
        if real and "untrained" in beside and not name.startswith("words: "):
            found.append(
                Rung(
                    name=name, real=real[0], value=entry.value, untrained=beside["untrained"],
                    frozen=beside.get("frozen"), said=order(name, entry),
                )
            )  # fmt: skip
    return found


def summed(found: Sequence[Rung]) -> str:
    """In one sentence how many figures are in order, and which aren't; empty where none is due."""
    due = [one for one in found if one.said]
    if not due:
        return ""
    wrong = [f"{one.name} ({one.said})" for one in due if one.said != "in order"]
    right = f"{len(due) - len(wrong)} of {len(due)} figures in order"
    told = f"real renders, these clips, untrained twin: {right}"
    return f"{told}; not: {', '.join(wrong)}" if wrong else told


def _right(reference: str, ahead: float) -> bool:
    return ahead <= 0 if reference in FIRST else ahead > 0
