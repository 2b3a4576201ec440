"""Whether references stand where they should: real renders first, what has learned nothing last."""

from __future__ import annotations

from mutoscope.evaluate.measure import NUMBERS
from mutoscope.evaluate.report import Entry

FIRST = ("truth", "real")
"""References that nothing should be better than."""
LAST = ("untrained", "chance")
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


def _right(reference: str, ahead: float) -> bool:
    return ahead <= 0 if reference in FIRST else ahead > 0
