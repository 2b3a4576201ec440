"""The dense reader: where cells meet, what is fetched, and what it says of any number of frames."""

import pytest
import torch

from mutoscope.networks.dense import KINDS, DenseReader, fetched, meeting, nearness
from tests.tiny import awake


@pytest.fixture(scope="module")
def small():
    torch.manual_seed(0)
    return awake(DenseReader(width=16, middle=16, deep=16, match=8, depth=1, rounds=1)).eval()


def test_cells_that_move_by_whole_cells_meet_themselves():
    rng = torch.Generator().manual_seed(0)
    frame = 40 * torch.nn.functional.normalize(torch.randn(1, 8, 8, 32, generator=rng), dim=-1)
    clip = torch.stack([frame, frame.roll((1, 2), (1, 2))], dim=1)
    found = meeting(clip, torch.tensor([0.1]))[0, 0, :-1, :-2]
    assert torch.allclose(found, torch.tensor([2.0, 1.0]).expand_as(found), atol=0.05)


def test_cells_that_are_all_alike_stay():
    found = meeting(torch.ones(1, 2, 9, 9, 4), torch.tensor([2.0]))
    assert torch.allclose(found[0, 0, 4, 4], torch.zeros(2), atol=1e-5)
    assert found.abs().max() < 0.5


def test_cells_are_fetched_from_where_the_flow_leads():
    x = torch.randn(1, 1, 6, 6, 3, generator=torch.Generator().manual_seed(1))
    flow = torch.tensor([1.0, -2.0]).expand(1, 1, 6, 6, 2)
    found = fetched(x, flow)
    assert torch.allclose(found[0, 0, 2:, :-1], x[0, 0, :-2, 1:], atol=1e-5)


def test_near_is_one_at_the_eye_and_nothing_in_the_sky():
    assert nearness(torch.tensor([0.0, 4.0, torch.inf])).tolist() == [1, 0.5, 0]


@pytest.mark.parametrize("t", [1, 2, 5])
def test_maps_are_as_large_as_the_frames_and_flow_is_between_them(small, t):
    said = small(torch.rand(2, 3, t, 32, 48) * 2 - 1)
    assert said.flow.shape == (2, t - 1, 32, 48, 2)
    assert said.near.shape == said.mask.shape == said.lines.shape == (2, t, 32, 48)
    sure = small.sure(said)
    assert tuple(sure) == KINDS
    assert all(((one >= 0) & (one <= 1)).all() for one in sure.values())
    assert (sure["flow"].shape, sure["depth"].shape) == (said.flow.shape[:-1], said.near.shape)


def test_what_was_not_taught_is_never_told(small):
    said = small(torch.rand(1, 3, 2, 32, 32) * 2 - 1)
    assert not any((one >= small.bars[k]).any() for k, one in enumerate(small.sure(said).values()))
