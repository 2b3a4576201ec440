r"""What a network says, as one table: x0 = c_skip(t) x_t + c_out(t) F(c_in(t) x_t, t).

With x_t = alpha x0 + sigma eps and n^2 = alpha^2 + sigma^2:

    row       F                            c_in           c_skip            c_out
    Clean     x0                           1              0                 1
    Noise     eps                          1              1 / alpha         -sigma / alpha
    Velocity  (alpha eps - sigma x0) / n   1 / n          alpha / n^2       -sigma / n
    Flow      eps - x0                     1              1/(alpha+sigma)   -sigma/(alpha+sigma)
    Edm       (sigma x0 - alpha d^2 eps)   1 / m          alpha d^2 / m^2   sigma d / m
              / (d m),  m^2 = sigma^2 + alpha^2 d^2

Noise has no answer where alpha = 0 and says so; every other row holds on the whole clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor
from typing_extensions import override

from mutoscope.core.schedule import Schedule
from mutoscope.core.shapes import Latent, like
from mutoscope.errors import RequestError

Row = tuple[Tensor, Tensor, Tensor]


@runtime_checkable
class Prediction(Protocol):
    """One row of the table."""

    def row(self, schedule: Schedule, t: Tensor) -> Row:
        """(c_in, c_skip, c_out) at times t, each of the shape of t."""
        ...

    def target(self, schedule: Schedule, x0: Latent, eps: Latent, t: Tensor) -> Latent:
        """What F should say; the row solved for F without dividing by anything that vanishes."""
        ...


def _levels(schedule: Schedule, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    alpha, sigma = schedule(t)
    return like(alpha, x), like(sigma, x)


@dataclass(frozen=True)
class Clean(Prediction):
    """F = x0."""

    @override
    def row(self, schedule: Schedule, t: Tensor) -> Row:
        return torch.ones_like(t), torch.zeros_like(t), torch.ones_like(t)

    @override
    def target(self, schedule: Schedule, x0: Latent, eps: Latent, t: Tensor) -> Latent:
        return x0


@dataclass(frozen=True)
class Noise(Prediction):
    """F = eps; refused where alpha = 0. Source: Ho et al. (2020), eq. 14."""

    @override
    def row(self, schedule: Schedule, t: Tensor) -> Row:
        alpha, sigma = schedule(t)
        if not alpha.is_meta and bool((alpha == 0).any()):
            raise RequestError(
                "a noise prediction can't be read where alpha = 0 (got a time of pure noise, "
                f"t = {float(t[alpha == 0].flatten()[0]):g}); use velocity, flow or clean, or "
                "start the grid at a time with some signal"
            )
        return torch.ones_like(t), 1 / alpha, -sigma / alpha

    @override
    def target(self, schedule: Schedule, x0: Latent, eps: Latent, t: Tensor) -> Latent:
        return eps


@dataclass(frozen=True)
class Velocity(Prediction):
    """F = v, the direction in which x_t turns. Source: Salimans & Ho (2022), appendix D.

    Both sides are divided by n, which is 1 wherever variance is preserved; with alpha = 1 this is
    the preconditioning of SVD (Blattmann et al., 2023, appendix D) to the letter.
    """

    @override
    def row(self, schedule: Schedule, t: Tensor) -> Row:
        alpha, sigma = schedule(t)
        size = torch.hypot(alpha, sigma)
        return 1 / size, alpha / size.square(), -sigma / size

    @override
    def target(self, schedule: Schedule, x0: Latent, eps: Latent, t: Tensor) -> Latent:
        alpha, sigma = _levels(schedule, x0, t)
        return (alpha * eps - sigma * x0) / torch.hypot(alpha, sigma)


@dataclass(frozen=True)
class Flow(Prediction):
    """F = eps - x0, the direction of the straight path. Source: Liu et al. (2022), eq. 1.

    On a rectified schedule this is dx / dsigma, so a shift of the clock doesn't change what F says.
    """

    @override
    def row(self, schedule: Schedule, t: Tensor) -> Row:
        alpha, sigma = schedule(t)
        whole = alpha + sigma
        return torch.ones_like(t), 1 / whole, -sigma / whole

    @override
    def target(self, schedule: Schedule, x0: Latent, eps: Latent, t: Tensor) -> Latent:
        return eps - x0


@dataclass(frozen=True)
class Edm(Prediction):
    """F of Karras et al. (2022), table 1, for x_t / alpha at noise level sigma / alpha."""

    sigma_data: float = 0.5

    @override
    def row(self, schedule: Schedule, t: Tensor) -> Row:
        (alpha, sigma), data = schedule(t), self.sigma_data
        size = torch.hypot(alpha * data, sigma)
        return 1 / size, alpha * data**2 / size.square(), sigma * data / size

    @override
    def target(self, schedule: Schedule, x0: Latent, eps: Latent, t: Tensor) -> Latent:
        (alpha, sigma), data = _levels(schedule, x0, t), self.sigma_data
        return (sigma * x0 - alpha * data**2 * eps) / (data * torch.hypot(alpha * data, sigma))
