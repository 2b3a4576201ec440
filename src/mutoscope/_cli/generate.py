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

from mutoscope import __version__, codecs, machine, media, recipes, zoo
from mutoscope._cli import estimate, words
from mutoscope.checked import Value, one_of
from mutoscope.clip import Clip
from mutoscope.errors import RequestError
from mutoscope.record import Record, record_of
from mutoscope.request import Capabilities, Request
from mutoscope.systems.system import System, counted
from mutoscope.world.caption import unseen
from mutoscope.world.lexicon import split


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What the command line says: `asked` are the keys of a Request that were given."""

    asked: Mapping[str, Any]
    settings: Sequence[str] = ()
    count: int = 1
    output: Path | None = None
    weights: Path | None = None
    dry: bool = False
    as_json: bool = False
    metadata: bool = True


def run(wish: Wish, *, start: float) -> None:
    """Generate and write; `start` is when the command began."""
    torch.set_num_threads(machine.threads())
    recipe = recipes.find(wish.asked["system"])
    can = recipe.config(wish.weights).accepts()
    if wish.dry:
        estimate.run(recipe, wish.weights, complete(can, wish), wish.count, as_json=wish.as_json)
        return
    request = complete(can, wish)
    path = wish.output or Path(_name(request))
    codecs.Output(path, fps=request.fps).abandon()
    warn(request, wish.weights)
    system = recipe.load(wish.weights)
    seconds = {"load": perf_counter() - start}
    clip, took = made(system, counted(request, wish.count))
    clip, before = clip.grid(), perf_counter()
    record = recorded(system, request, clip, {**seconds, **took}, wish.count)
    media.write(clip, path, record=record.to_json(), metadata=wish.metadata)
    now = perf_counter()
    seconds |= {**took, "write": now - before, "total": now - start}
    typer.echo(_done(request, path, record.frames_sha256, seconds) if wish.as_json else str(path))


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


def made(system: System, requests: Sequence[Request]) -> tuple[Clip, dict[str, float]]:
    """All clips of a request, one after another, and the seconds each stage took in all."""
    clips: list[Clip] = []
    took: dict[str, float] = {}
    with words.progress() as progress:
        bar = progress.add_task("denoising", total=requests[0].steps * len(requests))
        for index, request in enumerate(requests):
            for step in system.run(request):
                done = index * step.total + step.index + 1
                progress.update(bar, total=step.total * len(requests), completed=done)
            clips.append(system.finish(step, request))
            took = {name: took.get(name, 0.0) + value for name, value in system.took.items()}
    return replace(clips[0], frames=torch.cat([clip.frames for clip in clips])), took


def recorded(
    system: System, request: Request, clip: Clip, seconds: Mapping[str, float], count: int
) -> Record:
    """The record of a clip, or of a grid of `count`, that a system just made."""
    found = record_of(request, clip, version=__version__, weights=system.weights, seconds=seconds)
    return replace(found, precision=system.precision, count=count)


def warn(request: Request, weights: Path | None) -> None:
    """Name the words that no prompt in training had; weights of others know their own."""
    new = () if weights is not None else _new(request)
    if new:
        words.note(f"never seen in training: {', '.join(new)}")


def _new(request: Request) -> tuple[str, ...]:
    """Words outside those that the shipped weights name, else outside the world's vocabulary."""
    known = zoo.facts(request.system).get("words") if request.system in zoo.names() else None
    if known is None:
        return unseen(request.prompt)
    said = dict.fromkeys(word for word in split(request.prompt) if word[0].isalnum())
    return tuple(word for word in said if word not in known)


def _done(request: Request, path: Path, sha256: str, seconds: Mapping[str, float]) -> str:
    rounded = {name: round(value, 3) for name, value in seconds.items()}
    made = {"output": str(path), "frames_sha256": sha256, "seconds": rounded}
    return json.dumps({**request.to_json(), **made})


def _name(request: Request) -> str:
    """A file name made of the prompt and the seed."""
    plain = re.sub(r"[^a-z0-9]+", "-", request.prompt.lower())[:60].strip("-")
    return f"{plain or request.system}-{request.seed}{'.png' if request.frames == 1 else '.mp4'}"
