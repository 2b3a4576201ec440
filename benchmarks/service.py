"""What the service costs beside the library: throughput, added latency, memory over many jobs.

    python benchmarks/service.py            measures, prints JSON, writes results/service.json
    python benchmarks/service.py --jobs 500 --steps 2      many short ones, under a key of their own

The same requests run in this process through `System.make`, before the service and after it, so
that a machine that gets slower meanwhile shows; and through a service with one worker that is kept
busy. `library` is the seconds a clip with its one mp4 file, `library_files` with the three files
that the service writes, one after another and not synced to the disk. `added` and `added_files` are
the shares by which a job takes longer than these. `latency` is the seconds from asking an idle
service until its answer says completed, beyond `library`. Memory is the worker's and the server's,
which is this process, after a tenth of the jobs and at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from time import perf_counter, sleep

import torch
from _page import RESULTS

import mutoscope
from mutoscope import machine, media
from mutoscope.request import Request
from mutoscope.service.desk import Desk
from mutoscope.service.settings import Settings

PROMPT = "a red ball bounces on the grass"


def directly(request: Request, jobs: int, folder: Path) -> tuple[float, float]:
    """Seconds a clip through the library, written as a video; and as all that a job has."""
    system = mutoscope.load(request.system)
    one, all_ = [], []
    for seed in range(jobs + 1):
        start = perf_counter()
        asked = replace(request, seed=seed)
        clip = system.make(asked)
        record = system.record(asked, clip, seconds=system.took).to_json()
        media.write(clip, folder / "clip.mp4", record=record)
        one.append(perf_counter() - start)
        first, still = replace(clip, frames=clip.frames[:, :, :1]), media.Options(lossless=True)
        media.write(first, folder / "first.webp", record=record, options=still)
        media.write(clip, folder / "sheet.png", record=record)
        all_.append(perf_counter() - start)
    return statistics.mean(one[1:]), statistics.mean(all_[1:])  # the first one warms up


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
        early = resident(process.pid), resident(os.getpid())
        settled(desk, asked[-1], look=0.5)
        late = resident(process.pid), resident(os.getpid())
        ended = [desk.get(job) for job in asked]
    if any(job.state != "completed" for job in ended):
        raise SystemExit(f"a job failed: {next(job.error for job in ended if job.error)}")
    span = float(ended[-1].ended_at or 0) - float(ended[0].started_at or 0)
    return {
        "busy": span / jobs,
        "idle": statistics.median(lone),
        "memory_early": early[0],
        "memory_late": late[0],
        "server_early": early[1],
        "server_late": late[1],
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
        jobs = min(said.jobs, 20)
        before = directly(request, jobs, folder)
        found = through(request, said.jobs, folder / "home")
        after = directly(request, jobs, folder)
    alone, files = (statistics.mean(pair) for pair in zip(before, after, strict=True))
    told = {
        "library": alone,
        "library_before": before[0],
        "library_after": after[0],
        "library_files": files,
        **found,
        "added": found["busy"] / alone - 1,
        "added_files": found["busy"] / files - 1,
        "latency": found["idle"] - alone,
        "jobs": said.jobs,
        "steps": request.steps,
        "frames": request.frames,
        "size": list(request.size),
        "threads": torch.get_num_threads(),
        "processor": machine.processor(),
    }
    print(json.dumps(told))
    path = RESULTS / "service.json"
    kept = json.loads(path.read_text()) if path.exists() else {}
    kept = {key: value for key, value in kept.items() if isinstance(value, dict)}
    kept["whole" if said.steps is None else f"{said.steps} steps"] = told
    RESULTS.mkdir(exist_ok=True)
    path.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
