"""Tiny systems with weights that say something, and folders of them laid out like the zoo."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from mutoscope import recipes, zoo
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
    """A request of few steps."""
    return of.request(prompt, **{"steps": 3, **asked})


def folder(at: Path, *names: str) -> Path:
    """A folder of tiny systems, laid out like the zoo."""
    for name in names:
        sizes = recipes.find(name).Config.tiny().sizes
        parts = system(name).parts()
        facts = {"side": sizes.side, "shift": sizes.shift, "text": sizes.text}
        zoo.save_part(parts["network"], recipes.stored(name), facts, at)
        zoo.save_part(parts["autoencoder"], AUTOENCODER, {}, at)
    return at
