"""`mutoscope evaluate --system`: a system makes clips, which are then measured."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from mutoscope import machine, recipes
from mutoscope._cli import compare
from mutoscope._cli.evaluate import KEPT, report, tell
from mutoscope._cli.leave import StoppedError, at_once
from mutoscope.errors import DataError, RequestError
from mutoscope.evaluate import comparison, folder, matching, scores, trial
from mutoscope.evaluate.commands import Generate
from mutoscope.evaluate.folder import LeftOut
from mutoscope.evaluate.keeping import kept
from mutoscope.evaluate.making import generator, untrained
from mutoscope.evaluate.pairing import results
from mutoscope.evaluate.questions import Questions
from mutoscope.evaluate.reading import shipped
from mutoscope.evaluate.trial import Trial, traps
from mutoscope.request import Request
from mutoscope.systems.system import System

SEED = 7
"""Of the held-out captions; the benchmarks ask the same."""
COUNT = 100
"""Held-out captions that are asked when nobody says how many."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What the command line says."""

    systems: Sequence[str]
    prompts: Path | None
    count: int | None
    out: Path
    weights: Path | None
    as_json: bool


def run(wish: Wish) -> None:
    """Make and measure clips of systems and their untrained twins; write scores and a report.

    Several systems have a folder each inside DIR, and DIR compares them.
    """
    if wish.out.exists() and not wish.out.is_dir():
        raise RequestError(f"{wish.out} is a file; name a folder for -o")
    if len(set(wish.systems)) < len(wish.systems):
        raise RequestError(f"one system is named twice ({', '.join(wish.systems)}); name it once")
    torch.set_num_threads(machine.threads())
    with at_once():
        found = [recipes.find(name) for name in wish.systems]
    if wish.weights is not None and len(found) > 1:
        raise RequestError("--weights are of one system; name one --system")
    asked: list[str] = []
    left: list[LeftOut] = []
    if wish.prompts is not None:
        asked, left = written(wish.prompts, wish.count)
    with at_once():
        loaded = [recipe.load(wish.weights) for recipe in found]
    _check_told(loaded)
    if not asked:
        _check_alike(loaded)
    outs = [wish.out] if len(loaded) == 1 else [wish.out / name for name in wish.systems]
    for recipe, system, out in zip(found, loaded, outs, strict=True):
        with at_once():
            twin = untrained(partial(recipe.load, wish.weights))
        _one(wish, out, system, twin, asked, left)
    if len(outs) > 1:
        both = comparison.compared(
            [results(out, name) for out, name in zip(outs, wish.systems, strict=True)]
        )
        compare.saved(both, wish.out)
        compare.tell(both, wish.out, as_json=wish.as_json)


def _check_told(systems: Sequence[System]) -> None:
    """Prompts are all that is asked here."""
    needs = {system.card.name: system.accepts().needs for system in systems}
    for name, kinds in needs.items():
        if kinds:
            raise RequestError(
                f"{name} needs condition '{kinds[0]}', and only prompts are asked here; measure it"
                f" with: mutoscope check {name} -o DIR"
            )


def _check_alike(systems: Sequence[System]) -> None:
    """Held-out captions of single pictures leave motion out, so they aren't those of clips."""
    still = [system.request(" ").frames == 1 for system in systems]
    if any(still) and not all(still):
        names = ", ".join(system.card.name for system in systems)
        raise RequestError(
            f"{names}: pictures and clips are asked other captions; give all the same --prompts"
        )


def _one(
    wish: Wish, out: Path, system: System, twin: System, asked: list[str], left: list[LeftOut]
) -> None:
    """One system measured; scores.json and report.html in `out`."""
    usual = system.request(" ")
    try:
        found = _tried(wish, out, system, twin, asked)
    except KeyboardInterrupt:
        raise StoppedError(f"the clips made are in {wish.out}; call again to go on") from None
    facts: dict[str, Any] = {
        "versions": folder.versions(),
        "seeds": {"captions": SEED, "clips": "their number", "chance": scores.SEED},
        "system": {**_shared(usual), "weights": dict(system.weights)},
    }
    if "distance" in found.tables:
        facts["distance"] = traps(len(found.clips)).said()
    gone = [*left, *found.left]
    name = system.card.name
    report(out, f"{name}, measured", found.clips, found.tables, facts, gone, found.beside)
    tell(out, found.tables, len(found.clips), gone, as_json=wish.as_json)


def written(path: Path, count: int | None) -> tuple[list[str], list[LeftOut]]:
    """The first prompts of a file, one a line or in the column `prompt` of a .csv."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            if path.suffix.lower() == ".csv":
                table = csv.DictReader(file, restval="")
                if "prompt" not in (table.fieldnames or ()):
                    raise DataError(f"{path} lacks the column 'prompt'; name it in the first line")
                lines = [row["prompt"].strip() for row in table]
            else:
                lines = [line.strip() for line in file]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path} can't be read as text in UTF-8 ({reason})") from error
    left = [LeftOut(f"prompt {k}", "is empty") for k, line in enumerate(lines, start=1) if not line]
    found = [line for line in lines if line][:count]
    if not found:
        raise DataError(f"{path} holds no prompt; write one a line")
    return found, left


def _tried(wish: Wish, out: Path, system: System, twin: System, asked: Sequence[str]) -> Trial:
    usual = system.request(" ")
    generate = _kept(out, system, "clips")
    twins = {"untrained": _kept(out, twin, "untrained")}
    reader, ear = shipped(), matching.shipped()
    if asked:
        return trial.given(
            generate, asked, fps=float(usual.fps), reader=reader, twins=twins, ear=ear
        )
    n = COUNT if wish.count is None else wish.count
    questions, others = (
        Questions(
            n=n, seed=seed, frames=usual.frames, fps=float(usual.fps), side=usual.size[0]
        ).asked()
        for seed in (SEED, SEED + 1)
    )
    return trial.held_out(generate, questions, reader=reader, twins=twins, others=others, ear=ear)


def _kept(out: Path, system: System, name: str) -> Generate:
    """The system as a callable whose clips stay in DIR, under all they depend on."""
    known = json.dumps([_shared(system.request(" ")), dict(system.weights)], sort_keys=True)
    key = hashlib.sha256(known.encode()).hexdigest()[:12]
    return kept(generator(system, {}), out / KEPT / key / name)


def _shared(usual: Request) -> dict[str, Any]:
    """What all clips are asked alike."""
    own = ("prompt", "seed")
    return {key: value for key, value in usual.to_json().items() if key not in own and value}
