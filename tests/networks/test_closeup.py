"""A closer look shows the thing and nothing of where it is."""

import pytest
import torch

from mutoscope.networks.closeup import CROP, Closeup, cut
from mutoscope.networks.readers import layout


def _square(x, y, side=10, size=64):
    """A bright square on black with its mask at half the size."""
    frame = torch.zeros(size, size)
    frame[y : y + side, x : x + side] = 1
    return frame.expand(3, size, size), frame[::2, ::2]


def _crops(corners):
    frames, masks = zip(*(_square(*corner) for corner in corners), strict=True)
    clip, mask = torch.stack(frames, dim=1)[None], torch.stack(masks)[None, None]
    return cut(clip, mask, layout(mask), torch.ones(1, 1, dtype=torch.bool))


def test_wherever_a_thing_is_its_crop_is_the_same():
    crops = _crops([(8, 8), (40, 20), (22, 44)])
    assert crops.shape == (1, 3, CROP, CROP, 4)
    assert torch.allclose(crops[0, 0], crops[0, 1], atol=0.02)
    assert torch.allclose(crops[0, 0], crops[0, 2], atol=0.02)


def test_a_crop_shows_the_thing_whole_with_a_little_room_and_its_mask():
    crop = _crops([(20, 30)])[0, 0]
    share = float(crop[..., 0].mean())
    assert 0.3 < share < 0.7
    assert (crop[0] < 0.1).all()
    assert (crop[:, -1] < 0.1).all()
    assert float((crop[..., 0] - crop[..., 3]).abs().mean()) < 0.1


def test_only_things_that_are_there_are_cut_out_in_order():
    frames = torch.rand(2, 3, 4, 64, 64, generator=torch.Generator().manual_seed(0))
    masks = torch.rand(2, 3, 4, 32, 32, generator=torch.Generator().manual_seed(1))
    there = torch.tensor([[True, False, True], [False, True, False]])
    crops = cut(frames, masks, layout(masks), there)
    assert crops.shape == (3, 4, CROP, CROP, 4)
    alone = cut(frames[1:], masks[1:, 1:2], layout(masks[1:, 1:2]), there[1:, 1:2])
    assert torch.equal(crops[2:], alone)


@pytest.mark.parametrize("count", [1, 8])
def test_as_many_rows_come_out_as_frames_go_in(count):
    look = Closeup(16, 24, 32)
    assert look(torch.rand(2, count, CROP, CROP, 4)).shape == (2, count, 32)
