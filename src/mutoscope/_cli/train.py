"""`mutoscope train`: from data to weights ready for use."""

from __future__ import annotations

import signal
from pathlib import Path

from mutoscope._cli.leave import StoppedError
from mutoscope.errors import MutoscopeError, RequestError

try:
    from mutoscope.training import commands
except ModuleNotFoundError as error:
    raise MutoscopeError(
        f"training needs {error.name}, which isn't installed; run: make setup,"
        " or: pip install 'mutoscope[train]'",
        failed=True,
    ) from error


def run(name: str, out: Path, *, resume: bool, init: str | None, steps: int | None) -> None:
    """Train a part; refuses a folder that holds a run unless told to go on with it."""
    if init not in (None, "zoo"):
        raise RequestError(f"--init takes zoo, the weights that ship (got '{init}')")
    if (out / "state").exists() and not resume:
        raise RequestError(f"{out} holds a run already; pass --resume to go on, or another --out")
    if resume and not (out / "state").exists():
        raise RequestError(f"{out} holds no run to go on with; leave --resume out to begin one")
    # A run that is told to end, in whatever way, saves its state first.
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, signal.default_int_handler)
    try:
        commands.run(name, out, steps=steps, init=init)
    except KeyboardInterrupt:
        kept = (out / "state").exists()
        go_on = f"go on with: mutoscope train {name} --out {out} --resume"
        raise StoppedError(go_on if kept else "no step was kept yet") from None
