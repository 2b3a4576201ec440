"""Masks to learn from: three kinds, of the shares that are said, by their generator alone."""

import torch

from mutoscope.controls import tubes
from mutoscope.controls.tubes import RECTANGLES, STROKES


def drawn(count, seed=0, size=(32, 32)):
    return tubes.tubes(count, size, torch.Generator().manual_seed(seed))


def test_a_tube_is_ones_and_zeros_and_depends_on_its_generator_alone():
    masks = drawn(8)
    assert masks.shape == (8, 1, 1, 32, 32)
    assert set(masks.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(masks, drawn(8))
    assert not torch.equal(masks, drawn(8, seed=1))
    assert drawn(1, size=(16, 48)).shape == (1, 1, 1, 16, 48)


def test_the_larger_the_frame_the_finer_the_same_mask():
    small, large = (drawn(6, size=(side, side)) for side in (32, 128))
    pooled = torch.nn.functional.avg_pool2d(large[:, 0], 4)[:, None]
    assert (small - pooled).abs().mean() < 0.05


def test_halves_are_halves_and_rectangles_keep_from_the_border():
    rng = torch.Generator().manual_seed(0)
    sides = {tuple(map(tuple, tubes._half((4, 4), rng).tolist())) for _ in range(40)}
    assert len(sides) == 4
    assert all(sum(map(sum, side)) == 8 for side in sides)
    for _ in range(20):
        mask = tubes._rectangles((64, 64), rng)
        assert mask.any()
        assert not mask[0].any()
        assert not mask[:, -1].any()


def test_the_three_kinds_are_drawn_in_their_shares():
    masks = drawn(300, size=(16, 16)).flatten(1)
    halves = (masks.mean(1) == 0.5) & (masks.view(-1, 16, 16).amax(2).mean(1) * masks.view(
        -1, 16, 16).amax(1).mean(1) == 0.5)  # fmt: skip
    assert abs(float(halves.float().mean()) - (1 - STROKES - RECTANGLES)) < 0.06
