"""Where a system stands between real renders and its untrained twin; for docs/evaluate.md.

    python benchmarks/standing_table.py            measures, prints, rewrites the table
    python benchmarks/standing_table.py --print    measures and prints only

It is `mutoscope evaluate --system NAME --count N`; the report stays in the cache, so that calling
again goes on, and a system whose clips are there is told again within minutes.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from _page import publish

from mutoscope import cli
from mutoscope.evaluate import standing
from mutoscope.evaluate.page import interval, number
from mutoscope.evaluate.pairing import results
from mutoscope.evaluate.report import Entry, Report
from mutoscope.training.commands import cache_folder

BESIDE = {"truth": ("truth", "real"), "chance": ("chance",), "frozen": ("frozen",),
          "untrained": ("untrained",)}  # fmt: skip
"""Columns, and what fills them."""


def shown(rows: Report) -> Report:
    """The figures beside which real renders stand, words one by one aside."""
    real = {name: entry for name, entry in rows.items() if not name.startswith("words: ")}
    return {n: one for n, one in real.items() if any(r in one.baselines for r in BESIDE["truth"])}


def markdown(rows: Report, said: str) -> str:
    """The table, a row a figure, below the command that wrote it and how many are in order."""
    titles = ("", "value", "95 %", "n", *BESIDE, "order")
    lines = [titles, ("---",) * len(titles)]
    lines += [_line(name, entry) for name, entry in shown(rows).items()]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"`{said}`: {standing.summed(standing.rungs(rows))}.\n\n{table}"


def _line(name: str, entry: Entry) -> tuple[str, ...]:
    known = [[entry.baselines[r] for r in row if r in entry.baselines] for row in BESIDE.values()]
    return (
        name, number(name, entry.value), interval(name, entry), str(entry.n),
        *(number(name, values[0]) if values else "" for values in known),
        standing.order(name, entry),
    )  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, publish."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--print", action="store_true", help="don't rewrite the table")
    parser.add_argument("--system", default="modelscope")
    parser.add_argument("--n", type=int, default=128, help="held-out captions")
    parser.add_argument("-o", "--out", type=Path, help="for the report; a folder of the cache")
    args = parser.parse_args(arguments)
    out = args.out or cache_folder() / "standing" / args.system
    words = ["evaluate", "--system", args.system, "--count", str(args.n)]
    if left := cli.code([*words, "-o", str(out)]):
        raise SystemExit(left)
    rows = results(out, args.system).summary
    text = markdown(rows, " ".join(["mutoscope", *words]))
    print(text)
    if not args.print:
        found = {name: entry.to_json() for name, entry in shown(rows).items()}
        publish("standing", {"n": args.n, "rows": found}, page="evaluate.md", table=text)


if __name__ == "__main__":
    main()
