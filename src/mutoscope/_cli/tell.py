"""`mutoscope systems` and `mutoscope info`: what there is, and what a file says of itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from mutoscope import media, recipes, zoo
from mutoscope._cli import words
from mutoscope._cli.leave import at_once
from mutoscope.errors import WeightsError
from mutoscope.recipes import Recipe
from mutoscope.systems.tuned import CLIP


def systems(weights: Path | None, *, as_json: bool) -> None:
    """Every system with its paper and whether its weights are here, or in a folder; their clip."""
    with at_once():
        found = [_system(recipes.find(name), weights) for name in recipes.names()]
    if as_json:
        typer.echo(json.dumps(found))
        return
    rows = [
        (
            one["name"],
            f"{one['title']} ({one['authors']}, {one['year']}, arXiv {one['arxiv']})",
            _where(one),
        )
        for one in found
    ]
    words.table(("system", "paper", "weights"), rows)


def _system(recipe: Recipe, weights: Path | None) -> dict[str, Any]:
    card = recipe.CARD
    try:
        accepts = recipe.config(weights).accepts()
        shipped = all(path.exists() for path in recipe.files(weights))
    except WeightsError:
        shipped, accepts = False, recipe.Config.small().accepts()
    told = {**card.to_json(), "shipped": shipped, "accepts": accepts.to_json()}
    if shipped and card.name in zoo.names(weights or zoo.FOLDER):
        told["clip"] = zoo.facts(card.name, weights or zoo.FOLDER).get(CLIP)
    return told


def _where(system: Mapping[str, Any]) -> str:
    if not system["shipped"]:
        return "not here"
    clip = system.get("clip")
    return f'tuned to "{clip["prompt"]}"' if clip else "here"


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
