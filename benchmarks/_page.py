"""Where a benchmark puts what it found: its JSON beside it, its table on a page of docs/."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"


def publish(name: str, found: Mapping[str, Any], *, page: str, table: str) -> None:
    """Write results/NAME.json, and the table between the marks NAME of docs/PAGE."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n")
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    path = ROOT / "docs" / page
    before, mark, rest = path.read_text().partition(begin)
    after = rest.partition(end)[2]
    if not mark or end not in rest:
        raise SystemExit(f"docs/{page} has no marks for {name}; put {begin} and {end} into it")
    path.write_text(f"{before}{begin}\n{table}\n{end}{after}")
