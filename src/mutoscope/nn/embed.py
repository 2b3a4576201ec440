"""Numbers to vectors: what a network is told about time."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


def sinusoid(
    position: Float[Tensor, " b"], width: int, longest: float = 10_000.0
) -> Float[Tensor, "b width"]:
    """Cosines, then sines, at `width` / 2 frequencies falling from 1 to 1 / `longest`; float32.

    Source: Vaswani et al. (2017), section 3.5; cosines first as Ho et al. (2020) have it.
    """
    octave = torch.arange(width // 2, device=position.device, dtype=torch.float32) / (width // 2)
    angle = position.float()[:, None] * torch.exp(-math.log(longest) * octave)
    return torch.cat([angle.cos(), angle.sin()], dim=-1)


class TimeEmbedding(nn.Module):
    """A position on the clock, through sinusoids and two linear layers."""

    def __init__(self, width: int, out: int) -> None:
        super().__init__()
        self.width = width
        self.linear_1 = nn.Linear(width, out)
        self.linear_2 = nn.Linear(out, out)

    def forward(self, position: Float[Tensor, " b"]) -> Float[Tensor, "b out"]:
        """Float32 waves, then the layers in their own dtype."""
        waves = sinusoid(position, self.width).to(self.linear_1.weight.dtype)
        return self.linear_2(F.silu(self.linear_1(waves)))
