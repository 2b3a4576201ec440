"""Ctrl-C while packages and weights load: there is nothing to undo yet, so the process leaves.

An exception won't do there. Raised inside an import it may leave a package half made, so that what
comes out is another error; raised inside a `__del__` it is ignored, and the command goes on.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130
"""Exit code after Ctrl-C; typer answers with it too."""

SENTENCE = "interrupted; nothing was written"


class StoppedError(Exception):
    """Ctrl-C came when there was something to keep; the message says what is left."""


def armed(_signal: int, _frame: FrameType | None) -> None:
    """What the command line does on Ctrl-C, as Python itself would; `at_once` knows it by name."""
    raise KeyboardInterrupt


def arm() -> None:
    """Let `at_once` act in this process, unless interrupts are ignored or handled already."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, armed)


@contextmanager
def at_once() -> Iterator[None]:
    """Inside, Ctrl-C ends an armed process without unwinding it."""
    if signal.getsignal(signal.SIGINT) is not armed:
        yield
        return
    signal.signal(signal.SIGINT, _leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, armed)


def _leave(_signal: int, _frame: FrameType | None) -> None:
    os.write(2, f"mutoscope: {SENTENCE}\n".encode())
    os._exit(INTERRUPTED)
