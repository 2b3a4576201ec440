"""Flags that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON, on the last line.")]
Weights = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Weights of this folder, not those that ship.")
]
