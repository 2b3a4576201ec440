"""Where the stochastic samplers end: the law of the data, whatever the noise on the way."""

from functools import partial

import pytest
import torch

from mutoscope.core import grids
from mutoscope.core.noise import Noise
from mutoscope.core.samplers import ancestral, ddim, overshoot
from mutoscope.core.schedule import Betas, Cosine, Rectified, ZeroTerminal

from .oracles import DATA

COUNT = 20_000
SAMPLERS = {
    "ddim": ddim,
    "ddim, eta 0.5": partial(ddim, eta=0.5),
    "ddim, eta 1": partial(ddim, eta=1.0),
    "ancestral": ancestral,
    "ancestral, gamma 0.3": partial(ancestral, gamma=0.3),
    "overshoot": overshoot,
}


def distance(sampler, data, schedule, grid) -> float:
    """Kolmogorov-Smirnov: the largest gap between the distribution functions."""
    noise = Noise([3])
    x = noise.like(torch.empty(1, 1, 1, 1, COUNT, dtype=torch.float64))
    *_, step = sampler(lambda y, t: data.denoise(schedule, y, t), x, grid, schedule, noise=noise)
    values = step.x.flatten().sort().values
    share = data.share_below(schedule, values, grid[-1])
    return float((share - (torch.arange(COUNT) + 0.5) / COUNT).abs().max())


@pytest.mark.parametrize(
    ("data", "schedule"),
    [
        ("gaussian", Rectified()),
        ("bimodal", Cosine()),
        ("bimodal", ZeroTerminal(Betas.linear())),
    ],
    ids=["gaussian, rectified", "bimodal, cosine", "bimodal, zero terminal"],
)
@pytest.mark.parametrize("name", SAMPLERS)
def test_a_stochastic_sampler_ends_in_the_law_of_the_data(name, schedule, data):
    # 1.63 / sqrt(COUNT) = 0.0115 is what chance alone exceeds once in a hundred.
    assert distance(SAMPLERS[name], DATA[data], schedule, grids.trailing(100)) < 0.025


@pytest.mark.parametrize("name", ["ancestral", "ancestral, gamma 0.3", "overshoot"])
def test_more_steps_come_closer_to_the_law(name):
    few, many = (
        distance(SAMPLERS[name], DATA["bimodal"], Cosine(), grids.trailing(n)) for n in (6, 60)
    )
    assert many < 0.6 * few


def test_ddim_with_eta_one_is_the_ancestral_sampler():
    data, schedule, grid, ends = DATA["bimodal"], Cosine(), grids.trailing(7), []
    for sampler in (partial(ddim, eta=1.0), ancestral):
        noise = Noise([1, 2])
        x = noise.like(torch.empty(2, 1, 2, 3, 4, dtype=torch.float64))
        *_, step = sampler(
            lambda y, t: data.denoise(schedule, y, t), x, grid, schedule, noise=noise
        )
        ends.append(step.x)
    torch.testing.assert_close(*ends)
