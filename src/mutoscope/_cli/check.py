"""`mutoscope check`: whether a system works as its paper says it must."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import torch
import typer

from mutoscope import checks, machine, recipes, zoo
from mutoscope._cli import words
from mutoscope._cli.leave import StoppedError, at_once
from mutoscope.checks import Bench, Check, Checks, Making, Subject
from mutoscope.errors import RequestError
from mutoscope.evaluate import folder
from mutoscope.evaluate.commands import Generate
from mutoscope.evaluate.keeping import kept
from mutoscope.evaluate.making import generator, untrained
from mutoscope.evaluate.reading import shipped
from mutoscope.evaluate.report import written
from mutoscope.systems.system import Asked, System
from mutoscope.training.publish import commit


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What the command line says."""

    system: str
    count: int
    out: Path
    weights: Path | None
    as_json: bool


def run(wish: Wish) -> int:
    """Measure every row; write checks.json; 1 if a row fails."""
    if wish.out.exists() and not wish.out.is_dir():
        raise RequestError(f"{wish.out} is a file; name a folder for -o")
    torch.set_num_threads(machine.threads())
    code = commit()  # now: rows take hours, and what runs is what was read at their beginning
    with at_once():
        _, asked = recipes.find(wish.system), checks.find(wish.system)
    try:
        weights, rows = _made(wish, asked) if isinstance(asked, Making) else _asked(wish, asked)
    except KeyboardInterrupt:
        raise StoppedError(f"what was made is in {wish.out}; call again to go on") from None
    left = asked.unchecked()
    data = {
        "system": wish.system,
        "commit": code,
        "count": wish.count,
        "seed": asked.SEED,
        "weights": weights,
        "versions": folder.versions(),
        "checks": [row.to_json() for row in rows],
        "left out": [one.to_json() for one in left],
    }
    written(wish.out / "checks.json", json.dumps(data, indent=1, allow_nan=False) + "\n")
    for one in left:
        words.note(f"not checked: {one.file} {one.reason}")
    if wish.as_json:
        typer.echo(json.dumps(data))
    else:
        words.table(("", "value", "95 %", "n", "needs", "", "beside"), [_line(r) for r in rows])
    return int(not all(row.passes for row in rows))


def _asked(wish: Wish, asked: Checks) -> tuple[dict[str, str], list[Check]]:
    """The rows of a system as it is."""
    with at_once():
        recipe = recipes.find(wish.system)
        system = recipe.load(wish.weights)
        twin = untrained(lambda: recipe.load(wish.weights))
    usual = system.request(" ")
    subject = Subject(
        make=lambda frames: _kept(wish.out, system, "clips", {"frames": frames}),
        ask=lambda asked: _kept(wish.out, system, "clips", asked),
        settings=system.accepts().values(usual),
        twin=lambda frames: _kept(wish.out, twin, "untrained", {"frames": frames}),
        reader=shipped(),
        count=wish.count,
        fps=float(usual.fps),
        side=usual.size[0],
        folder=wish.out / "given",
        conditions=system.accepts().conditions,
    )
    return dict(system.weights), list(asked.run(subject))


def _made(wish: Wish, asked: Making) -> tuple[dict[str, str], list[Check]]:
    """The rows of systems that are made for them, and the weights that lie there already."""
    there = [path for path in recipes.find(wish.system).files(wish.weights) if path.exists()]
    bench = Bench(out=wish.out / "kept", reader=shipped(), count=wish.count, weights=wish.weights)
    return {path.parent.name: zoo.hashed(path) for path in there}, list(asked.tried(bench))


def _line(row: Check) -> tuple[str, ...]:
    span = " to ".join(f"{value:.3f}" for value in row.interval or ())
    beside = ", ".join(f"{name} {value:.3f}" for name, value in row.baselines.items())
    verdict = "passes" if row.passes else "fails"
    return row.id, f"{row.value:.3f}", span, str(row.n), f"{row.threshold:g}", verdict, beside


def _kept(out: Path, system: System, name: str, asked: Asked) -> Generate:
    """The system asked for more than a prompt, its clips kept under all they depend on."""
    whole = system.request(" ", **asked).to_json()
    known = json.dumps([whole, dict(system.weights)], sort_keys=True)
    key = hashlib.sha256(known.encode()).hexdigest()[:12]
    return kept(generator(system, asked), out / "kept" / key / name)
