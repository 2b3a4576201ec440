import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mutoscope.core import grids
from mutoscope.core.guidance import ClassifierFree
from mutoscope.core.noise import Noise
from mutoscope.core.prediction import Velocity
from mutoscope.core.samplers import DETERMINISTIC, STOCHASTIC, find
from mutoscope.errors import RequestError

from .oracles import condition, denoiser

SAMPLERS = sorted([*DETERMINISTIC, *STOCHASTIC])


def run(name: str, seeds: list[int], stop: int | None = None) -> torch.Tensor:
    """x after a whole run of six steps, or of a run closed after `stop` of them."""
    d, noise = denoiser(Velocity()), Noise(seeds)
    guided = ClassifierFree(3.0)(d, condition(1, 1), condition(2, 1))
    x = noise.like(torch.empty(len(seeds), 3, 4, 4, 5))
    steps = find(name, noise)(guided, x, grids.trailing(6), d.schedule)
    for step in steps:
        if step.index == stop:
            steps.close()
            break
    return step.x


@given(
    seeds=st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=4),
    shape=st.tuples(*[st.integers(1, 5)] * 4),
)
@settings(deadline=None, derandomize=True, max_examples=30)
def test_a_clip_gets_the_noise_it_would_get_alone(seeds, shape):
    noise = Noise(seeds)
    drawn = [noise.like(torch.empty(len(seeds), *shape)) for _ in range(2)]
    for i, seed in enumerate(seeds):
        alone = Noise([seed])
        for together in drawn:
            assert torch.equal(alone.like(torch.empty(1, *shape))[0], together[i])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_every_dtype_gets_the_same_noise_rounded(dtype):
    x = torch.empty(1, 3, 4, 4, 5)
    assert torch.equal(Noise([7]).like(x.to(dtype)), Noise([7]).like(x).to(dtype))


def test_noise_is_normal_and_fresh():
    noise = Noise([0])
    first, second = (noise.like(torch.empty(1, 1, 1, 200, 500)).flatten() for _ in range(2))
    assert abs(first.mean()) < 0.015
    assert abs(first.std() - 1) < 0.01
    assert abs((first * second).mean()) < 0.015


def test_a_wrong_number_of_seeds_is_refused():
    with pytest.raises(RequestError, match="2 seeds for 3 clips"):
        Noise([1, 2]).like(torch.empty(3, 1, 1, 1, 1))


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_seed_gives_the_same_bits_in_any_batch(name):
    together = run(name, [5, 6, 7])
    for i, seed in enumerate([5, 6, 7]):
        assert torch.equal(run(name, [seed])[0], together[i])
    assert not torch.equal(together[0], together[1])


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_seed_gives_the_same_bits_after_a_cancelled_run(name):
    whole = run(name, [5])
    run(name, [5], stop=2)
    assert torch.equal(run(name, [5]), whole)


def test_noise_drawn_frame_by_frame_begins_like_a_shorter_clips():
    long, short = torch.empty(2, 3, 5, 4, 4), torch.empty(2, 3, 2, 4, 4)
    whole = Noise([3, 4]).framewise(long)
    assert whole.shape == long.shape
    assert torch.equal(whole[:, :, :2], Noise([3, 4]).framewise(short))
    assert torch.equal(whole[:, :, :1], Noise([3, 4]).like(long[:, :, :1]))
    assert not torch.equal(whole[:, :, 0], whole[:, :, 1])
