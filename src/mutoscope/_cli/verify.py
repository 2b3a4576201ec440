"""`mutoscope verify`: a file is made again from its own record and compared."""

from __future__ import annotations

from pathlib import Path

import torch
import typer

from mutoscope import codecs, machine, media, recipes
from mutoscope._cli.generate import made
from mutoscope._cli.leave import at_once
from mutoscope.clip import Clip
from mutoscope.errors import RequestError
from mutoscope.record import Record, compare
from mutoscope.systems.system import counted

FORMATS = {"bfloat16": torch.bfloat16, "float32": torch.float32}


def run(path: Path, weights: Path | None) -> int:
    """Say how the file compares with what its record makes here; 0 if the same, else 1."""
    found = media.read_record(path)
    if not found:
        raise RequestError(f"{path} holds no record to make it again from; was it --no-metadata?")
    theirs = Record.from_json(found)
    request = theirs.request
    torch.set_num_threads(machine.threads())
    with at_once():
        system = recipes.find(request.system).load(weights, dtype=FORMATS.get(theirs.precision))
    clip, took = made(system, counted(request, theirs.count))
    clip = clip.grid()
    mine = system.record(request, clip, seconds=took, count=theirs.count)
    seen = media.read(path)
    exact = seen.frames_sha256() == theirs.frames_sha256
    verdict = compare(mine, theirs, clip if exact else _kept(clip, path), seen)
    typer.echo(str(verdict))
    return int(verdict.kind == "differs")


def _kept(clip: Clip, path: Path) -> Clip:
    """The clip after the loss of that file's format, which is told by what is in it."""
    kind = media.probe(path).format
    suffix = {"folder": "", "mkv": ".webm"}.get(kind, f".{kind}")
    if suffix not in codecs.KINDS:
        raise RequestError(
            f"{path} is a {kind}, which is never written here; give the file as it was generated"
        )
    return media.stored(clip, suffix)
