"""Functions compiled for the processor, kept on disk, and made anew when any they call has changed.

Numba keeps what it compiled as long as the file of the function itself stays the same, though the
code of what it calls, in other files, is inside. So the stamp of every kernel here covers all files
that kernels are in or take constants from.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache
from inspect import unwrap
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

from numba import njit

P = ParamSpec("P")
R = TypeVar("R")

SOURCES = (
    "kernel", "materials", "palette", "place", "raster", "shade", "shapes", "sign", "skies",
    "stage", "strokes", "textures", "touch", "trace", "truth",
)  # fmt: skip
"""Files of this room that kernels are in or take constants from."""


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """`numba.njit` with this room's settings: cached, releasing the GIL, IEEE arithmetic."""
    return _compiled(function, "never")


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """A kernel copied into its callers: for what every pixel calls, a fifth of the time."""
    return _compiled(function, "always")


def _compiled(function: Callable[P, R], inline: str) -> Callable[P, R]:
    # Run-time type checkers wrap functions; the compiler needs what they wrapped.
    made = njit(cache=True, nogil=True, error_model="numpy", inline=inline)(unwrap(function))
    _stamped(made)
    return cast(Callable[P, R], made)


def _stamped(made: Any) -> None:  # noqa: ANN401 - numba's dispatcher has no types
    # Private, so looked for: a numba that keeps its stamp elsewhere would keep its own rule.
    file: Any = getattr(getattr(made, "_cache", None), "_cache_file", None)
    if hasattr(file, "_source_stamp"):
        file._source_stamp = stamp()


@lru_cache(maxsize=1)
def stamp() -> str:
    """A hash of all SOURCES."""
    folder = Path(__file__).parent
    texts = (folder.joinpath(f"{name}.py").read_bytes() for name in SOURCES)
    return hashlib.sha256(b"\0".join(texts)).hexdigest()
