r"""A clip's own noise: what the sampler makes this clip of, found by running it backwards.

    noise = invert(clean, grid),   ddim(noise, grid) = clean     told the same, at guidance 1

What is made of it under other words keeps where things are and how they move. It belongs to the
weights and to the times it was found with: at other times it has to be found again, which the kept
latent allows. Source: Song et al. (2021a), eq. 14; Wu et al. (2023), section 3.3 for the use.
"""

from __future__ import annotations

import os
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from mutoscope import zoo
from mutoscope.core.samplers import invert
from mutoscope.core.schedule import Schedule
from mutoscope.core.shapes import Denoise, Grid, Latent
from mutoscope.errors import WeightsError

NAMES = ("clean", "noise", "grid")


@dataclass(frozen=True, kw_only=True, eq=False)
class Inverted:
    """The latent of one clip, and the noise that ddim takes to it along `grid`.

    `sha256` is that of the file it was loaded from.
    """

    clean: Latent
    noise: Latent
    grid: Grid
    sha256: str = ""

    def fits(self, grid: Grid) -> bool:
        """Whether the noise was found at these times."""
        return torch.equal(self.grid, grid.to(self.grid))

    def mixed(self, fresh: Latent, share: float) -> Latent:
        """So much of its own noise, the rest fresh: share own + sqrt(1 - share^2) fresh.

        A share of 1 is its own to the bit, 0 is the fresh noise.
        """
        if share == 1:
            return self.noise
        return share * self.noise + (1 - share**2) ** 0.5 * fresh

    def save(self, path: Path) -> None:
        """Write it as safetensors; a file appears whole or not at all."""
        draft = path.with_suffix(".part")
        save_file({name: getattr(self, name).clone().contiguous() for name in NAMES}, draft)
        os.replace(draft, path)

    @classmethod
    def load(cls, path: Path) -> Inverted:
        """What `save` wrote; refuses any other file."""
        try:
            held = load_file(path)
            return cls(**{name: held[name] for name in NAMES}, sha256=zoo.hashed(path))
        except (OSError, KeyError, SafetensorError) as error:
            raise WeightsError(
                f"{path} doesn't hold a clip and its noise ({error}); tune to the clip again"
            ) from error


@torch.inference_mode()
def inverted(
    denoise: Denoise, clean: Latent, grid: Grid, schedule: Schedule, *, rounds: int = 1
) -> Inverted:
    """The noise of a clip's latent; see `core.samplers.invert` for `rounds`."""
    (last,) = deque(invert(denoise, clean, grid, schedule, rounds=rounds), maxlen=1)
    return Inverted(clean=clean, noise=last.x, grid=grid)
