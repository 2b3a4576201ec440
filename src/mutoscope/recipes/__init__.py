"""Every system by its name; a recipe is imported when it is asked for.

Other packages add theirs through entry points of the group `mutoscope.recipes`: the name of the
system = the module that is its recipe.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Protocol, cast, runtime_checkable

import torch

from mutoscope.errors import RequestError, WeightsError
from mutoscope.request import Capabilities
from mutoscope.systems.steered import Delta, Steered
from mutoscope.systems.system import Card, System
from mutoscope.systems.tuned import Plan, Tuned

TABLE = {
    "controlnet": "mutoscope.recipes.controlnet",
    "gen1": "mutoscope.recipes.gen1",
    "image": "mutoscope.recipes.image",
    "modelscope": "mutoscope.recipes.modelscope",
    "pixeldance": "mutoscope.recipes.pixeldance",
    "text2video_zero": "mutoscope.recipes.text2video_zero",
    "tune_a_video": "mutoscope.recipes.tune_a_video",
    "videocrafter1": "mutoscope.recipes.videocrafter1",
    "videocomposer": "mutoscope.recipes.videocomposer",
}

GROUP = "mutoscope.recipes"


@runtime_checkable
class Config(Protocol):
    """What a system is built from; its presets are class methods, `small` is what ships."""

    def accepts(self) -> Capabilities:
        """What a system of these sizes can be asked for."""
        ...


@runtime_checkable
class Recipe(Protocol):
    """What a recipe's module holds."""

    CARD: Card
    Config: Any

    def config(self, weights: Path | None = None) -> Config:
        """What ships, or lies in a folder of weights; nothing is loaded."""
        ...

    def outline(self, config: Any, /) -> System:  # noqa: ANN401
        """The shapes of a system on the `meta` device, to ask what a request costs."""
        ...

    def files(self, weights: Path | None = None) -> Sequence[Path]:
        """The weight files that `load` reads, that of the network first."""
        ...

    def load(self, weights: Path | None = None, *, dtype: torch.dtype | None = None) -> System:
        """The same, ready to generate."""
        ...


@runtime_checkable
class Tunable(Protocol):
    """What the module of a recipe that is tuned to one clip holds besides."""

    PLAN: Plan

    def before(self, folder: Path | None = None) -> Config:
        """What of a clip can be learned on the base of a folder or the one that ships."""
        ...

    def start(self, folder: Path | None = None) -> Tuned:
        """The system before it is tuned, on the base of a folder or the one that ships."""
        ...


@runtime_checkable
class Teachable(Protocol):
    """What the module of a recipe holds besides whose system is a delta on a frozen base."""

    DELTA: Delta

    def start(self, folder: Path | None = None) -> Steered:
        """The system before it has learned, on the base of a folder or the one that ships."""
        ...


def names() -> tuple[str, ...]:
    """Every system there is, in the order of the alphabet."""
    return tuple(sorted({*TABLE, *(entry.name for entry in entry_points(group=GROUP))}))


def using(kind: str) -> tuple[str, ...]:
    """The systems that are here and take a kind of condition."""
    found = []
    for name in names():
        try:
            accepts = find(name).config().accepts()
        except (WeightsError, ImportError):  # ImportError: of another package's
            continue
        if kind in accepts.conditions:
            found.append(name)
    return tuple(found)


def stored(name: str) -> str:
    """The name that a system's network has in the zoo: its own, or that of one it stands on."""
    found = find(name).files()
    return found[0].parent.name if found else name


def find(name: str) -> Recipe:
    """The recipe of a system; refuses an unknown name with the nearest known ones."""
    if name in TABLE:
        return cast("Recipe", import_module(TABLE[name]))
    for entry in entry_points(group=GROUP, name=name):
        return cast("Recipe", entry.load())
    known = names()
    near = difflib.get_close_matches(name, known, n=3) or known
    raise RequestError(f"there is no system called {name!r}; try {', '.join(near)}")
