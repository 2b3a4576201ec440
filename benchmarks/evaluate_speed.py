"""How long `mutoscope evaluate FOLDER` takes, and how much memory; for docs/evaluate.md.

    python benchmarks/evaluate_speed.py            measures, prints, rewrites the table
    python benchmarks/evaluate_speed.py --print    measures and prints only

Clips are renders of held-out scenes as mp4, 16 frames of 128 x 128, measured by a new process with
two jobs into a new folder, loading and report included. Memory is that of the largest process. What
is aimed at is 300 clips in 180 seconds, time in proportion to clips, and memory that doesn't grow.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from _page import publish

from mutoscope import machine
from mutoscope.clip import Clip
from mutoscope.evaluate.questions import Questions
from mutoscope.evaluate.reading import as_frames
from mutoscope.world.render import render

COUNTS = (75, 150, 300)
AIM = 180.0
"""Seconds for the last of COUNTS."""


def films(folder: Path, count: int) -> Path:
    """So many clips of held-out captions, and the CSV that names them."""
    asked = Questions(n=count).asked()
    table = folder / "prompts.csv"
    with table.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(("file", "prompt"))
        for k, (scene, prompt) in enumerate(zip(asked.scenes, asked.prompts, strict=True)):
            rgb = render(scene, frames=asked.frames, size=(asked.side, asked.side), fps=asked.fps)
            Clip(frames=as_frames(rgb.rgb[None]), fps=asked.fps).save(folder / f"{k}.mp4")
            lines.writerow((f"{k}.mp4", prompt))
    return table


def measured(folder: Path, table: Path, count: int, jobs: int) -> dict[str, float]:
    """Seconds and megabytes of one evaluation of the first `count` clips."""
    rows = table.read_text(encoding="utf-8").splitlines(keepends=True)[: count + 1]
    with tempfile.TemporaryDirectory() as out:
        few = Path(out, "prompts.csv")
        few.write_text("".join(rows), encoding="utf-8")
        words = ["evaluate", str(folder), "--prompts", str(few), "-o", f"{out}/report"]
        begin = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "mutoscope.cli", *words, "--jobs", str(jobs), "--json"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode or json.loads(said.splitlines()[-1])["n"] != count:
        raise SystemExit(f"{count} clips could not be evaluated")
    return {"clips": count, "seconds": round(seconds, 1), "MB": round(used.ru_maxrss / 1024)}


def markdown(rows: Sequence[dict[str, float]], jobs: int) -> str:
    """The table of docs/evaluate.md."""
    lines = [
        f"`python benchmarks/evaluate_speed.py`: clips of 16 x 128 x 128, {jobs} jobs on",
        f"{machine.processor()}; aimed at are {AIM:g} seconds for {COUNTS[-1]}.",
        "",
        "| clips | seconds | a clip | largest process, MB |",
        "| ---: | ---: | ---: | ---: |",
    ]
    for row in rows:
        one = row["seconds"] / row["clips"]
        lines.append(f"| {row['clips']:g} | {row['seconds']:.1f} | {one:.2f} | {row['MB']:.0f} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Make clips, measure them, print, publish."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--print", action="store_true", help="don't rewrite the table")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--counts", default=",".join(map(str, COUNTS)))
    args = parser.parse_args(arguments)
    counts = [int(count) for count in args.counts.split(",")]
    with tempfile.TemporaryDirectory() as where:
        table = films(Path(where), max(counts))
        rows = [measured(Path(where), table, count, args.jobs) for count in counts]
    text = markdown(rows, args.jobs)
    print(text)
    if not args.print:
        publish("evaluate_speed", {"rows": rows}, page="evaluate.md", table=text)


if __name__ == "__main__":
    main()
