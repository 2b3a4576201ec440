"""The times a sampler visits: n + 1 decreasing numbers, the first noisy, the last clean.

A checkpoint trained on a table of N integer timesteps was sampled at some of them; timestep k is
t = (k + 1) / N here. Grids are float64, so that coefficients lose nothing to the clock.
Source of the three spacings: Lin et al. (2023), table 2.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from mutoscope.core.schedule import Schedule
from mutoscope.core.shapes import Grid
from mutoscope.errors import RequestError


def trailing(steps: int, *, table: int | None = None, last: float = 0.0) -> Grid:
    """Even steps from pure noise: 1, 1 - 1/n, ...; rounded to the timesteps of a table if given."""
    _check(steps, table)
    times = 1 - torch.arange(steps, dtype=torch.float64) / steps
    return _ended(times if table is None else (times * table).round() / table, last)


def linear(steps: int, *, table: int = 1000, last: float = 0.0) -> Grid:
    """Both ends of the table and even steps between, rounded to its timesteps."""
    _check(steps, table)
    times = torch.linspace(table - 1, 0, steps, dtype=torch.float64).round()
    return _ended((times + 1) / table, last)


def leading(steps: int, *, table: int = 1000, offset: int = 0, last: float = 0.0) -> Grid:
    """Multiples of N // n plus an offset; never visits pure noise, so not for ZeroTerminal."""
    _check(steps, table)
    times = torch.arange(steps - 1, -1, -1, dtype=torch.float64) * (table // steps)
    return _ended((times + offset + 1) / table, last)


def karras(
    steps: int, schedule: Schedule, *, low: float = 0.002, high: float = 80.0, rho: float = 7.0
) -> Grid:
    """Noise levels sigma / alpha from `high` to `low`, even in their rho-th root, then clean.

    Source: Karras et al. (2022), eq. 5; SVD uses low = 0.002, high = 700.
    """
    _check(steps, None)
    roots = torch.linspace(high ** (1 / rho), low ** (1 / rho), steps, dtype=torch.float64)
    return _ended(schedule.when(roots**rho), 0.0)


def straight(steps: int, schedule: Schedule, *, shift: float) -> Grid:
    """The times at which a schedule is as noisy as the straight path at even steps of its clock.

    sigma / alpha = shift u / (1 - u) for u = 1, 1 - 1/n, ...: the larger the shift, the more of the
    steps are spent at high noise, where it is settled what is where; larger clips need more.
    Refuses schedules that never reach pure noise. Source: Esser et al. (2024), eq. 23.
    """
    _check(steps, None)
    if not shift > 0:
        raise RequestError(f"shift must be above 0 (got {shift:g}); 1 is no shift")
    even = 1 - torch.arange(steps, dtype=torch.float64) / steps
    return _ended(schedule.when(shift * even / (1 - even)), 0.0)


def below(grid: Grid, t: float) -> Float[Tensor, " rest"]:
    """The rest of a grid from time t on, t itself first: where editing a noised clip begins."""
    rest = grid[grid < t]
    if not 0 < t <= 1 or not len(rest):
        raise RequestError(f"the starting time must lie in (0, 1] above the grid's end (got {t:g})")
    return torch.cat([rest.new_tensor([t]), rest])


def through(grid: Grid, t: float) -> Grid:
    """As many times, the one between both ends that is nearest to t moved there.

    A grid that visits t stays as it is. Refuses a t outside, and a grid of one step.
    """
    if bool((grid == t).any()):
        return grid
    inner = grid[1:-1]
    if not len(inner) or not grid[-1] < t < grid[0]:
        raise RequestError(
            f"a grid that shall visit t = {t:g} needs two or more steps and t between its ends "
            f"(got {len(grid) - 1} steps from {float(grid[0]):g} to {float(grid[-1]):g})"
        )
    near = 1 + int((inner - t).abs().argmin())
    return torch.cat([grid[:near], grid.new_tensor([t]), grid[near + 1 :]])


def _ended(times: Tensor, last: float) -> Tensor:
    return torch.cat([times, times.new_tensor([last])])


def _check(steps: int, table: int | None) -> None:
    if steps < 1 or (table is not None and steps > table):
        most = "" if table is None else f" and at most {table}, the length of the table"
        raise RequestError(f"steps must be at least 1{most} (got {steps}); 30 is usual")
