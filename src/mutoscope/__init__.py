"""The text-to-video systems of 2022-2023 as interchangeable, trainable, measured parts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mutoscope.clip import Clip
    from mutoscope.request import Request
    from mutoscope.systems.system import System

__version__ = "0.1.0.dev0"
__all__ = ["Clip", "Request", "__version__", "load"]


def load(name: str = "modelscope", *, weights: str | Path | None = None) -> System:
    """A system with the weights that ship, or those of a folder, ready to generate."""
    from mutoscope import recipes

    return recipes.find(name).load(None if weights is None else Path(weights))


def __getattr__(name: str) -> type:
    """`Clip` and `Request` are imported when first asked for: importing this package is cheap."""
    if name == "Clip":
        from mutoscope.clip import Clip

        return Clip
    if name == "Request":
        from mutoscope.request import Request

        return Request
    raise AttributeError(f"module 'mutoscope' has no attribute {name!r}")
