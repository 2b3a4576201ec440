"""How many clips the world renders a second on one core, and scenes it draws; for docs/world.md.

    python benchmarks/world_speed.py            measures, prints JSON, rewrites the table
    python benchmarks/world_speed.py --print    measures and prints only

Times are processor time of this process, so that neighbours disturb them less.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping

from _page import publish

from mutoscope import machine
from mutoscope.world import render, sample

KINDS: dict[str, tuple[int, int, tuple[str, ...], int]] = {
    "clips, 8 x 64 x 64, RGB": (8, 64, (), 100),
    "clips, 16 x 128 x 128, RGB": (16, 128, (), 12),
    "clips, 16 x 128 x 128, all truths": (16, 128, ("all",), 5),
}
"""Frames, side, truths, and the clips a second that are aimed at."""


def rate(work: Callable[[int], object], count: int) -> float:
    """Calls a second of processor time, after two calls to warm up."""
    work(0), work(1)
    begin = time.process_time()
    for k in range(count):
        work(k)
    return count / (time.process_time() - begin)


def measured(count: int) -> dict[str, float]:
    """Calls a second of everything."""
    scenes = [sample(0, k, objects=2) for k in range(max(2, count))]
    found = {
        name: rate(
            lambda k, f=frames, s=size, t=truth: render(scenes[k], frames=f, size=(s, s), truth=t),
            count,
        )
        for name, (frames, size, truth, _) in KINDS.items()
    }
    for tier in ("core", "wide"):
        found[f"{tier} scenes drawn"] = rate(lambda k, t=tier: sample(1, k, tier=t), 3 * count)
    return found


def table(found: Mapping[str, float]) -> str:
    """The table of docs/world.md."""
    lines = [
        "`python benchmarks/world_speed.py`: calls a second of processor time on one core of",
        f"{machine.processor()}, two things.",
        "",
        "| what | a second | aim |",
        "| --- | ---: | ---: |",
    ]
    aims = {name: aim for name, (*_, aim) in KINDS.items()}
    lines += [f"| {name} | {value:.0f} | {aims.get(name, '')} |" for name, value in found.items()]
    return "\n".join(lines)


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=60, help="clips of each kind")
    parser.add_argument("--print", action="store_true", help="leave docs/ as it is")
    asked = parser.parse_args()
    found = measured(asked.count)
    told = {"a second": found, "processor": machine.processor()}
    print(json.dumps(told))
    if not asked.print:
        publish("world_speed", told, page="world.md", table=table(found))


if __name__ == "__main__":
    main()
