"""`mutoscope systems` and `mutoscope info`: what there is, and what a file says of itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from mutoscope import media, recipes
from mutoscope._cli import words
from mutoscope._cli.leave import at_once
from mutoscope.errors import WeightsError
from mutoscope.recipes import Recipe


def systems(*, as_json: bool) -> None:
    """Every system with its paper and whether its weights are here."""
    with at_once():
        found = [_system(recipes.find(name)) for name in recipes.names()]
    if as_json:
        typer.echo(json.dumps(found))
        return
    rows = [
        (
            one["name"],
            f"{one['title']} ({one['authors']}, {one['year']}, arXiv {one['arxiv']})",
            "here" if one["shipped"] else "not here",
        )
        for one in found
    ]
    words.table(("system", "paper", "weights"), rows)


def _system(recipe: Recipe) -> dict[str, Any]:
    try:
        shipped = all(path.exists() for path in recipe.files())
        accepts = recipe.config().accepts()
    except WeightsError:
        shipped, accepts = False, recipe.Config.small().accepts()
    return {**recipe.CARD.to_json(), "shipped": shipped, "accepts": accepts.to_json()}


def info(path: Path, *, as_json: bool) -> None:
    """The facts of a file and the record in it."""
    facts = media.probe(path)
    if as_json:
        typer.echo(json.dumps(asdict(facts)))
        return
    width, height = facts.size
    shown: dict[str, object] = {
        "file": path,
        "format": facts.format if facts.codec == facts.format else f"{facts.format}, {facts.codec}",
        "holds": f"a picture of {width}x{height}"
        if facts.frames == 1
        else f"{facts.frames} frames of {width}x{height} at {facts.fps:g} fps",
        "bytes": facts.bytes,
    }
    words.pairs({**shown, **_lines(facts.record)} if facts.record else {**shown, "record": "none"})


def _lines(record: Mapping[str, Any]) -> dict[str, object]:
    """The record, empty entries left out, nested ones one a line."""
    lines: dict[str, object] = {}
    for key, value in record.items():
        if isinstance(value, Mapping):
            lines |= {f"{key}.{name}": inner for name, inner in value.items()}
        elif value not in ("", [], {}):
            lines[key] = value
    return lines
