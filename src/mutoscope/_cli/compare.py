"""`mutoscope compare`: two or more measured folders, paired on the same prompts and seeds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import typer

from mutoscope._cli import words
from mutoscope.errors import RequestError
from mutoscope.evaluate import comparison, scores
from mutoscope.evaluate.comparison import Compared
from mutoscope.evaluate.page import number
from mutoscope.evaluate.pairing import results
from mutoscope.evaluate.report import written


def run(folders: Sequence[Path], out: Path, *, as_json: bool) -> None:
    """Compare folders that `evaluate` wrote; write scores.json and report.html into another one."""
    if out.exists() and not out.is_dir():
        raise RequestError(f"{out} is a file; name a folder for -o")
    if out.resolve() in [folder.resolve() for folder in folders]:
        raise RequestError(f"{out} is one of the folders compared; name another for -o")
    names = called(folders)
    found = comparison.compared(
        [results(folder, name) for folder, name in zip(folders, names, strict=True)]
    )
    saved(found, out)
    tell(found, out, as_json=as_json)


def called(folders: Sequence[Path]) -> list[str]:
    """The folders' names, with so much of their paths before them that no two are alike."""
    parts = [folder.resolve().parts for folder in folders]
    for length in range(1, max(map(len, parts), default=1) + 1):
        names = ["/".join(one[-length:]) for one in parts]
        if len(set(names)) == len(names):
            return names
    raise RequestError("one folder is given twice; compare it with another one")


def saved(found: Compared, out: Path) -> None:
    """Write scores.json and report.html."""
    scores.save(out / "scores.json", comparison.document(found))
    title = ", ".join(one.name for one in found.folders)
    written(out / "report.html", comparison.page(found, f"{title}: compared"))


def tell(found: Compared, out: Path, *, as_json: bool) -> None:
    """The differences on stdout, and on stderr what was left out."""
    for one in found.left:
        words.note(f"left out: {one.file} {one.reason}")
    files = {"scores": str(out / "scores.json"), "report": str(out / "report.html")}
    if as_json:
        typer.echo(json.dumps({**files, **comparison.document(found)}))
        return
    first = found.folders[0].name
    for name, row in found.found.items():
        pairs = len(found.pairs[name].pairs)
        rows = [
            (
                metric,
                number(metric, told.first),
                number(metric, told.other),
                number(metric, told.value),
                " to ".join(number(metric, v) for v in told.interval or ()),
                told.verdict,
            )
            for metric, told in row.items()
        ]
        words.table((f"{pairs} pairs", first, name, "difference", "95 %", "verdict"), rows)
    typer.echo(files["report"])
