r"""Samplers are generators: their history is local variables, their progress what they yield.

A step from time t (alpha a, sigma s) down to time u (alpha b, sigma r) is written

    x_u = b clean + r noise,   noise = (x_t - a clean) / s,

and samplers differ only in the guess of the clean clip they put there. Nothing divides by alpha,
so pure noise (a = 0) is a start like any other (only `invert`, on its way up, divides by the
alpha it comes from). In the level z = s / a the guesses are

    ddim, euler   D(x_t, t)
    heun          D + z_t / (2 z_u) (D(x_u', u) - D),          x_u' the ddim step
    dpmpp_2m      D + h / (2 h') (D - D'),                     h = log(z_t / z_u), ' one step before

and the stochastic ones trade a part of the old noise for new: with q = z_u / z_t and the posterior
of x_u given (x_t, clean), whose spread is r sqrt(1 - q^2), noise keeps the share q and new noise
takes sqrt(1 - q^2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from mutoscope.core.noise import Noise
from mutoscope.core.schedule import Schedule
from mutoscope.core.shapes import Denoise, Grid, Latent
from mutoscope.errors import RequestError

Sampler = Callable[[Denoise, Latent, Grid, Schedule], Iterator["Step"]]


@dataclass(frozen=True)
class Step:
    """One reverse step: x at the new time, and the clean clip the denoiser saw on the way.

    `segment` are the frames of a piece of a longer film that are whole after this step, in [-1, 1].
    """

    index: int
    total: int
    x: Latent
    clean: Latent
    segment: Float[Tensor, "b 3 T H W"] | None = None


@dataclass(frozen=True)
class _Leg:
    """From time t (alpha a, sigma s) to time u (alpha b, sigma r)."""

    index: int
    total: int
    t: Tensor
    u: Tensor
    a: Tensor
    s: Tensor
    b: Tensor
    r: Tensor

    def noise(self, x: Tensor, clean: Tensor) -> Tensor:
        """What x holds beside the clean clip."""
        return (x - self.a * clean) / self.s

    def stepped(self, x: Tensor, clean: Tensor) -> Tensor:
        return self.b * clean + self.r * self.noise(x, clean)

    def kept(self) -> Tensor:
        """The share q of the noise that the posterior keeps: the fall of sigma / alpha."""
        return self.a * self.r / (self.b * self.s)

    def step(self, x: Tensor, clean: Tensor) -> Step:
        return Step(self.index, self.total, x, clean)


def ddim(
    denoise: Denoise,
    x: Latent,
    grid: Grid,
    schedule: Schedule,
    *,
    eta: float = 0.0,
    noise: Noise | None = None,
) -> Iterator[Step]:
    """First order, one call a step; eta in [0, 1] goes from the ODE to the ancestral sampler.

    Source: Song et al. (2021a), eq. 12 and 16. An eta above 0 needs the run's noise.
    """
    if not 0 <= eta <= 1 or (eta > 0 and noise is None):
        raise RequestError(
            f"eta must lie in [0, 1] (got {eta:g}) and above 0 needs noise; pass the run's Noise"
        )
    for leg in _legs(x, grid, schedule):
        clean = denoise(x, leg.t)
        if noise is None or eta == 0:
            x = leg.stepped(x, clean)
        else:
            fresh = eta * (1 - leg.kept().square()).clamp_min(0).sqrt()
            old = (1 - fresh.square()).sqrt() * leg.noise(x, clean)
            x = leg.b * clean + leg.r * (old + fresh * noise.like(x))
        yield leg.step(x, clean)


def euler(denoise: Denoise, x: Latent, grid: Grid, schedule: Schedule) -> Iterator[Step]:
    """Euler's line in (x / alpha, sigma / alpha), and on the straight path: ddim's very numbers."""
    yield from ddim(denoise, x, grid, schedule)


def heun(denoise: Denoise, x: Latent, grid: Grid, schedule: Schedule) -> Iterator[Step]:
    """Second order, two calls a step: the trapezium in (x / alpha, sigma / alpha).

    A step from alpha = 0 or to sigma = 0 is ddim's, since the trapezium has no end there.
    Source: Karras et al. (2022), algorithm 1.
    """
    yield from _trapezium(denoise, x, grid, schedule, level=lambda alpha, sigma: sigma / alpha)


def heun_flow(denoise: Denoise, x: Latent, grid: Grid, schedule: Schedule) -> Iterator[Step]:
    """Second order, two calls a step: the trapezium along the straight path.

    Its level is sigma / (alpha + sigma), which is finite at pure noise: on a rectified schedule
    this is Heun's method for dx / dsigma = F, elsewhere the same after rescaling x.
    """
    yield from _trapezium(
        denoise, x, grid, schedule, level=lambda alpha, sigma: sigma / (alpha + sigma)
    )


def _trapezium(
    denoise: Denoise,
    x: Latent,
    grid: Grid,
    schedule: Schedule,
    *,
    level: Callable[[Tensor, Tensor], Tensor],
) -> Iterator[Step]:
    for leg in _legs(x, grid, schedule):
        clean = guess = denoise(x, leg.t)
        lean = level(leg.a, leg.s) / (2 * level(leg.b, leg.r))
        if bool(torch.isfinite(lean)):
            guess = clean + lean * (denoise(leg.stepped(x, clean), leg.u) - clean)
        x = leg.stepped(x, guess)
        yield leg.step(x, clean)


def dpmpp_2m(denoise: Denoise, x: Latent, grid: Grid, schedule: Schedule) -> Iterator[Step]:
    """Second order, one call a step: the clean clip extrapolated in log(alpha / sigma).

    That distance is infinite for a step from alpha = 0 or to sigma = 0; there, and one step after
    alpha = 0, the step is ddim's. Source: Lu et al. (2022b), algorithm 2.
    """
    last: tuple[Tensor, Tensor] | None = None
    for leg in _legs(x, grid, schedule):
        clean = guess = denoise(x, leg.t)
        reach = -leg.kept().log()
        if last is not None and bool(torch.isfinite(reach) & torch.isfinite(last[1])):
            guess = clean + reach / (2 * last[1]) * (clean - last[0])
        x = leg.stepped(x, guess)
        last = clean, reach
        yield leg.step(x, clean)


def ancestral(
    denoise: Denoise,
    x: Latent,
    grid: Grid,
    schedule: Schedule,
    *,
    noise: Noise,
    gamma: float = 0.0,
) -> Iterator[Step]:
    """The stochastic sampler: each step draws from the posterior of x_u given x_t and clean.

    gamma in [0, 1] raises the spread from the posterior's r sqrt(1 - q^2) to the forward process'
    s sqrt(1 - q^2), as a geometric mean. The last step draws nothing. gamma = 0 is Ho et al.
    (2020), algorithm 2 with the small variance, and k-diffusion's Euler ancestral.
    Source: Ho et al. (2022), Imagen Video, its ancestral sampler.
    """
    if not 0 <= gamma <= 1:
        raise RequestError(f"gamma must lie in [0, 1] (got {gamma:g}); 0 is the posterior's spread")
    for leg in _legs(x, grid, schedule):
        clean = denoise(x, leg.t)
        kept = leg.kept()
        mean = leg.b * clean + leg.r * kept * leg.noise(x, clean)
        spread = (1 - kept.square()).clamp_min(0).sqrt() * leg.r ** (1 - gamma) * leg.s**gamma
        x = mean + spread * noise.like(x) if leg.r > 0 else mean
        yield leg.step(x, clean)


def overshoot(
    denoise: Denoise, x: Latent, grid: Grid, schedule: Schedule, *, noise: Noise
) -> Iterator[Step]:
    """A ddim step of twice the length, then noise put back by one: for distilled networks.

    Source: Ho et al. (2022), Imagen Video, its sampler after distillation.
    """
    alpha, sigma = schedule(grid)
    for leg in _legs(x, grid, schedule):
        clean = denoise(x, leg.t)
        far = min(leg.index + 2, leg.total)
        below = alpha[far] * clean + sigma[far] * leg.noise(x, clean)
        kept = leg.b / alpha[far]
        back = (leg.r.square() - (kept * sigma[far]).square()).clamp_min(0).sqrt()
        x = kept * below + back * noise.like(x) if leg.r > 0 else below
        yield leg.step(x, clean)


def invert(
    denoise: Denoise, x: Latent, grid: Grid, schedule: Schedule, *, rounds: int = 1
) -> Iterator[Step]:
    """DDIM upwards: the noisy clip from which ddim on the same grid returns to x.

    `grid` is the decreasing grid of the way back; x is at its last time. Each step has to know the
    clean clip at the time it goes to: one round asks the denoiser about x itself, as is usual
    (Song et al., 2021a, eq. 14); more rounds ask again about the answer, a fixed point at which
    the way back is exact. One call a round.
    """
    if rounds < 1:
        raise RequestError(f"rounds must be at least 1 (got {rounds}); 1 is usual, 5 near exact")
    for leg in _legs(x, grid, schedule, upwards=True):
        if leg.s == 0 and leg.b == 0:
            raise RequestError(
                "one step from clean to pure noise can't be inverted; use more steps"
            )
        above = x
        for _ in range(rounds):
            clean = denoise(above, leg.u)
            above = _lifted(leg, x, clean, above)
        x = above
        yield leg.step(x, clean)


def _lifted(leg: _Leg, x: Tensor, clean: Tensor, above: Tensor) -> Tensor:
    """The clip at the higher time u, from a guess `above` of it and what that guess holds clean."""
    if leg.b == 0:  # no signal is left above, so the noise has to be read below
        return leg.r * leg.noise(x, clean)
    noise = (above - leg.b * clean) / leg.r
    return leg.b * (x - leg.s * noise) / leg.a + leg.r * noise


DETERMINISTIC: Mapping[str, Sampler] = {
    "ddim": ddim,
    "euler": euler,
    "heun": heun,
    "heun_flow": heun_flow,
    "dpmpp_2m": dpmpp_2m,
}


STOCHASTIC: Mapping[str, Callable[..., Iterator[Step]]] = {
    "ancestral": ancestral,
    "overshoot": overshoot,
}


def find(name: str, noise: Noise) -> Sampler:
    """The sampler of that name, its randomness (if it has any) bound to the run's noise."""
    if name in DETERMINISTIC:
        return DETERMINISTIC[name]
    if name in STOCHASTIC:
        return partial(STOCHASTIC[name], noise=noise)
    names = ", ".join([*DETERMINISTIC, *STOCHASTIC])
    raise RequestError(f"there is no sampler {name!r}; there are {names}")


