r"""Data whose denoiser is known exactly: every number a sampler gives can be checked against it.

Each value of a clip is drawn by itself from a mixture of Gaussians with weights p_k, means m_k and
deviations d_k. Under x_t = alpha x0 + sigma eps, component k has mean alpha m_k and variance
v_k = alpha^2 d_k^2 + sigma^2, and with r_k(x_t) its share of the density at x_t,

    E[x0  | x_t] = sum_k r_k (m_k + alpha d_k^2 (x_t - alpha m_k) / v_k)
    E[eps | x_t] = sum_k r_k  sigma            (x_t - alpha m_k) / v_k.

The probability flow is dx/dt = alpha' E[x0 | x] + sigma' E[eps | x], which is smooth on the whole
clock. It keeps the order of values, so it maps quantiles to quantiles.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from mutoscope.core.schedule import Schedule
from mutoscope.core.shapes import Grid, Latent, Time, like


@dataclass(frozen=True)
class Mixture:
    """A mixture of Gaussians, the law of every value of a clip; one component is a Gaussian."""

    means: tuple[float, ...] = (0.3,)
    deviations: tuple[float, ...] = (0.6,)
    weights: tuple[float, ...] = (1.0,)

    @classmethod
    def gaussian(cls) -> Mixture:
        """One component, neither centred nor of unit variance. The numbers are ours."""
        return cls()

    @classmethod
    def bimodal(cls) -> Mixture:
        """Two overlapping components of unlike weight and width. The numbers are ours."""
        return cls((-0.9, 0.7), (0.35, 0.5), (0.4, 0.6))

    def denoise(self, schedule: Schedule, x: Latent, t: Time) -> Latent:
        """E[x0 | x_t]."""
        return self._expected(x, *schedule(t))[0]

    def velocity(self, schedule: Schedule, x: Latent, t: Tensor) -> Latent:
        """Dx/dt of the probability flow."""
        clean, noise = self._expected(x, *schedule(t))
        d_alpha, d_sigma = schedule.rates(t)
        return like(d_alpha, x) * clean + like(d_sigma, x) * noise

    def flow(self, schedule: Schedule, x: Latent, grid: Grid) -> Latent:
        """The probability flow along a grid by the classical Runge-Kutta method of fourth order."""
        for t, u in pairwise(grid):
            h, middle = u - t, (t + u) / 2
            k1 = self.velocity(schedule, x, t)
            k2 = self.velocity(schedule, x + h / 2 * k1, middle)
            k3 = self.velocity(schedule, x + h / 2 * k2, middle)
            k4 = self.velocity(schedule, x + h * k3, u)
            x = x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        return x

    def share_below(self, schedule: Schedule, x: Tensor, t: Tensor) -> Tensor:
        """The distribution function of x_t, which the probability flow keeps."""
        alpha, sigma = schedule(t)
        shares = [
            weight * torch.special.ndtr((x - alpha * mean) / (alpha * deviation).hypot(sigma))
            for mean, deviation, weight in zip(
                self.means, self.deviations, self.weights, strict=True
            )
        ]
        return torch.stack(shares).sum(0)

    def moments(self) -> tuple[float, float]:
        """Mean and standard deviation of the data."""
        mean = sum(w * m for w, m in zip(self.weights, self.means, strict=True))
        squares = (
            w * (m * m + d * d)
            for w, m, d in zip(self.weights, self.means, self.deviations, strict=True)
        )
        return mean, math.sqrt(sum(squares) - mean * mean)

    def _expected(self, x: Tensor, alpha: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        alpha, sigma = like(alpha, x), like(sigma, x)
        clean, noise, logs = [], [], []
        for m, d, weight in zip(self.means, self.deviations, self.weights, strict=True):
            variance, off = (alpha * d).square() + sigma.square(), x - alpha * m
            clean.append(m + alpha * d * d * off / variance)
            noise.append(sigma * off / variance)
            logs.append(math.log(weight) - variance.log() / 2 - off.square() / (2 * variance))
        shares = torch.stack(logs).softmax(0)
        return (shares * torch.stack(clean)).sum(0), (shares * torch.stack(noise)).sum(0)
