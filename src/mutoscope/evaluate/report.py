"""What a measurement says: a value, its interval, how many it rests on, and what stands beside.

Shares carry Wilson's 95 % interval, (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n), z = 1.96.
Source: Wilson (1927), J. Am. Stat. Assoc. 22.
"""

from __future__ import annotations

import json
import math
import os
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

Z = 1.959964
RESAMPLES = 2000
"""Draws with replacement for the interval of a mean (ours)."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One number; shares are in [0, 1]. `baselines` are values of the same kind, by name.

    What has no value, as nothing was answered, is NaN here and null in JSON.
    """

    value: float
    interval: tuple[float, float] | None = None
    n: int
    better: Literal["higher", "lower"] = "higher"
    baselines: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The entry as every summary of the project writes it."""
        return {
            "value": _known(self.value),
            "interval": list(self.interval) if self.interval else None,
            "n": self.n,
            "better": self.better,
            "baselines": {name: _known(value) for name, value in self.baselines.items()},
        }


Report = Mapping[str, Entry]


def opened(rows: Mapping[str, Mapping[str, Any]]) -> Report:
    """A report as `save` wrote it."""
    return {name: Entry(**{**row, **_opened(row)}) for name, row in rows.items()}


def _opened(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "value": math.nan if row["value"] is None else row["value"],
        "interval": tuple(row["interval"]) if row["interval"] else None,
        "baselines": {k: math.nan if v is None else v for k, v in row["baselines"].items()},
    }


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def wilson(right: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share of which `right` of `n` were seen; (0, 1) when n is 0."""
    if n == 0:
        return 0.0, 1.0
    p = right / n
    middle, scale = p + Z * Z / (2 * n), 1 + Z * Z / n
    half = Z * math.sqrt(p * (1 - p) / n + Z * Z / (4 * n * n))
    return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)


def share(rights: Iterable[bool], baselines: Mapping[str, float] | None = None) -> Entry:
    """The share of rights among rights and wrongs."""
    seen = list(rights)
    right, n = sum(seen), len(seen)
    value = right / n if n else math.nan
    return Entry(value=value, interval=wilson(right, n), n=n, baselines=dict(baselines or {}))


def markdown(report: Report) -> str:
    """A table, a row an entry and a column a baseline; shares as percent."""
    names = list(dict.fromkeys(name for entry in report.values() for name in entry.baselines))
    head = ["", "value", "95 %", "n", *names]
    rows = [_row(name, entry, names) for name, entry in report.items()]
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _row(name: str, entry: Entry, names: list[str]) -> list[str]:
    percent = entry.interval is not None
    low_high = " to ".join(_number(v, percent=percent) for v in entry.interval or ())
    beside = (entry.baselines.get(n) for n in names)
    cells = ["" if v is None else _number(v, percent=percent) for v in beside]
    return [name, _number(entry.value, percent=percent), low_high, str(entry.n), *cells]


def _number(value: float, *, percent: bool) -> str:
    if math.isnan(value):
        return ""
    return f"{100 * value:.1f} %" if percent else f"{value:.3g}"


def save(path: Path, reports: Mapping[str, Report], facts: Mapping[str, Any]) -> None:
    """Write reports by name, with the facts they were made under, as JSON; a line an entry."""
    titles = [_object(title, report) for title, report in reports.items()]
    head = "".join(f" {json.dumps(name)}: {json.dumps(fact)},\n" for name, fact in facts.items())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{\n" + head + ' "reports": {\n' + ",\n".join(titles) + "\n }\n}\n")


def _object(title: str, report: Report) -> str:
    rows = [f"   {json.dumps(k)}: {json.dumps(entry.to_json())}" for k, entry in report.items()]
    return f"  {json.dumps(title)}: {{\n" + ",\n".join(rows) + "\n  }"


def mean(
    values: Iterable[float],
    *,
    better: Literal["higher", "lower"],
    baselines: Mapping[str, float] | None = None,
    seed: int = 0,
) -> Entry:
    """The mean over clips; its interval holds 95 % of the means of clips drawn with replacement.

    RESAMPLES draws of `seed`; no interval for fewer than 2. Source: Efron (1979), Ann. Statist. 7.
    """
    row = np.asarray([*values], np.float64)
    n = len(row)
    interval = None
    if n > 1:
        rng = np.random.default_rng(seed)
        means = [row[rng.integers(0, n, n)].mean() for _ in range(RESAMPLES)]
        low, high = np.quantile(means, (0.025, 0.975)).tolist()
        interval = (low, high)
    value = float(row.mean()) if n else math.nan
    return Entry(
        value=value, interval=interval, n=n, better=better, baselines=dict(baselines or {})
    )


def written(path: Path, text: str) -> Path:
    """Write a file that is there whole or not at all."""
    return drafted(path, lambda draft: draft.write_text(text, encoding="utf-8"))


def drafted(path: Path, write: Callable[[Path], object]) -> Path:
    """The same by what writes the file it is handed; several processes may put one file there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        write(draft)
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    return path
