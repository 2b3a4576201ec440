"""ControlNet works when its pictures obey depth, lines and edges (`checks.mapped`)."""

from __future__ import annotations

from collections.abc import Iterator

from mutoscope.checks import Check, Subject
from mutoscope.checks.mapped import SEED, lines, obeying, trial
from mutoscope.evaluate.folder import LeftOut

__all__ = ["KINDS", "OBEYED", "SEED", "run", "unchecked"]

KINDS = ("depth", "sketch", "edge")
OBEYED = lines(KINDS)


def run(of: Subject) -> Iterator[Check]:
    """Two rows a kind."""
    yield from obeying(trial(of, of.count, 1), KINDS)


def unchecked() -> list[LeftOut]:
    """What the paper shows by people's ranks, and what needs another training."""
    return [
        LeftOut("user ranking", "asks people; see mutoscope study"),
        LeftOut("zero convolutions", "there is no trainable copy that they would join"),
    ]
