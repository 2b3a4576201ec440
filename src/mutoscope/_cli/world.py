"""`mutoscope world`: captioned clips with their exact truths, or a sheet of what they look like."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import typer

from mutoscope import __version__, codecs, media
from mutoscope._cli import words
from mutoscope._cli.leave import StoppedError
from mutoscope.data import worldexport
from mutoscope.data.worldexport import Order
from mutoscope.errors import RequestError
from mutoscope.world.scene import VERSION
from mutoscope.world.sheet import contact_sheet

MOST_SHOWN = 500
"""Samples on a contact sheet, which grows by 0.5 MB in memory with each. Ours."""
FORMATS = {"folder": worldexport.write_folder, "shards": worldexport.write_shards}


def run(order: Order, truth: str, *, form: str, out: Path | None, sheet: Path | None) -> None:
    """Write samples into `out`, a contact sheet of them into `sheet`, or both."""
    if form not in FORMATS:
        raise RequestError(f"--format is folder or shards (got '{form}')")
    if out is None and sheet is None:
        raise RequestError("say where to: -o DIR for samples, --sheet FILE.png for a picture")
    if out is not None:
        _free(out)
    order = replace(order, truth=worldexport.truths(truth))
    if sheet is not None:
        _draw(order, sheet)
        typer.echo(str(sheet))
    if out is not None:
        try:
            _export(order, out, form)
        except KeyboardInterrupt:
            kept = [str(path) for path in (sheet, out) if path is not None and path.exists()]
            if not kept:
                raise
            raise StoppedError(f"what was rendered so far is in {' and '.join(kept)}") from None
        typer.echo(str(out))


def _free(out: Path) -> None:
    worldexport.can_hold(out)
    if out.is_dir() and any(out.iterdir()):
        raise RequestError(f"{out} is a folder that is not empty; name a new one or empty it")


def _export(order: Order, out: Path, form: str) -> None:
    with words.progress() as progress:
        bar = progress.add_task("rendering", total=order.count)
        FORMATS[form](order, out, progress=lambda done: progress.update(bar, completed=done))


def _draw(order: Order, sheet: Path) -> None:
    if sheet.suffix != ".png":
        raise RequestError(f"--sheet is a .png file (got '{sheet}')")
    if sheet.is_dir():
        raise RequestError(f"{sheet} is a folder; name a file for --sheet")
    if order.count > MOST_SHOWN:
        raise RequestError(
            f"a sheet shows at most {MOST_SHOWN} samples (got {order.count}); lower --count"
        )
    media.check(sheet, size=(8, 8), fps=order.fps)
    scenes, captions = zip(*(order.scene(index) for index in range(order.count)), strict=True)
    keys = ("seed", "count", "tier", "split")
    record = {
        "world": VERSION,
        "version": __version__,
        **{key: getattr(order, key) for key in keys},
    }
    codecs.write(sheet, contact_sheet(scenes, captions)[None], fps=order.fps, record=record)
