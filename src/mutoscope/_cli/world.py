"""`mutoscope world`: captioned clips with their exact truths, or a sheet of what they look like."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import typer
from PIL import Image

from mutoscope import checked
from mutoscope._cli import words
from mutoscope._cli.leave import StoppedError
from mutoscope.data import worldexport
from mutoscope.data.worldexport import Order
from mutoscope.errors import RequestError
from mutoscope.world.sheet import contact_sheet

FORMATS = {"folder": worldexport.write_folder, "shards": worldexport.write_shards}


def run(order: Order, truth: str, *, form: str, out: Path | None, sheet: Path | None) -> None:
    """Write samples into `out`, a contact sheet of them into `sheet`, or both."""
    if form not in FORMATS:
        raise RequestError(f"--format is folder or shards (got '{form}')")
    if out is None and sheet is None:
        raise RequestError("say where to: -o DIR for samples, --sheet FILE.png for a picture")
    checked.number("--fps", order.fps, low=0.01)
    if out is not None and out.is_dir() and any(out.iterdir()):
        raise RequestError(f"{out} is a folder that is not empty; name a new one or empty it")
    order = replace(order, truth=worldexport.truths(truth))
    if sheet is not None:
        _draw(order, sheet)
        typer.echo(str(sheet))
    if out is not None:
        with words.progress() as progress:
            bar = progress.add_task("rendering", total=order.count)
            try:
                FORMATS[form](
                    order, out, progress=lambda done: progress.update(bar, completed=done)
                )
            except KeyboardInterrupt:
                raise StoppedError(f"{out} holds what was rendered so far") from None
        typer.echo(str(out))


def _draw(order: Order, sheet: Path) -> None:
    if sheet.suffix != ".png":
        raise RequestError(f"--sheet is a .png file (got '{sheet}')")
    if not sheet.parent.is_dir():
        raise RequestError(f"{sheet} can't be written: make the folder {sheet.parent} first")
    scenes, captions = zip(*(order.scene(index) for index in range(order.count)), strict=True)
    picture = contact_sheet(scenes, captions)
    draft = sheet.with_name(f".{sheet.name}.part")
    Image.fromarray(picture).save(draft, format="png")
    os.replace(draft, sheet)
