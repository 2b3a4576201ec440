"""How the commands say numbers, tables and progress."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table


def size(count: int) -> str:
    """A number of bytes as a person reads it."""
    left = float(count)
    for unit in ("bytes", "kB", "MB"):
        if left < 999.5:
            return f"{left:.3g} {unit}"
        left /= 1000
    return f"{left:.3g} GB"


def pairs(rows: Mapping[str, object]) -> None:
    """Names and values, one a line, on stdout."""
    width = max(map(len, rows))
    console = Console(highlight=False, soft_wrap=True)
    for name, value in rows.items():
        console.print(f"{name:<{width}}  {value}", markup=False)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table on stdout."""
    shown = Table(box=None, pad_edge=False)
    for name in head:
        shown.add_column(name, overflow="fold")
    for row in rows:
        shown.add_row(*row)
    Console().print(shown)


def note(sentence: str) -> None:
    """Something the user should know, on stderr."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(sentence, markup=False)


def progress() -> Progress:
    """A bar with count and time to go, on stderr."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
