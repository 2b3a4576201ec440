"""Tiny systems with weights that say something, and folders of them laid out like the zoo."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mutoscope import media, recipes, zoo
from mutoscope.clip import Clip
from mutoscope.request import Request
from mutoscope.systems.shipped import AUTOENCODER
from mutoscope.systems.system import System


def awake(module: nn.Module, seed: int = 0) -> nn.Module:
    """The module with every weight drawn: none is silent as at the start of training."""
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for value in module.parameters():
            fan = value[0].numel() if value.ndim > 1 else 4
            value.copy_(torch.randn(value.shape, generator=rng) * fan**-0.5)
    return module


def system(name: str, *, seed: int = 0) -> System:
    """A tiny system that answers to what it is told."""
    recipe = recipes.find(name)
    found = recipe.build(recipe.Config.tiny())
    for part in found.parts().values():
        awake(part, seed).eval().requires_grad_(False)
    return found


def request(of: System, prompt: str = "a red ball", **asked: object) -> Request:
    """A request of few steps, with what the system needs."""
    return of.request(prompt, **{"steps": 3, "conditions": needed(of), **asked})


def needed(of: System, source: str | None = None) -> list[dict[str, Any]]:
    """The conditions that a system can't do without, each a picture that is its own map."""
    found = source or picture()
    return [{"kind": k, "source": found, "set": {"map": True}} for k in of.accepts().needs]


@lru_cache(maxsize=1)
def picture() -> str:
    """A file with a picture of soft colours, which goes when the tests are done."""
    folder = Path(tempfile.mkdtemp(prefix="mutoscope-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    y, x = torch.meshgrid(*[torch.linspace(-0.9, 0.9, 32)] * 2, indexing="ij")
    frames = torch.stack([x, y, -x * y])[None, :, None]
    return str(media.write(Clip(frames=frames, fps=1), folder / "picture.png"))


def folder(at: Path, *names: str) -> Path:
    """A folder of tiny systems, laid out like the zoo."""
    for name in names:
        sizes = recipes.find(name).Config.tiny().sizes
        parts = dict(system(name).parts())
        facts = {"side": sizes.side, "shift": sizes.shift, "text": sizes.text}
        zoo.save_part(parts.pop("network"), recipes.stored(name), facts, at)
        zoo.save_part(parts.pop("autoencoder"), AUTOENCODER, {}, at)
        for other, part in parts.items():
            zoo.save_part(part, other, {}, at)
    return at
