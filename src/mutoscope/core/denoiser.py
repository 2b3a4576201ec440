"""A network, taught to say what the clean clip was: E[x0 | x_t, condition]."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mutoscope.core.condition import Condition
from mutoscope.core.prediction import Prediction
from mutoscope.core.schedule import Schedule
from mutoscope.core.shapes import Latent, Time, like


@runtime_checkable
class Network(Protocol):
    """What a denoiser asks of a network: the same shape out as in, t on the one clock."""

    def __call__(self, x: Latent, t: Time, condition: Condition) -> Latent:
        """F of the prediction table."""
        ...


class Denoiser(nn.Module):
    """A network and the meaning of what it says; final.

    The mathematics runs in float32 (float64 for float64 input); the network keeps its own dtype:
    x and the condition's tokens are cast on the way in, the answer on the way out. Times and
    scalars stay wide, since bfloat16 can't tell neighbouring timesteps apart.
    """

    def __init__(self, network: nn.Module, schedule: Schedule, prediction: Prediction) -> None:
        super().__init__()
        self.network, self.schedule, self.prediction = network, schedule, prediction

    def forward(self, x_t: Latent, t: Time, condition: Condition) -> Latent:
        """The clean clip the network believes in."""
        return self.clean(self.output(x_t, t, condition), x_t, t)

    def output(self, x_t: Latent, t: Time, condition: Condition) -> Latent:
        """F: what the network itself says of x_t; guidance mixes these."""
        x_t = _wide(x_t)
        t = t.to(x_t)
        c_in, _, _ = self.prediction.row(self.schedule, t)
        return self._call(like(c_in, x_t) * x_t, t, condition)

    def clean(self, output: Latent, x_t: Latent, t: Time) -> Latent:
        """The clean clip that an output means."""
        x_t = _wide(x_t)
        _, c_skip, c_out = (like(c, x_t) for c in self.prediction.row(self.schedule, t.to(x_t)))
        return c_skip * x_t + c_out * output

    def loss(self, x0: Latent, t: Time, eps: Latent, condition: Condition) -> Float[Tensor, " b"]:
        """Mean square error of F, one number a clip; weigh it outside. Nothing here is random."""
        x0, eps = _wide(x0), _wide(eps)
        t = t.to(x0)
        output = self.output(self.schedule.mixed(x0, eps, t), t, condition)
        wanted = self.prediction.target(self.schedule, x0, eps, t)
        return (output - wanted).square().flatten(1).mean(1)

    def _call(self, x: Tensor, t: Tensor, condition: Condition) -> Tensor:
        dtype = next((p.dtype for p in self.network.parameters() if p.is_floating_point()), x.dtype)
        return self.network(x.to(dtype), t, condition.to(dtype=dtype)).to(x.dtype)


def _wide(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))
