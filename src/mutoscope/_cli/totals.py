"""`mutoscope totals`: VBench's or EvalCrafter's totals of raw scores that their tools measured."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import typer

from mutoscope._cli import words
from mutoscope.errors import DataError
from mutoscope.evaluate import totals


def run(path: Path, *, as_json: bool) -> None:
    """The groups and the total of a JSON object of raw scores, and what is missing in it."""
    scores = read(path)
    name, found = told(scores)
    if as_json:
        plain = {"benchmark": name, "values": dict(found.values), "missing": list(found.missing)}
        typer.echo(json.dumps(plain))
        return
    words.table((name, "value"), [(group, f"{v:.4g}") for group, v in found.values.items()])
    if found.missing:
        words.note(f"no value without {', '.join(found.missing)}")


def read(path: Path) -> dict[str, float]:
    """Names and numbers; null is a score that isn't there."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path} can't be read as JSON ({reason})") from error
    if not isinstance(data, dict):
        raise DataError(f"{path} must hold a JSON object of names and numbers")
    odd = [name for name, value in data.items() if not _number(value)]
    if odd:
        raise DataError(f"{path}: '{odd[0]}' isn't a number")
    try:
        return {name: float(value) for name, value in data.items() if value is not None}
    except OverflowError as error:
        raise DataError(
            f"{path} holds a number of more than 308 digits; scores are small"
        ) from error


def told(scores: Mapping[str, float]) -> tuple[str, totals.Totals]:
    """Whose names the scores have, and the totals; refuses names of neither, or of both."""
    groups = {
        "VBench": {*totals.VBENCH_QUALITY, *totals.VBENCH_SEMANTIC},
        "EvalCrafter": {name for row in totals.EVALCRAFTER.values() for name in row.terms},
    }
    for name, known in groups.items():
        if scores and set(scores) <= known:
            return name, {"VBench": totals.vbench, "EvalCrafter": totals.evalcrafter}[name](scores)
    either = set().union(*groups.values())
    odd = sorted(set(scores) - either) or sorted(scores) or ["nothing"]
    raise DataError(
        f"these aren't raw scores of VBench or of EvalCrafter alone (got {odd[0]}); name them as"
        " docs/evaluate.md does"
    )


def _number(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))
