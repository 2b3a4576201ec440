"""Systems that stand on a frozen base and are told more than words: a delta, and what fills it.

    taught   a batch of what is true  -> Condition   while it learns: all doors, some shut by chance
    filled   a request's conditions   -> Condition   when it is asked: the doors that were named

A recipe says both; `training.deltas` and the loop of Diffusion do the rest.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mutoscope import zoo
from mutoscope.controls import given
from mutoscope.controls.control import Map
from mutoscope.core.condition import Condition
from mutoscope.core.shapes import Latent
from mutoscope.networks.small3d import SmallUNet3D, extended
from mutoscope.request import ConditionRequest, Request
from mutoscope.systems import shipped
from mutoscope.systems.diffusion import Diffusion, Parts

Shown = Mapping[str, Tensor]
"""A batch of what is true: `x0`, and what `data.exact.Exact.pick` answers."""


@dataclass(frozen=True)
class Stage:
    """A part of a delta's training: what of `learns` learns in it, and its share of all steps."""

    learns: Sequence[str]
    share: float


@dataclass(frozen=True, kw_only=True)
class Delta:
    """How a system is made of its base: the doors it gets, what learns, and how long.

    `layout` are further arguments of the base's network; `learns` are patterns of the names that
    learn, in which * stands for anything, all others stay as they are. `clips` are learned from,
    each of so many `frames`; of 1 they are the pictures that an image model learned from.
    Of `stages`, whose shares are 1 in all, one follows another; by itself there is one. `pictures`
    is the share of batches that are single frames of clips (`data.exact.stills`).
    """

    base: str
    layout: Mapping[str, Any]
    learns: Sequence[str]
    steps: int
    rate: float = 1e-3
    batch: int = 24
    frames: int = 16
    clips: int = 8_192
    stages: Sequence[Stage] = ()
    pictures: float = 0.0
    reads: Sequence[str] = field(default=("depth", "lines", "ids", "motion", "patches", "vectors"))


class Steered(Diffusion):
    """A system on a frozen base; what it is told besides words, the recipe says."""

    delta: Delta

    @abstractmethod
    def taught(
        self, shown: Shown, told: Condition, null: Condition, rng: torch.Generator
    ) -> Condition:
        """The whole condition of a batch in training.

        `told` are the captions with their rates, `null` is the empty prompt with a rate, for one
        clip. Whatever is dropped is dropped here, with `rng` alone.
        """

    def maps(
        self, request: Request, *, but: Collection[str] = ()
    ) -> Mapping[str, tuple[ConditionRequest, Map]]:
        """The conditions that were asked for, by kind, each with the map it stands for.

        Of two of one kind, the later one counts. Kinds `but` aren't read.
        """
        asked = {one.kind: one for one in request.given() if one.kind not in but}
        return {kind: (one, given.given(one, request)) for kind, one in asked.items()}

    @torch.inference_mode()
    def coded(self, frames: Float[Tensor, "b 3 T H W"]) -> Latent:
        """Pictures or clips as the autoencoder has them."""
        return self.autoencoder.encode(frames)


def chance(count: int, share: float, rng: torch.Generator) -> Bool[Tensor, " count"]:
    """Which of so many clips something happens to, each with that chance."""
    return torch.rand(count, generator=rng) < share


def parted(
    count: int, shares: Sequence[float], rng: torch.Generator
) -> list[Bool[Tensor, " count"]]:
    """Which of so many clips each of several things happens to, no two of them to one clip."""
    drawn, ends = torch.rand(count, generator=rng), list(accumulate(shares, initial=0.0))
    return [(drawn >= low) & (drawn < high) for low, high in pairwise(ends)]


def opened(delta: Delta, folder: Path | None = None) -> tuple[Parts, shipped.Sizes]:
    """The base of a folder, or the one that ships, with the doors of a delta, not yet taught."""
    home = zoo.where(delta.base, folder or zoo.FOLDER)
    parts = shipped.opened(delta.base, home, torch.float32)
    sizes = shipped.sizes(delta.base, home)
    network = parts.denoiser.network
    assert isinstance(network, SmallUNet3D)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # what a new door says is nothing, but its inner weights are drawn
        parts.denoiser.network = extended(network, **delta.layout)
    return parts, replace(sizes, network={**sizes.network, **delta.layout})
