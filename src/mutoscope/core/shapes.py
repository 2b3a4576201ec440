"""The few words of shape every room shares."""

from __future__ import annotations

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor

Latent = Float[Tensor, "b c t h w"]
Time = Float[Tensor, " b"]
Grid = Float[Tensor, " steps"]
Denoise = Callable[[Tensor, Tensor], Tensor]


def like(value: Tensor, x: Tensor) -> Tensor:
    """View a value of shape (b,) or () so that it broadcasts over x of shape (b, ...)."""
    return value.reshape(value.shape + (1,) * (x.ndim - value.ndim)) if value.ndim else value
