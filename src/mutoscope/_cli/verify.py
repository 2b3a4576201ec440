"""`mutoscope verify`: a file is made again from its own record and compared."""

from __future__ import annotations

from pathlib import Path

import torch
import typer

from mutoscope import machine, media, recipes
from mutoscope._cli.generate import made, recorded
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
    system = recipes.find(request.system).load(weights, dtype=FORMATS.get(theirs.precision))
    clip, took = made(system, counted(request, theirs.count))
    clip = clip.grid()
    mine = recorded(system, request, clip, took, theirs.count)
    verdict = compare(mine, theirs, media.stored(clip, path.suffix), media.read(path))
    typer.echo(str(verdict))
    return int(verdict.kind == "differs")
