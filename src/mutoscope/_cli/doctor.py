"""`mutoscope doctor`: what this machine is, what is installed, and what would make it faster."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version

import torch
import typer

from mutoscope import __version__, machine, zoo
from mutoscope._cli import words
from mutoscope.systems import cost

PACKAGES = ("torch", "numpy", "numba", "av", "diffusers", "transformers", "accelerate")


def run(*, as_json: bool) -> None:
    """Measure for a third of a second, then tell."""
    dtype, have = machine.precision(), machine.memory()
    speeds = {name: cost.rate(getattr(torch, name)) / 1e9 for name in ("float32", "bfloat16")}
    packages = {name: _version(name) for name in PACKAGES}
    advice = list(_advice(dtype, speeds))
    told: dict[str, object] = {
        "mutoscope": __version__,
        "python": platform.python_version(),
        "processor": machine.processor(),
        "cores": os.cpu_count(),
        "threads": machine.threads(),
        "instructions": " ".join(sorted(machine.instructions() & set(machine.NAMED))) or "unknown",
        "precision": str(dtype).removeprefix("torch."),
    }
    if as_json:
        more = {"memory": have, "gflops": speeds, "packages": packages, "weights": zoo.names()}
        typer.echo(json.dumps({**told, **more, "advice": advice}))
        return
    told |= {f"speed in {name}": f"{speed:.0f} GFLOP/s" for name, speed in speeds.items()}
    told["memory"] = (
        "unknown" if have is None else f"{words.size(have[0])}, {words.size(have[1])} free"
    )
    told |= {name: found or "not installed" for name, found in packages.items()}
    words.pairs({**told, "weights": ", ".join(zoo.names()) or "none"})
    for sentence in advice or ["nothing that it can tell would make it faster"]:
        typer.echo(f"- {sentence}")


def _advice(dtype: torch.dtype, speeds: Mapping[str, float]) -> Iterator[str]:
    cores = os.cpu_count() or 1
    if "OMP_NUM_THREADS" in os.environ and torch.get_num_threads() < cores:
        yield f"OMP_NUM_THREADS allows {torch.get_num_threads()} threads on {cores} cores; unset it"
    elif machine.threads() < cores:
        yield f"threads in use: {machine.threads()}; other programs keep the {cores} cores busy"
    if dtype == torch.float32:
        yield "the processor doesn't multiply bfloat16; one with AVX512-BF16 or AMX is faster"
    if dtype == torch.bfloat16 and speeds["bfloat16"] < speeds["float32"]:
        yield "bfloat16 came out slower than float32 just now: is something else running?"
    if not zoo.names():
        yield "no weights are here: mutoscope train autoencoder, then image, then modelscope"


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
