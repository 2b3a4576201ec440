"""`mutoscope generate`: a prompt becomes a file."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
import typer

from mutoscope import machine, media, recipes
from mutoscope._cli import estimate, story, words
from mutoscope._cli.leave import at_once
from mutoscope.checked import Value, one_of
from mutoscope.clip import Clip
from mutoscope.controls import given
from mutoscope.errors import IgnoredError, RequestError
from mutoscope.record import Record
from mutoscope.request import Capabilities, ConditionRequest, Request
from mutoscope.systems import shipped
from mutoscope.systems.system import System, counted, joined, whole


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What the command line says: `asked` are the keys of a Request that were given.

    A condition is written KIND=SOURCE[:key=value,...]; `story` is a file as `_cli.story` reads it.
    """

    asked: Mapping[str, Any]
    settings: Sequence[str] = ()
    conditions: Sequence[str] = ()
    story: Path | None = None
    count: int = 1
    output: Path | None = None
    weights: Path | None = None
    dry: bool = False
    as_json: bool = False
    metadata: bool = True


def run(wish: Wish, *, start: float) -> None:
    """Generate and write; `start` is when the command began."""
    torch.set_num_threads(machine.threads())
    with at_once():
        recipe = recipes.find(wish.asked["system"])
    request = complete(recipe.config(wish.weights).accepts(), wish)
    given.check(request)
    path = wish.output or Path(_name(request))
    media.check(path, size=_whole(request.size, wish.count), fps=request.fps)
    warn(request, wish.weights)
    if wish.dry:
        estimate.run(recipe, wish.weights, request, wish.count, as_json=wish.as_json)
        return
    with at_once():
        system = recipe.load(wish.weights)
    seconds = {"load": perf_counter() - start}
    if request.segments:
        record, took = filmed(system, request, path, seconds=seconds, metadata=wish.metadata)
        seconds |= {**took, "total": perf_counter() - start}
        typer.echo(_done(record, path, seconds) if wish.as_json else str(path))
        return
    clip, took = made(system, counted(request, wish.count))
    clip, before = clip.grid(), perf_counter()
    record = system.record(request, clip, seconds={**seconds, **took}, count=wish.count)
    media.write(clip, path, record=record.to_json(), metadata=wish.metadata)
    now = perf_counter()
    seconds |= {**took, "write": now - before, "total": now - start}
    if record.words:
        words.note(f"the prompt was extended to: {record.words}")
    typer.echo(_done(record, path, seconds) if wish.as_json else str(path))


def complete(can: Capabilities, wish: Wish) -> Request:
    """The request with the system's defaults; refuses what it can't do, and to make nothing."""
    asked = dict(wish.asked)
    if wish.story is not None:
        if wish.count > 1 or asked["prompt"]:
            wrong = "PROMPT" if asked["prompt"] else "--count"
            raise RequestError(f"a story is one film with a prompt a piece; leave {wrong} out")
        usual = asked.get("frames", can.defaults.get("frames", Request.frames))
        asked["segments"] = story.read(wish.story, frames=usual)
    elif not asked["prompt"].strip() and not wish.conditions:
        raise RequestError("the prompt is empty; say what shall be seen")
    name = asked["system"]
    knobs = {knob.name: knob for knob in can.settings}
    settings: dict[str, Value] = {}
    for item in wish.settings:
        key, equals, value = item.partition("=")
        if not equals:
            raise RequestError(f"--set takes KEY=VALUE (got '{item}')")
        one_of(f"setting of {name}", key, knobs)
        settings[key] = knobs[key].parse(value)
    conditions = [ConditionRequest.parse(text) for text in wish.conditions]
    try:
        return can.complete({**asked, "settings": settings, "conditions": conditions})
    except IgnoredError as error:
        raise error.used_by(recipes.using(error.kind)) from None


def made(system: System, requests: Sequence[Request]) -> tuple[Clip, dict[str, float]]:
    """All clips of a request, one after another, and the seconds each stage took in all."""
    pieces: list[list[Clip]] = [[] for _ in requests]
    took: list[Mapping[str, float]] = [{} for _ in requests]
    for index, clip in _followed(system, requests):
        pieces[index].append(clip)
        took[index] = system.took
    total = {name: float(sum(one[name] for one in took)) for name in took[0]}
    clips = [joined(row) for row in pieces]
    return replace(clips[0], frames=torch.cat([clip.frames for clip in clips])), total


def filmed(
    system: System, request: Request, path: Path, *, seconds: Mapping[str, float], metadata: bool
) -> tuple[Record, dict[str, float]]:
    """A story into its file, piece by piece: no more than one is held; and the seconds it took."""
    with media.Writer(path, fps=request.fps, metadata=metadata) as writer:
        for _, piece in _followed(system, [request]):
            writer.add(piece)
        record = system.record(request, piece, seconds={**seconds, **system.took})
        record = replace(record, frames_sha256=writer.frames_sha256())
        writer.record = record.to_json()
    return record, dict(system.took)


def _followed(system: System, requests: Sequence[Request]) -> Iterator[tuple[int, Clip]]:
    """Clips, or pieces of a story, as they become whole, each with the number of its request."""
    with words.progress() as progress:
        bar = progress.add_task("denoising", total=requests[0].steps * len(requests))
        for index, request in enumerate(requests):
            for step in system.run(request):
                done = index * step.total + step.index + 1
                progress.update(bar, total=step.total * len(requests), completed=done)
                if whole(step):
                    yield index, system.finish(step, request)


def warn(request: Request, weights: Path | None) -> None:
    """Name the words that no prompt in training had; weights of others know their own."""
    if weights is not None:
        return
    new = shipped.unread(recipes.stored(request.system), " ".join(request.prompts))
    if new:
        words.note(f"never seen in training: {', '.join(new)}")


def _whole(size: tuple[int, int], count: int) -> tuple[int, int]:
    """(W, H) of so many clips side by side."""
    columns = math.ceil(math.sqrt(count))
    return size[0] * columns, size[1] * math.ceil(count / columns)


def _done(record: Record, path: Path, seconds: Mapping[str, float]) -> str:
    rounded = {name: round(value, 3) for name, value in seconds.items()}
    made = {"output": str(path), "frames_sha256": record.frames_sha256, "seconds": rounded}
    read = {"words": record.words} if record.words else {}
    return json.dumps({**record.request.to_json(), **read, **made})


def _name(request: Request) -> str:
    """A file name made of the prompt and the seed."""
    plain = re.sub(r"[^a-z0-9]+", "-", request.prompts[0].lower())[:60].strip("-")
    return f"{plain or request.system}-{request.seed}{'.png' if request.frames == 1 else '.mp4'}"
