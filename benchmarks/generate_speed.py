"""How long a clip takes, cold and warm, stage by stage; writes the table into docs/speed.md.

    python benchmarks/generate_speed.py            measures, prints JSON, rewrites the table
    python benchmarks/generate_speed.py --print    measures and prints only

Cold is a new process, from the command to the finished mp4; warm is a second clip in a process that
made one. Both are the median of five, in seconds of the clock: run it when nothing else runs.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import torch
from _page import publish

import mutoscope
from mutoscope import machine, media
from mutoscope.systems.system import System

PROMPT = "a red ball bounces on the grass"
STAGES = ("load", "text", "denoise", "decode", "write", "total")
RUNS = 5


def cold(folder: Path) -> dict[str, float]:
    """Seconds of each stage in a process of its own; `total` is the clock outside it."""
    start = perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "mutoscope.cli", "generate", PROMPT, "--json", "-o", "cold.mp4"],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    )
    total = perf_counter() - start
    return {**json.loads(done.stdout.splitlines()[-1])["seconds"], "total": total}


def warm(system: System, folder: Path) -> dict[str, float]:
    """Seconds of each stage of a clip in this process."""
    start = perf_counter()
    clip = system.generate(PROMPT)
    made = perf_counter()
    media.write(clip, folder / "warm.mp4")
    end = perf_counter()
    return {"load": 0.0, **system.took, "write": end - made, "total": end - start}


def medians(rows: list[dict[str, float]]) -> dict[str, float]:
    """The median of each stage."""
    return {stage: statistics.median(row[stage] for row in rows) for stage in STAGES}


def table(found: dict[str, dict[str, float]], request: str) -> str:
    """The table of docs/speed.md."""
    lines = [
        f"`python benchmarks/generate_speed.py`: {request}, on {machine.processor()},",
        f"{torch.get_num_threads()} threads, {str(machine.precision()).removeprefix('torch.')};",
        f"medians of {RUNS}, in seconds.",
        "",
        "| | " + " | ".join(STAGES) + " |",
        "| --- |" + " ---: |" * len(STAGES),
    ]
    for name, row in found.items():
        lines.append(f"| {name} | " + " | ".join(f"{row[stage]:.2f}" for stage in STAGES) + " |")
    return "\n".join(lines)


def main(arguments: list[str]) -> None:
    """Measure, print and write."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        system = mutoscope.load("modelscope")
        warm(system, folder)
        found = {
            "cold": medians([cold(folder) for _ in range(RUNS)]),
            "warm": medians([warm(system, folder) for _ in range(RUNS)]),
        }
    asked = system.request(PROMPT)
    width, height = asked.size
    request = f"{asked.frames} frames of {width}x{height}, {asked.steps} steps of {asked.sampler}"
    plays = asked.frames / asked.fps
    where = {"threads": torch.get_num_threads(), "processor": machine.processor()}
    told = {**found, **where, "request": asked.to_json(), "plays": plays}
    print(json.dumps(told))
    if "--print" not in arguments:
        publish("generate_speed", told, page="speed.md", table=table(found, request))


if __name__ == "__main__":
    main(sys.argv[1:])
