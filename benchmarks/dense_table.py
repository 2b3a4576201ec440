"""What the dense reader gets wrong, look by look and degraded, beside bars and what is trivial.

`python benchmarks/dense_table.py --n 500` renders test scenes of both tiers that no reader was
trained on and prints the tables of the card.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from mutoscope import zoo
from mutoscope.controls.dense import NAME, shipped
from mutoscope.data.truths import Recipe, build
from mutoscope.evaluate import owndense
from mutoscope.evaluate.report import Report, save
from mutoscope.training.commands import cache_folder

TIERS = ("core", "wide")


def tall(report: Report) -> str:
    """A row a reading: value, interval, n and what stands beside, coverage in percent."""
    names = list(dict.fromkeys(name for entry in report.values() for name in entry.baselines))
    heads = ["", "value", "95 %", "n", *names]
    lines = [heads, ["---"] * len(heads)]
    for title, entry in report.items():
        low_high = " to ".join(f"{v:.3f}" for v in entry.interval or ())
        beside = [_beside(name, entry.baselines.get(name)) for name in names]
        lines.append([title, f"{entry.value:.3f}", low_high, str(entry.n), *beside])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _beside(name: str, value: float | None) -> str:
    if value is None:
        return ""
    return f"{100 * value:.1f} %" if name == "coverage" else f"{value:.3f}"


def wide(reports: Mapping[str, Report]) -> str:
    """One table of several reports: a row each, value (share told) a column."""
    titles = list(next(iter(reports.values())))
    lines = [["", "n", *titles], ["---"] * (len(titles) + 2)]
    for name, report in reports.items():
        cells = [
            f"{report[t].value:.3f} ({100 * report[t].baselines.get('coverage', 1.0):.0f})"
            for t in titles
        ]
        lines.append([name, str(max(report[t].n for t in titles)), *cells])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=500, help="clips of each tier")
    parser.add_argument("--degraded", type=int, default=100, help="of these, for degradations")
    parser.add_argument("--out", type=Path, default=Path("benchmarks") / "results" / "dense.json")
    args = parser.parse_args(arguments)
    reader = shipped()
    everything: dict[str, Report] = {}
    for tier in TIERS:
        held = build(
            cache_folder(), Recipe(seed=69, tier=tier, split="test", fine=True, frames=8), args.n
        )
        own = owndense.own_error(reader, held, range(args.n))
        spoilt = owndense.degraded(reader, held, range(min(args.n, args.degraded)))
        print(f"### {tier.capitalize()} tier, clean\n\n{tall(own)}\n")
        print(f"### {tier.capitalize()} tier, degraded at half severity: value (percent told)\n")
        print(f"{wide(spoilt)}\n")
        everything[tier] = own
        everything |= {f"{tier}, {kind}": report for kind, report in spoilt.items()}
    looks = owndense.by_look(reader, held, range(args.n))
    print(f"### Look by look, wide tier: value (percent told)\n\n{wide(looks)}")
    everything |= {f"look {look}": report for look, report in looks.items()}
    save(args.out, everything, {"n": args.n, "sha256": zoo.sha256(NAME)})


if __name__ == "__main__":
    main()
