"""`mutoscope study`: a page on which people choose between two sets of clips, and its answers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from mutoscope._cli import words
from mutoscope.errors import DataError, RequestError
from mutoscope.evaluate import study, studypage
from mutoscope.evaluate.page import number
from mutoscope.evaluate.report import written
from mutoscope.evaluate.studypage import Shape


def make(a: Path, b: Path, prompts: Path, out: Path, shape: Shape) -> None:
    """Write index.html, which goes to raters, and key.json, which doesn't."""
    if out.exists() and not out.is_dir():
        raise RequestError(f"{out} is a file; name a folder for -o")
    if a.resolve() == b.resolve():
        raise RequestError(f"{a} is given twice; a study needs two folders")
    found = studypage.study(a, b, prompts, shape, besides=out)
    for one in found.left:
        words.note(f"left out: {one.file} {one.reason}")
    written(out / "key.json", json.dumps(found.key, indent=1) + "\n")
    written(out / "index.html", found.page)
    words.note(f"{found.pairs} pairs; hand index.html to raters and keep key.json")
    typer.echo(str(out / "index.html"))


def score(files: Sequence[Path], key: Path | None, *, as_json: bool) -> None:
    """Say what answers tell, by question."""
    found, left = study.votes(files)
    told = study.scored(found, {} if key is None else _key(key))
    told["left out"] = [one.to_json() for one in left]
    for one in left:
        words.note(f"left out: {one.file} {one.reason}")
    if as_json:
        typer.echo(json.dumps(told))
        return
    _tell(told)


def _tell(told: Mapping[str, Any]) -> None:
    repeats = told["consistency"]
    same = number("", repeats["value"]) if repeats["n"] else "nothing was shown twice"
    words.pairs(
        {
            "x": told["x"],
            "y": told["y"],
            "raters": told["raters"],
            "pairs": told["pairs"],
            "said the same again": f"{same} of {repeats['n']}" if repeats["n"] else same,
        }
    )
    rows = []
    for name, one in told["questions"].items():
        rate, strength = one["win rate"], one["rao-kupper"]
        shown = "" if rate is None else number("", rate["value"])
        span = "" if rate is None else " to ".join(number("", v) for v in rate["interval"])
        kappa = "" if one["fleiss"] is None else f"{one['fleiss']:.2f}"
        theta = "" if strength is None else f"{strength['theta']['value']:.2f}"
        p = "" if rate is None else f"{rate['p']:.2g}"
        rows.append((name, shown, span, p, kappa, theta, study.verdict(one)))
    words.table(("", "x wins", "95 %", "p", "Fleiss", "theta", "verdict"), rows)


def _key(path: Path) -> dict[str, str]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return {name: str(data[name]) for name in ("x", "y")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} isn't the key.json of a study; leave --key out") from error
