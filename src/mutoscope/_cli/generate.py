"""`mutoscope generate`: a prompt becomes a file."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mutoscope import __version__, codecs, media, recipes
from mutoscope.checked import Value, one_of
from mutoscope.clip import Clip
from mutoscope.errors import RequestError
from mutoscope.request import Capabilities, Request
from mutoscope.systems.system import System, counted


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What the command line says: `asked` are the keys of a Request that were given."""

    asked: Mapping[str, Any]
    settings: Sequence[str] = ()
    count: int = 1
    output: Path | None = None
    as_json: bool = False
    metadata: bool = True
    weights: Path | None = None


def run(wish: Wish, *, start: float) -> None:
    """Generate and write; `start` is when the command began."""
    recipe = recipes.find(wish.asked["system"])
    request = complete(recipe.config(wish.weights).accepts(), wish)
    path = wish.output or Path(_name(request))
    codecs.Output(path, fps=request.fps).abandon()
    system = recipe.load(wish.weights)
    seconds = {"load": perf_counter() - start}
    clip, took = _made(system, counted(request, wish.count))
    record = {**request.to_json(), "version": __version__, "weights": dict(system.weights)}
    before = perf_counter()
    clip = replace(clip.grid(), record=record)
    media.write(clip, path, metadata=wish.metadata)
    now = perf_counter()
    seconds |= {**took, "write": now - before, "total": now - start}
    if wish.as_json:
        done = {"output": str(path), "frames_sha256": clip.frames_sha256()}
        rounded = {name: round(value, 3) for name, value in seconds.items()}
        typer.echo(json.dumps({**request.to_json(), **done, "seconds": rounded}))
    else:
        typer.echo(str(path))


def complete(can: Capabilities, wish: Wish) -> Request:
    """The request with the system's defaults; refuses what it can't do."""
    name = wish.asked["system"]
    knobs = {knob.name: knob for knob in can.settings}
    settings: dict[str, Value] = {}
    for item in wish.settings:
        key, equals, value = item.partition("=")
        if not equals:
            raise RequestError(f"--set takes KEY=VALUE (got '{item}')")
        one_of(f"setting of {name}", key, knobs)
        settings[key] = knobs[key].parse(value)
    return can.complete({**wish.asked, "settings": settings})


def _made(system: System, requests: Sequence[Request]) -> tuple[Clip, dict[str, float]]:
    """All clips of a request, one after another, and the seconds each stage took in all."""
    clips: list[Clip] = []
    took: dict[str, float] = {}
    with _progress() as progress:
        bar = progress.add_task("denoising", total=requests[0].steps * len(requests))
        for index, request in enumerate(requests):
            for step in system.run(request):
                progress.update(
                    bar,
                    total=step.total * len(requests),
                    completed=index * step.total + step.index + 1,
                )
            clips.append(system.finish(step, request))
            took = {name: took.get(name, 0.0) + value for name, value in system.took.items()}
    return replace(clips[0], frames=torch.cat([clip.frames for clip in clips])), took


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )


def _name(request: Request) -> str:
    """A file name made of the prompt and the seed."""
    words = re.sub(r"[^a-z0-9]+", "-", request.prompt.lower()).strip("-")[:60].strip("-")
    return f"{words or request.system}-{request.seed}{'.png' if request.frames == 1 else '.mp4'}"
