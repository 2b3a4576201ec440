"""A latent carried by whole cells: where things go, what noise keeps, what others' code does."""

import pytest
import torch
from diffusers.pipelines.deprecated.text_to_video_synthesis import pipeline_text_to_video_zero
from hypothesis import given, settings
from hypothesis import strategies as st

from mutoscope.core.warp import moved


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_a_spot_goes_right_and_down():
    x = torch.zeros(1, 2, 1, 8, 8)
    x[..., 3, 2] = 1
    there = moved(x, torch.tensor([[0, 0], [1 / 8, 0], [0, 2 / 8], [-1 / 8, -3 / 8]]))
    places = [tuple(spot.nonzero()[0].tolist()) for spot in there[0, 0]]
    assert places == [(3, 2), (3, 3), (5, 2), (0, 1)]


def test_each_of_several_frames_goes_its_own_way():
    x = noise(2, 3, 4, 8, 8)
    shifts = torch.arange(4)[:, None] * torch.tensor([0.125, -0.25])
    whole = moved(x, shifts)
    for k in range(4):
        alone = moved(x[:, :, k : k + 1], shifts[k : k + 1])
        assert torch.equal(whole[:, :, k : k + 1], alone)
    assert moved(x[:, :, :1], shifts[:0]).shape == (2, 3, 0, 8, 8)


@settings(max_examples=30, deadline=None)
@given(st.floats(-3, 3), st.floats(-3, 3))
def test_every_value_is_one_of_the_source_and_none_is_doubled_far_from_the_border(right, down):
    x = torch.arange(64.0).reshape(1, 1, 1, 8, 8)
    there = moved(x, torch.tensor([[right, down]], dtype=torch.float64)).flatten()
    rows, columns = there.reshape(8, 8)[:, 0] // 8, there.reshape(8, 8)[0] % 8
    for line in (rows, columns):
        assert set(line.diff().abs().tolist()) <= {0.0, 1.0}
        assert int((line.diff() == 0).sum()) <= 2, "doubled at a mirror only"


@pytest.mark.parametrize("way", [(0.0234, 0.0234), (0.07, -0.2), (0.5, 0.0)])
def test_noise_keeps_its_variance(way):
    x = noise(64, 6, 1, 16, 16)
    there = moved(x, torch.tensor([way]) * torch.arange(8)[:, None])
    spread = there.var(dim=(0, 1, 3, 4))
    torch.testing.assert_close(spread, torch.ones(8), atol=0.02, rtol=0)


@pytest.mark.filterwarnings("ignore:Default grid_sample", "ignore:torch.meshgrid")
@pytest.mark.parametrize("pixels", [(0, 0), (24, -40), (100, 13), (-120, 60)])
def test_it_is_the_published_codes_warp_of_the_opposite_flow(pixels):
    x = noise(1, 4, 1, 64, 64)
    flow = torch.tensor(pixels, dtype=torch.float32).reshape(1, 2, 1, 1).expand(1, 2, 512, 512)
    theirs = pipeline_text_to_video_zero.warp_single_latent(x[:, :, 0], -flow.clone())
    ours = moved(x, torch.tensor([pixels]) / 512)
    assert torch.equal(ours[:, :, 0], theirs)