def anew(sampler: Sampler, after: int) -> Sampler:
    """The same sampler, begun again after so many steps because the denoiser changes there.

    A method that looks back would take that change for a slope of the clean clip.
    """

    def sampled(denoise: Denoise, x: Latent, grid: Grid, schedule: Schedule) -> Iterator[Step]:
        def steps(x: Latent) -> Iterator[Step]:
            for part in (grid[: after + 1], grid[after:]):
                for step in sampler(denoise, x, part, schedule) if len(part) > 1 else ():
                    x = step.x
                    yield step

        return numbered(steps(x), len(grid) - 1)

    return sampled


def numbered(steps: Iterable[Step], total: int) -> Iterator[Step]:
    """Steps of several samplers as those of one run of `total` steps."""
    for index, step in enumerate(steps):
        yield replace(step, index=index, total=total)


def _legs(x: Tensor, grid: Tensor, schedule: Schedule, *, upwards: bool = False) -> Iterator[_Leg]:
    if len(grid) < 2 or bool((grid.diff() >= 0).any()) or grid[0] > 1 or grid[-1] < 0:
        raise RequestError(
            f"a grid must hold two or more decreasing times in [0, 1] (got {len(grid)} times); "
            "make one with core.grids"
        )
    grid = grid.flip(0) if upwards else grid
    alpha, sigma = schedule(grid)
    times = grid.to(x)
    for i in range(len(grid) - 1):
        t, u = times[i].expand(len(x)), times[i + 1].expand(len(x))
        yield _Leg(i, len(grid) - 1, t, u, alpha[i], sigma[i], alpha[i + 1], sigma[i + 1])
