"""Networks that know the truth: what they say is exact, and depends on the condition."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mutoscope.core.condition import Condition
from mutoscope.core.denoiser import Denoiser
from mutoscope.core.ideal import Mixture
from mutoscope.core.prediction import Clean, Edm, Flow, Noise, Prediction, Velocity
from mutoscope.core.schedule import (
    VE,
    VP,
    Betas,
    Cosine,
    Rectified,
    Schedule,
    Shrunk,
    ZeroTerminal,
)
from mutoscope.core.shapes import like

PREDICTIONS: list[Prediction] = [Clean(), Noise(), Velocity(), Flow(), Edm(), Edm(1.0)]
SCHEDULES: list[Schedule] = [
    Rectified(),
    Rectified(3.0),
    Cosine(),
    VP(),
    VE(),
    Betas.linear(),
    Betas.scaled_linear(),
    Betas.squared_cosine(),
    ZeroTerminal(Betas.scaled_linear()),
    Shrunk(Betas.scaled_linear(), 0.7),
]
DATA = {"gaussian": Mixture.gaussian(), "bimodal": Mixture.bimodal()}


class Oracle(nn.Module):
    """F of a prediction for two-mode data that every door of the condition moves.

    Frames of a clip pull each other a little, so that a clip isn't a row of images.
    """

    def __init__(self, schedule: Schedule, prediction: Prediction, pull: float = 0.3) -> None:
        super().__init__()
        self.schedule, self.prediction, self.pull = schedule, prediction, pull
        self.batches: list[int] = []
        self.seen: list[Condition] = []

    def forward(self, x: Tensor, t: Tensor, condition: Condition) -> Tensor:
        self.batches.append(len(x))
        self.seen.append(condition)
        c_in, c_skip, c_out = (like(c, x) for c in self.prediction.row(self.schedule, t))
        x_t = x / c_in
        clean = DATA["bimodal"].denoise(self.schedule, x_t, t)
        clean = clean + self.pull * (clean.mean(2, keepdim=True) - clean)
        clean = clean + like(_moved(condition, x), x)
        if condition.concat is not None:
            clean = clean + condition.concat.mean(1, keepdim=True)
        return (clean - c_skip * x_t) / c_out


def _moved(condition: Condition, x: Tensor) -> Tensor:
    move = x.new_zeros(len(x))
    for door in (condition.text, condition.pooled, condition.image):
        if door is not None:
            move = move + torch.tanh(door.flatten(1).mean(1))
    return move + sum((v.to(x) / 10 for v in condition.scalars.values()), start=x.new_zeros(len(x)))


def denoiser(prediction: Prediction, schedule: Schedule | None = None) -> Denoiser:
    schedule = schedule or Cosine()
    return Denoiser(Oracle(schedule, prediction), schedule, prediction)


def clips(batch: int = 2, frames: int = 4, seed: int = 0) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(batch, 3, frames, 4, 5, generator=rng, dtype=torch.float64)


def condition(seed: int, batch: int = 2, frames: int = 4) -> Condition:
    rng = torch.Generator().manual_seed(seed)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(batch, *shape, generator=rng, dtype=torch.float64)

    return Condition(
        text=drawn(5, 6),
        text_mask=torch.ones(batch, 5, dtype=torch.bool),
        pooled=drawn(7),
        image=drawn(2, 8),
        concat=drawn(2, frames, 4, 5),
        scalars={"fps": drawn(), "motion": drawn()},
    )
