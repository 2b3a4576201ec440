"""Maps stay true when their clip is mirrored or warped."""

from dataclasses import replace

import pytest
import torch

from mutoscope.data import degrade
from mutoscope.data.dense import flipped, some, spoilt, targets, warped
from mutoscope.data.truths import Recipe, held
from mutoscope.evaluate.temporal import warp_error


@pytest.fixture(scope="module")
def target():
    data = held([Recipe(seed=8, frames=4).make(0)])
    return targets(data.pick([0]))[0]


def _error(one):
    return float(warp_error(one.frames, one.flow.movedim(-1, 0), one.clear))


def test_a_mirrored_clip_flows_the_other_way(target):
    turned = flipped(target)
    assert torch.equal(turned.flow[..., 0], -target.flow[..., 0].flip(-1))
    assert torch.equal(turned.flow[..., 1], target.flow[..., 1].flip(-1))
    assert torch.equal(turned.near, target.near.flip(-1))
    assert _error(turned) == pytest.approx(_error(target), rel=1e-3)
    assert all(
        torch.equal(a, b) for a, b in zip(*map(_maps, (target, flipped(turned))), strict=True)
    )


def _maps(one):
    return vars(one).values()


def test_what_a_warped_pixel_flows_to_is_fetched_from_where_it_was_led():
    T, H, W = 3, 64, 64
    shift = degrade.shifts((T, H, W), torch.Generator().manual_seed(1), 1.0)
    still = torch.zeros(T - 1, H, W, 2) + torch.tensor([1.5, -0.5])
    blank = torch.zeros(T, H, W)
    clip = held([Recipe(seed=8, frames=T).make(0)])
    target = replace(
        targets(clip.pick([0]))[0], near=blank, things=blank > 0, lines=blank > 0, flow=still
    )
    flow = warped(target, shift).flow
    after = degrade.fetched(shift[1:].movedim(-1, 0), flow).movedim(0, -1)
    left = flow + after - (shift[:-1] + still)
    assert left[:, 8:-8, 8:-8].norm(dim=-1).max() < 0.1
    assert (flow - still).norm(dim=-1).mean() > 0.5


def test_a_warped_clip_is_explained_by_its_own_flow_and_not_by_the_old_one(target):
    shift = degrade.shifts((4, 64, 64), torch.Generator().manual_seed(2), 1.0)
    moved = warped(target, shift)
    old = replace(moved, flow=target.flow)
    assert _error(moved) < 0.6 * _error(old)


def test_other_degradations_leave_the_maps(target):
    rng = torch.Generator().manual_seed(0)
    for kind in set(degrade.ALL) - {"warp"}:
        bad = spoilt(target, kind, rng, 0.5)
        assert not torch.equal(bad.frames, target.frames)
        assert torch.equal(bad.flow, target.flow)
    one, two = (some(target, torch.Generator().manual_seed(4)) for _ in range(2))
    assert torch.equal(one.frames, two.frames)
