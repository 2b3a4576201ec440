"""The text-to-video systems of 2022-2023 as interchangeable, trainable, measured parts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from mutoscope.clip import Clip
    from mutoscope.request import ConditionRequest, Request, Segment
    from mutoscope.systems.system import System

__version__ = "0.1.0.dev0"
__all__ = ["Clip", "ConditionRequest", "Request", "Segment", "__version__", "load"]


def load(name: str = "modelscope", *, weights: str | Path | None = None) -> System:
    """A system with the weights that ship, or those of a folder, ready to generate."""
    from mutoscope import recipes

    system = recipes.find(name).load(None if weights is None else Path(weights))
    system.others = recipes.using
    return system


def __getattr__(name: str) -> type:
    """Other names are imported when first asked for: importing this package is cheap."""
    if name == "Clip":
        from mutoscope.clip import Clip

        return Clip
    if name in ("ConditionRequest", "Request", "Segment"):
        from mutoscope import request

        return cast("type", getattr(request, name))
    raise AttributeError(f"module 'mutoscope' has no attribute {name!r}")
