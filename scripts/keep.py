"""Keep what a check found under version control: python scripts/keep.py DIR.

DIR is where `mutoscope check NAME -o DIR` has written checks.json. It becomes
benchmarks/results/checks/NAME.json, a line a row, with the commit, the seed, the count and the
hashes of the weights it was found with; `make docs` makes tables of it. Refused are results of
other weights than ship, and those without a row that the README tells of.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import check_tables

from mutoscope import checks
from mutoscope.evaluate.report import written

FACTS = ("system", "commit", "count", "seed", "weights", "versions")
ROWS = ("checks", "left out")


def read(folder: Path) -> Mapping[str, Any]:
    """What a check wrote; refuses what can't be kept, in a sentence."""
    path = folder / "checks.json"
    if not path.exists():
        raise SystemExit(f"{path} isn't there; make it with: mutoscope check NAME -o {folder}")
    found: Mapping[str, Any] = json.loads(path.read_text())
    lacks = [name for name in (*FACTS, *ROWS) if name not in found]
    if lacks:
        raise SystemExit(
            f"{path} doesn't say its {', '.join(lacks)}; call mutoscope check again, which makes no"
            " clip anew"
        )
    if not check_tables.ships(found):
        raise SystemExit(f"{path} is of other weights than ship; ship those, or check what ships")
    there, wanted = {row["id"] for row in found["checks"]}, checks.obeyed(found["system"])
    gone = [line.row for line in wanted if line.row not in there]
    if gone:
        raise SystemExit(f"{path} has no row '{gone[0]}', which README tells of; check again")
    return found


def keep(folder: Path) -> Path:
    """Put it where tables are made from."""
    found = read(folder)
    facts = [f" {json.dumps(name)}: {json.dumps(found[name])}" for name in FACTS]
    lists = [f" {json.dumps(name)}: [{_lines(found[name])}]" for name in ROWS]
    text = "{\n" + ",\n".join([*facts, *lists]) + "\n}\n"
    return written(check_tables.RESULTS / f"{found['system']}.json", text)


def _lines(rows: list[Mapping[str, Any]]) -> str:
    return "\n" + ",\n".join(f"  {json.dumps(row)}" for row in rows) + "\n " if rows else ""


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("folder", type=Path, metavar="DIR")
    print(f"wrote {keep(asked.parse_args().folder)}; now: make docs")
