"""Measures the order of every deterministic sampler and writes the table into docs/core.md.

    python benchmarks/sampler_orders.py            measures and rewrites the table
    python benchmarks/sampler_orders.py --check    measures and fails if the page says otherwise

The data are those of mutoscope.core.ideal, whose denoiser is exact, so the error is the sampler's
own: the mean distance to where the probability flow ends (fourth-order steps, float64). The order
is the slope of log error over log steps. On every schedule the flow of x / |(alpha, sigma)|
depends on sigma / alpha alone, so one reference serves all.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from mutoscope.core import grids
from mutoscope.core.ideal import Mixture
from mutoscope.core.samplers import DETERMINISTIC, Sampler
from mutoscope.core.schedule import Cosine, Rectified, Schedule

PAGE = Path(__file__).parent.parent / "docs" / "core.md"
BEGIN, END = "<!-- orders: begin -->", "<!-- orders: end -->"
VALUES = torch.linspace(-2.2, 2.2, 15, dtype=torch.float64).reshape(1, 1, 1, 3, 5)
DATA = {"Gaussian": Mixture.gaussian(), "two modes": Mixture.bimodal()}
SCHEDULES = {"rectified": Rectified(), "cosine": Cosine()}
CALLS = {"ddim": 1, "euler": 1, "heun": 2, "heun_flow": 2, "dpmpp_2m": 1}

GridOf = Callable[[int], Tensor]


def truth(data: Mixture, high: float, low: float) -> Tensor:
    """Where the flow takes VALUES between two levels of sigma / alpha."""
    grid = torch.linspace(math.atan(high), math.atan(low), 801, dtype=torch.float64) * 2 / math.pi
    return data.flow(Cosine(), VALUES, grid)


def error(sampler: Sampler, data: Mixture, schedule: Schedule, grid: Tensor, end: Tensor) -> float:
    """Mean distance of a run from the truth."""
    size = torch.hypot(*schedule(grid))
    *_, step = sampler(lambda x, t: data.denoise(schedule, x, t), VALUES * size[0], grid, schedule)
    return float((step.x / size[-1] - end).abs().mean())


def slope(few: float, many: float, *, times: int) -> float:
    """The order: how many powers of the number of steps the error falls by."""
    return math.log(few / many) / math.log(times)


def inner(sampler: Sampler, data: Mixture) -> float:
    """Order on Karras levels from 10 to 0.05, which meet no end of the clock; 48 to 96 steps."""
    schedule, end = Rectified(), truth(data, 10.0, 0.05)
    few, many = (
        error(sampler, data, schedule, grids.karras(n + 1, schedule, low=0.05, high=10.0)[:-1], end)
        for n in (48, 96)
    )
    return slope(few, many, times=2)


def whole(sampler: Sampler, data: Mixture, schedule: Schedule) -> tuple[float, float]:
    """(error at 30 steps, order from 80 to 640) on even steps from pure noise to clean."""
    end = truth(data, math.inf, 0.0)
    at = {n: error(sampler, data, schedule, grids.trailing(n), end) for n in (30, 80, 640)}
    return at[30], slope(at[80], at[640], times=8)


def table() -> str:
    """The measured table, in Markdown."""
    lines = [
        "| sampler | calls a step | order inside, Gaussian | two modes "
        "| whole clock, rectified: error at 30 steps, order | cosine: error at 30 steps, order |",
        "|---|---|---|---|---|---|",
    ]
    for name, sampler in DETERMINISTIC.items():
        cells = [f"`{name}`", str(CALLS[name])]
        cells += [f"{inner(sampler, data):.2f}" for data in DATA.values()]
        for schedule in SCHEDULES.values():
            miss, order = whole(sampler, DATA["two modes"], schedule)
            cells.append(f"{miss:.1e}, {order:.2f}")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> int:
    """Measures, then writes or checks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="fail if the page is out of date")
    check = parser.parse_args().check
    page = PAGE.read_text()
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    measured = f"{before}{BEGIN}\n{table()}\n{END}{after}"
    if check and measured != page:
        print("docs/core.md is out of date; run python benchmarks/sampler_orders.py")
        return 1
    if not check:
        PAGE.write_text(measured)
        print(measured[len(before) + len(BEGIN) : -len(after) - len(END)].strip())
    return 0


if __name__ == "__main__":
    sys.exit(main())
