"""Layers over tokens for small networks: attention by plain products, a layer for each token.

Attention may ask other tokens beside those it is for, with the queries it has: two more matrices a
layer (Ye et al. 2023, IP-Adapter, eq. 5; VideoCrafter1, section 3.2),

    out = W (softmax(Q K') V + s softmax(Q K2') V2)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from mutoscope.nn.inflate import zeroed


def waves(x: Tensor, width: int, longest: float) -> Tensor:
    """Sines and cosines of x at `width` / 2 frequencies from 1 to `longest`; x in radians."""
    rates = torch.exp(torch.linspace(0, math.log(longest), width // 2, device=x.device))
    angles = x.float()[..., None] * rates
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


def normed(x: Tensor) -> Tensor:
    """Every token to mean 0 and variance 1."""
    return F.layer_norm(x, x.shape[-1:])


@dataclass(frozen=True)
class Beside:
    """Keys and values of other tokens, side by side, and for each sequence how much they count."""

    key_value: Float[Tensor, "n m two_d"]
    strength: Float[Tensor, " n"]


class Attention(nn.Module):
    """Multi-head attention by plain products: sequences here are too short for a fused kernel."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = zeroed(nn.Linear(width, width))
        self.gain = nn.Parameter(torch.full((2, width // heads), (width // heads) ** -0.25))

    def forward(
        self, x: Float[Tensor, "n q d"], y: Float[Tensor, "n k d"], bias: Tensor | None = None,
        beside: Beside | None = None,
    ) -> Float[Tensor, "n q d"]:  # fmt: skip
        """From x to y; `bias`, which fits (n, head, q, k), is added to the scores with y."""
        q = self._gained(rearrange(self.query(x), "n q (h d) -> n h q d", h=self.heads), 0)
        mixed = self._mixed(q, self.key_value(y), bias)
        if beside is not None:
            much = beside.strength.to(mixed).view(-1, 1, 1, 1)
            mixed = mixed + much * self._mixed(q, beside.key_value.to(mixed), None)
        return self.out(rearrange(mixed, "n h q d -> n q (h d)"))

    def _gained(self, z: Float[Tensor, "n h k d"], which: int) -> Float[Tensor, "n h k d"]:
        return F.layer_norm(z, z.shape[-1:], self.gain[which].to(z))

    def _mixed(
        self, q: Float[Tensor, "n h q d"], key_value: Tensor, bias: Tensor | None
    ) -> Float[Tensor, "n h q d"]:
        k, v = rearrange(key_value, "n k (two h d) -> two n h k d", two=2, h=self.heads)
        scores = q @ self._gained(k, 1).transpose(-1, -2)
        if bias is not None:
            scores = scores + bias.to(scores)
        return scores.softmax(-1).to(v) @ v


class FeedForward(nn.Module):
    """Linear, SiLU, linear: cheaper than GELU where element-wise passes are dear."""

    def __init__(self, width: int, ratio: int) -> None:
        super().__init__()
        self.up = nn.Linear(width, ratio * width)
        self.down = zeroed(nn.Linear(ratio * width, width))

    def forward(self, x: Tensor) -> Tensor:
        """Each token alone."""
        return self.down(F.silu(self.up(x)))
