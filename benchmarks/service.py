"""What the service costs beside the library: throughput, added latency, memory over many jobs.

    python benchmarks/service.py            measures, prints JSON, writes results/service.json
    python benchmarks/service.py --jobs 500

The same requests run first in this process through `System.make` and `media.write`, then through a
service with one worker that is kept busy. `added` is the share by which a job takes longer, all
three of its files being written; `latency` the seconds from asking an idle service until its answer
says completed, beyond what the library takes; memory is the worker's after a tenth of the jobs and
at the end.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from time import perf_counter, sleep

import torch
from _page import RESULTS

import mutoscope
from mutoscope import media
from mutoscope.request import Request
from mutoscope.service.desk import Desk
from mutoscope.service.settings import Settings

PROMPT = "a red ball bounces on the grass"


def directly(request: Request, jobs: int, folder: Path) -> float:
    """Seconds a clip through the library, written as a video."""
    system = mutoscope.load(request.system)
    took = []
    for seed in range(jobs + 1):
        start = perf_counter()
        asked = replace(request, seed=seed)
        clip = system.make(asked)
        record = system.record(asked, clip, seconds=system.took)
        media.write(clip, folder / "clip.mp4", record=record.to_json())
        took.append(perf_counter() - start)
    return statistics.mean(took[1:])  # the first one warms up


def resident(process: int) -> int:
    """Bytes of memory that a process holds."""
    fields = Path(f"/proc/{process}/statm").read_text().split()
    return int(fields[1]) * 4096


def settled(desk: Desk, job: str, *, look: float = 0.02) -> None:
    """Wait for a job; by itself as closely as a client can, which would slow a busy service."""
    while not desk.get(job).ended:
        sleep(look)


def through(request: Request, jobs: int, folder: Path) -> dict[str, float]:
    """Seconds a clip through a busy service; seconds from asking an idle one; memory."""
    settings = Settings(home=folder, queue=jobs + 1, warm=(request.system,))
    with Desk.opened(settings) as desk:
        settled(desk, desk.submit(request).id)
        assert desk.supervisor is not None
        process = desk.supervisor.slots[0].process
        assert process is not None
        lone = []
        for seed in range(5):
            start = perf_counter()
            settled(desk, desk.submit(replace(request, seed=seed)).id)
            lone.append(perf_counter() - start)
        asked = [desk.submit(replace(request, seed=seed)).id for seed in range(jobs)]
        settled(desk, asked[max(0, jobs // 10 - 1)], look=0.5)
        early = resident(process.pid)
        settled(desk, asked[-1], look=0.5)
        late = resident(process.pid)
        ended = [desk.get(job) for job in asked]
    if any(job.state != "completed" for job in ended):
        raise SystemExit(f"a job failed: {next(job.error for job in ended if job.error)}")
    span = float(ended[-1].ended_at or 0) - float(ended[0].started_at or 0)
    return {
        "busy": span / jobs,
        "idle": statistics.median(lone),
        "memory_early": early,
        "memory_late": late,
    }


def main(arguments: list[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=20)
    parser.add_argument("--steps", type=int, default=None)
    said = parser.parse_args(arguments)
    changes = {} if said.steps is None else {"steps": said.steps}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        request = mutoscope.load("modelscope").request(PROMPT, **changes)
        alone = directly(request, min(said.jobs, 20), folder)
        found = through(request, said.jobs, folder / "home")
    told = {
        "library": alone,
        **found,
        "added": found["busy"] / alone - 1,
        "latency": found["idle"] - alone,
        "jobs": said.jobs,
        "threads": torch.get_num_threads(),
    }
    print(json.dumps(told))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "service.json").write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
