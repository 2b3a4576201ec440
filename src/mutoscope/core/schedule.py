r"""How much signal and how much noise a clip holds at time t: x_t = alpha(t) x0 + sigma(t) eps.

There is one clock: t in [0, 1], 0 is clean and 1 is noise. A table of N betas is read on the same
clock: integer timestep k of its authors is t = (k + 1) / N, and t = 0 is the clean clip before it.
Between the integers the angle atan2(sigma, alpha) is interpolated linearly, so alpha^2 + sigma^2
stays 1 and both ends are exact: sigma(0) = 0, and alpha(1) = 0 where the table says so.

Samplers use alpha and sigma alone; the clock matters only for what the network is told.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from typing_extensions import override

from mutoscope.core.shapes import like
from mutoscope.errors import RequestError


class Schedule(ABC):
    """Signal and noise as functions of time; alpha falls, sigma rises, sigma(0) = 0."""

    @abstractmethod
    def __call__(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """(alpha, sigma) at times t in [0, 1], in the dtype and shape of t."""

    @abstractmethod
    def rates(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """Derivatives of (alpha, sigma) by t, in closed form."""

    def mixed(self, x0: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """x_t: the clean clip under the noise of time t, one time a clip or one for all."""
        alpha, sigma = self(t)
        return like(alpha.to(x0), x0) * x0 + like(sigma.to(x0), x0) * noise

    def raised(self, x: Tensor, noise: Tensor, low: Tensor, high: Tensor) -> Tensor:
        """The clip x of time `low` under as much more noise as brings it to time `high`.

        x_high = q x + sqrt(sigma_high^2 - q^2 sigma_low^2) noise, q = alpha_high / alpha_low: what
        the forward process makes of it, so that what `mixed` made at `low` is as if made at `high`.
        One time each, or one a clip. Refuses low > high, and to begin where no signal is left.
        Source: Ho et al. (2020), eq. 2, over several steps at once.
        """
        (a, s), (b, r) = self(low.to(torch.float64)), self(high.to(torch.float64))
        if bool(((low > high) | (a <= 0)).any()):
            raise RequestError(
                f"noise can be added from a time below 1 up to a later one (got "
                f"{float(low.max()):g} to {float(high.min()):g}); choose low <= high"
            )
        kept = b / a
        fresh = (r.square() - (kept * s).square()).clamp_min(0).sqrt()
        return like(kept.to(x), x) * x + like(fresh.to(x), x) * noise

    def when(self, ratio: Tensor) -> Tensor:
        """The times at which sigma / alpha equals `ratio` (Karras' sigma), by bisection.

        Refuses a ratio the schedule never reaches. Infinity is where alpha vanishes.
        """
        ratio = ratio.to(torch.float64)
        low, high = torch.zeros_like(ratio), torch.ones_like(ratio)
        alpha, sigma = self(high)
        most = torch.where(alpha > 0, sigma / alpha.clamp_min(1e-300), torch.inf)
        if bool(((ratio < 0) | (ratio > most * (1 + 1e-12))).any()):
            raise RequestError(
                f"sigma / alpha must lie in [0, {float(most.flatten()[0]):g}] for this schedule "
                f"(got {float(ratio.min()):g} to {float(ratio.max()):g}); choose a smaller range"
            )
        for _ in range(64):
            middle = (low + high) / 2
            alpha, sigma = self(middle)
            above = sigma * torch.where(ratio > 1, 1 / ratio, 1.0) > alpha * ratio.clamp_max(1.0)
            low, high = torch.where(above, low, middle), torch.where(above, middle, high)
        return torch.where(ratio == 0, 0.0, high)


@dataclass(frozen=True)
class Rectified(Schedule):
    """The straight path: alpha = 1 - sigma, sigma = shift t / (1 + (shift - 1) t).

    A shift above 1 spends more of the clock on noise, as larger clips need. Source: Liu et al.
    (2022) for the path; Esser et al. (2024), eq. 23 for the shift.
    """

    shift: float = 1.0

    def __post_init__(self) -> None:
        if not self.shift > 0:
            raise RequestError(f"shift must be above 0 (got {self.shift:g}); 1 is no shift")

    @override
    def __call__(self, t: Tensor) -> tuple[Tensor, Tensor]:
        below = 1 + (self.shift - 1) * t
        return (1 - t) / below, self.shift * t / below

    @override
    def rates(self, t: Tensor) -> tuple[Tensor, Tensor]:
        rate = self.shift / (1 + (self.shift - 1) * t).square()
        return -rate, rate


@dataclass(frozen=True)
class Cosine(Schedule):
    """A quarter turn: alpha = cos(pi t / 2), sigma = sin(pi t / 2).

    Source: Salimans & Ho (2022).
    """

    @override
    def __call__(self, t: Tensor) -> tuple[Tensor, Tensor]:
        # cos(pi / 2) isn't 0 in floating point; sin(0) is, and alpha = 0 has to be recognised.
        return torch.sin((1 - t) * (math.pi / 2)), torch.sin(t * (math.pi / 2))

    @override
    def rates(self, t: Tensor) -> tuple[Tensor, Tensor]:
        alpha, sigma = self(t)
        return -math.pi / 2 * sigma, math.pi / 2 * alpha


@dataclass(frozen=True)
class VP(Schedule):
    """Variance preserving: d log alpha / dt = -beta(t) / 2, beta linear in t.

    Source: Song et al. (2021b), appendix C, with their beta_min and beta_max.
    """

    low: float = 0.1
    high: float = 20.0

    def _log_alpha(self, t: Tensor) -> Tensor:
        return -t * (self.low / 2 + (self.high - self.low) * t / 4)

    @override
    def __call__(self, t: Tensor) -> tuple[Tensor, Tensor]:
        log_alpha = self._log_alpha(t)
        return log_alpha.exp(), (-torch.expm1(2 * log_alpha)).sqrt()

    @override
    def rates(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """As the base says; sigma grows like the root of t, so its rate at t = 0 is infinite."""
        (alpha, sigma), beta = self(t), self.low + (self.high - self.low) * t
        return -beta / 2 * alpha, beta / 2 * alpha.square() / sigma


@dataclass(frozen=True)
class VE(Schedule):
    """Variance exploding: alpha = 1, sigma = high t ** rho.

    Even steps of this clock are the noise levels of Karras et al. (2022), eq. 5, with sigma_min 0.
    The clock is ours; SVD uses high = 700, EDM 80.
    """

    high: float = 80.0
    rho: float = 7.0

    @override
    def __call__(self, t: Tensor) -> tuple[Tensor, Tensor]:
        return torch.ones_like(t), self.high * t**self.rho

    @override
    def rates(self, t: Tensor) -> tuple[Tensor, Tensor]:
        return torch.zeros_like(t), self.high * self.rho * t ** (self.rho - 1)


@dataclass(frozen=True, eq=False)
class _Knots:
    """Angles at the N + 1 knots t = k / N, kept from both ends so that both zeros are exact."""

    rise: Tensor
    fall: Tensor

    @classmethod
    def through(cls, squared: Tensor) -> _Knots:
        """From the table of alpha^2 at the integer timesteps."""
        squared = torch.cat([squared.new_ones(1), squared])
        alpha, sigma = squared.sqrt(), (1 - squared).clamp_min(0).sqrt()
        return cls(torch.atan2(sigma, alpha), torch.atan2(alpha, sigma))

    def __len__(self) -> int:
        return len(self.rise) - 1

    def at(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(rise, fall, slope) at t, in float64; slope is d rise / dt = -d fall / dt."""
        place = t.to(torch.float64) * len(self)
        left = place.detach().floor().long().clamp(0, len(self) - 1)
        rise, fall = self.rise.to(t.device), self.fall.to(t.device)
        part, slope = place - left, rise[left + 1] - rise[left]
        falling = fall[left] + (fall[left + 1] - fall[left]) * part
        return rise[left] + slope * part, falling, slope * len(self)


class Table(Schedule):
    """A schedule known at N integer timesteps; timestep k is t = (k + 1) / N."""

    @property
    @abstractmethod
    def squared(self) -> Tensor:
        """alpha^2 at the integer timesteps, in float64."""

    @override
    def __call__(self, t: Tensor) -> tuple[Tensor, Tensor]:
        rise, fall, _ = self._knots.at(t)
        return torch.sin(fall).to(t.dtype), torch.sin(rise).to(t.dtype)

    @override
    def rates(self, t: Tensor) -> tuple[Tensor, Tensor]:
        rise, fall, slope = self._knots.at(t)
        return (-slope * torch.cos(fall)).to(t.dtype), (slope * torch.cos(rise)).to(t.dtype)

    def timestep(self, t: Tensor) -> Tensor:
        """The authors' timestep of time t, a whole number where a grid of the table visits."""
        return t * len(self._knots) - 1

    @cached_property
    def _knots(self) -> _Knots:
        return _Knots.through(self.squared)


@dataclass(frozen=True)
class Betas(Table):
    """A table of betas, one an integer timestep: alpha_k^2 = prod (1 - beta_i), i <= k.

    Source: Ho et al. (2020), eq. 4. Timestep k is t = (k + 1) / N.
    """

    table: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.table or not all(0 <= beta <= 1 for beta in self.table):
            raise RequestError(
                f"betas must be one or more numbers in [0, 1] (got {len(self.table)} of them); "
                "pass the table of the checkpoint's authors"
            )

    @classmethod
    def linear(cls, low: float = 1e-4, high: float = 0.02, *, count: int = 1000) -> Betas:
        """Evenly spaced betas. Source: Ho et al. (2020), section 4 for the numbers."""
        return cls(tuple(torch.linspace(low, high, count, dtype=torch.float64).tolist()))

    @classmethod
    def scaled_linear(
        cls, low: float = 0.00085, high: float = 0.012, *, count: int = 1000
    ) -> Betas:
        """Evenly spaced roots of beta: latent diffusion. Source: Rombach et al. (2022), code."""
        roots = torch.linspace(low**0.5, high**0.5, count, dtype=torch.float64, device="cpu")
        return cls(tuple(roots.square().tolist()))

    @classmethod
    def squared_cosine(cls, *, count: int = 1000, cap: float = 0.999) -> Betas:
        """Betas of a squared cosine, capped. Source: Nichol & Dhariwal (2021), eq. 17."""
        t = torch.arange(count + 1, dtype=torch.float64) / count
        bar = torch.cos((t + 0.008) / 1.008 * math.pi / 2).square()
        return cls(tuple((1 - bar[1:] / bar[:-1]).clamp_max(cap).tolist()))

    @property
    @override
    def squared(self) -> Tensor:
        return (1 - torch.tensor(self.table, dtype=torch.float64)).cumprod(0)


@dataclass(frozen=True)
class ZeroTerminal(Table):
    """A table stretched so that its last timestep holds no signal: alpha(1) = 0 exactly.

    The first timestep keeps its alpha. A network on it must say velocity or clean, never noise.
    Source: Lin et al. (2023), algorithm 1.
    """

    betas: Betas

    @property
    @override
    def squared(self) -> Tensor:
        alpha = self.betas.squared.sqrt()
        first, last = alpha[0], alpha[-1]
        return ((alpha - last) * (first / (first - last))).square()


@dataclass(frozen=True)
class Shrunk(Schedule):
    """Another schedule of a clip that is made fainter: its alpha times s(t), its sigma as it is.

    s is 1 up to time `first`, falls linearly to `scale` at `last` and stays there. Source:
    VideoCrafter1's code (Chen et al., 2023), `use_scale`: from the first of 1000 timesteps to the
    400th; scale_b is 0.7 for 512 x 320 and 0.3 for 1024 x 576. Their sampler divides what it takes
    for clean by s and multiplies by the next s; here that is what alpha means.
    """

    of: Schedule
    scale: float
    first: float = 0.001
    last: float = 0.4

    def __post_init__(self) -> None:
        if not 0 < self.scale <= 1 or not 0 <= self.first < self.last <= 1:
            raise RequestError(
                f"a clip is shrunk to a scale in (0, 1] between two times in [0, 1] (got "
                f"{self.scale:g} from {self.first:g} to {self.last:g}); scale 1 leaves it as it is"
            )

    def _scale(self, t: Tensor) -> Tensor:
        return 1 - (1 - self.scale) * ((t - self.first) / (self.last - self.first)).clamp(0, 1)

    @override
    def __call__(self, t: Tensor) -> tuple[Tensor, Tensor]:
        alpha, sigma = self.of(t)
        return alpha * self._scale(t), sigma

    @override
    def rates(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """As the base says; where s bends its rate is that of the falling side."""
        (alpha, _), (falling, rising) = self.of(t), self.of.rates(t)
        slope = (self.scale - 1) / (self.last - self.first)
        bends = ((t >= self.first) & (t <= self.last)).to(t)
        return falling * self._scale(t) + alpha * slope * bends, rising
