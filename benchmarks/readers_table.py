"""What the shipped readers get wrong, clean and degraded, and how often nothing learned agrees.

`python benchmarks/readers_table.py --n 1000` renders test scenes that no reader was trained on and
prints the tables of the card; with `--tier wide` those of the wide tier and its readers.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

from mutoscope import zoo
from mutoscope.data.rendered import Recipe, build
from mutoscope.evaluate import frechet, own, segmentation
from mutoscope.evaluate.distribution import ladder, ours
from mutoscope.evaluate.faithfulness import renders
from mutoscope.evaluate.reading import as_frames, read, shipped
from mutoscope.evaluate.report import Entry, Report, markdown, save
from mutoscope.training.commands import cache_folder
from mutoscope.world.sample import sample


def wide_row(reports: dict[str, Report]) -> str:
    """One table of several reports: right (answered); empty where nothing was asked or answered."""
    titles = list(dict.fromkeys(title for report in reports.values() for title in report))
    lines = [["", *titles], ["---"] * (len(titles) + 1)]
    for name, report in reports.items():
        lines.append([name, *(_cell(report.get(title)) for title in titles)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(entry: Entry | None) -> str:
    if entry is None or math.isnan(entry.value):
        return ""
    if entry.interval is None:
        return f"{entry.value:.3f}"
    kept = entry.baselines.get("coverage", 1.0)
    return f"{100 * entry.value:.1f}" + (f" ({100 * kept:.0f})" if kept < 1 else "")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--degraded", type=int, default=200, help="of these, for degradations")
    parser.add_argument("--clips", type=int, default=1024, help="for the distance's references")
    parser.add_argument("--tier", choices=("core", "wide"), default="core")
    args = parser.parse_args(arguments)
    name = "readers" if args.tier == "core" else "wide-readers"
    reader = shipped(name)
    held = build(cache_folder(), Recipe(seed=51, split="test", tier=args.tier, fine=True), args.n)
    few = min(args.n, args.degraded)
    reports = {**own.degraded(reader, held, few), "none": own.own_error(reader, held, args.n)}
    rgb = held.pick(range(args.n))[0]
    some = as_frames(rgb[: min(200, args.n)])
    agreed = segmentation.agreement(some, read(reader, some, 4.0), 4.0)
    scenes = [sample(91, i, tier=args.tier, split="test") for i in range(args.clips)]
    real = renders(scenes, frames=8, size=(64, 64), fps=4.0)
    half = args.clips // 2
    rungs = ladder(ours(reader), real[:half], real[half:], 4.0)
    print(f"### Right answers (of things of at least {own.VISIBLE} pixels)\n")
    print(markdown(reports["none"]))
    words = own.own_words(reader, held, args.n)
    for title in ("shape", "verb") if args.tier == "core" else words:
        print(f"\n### {title.capitalize()}, word by word\n\n{markdown(words[title])}")
    looks = own.by_look(reader, held, args.n)
    if len(looks) > 1:
        print(f"\n### By look: right in percent (answered in percent)\n\n{wide_row(looks)}")
    print("\n### Under degradations at half severity: right in percent (answered in percent)\n")
    print(wide_row(reports))
    print("\n### Agreement with the opinion that learned nothing\n")
    print(markdown(agreed))
    print(f"\n### Distances of {half} real clips, as they are and spoilt\n")
    print(markdown(rungs))
    if "frechet" in rungs:
        print(f"\nFréchet's in order: {frechet.ordered(dict(rungs['frechet'].baselines))}")
    by_word = {f"{title}, by word": report for title, report in words.items()}
    by_look = {f"look {look}": report for look, report in looks.items()} if len(looks) > 1 else {}
    everything = {**reports, **by_word, **by_look, "agreement": agreed, "ladder": rungs}
    facts = {"n": args.n, "degraded": few, "sha256": zoo.sha256(name)}
    save(Path("benchmarks") / "results" / f"{name}.json", everything, facts)


if __name__ == "__main__":
    main()
