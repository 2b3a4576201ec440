"""`mutoscope generate --dry-run`: what would run, and what it would cost."""

from __future__ import annotations

import json
import math
from pathlib import Path

import typer

from mutoscope import machine
from mutoscope._cli import words
from mutoscope.errors import WeightsError
from mutoscope.recipes import Recipe
from mutoscope.request import Request
from mutoscope.systems import cost

COPIES = 3
"""How often the pixels of all clips, 12 bytes each, are held while they are laid side by side."""


def run(
    recipe: Recipe, weights: Path | None, request: Request, count: int, *, as_json: bool
) -> None:
    """Say it; nothing is loaded or written."""
    found = recipe.outline(recipe.config(weights)).cost(request)
    files = recipe.files(weights)
    missing = [path for path in files if not path.exists()]
    if missing:
        sentence = f"{missing[0]} is missing; copy it there, or train it again"
        raise WeightsError(sentence, failed=weights is None)
    dtype = machine.precision()
    seconds = round(count * found.seconds(cost.rate(dtype)), 1)
    longest = max([part.frames for part in request.segments] or [request.frames])
    memory = found.memory + COPIES * 12 * count * longest * math.prod(request.size)
    load = sum(path.stat().st_size for path in files)
    precision = str(dtype).removeprefix("torch.")
    if as_json:
        told = {"memory": memory, "seconds": seconds, "bytes": load, "precision": precision}
        typer.echo(json.dumps({**request.to_json(), "count": count, "estimate": told}))
        return
    width, height = request.size
    have = machine.memory()
    words.pairs(
        {
            "system": f"{recipe.CARD.name}: {recipe.CARD.title} ({recipe.CARD.authors})",
            "size": f"{count} x {request.length} frames of {width}x{height} at {request.fps:g} fps",
            "steps": f"{request.steps} of {request.sampler}, guidance {request.guidance:g}",
            "memory": words.size(memory)
            + ("" if have is None else f" of {words.size(have[1])} free"),
            "seconds": f"about {seconds:g} in {precision}, after loading",
            "to load": f"{words.size(load)} of weights",
        }
    )
