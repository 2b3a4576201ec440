"""Whether a system works as its paper says it must: its "works when" rows, one file a recipe."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast, runtime_checkable

from mutoscope.checked import Value
from mutoscope.errors import RequestError
from mutoscope.evaluate.commands import Generate
from mutoscope.evaluate.folder import LeftOut
from mutoscope.networks.readers import ClipReader
from mutoscope.systems.system import Asked

TABLE = {
    "controlnet": "mutoscope.checks.controlnet",
    "gen1": "mutoscope.checks.gen1",
    "modelscope": "mutoscope.checks.modelscope",
    "pixeldance": "mutoscope.checks.pixeldance",
    "text2video_zero": "mutoscope.checks.text2video_zero",
    "tune_a_video": "mutoscope.checks.tune_a_video",
    "videocrafter1": "mutoscope.checks.videocrafter1",
    "videocomposer": "mutoscope.checks.videocomposer",
}


@dataclass(frozen=True, kw_only=True)
class Check:
    """One row: what was measured, and the value from which on it passes.

    `baselines` are values of the same kind, by name.
    """

    id: str
    value: float
    interval: tuple[float, float] | None
    n: int
    threshold: float
    baselines: Mapping[str, float] = field(default_factory=dict)

    @property
    def passes(self) -> bool:
        """Whether the value reaches the threshold."""
        return self.value >= self.threshold

    def to_json(self) -> dict[str, Any]:
        """The row as every check of the project is written."""
        return {
            "id": self.id,
            "value": self.value,
            "interval": list(self.interval) if self.interval else None,
            "n": self.n,
            "threshold": self.threshold,
            "pass": self.passes,
            "baselines": {n: v for n, v in self.baselines.items() if math.isfinite(v)},
        }


@dataclass(frozen=True, kw_only=True)
class Obeyed:
    """A line of the table of what systems obey: a condition, and the row that says how far.

    `unit` follows the numbers; "%" makes percent of shares. `less` is for rows whose values are
    negated, so that more is better: their sign is taken back. The others name the baselines that
    stand beside, None for what isn't measured.
    """

    condition: str
    row: str
    unit: str = ""
    less: bool = False
    shuffled: str | None = "shuffled"
    without: str | None = "absent"
    truth: str | None = "truth"


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is checked: `make` and `twin`, which has learned nothing, give clips of so many frames.

    `ask` gives clips of whatever else is asked for, `settings` are what knobs stand at otherwise;
    `count` prompts are asked in the largest check. Files that the system is given go into `folder`,
    and `conditions` are the kinds it takes.
    """

    make: Callable[[int], Generate]
    ask: Callable[[Asked], Generate]
    settings: Mapping[str, Value]
    twin: Callable[[int], Generate]
    reader: ClipReader
    count: int
    fps: float
    side: int
    folder: Path | None = None
    conditions: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Where systems are made for a check: what is learned stays in `out`, for a check to go on.

    `weights` is a folder with the base they begin with (None: what ships). `count` clips are
    learned in the largest check.
    """

    out: Path
    reader: ClipReader
    count: int
    weights: Path | None = None


@runtime_checkable
class Making(Protocol):
    """What the module of checks holds that make the systems they check, or what those are told."""

    SEED: int

    def tried(self, on: Bench) -> Iterator[Check]:
        """The rows, one after another."""
        ...

    def unchecked(self) -> list[LeftOut]:
        """The rows of the paper's list that can't be measured here, and why."""
        ...


@runtime_checkable
class Checks(Protocol):
    """What the module of a recipe's checks holds; `SEED` draws its scenes.

    It may hold `OBEYED`, see `obeyed`.
    """

    SEED: int

    def run(self, of: Subject) -> Iterator[Check]:
        """The rows, one after another."""
        ...

    def unchecked(self) -> list[LeftOut]:
        """The rows of the paper's list that can't be measured here, and why."""
        ...


def find(name: str) -> Checks | Making:
    """The checks of a system; refuses one that has none."""
    if name not in TABLE:
        raise RequestError(f"there are no checks of '{name}'; try {', '.join(TABLE)}")
    return cast("Checks | Making", import_module(TABLE[name]))


def obeyed(name: str) -> Sequence[Obeyed]:
    """The lines that a system has in the table of what systems obey, if its checks declare any."""
    return getattr(find(name), "OBEYED", ())
