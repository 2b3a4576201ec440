"""Samplers are generators: their history is local variables, their progress what they yield.

A step from t down to u is written x_u = alpha_u clean + sigma_u noise, with the noise read from x_t
as (x_t - alpha_t clean) / sigma_t. Nothing divides by alpha, so pure noise (alpha = 0) is a start
like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from mutoscope.core.schedule import Schedule
from mutoscope.core.shapes import Denoise, Grid, Latent
from mutoscope.errors import RequestError

Sampler = Callable[[Denoise, Latent, Grid, Schedule], Iterator["Step"]]


@dataclass(frozen=True)
class Step:
    """One reverse step: x at the new time, and the clean clip the denoiser saw on the way."""

    index: int
    total: int
    x: Latent
    clean: Latent


@dataclass(frozen=True)
class _Leg:
    """From time t (alpha a, sigma s) down to time u (alpha b, sigma r)."""

    index: int
    total: int
    t: Tensor
    u: Tensor
    a: Tensor
    s: Tensor
    b: Tensor
    r: Tensor

    def stepped(self, x: Tensor, clean: Tensor) -> Tensor:
        """The DDIM step: keep the noise that x holds beside `clean`."""
        return self.b * clean + self.r * ((x - self.a * clean) / self.s)

    def step(self, x: Tensor, clean: Tensor) -> Step:
        return Step(self.index, self.total, x, clean)


def _legs(x: Tensor, grid: Tensor, schedule: Schedule) -> Iterator[_Leg]:
    if len(grid) < 2 or bool((grid.diff() >= 0).any()):
        raise RequestError("a grid must hold two or more decreasing times; see core.grids")
    alpha, sigma = schedule(grid)
    times = grid.to(x)
    for i in range(len(grid) - 1):
        t, u = times[i].expand(len(x)), times[i + 1].expand(len(x))
        yield _Leg(i, len(grid) - 1, t, u, alpha[i], sigma[i], alpha[i + 1], sigma[i + 1])


def ddim(denoise: Denoise, x: Latent, grid: Grid, schedule: Schedule) -> Iterator[Step]:
    """First order, one call a step. Source: Song et al. (2021a), eq. 12 without fresh noise."""
    for leg in _legs(x, grid, schedule):
        clean = denoise(x, leg.t)
        x = leg.stepped(x, clean)
        yield leg.step(x, clean)


def euler(denoise: Denoise, x: Latent, grid: Grid, schedule: Schedule) -> Iterator[Step]:
    """Euler's line in (x / alpha, sigma / alpha), and on the straight path: ddim's very numbers."""
    yield from ddim(denoise, x, grid, schedule)


def heun(denoise: Denoise, x: Latent, grid: Grid, schedule: Schedule) -> Iterator[Step]:
    """Second order, two calls a step. Source: Karras et al. (2022), algorithm 1.

    The trapezium in (x / alpha, sigma / alpha), written for the clean clip; a step from alpha = 0
    or to sigma = 0 is ddim's, since the trapezium has no end there.
    """
    for leg in _legs(x, grid, schedule):
        clean = denoise(x, leg.t)
        ahead = leg.stepped(x, clean)
        if leg.a > 0 and leg.r > 0:
            change = denoise(ahead, leg.u) - clean
            middle = clean + leg.s * leg.b / (2 * leg.a * leg.r) * change
            noise = (x - leg.a * clean) / leg.s - leg.b / (2 * leg.r) * change
            ahead = leg.b * middle + leg.r * noise
        x = ahead
        yield leg.step(x, clean)


def dpmpp_2m(denoise: Denoise, x: Latent, grid: Grid, schedule: Schedule) -> Iterator[Step]:
    """Second order, one call a step. Source: Lu et al. (2022b), algorithm 2.

    Algorithm 2 is ddim's step with the clean clip extrapolated in log(alpha / sigma), whose
    distance is infinite at both ends of the clock: there the step is ddim's.
    """
    before: tuple[Tensor, Tensor] | None = None
    for leg in _legs(x, grid, schedule):
        clean = denoise(x, leg.t)
        reach = (leg.b * leg.s).log() - (leg.a * leg.r).log()
        guess = clean
        if before is not None and bool(torch.isfinite(reach) & torch.isfinite(before[1])):
            guess = clean + (clean - before[0]) * (reach / (2 * before[1]))
        x = leg.stepped(x, guess)
        before = clean, reach
        yield leg.step(x, clean)
