"""Noise that depends on the seed and the clip, not on the batch, the dtype or the device."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from mutoscope.errors import RequestError


class Noise:
    """One CPU generator a clip: clip i of a batch gets what it would get alone.

    A run makes one of these, draws its first latent from it and hands it to its sampler, so that a
    fresh one repeats the run to the bit and no draw of a run equals another.
    """

    def __init__(self, seeds: Sequence[int]) -> None:
        self._generators = [torch.Generator().manual_seed(int(seed)) for seed in seeds]

    def like(self, x: Float[Tensor, "b ..."]) -> Float[Tensor, "b ..."]:
        """Standard normal noise of the shape, dtype and device of x; drawn in float32."""
        if len(x) != len(self._generators):
            raise RequestError(
                f"noise needs one seed a clip (got {len(self._generators)} seeds for {len(x)} "
                "clips); pass as many seeds as clips"
            )
        drawn = [torch.randn(x.shape[1:], generator=g) for g in self._generators]
        return torch.stack(drawn).to(x)

    def framewise(self, x: Float[Tensor, "b c t h w"]) -> Float[Tensor, "b c t h w"]:
        """The same drawn frame after frame: a longer clip's noise begins with a shorter one's."""
        return torch.cat([self.like(frame) for frame in torch.split(x, 1, dim=2)], dim=2)
