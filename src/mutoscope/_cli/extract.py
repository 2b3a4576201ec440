"""`mutoscope extract`: what a system would see of a clip, as a clip."""

from __future__ import annotations

from pathlib import Path

import torch
import typer

from mutoscope import __version__, controls, machine, media
from mutoscope._cli.leave import at_once
from mutoscope.clip import Clip
from mutoscope.controls import flow, given
from mutoscope.errors import RequestError


def run(name: str, source: Path, output: Path) -> None:
    """Read one control of a clip and write how it is shown; the file says what it is."""
    if name not in controls.names():
        known = ", ".join(controls.names())
        raise RequestError(f"'{name}' can't be extracted; use one of: {known}")
    if output.exists() and source.exists() and output.samefile(source):
        raise RequestError(f"{output} is the clip itself; name another file for -o")
    torch.set_num_threads(machine.threads())
    with at_once():
        control = controls.find(name)
    clip = media.read(source)
    height, width = clip.frames.shape[-2:]
    media.check(output, size=(width, height), fps=clip.fps)
    shown = Clip(frames=control.shown(control.from_clip(clip)), fps=clip.fps)
    record = {given.EXTRACTED: name, "of": source.name, "version": __version__}
    if name == "motion":
        record["flow"] = flow.estimator()
    media.write(shown, output, record=record)
    typer.echo(str(output))
