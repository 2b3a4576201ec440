"""Numbers over time, on clips whose right answer is known."""

import math

import pytest
import torch
from einops import rearrange

from mutoscope.clip import Clip
from mutoscope.evaluate import temporal
from mutoscope.world.render import render
from mutoscope.world.sample import sample
from tests.clips import sliding


@pytest.fixture(scope="module")
def frozen():
    picture = torch.rand(3, 1, 24, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return picture.expand(3, 9, 24, 32)


@pytest.fixture(scope="module")
def shifted():
    """A texture that moves by exactly 3 pixels to the right and 2 down a frame."""
    return sliding(3, 2, count=8, height=64, width=64).frames[0]


def _even(dx, dy, pairs=7, side=64):
    return torch.tensor([dx, dy]).view(2, 1, 1, 1).expand(2, pairs, side, side).float()


def test_a_frozen_clip_is_perfect_in_all_but_that_it_is_frozen(frozen):
    none = torch.zeros(2, 8, 24, 32)
    assert temporal.flicker(frozen) == 0
    assert temporal.smoothness(frozen) == 1
    assert temporal.warp_error(frozen, none) == pytest.approx(0, abs=1e-10)
    assert temporal.repeated(frozen) == 1
    assert not temporal.dynamic(none)
    assert temporal.still(frozen).all()


def test_a_flash_is_flicker_of_its_own_height(frozen):
    flash = 0.8 * frozen + 0.1 * (-1.0) ** torch.arange(9).view(9, 1, 1)
    assert temporal.flicker(flash) == pytest.approx(0.1)
    assert temporal.smoothness(flash) == pytest.approx(0.9)
    assert temporal.repeated(flash) == 0


def test_flicker_is_measured_where_nothing_moves():
    clip = torch.zeros(3, 9, 40, 40)
    for k in range(9):
        clip[:, k, 10:20, 4 * k : 4 * k + 6] = 1.0
    assert temporal.flicker(clip) < 1e-3 < temporal.flicker(clip, torch.ones(40, 40).bool())
    nowhere = torch.zeros(40, 40).bool()
    assert math.isnan(temporal.flicker(clip, nowhere))
    clip[:, 1::2, 30:] += 0.2
    region = torch.zeros(40, 40).bool()
    region[30:] = True
    assert temporal.flicker(clip, region) == pytest.approx(0.1)


def test_exact_flow_explains_a_shift_and_wrong_flow_does_not(shifted):
    exact = temporal.warp_error(shifted, _even(3, 2))
    assert exact < 1e-4
    for dx, dy in ((0, 0), (-3, -2), (2, 3)):
        assert temporal.warp_error(shifted, _even(dx, dy)) > 20 * exact


def test_exact_flow_of_the_world_explains_its_clips_where_nothing_hides():
    scene = sample(3, 1, split="test")
    truth = render(scene, frames=8, size=(96, 96), truth=("flow", "occluded"))
    frames = Clip.from_uint8(truth.rgb[None], fps=8).frames
    flow = rearrange(torch.from_numpy(truth.flow[:-1]), "pairs H W xy -> 1 xy pairs H W")
    seen = torch.from_numpy(~truth.occluded[:-1])[None]
    error = temporal.warp_error(frames, flow, seen)
    assert error < 0.002
    other = temporal.warp_error(frames.flip(2), flow, seen)
    assert other > 3 * error


def test_pixels_that_leave_or_are_unknown_are_not_counted(shifted):
    spoilt = shifted.clone()
    spoilt[:, :, :, :20] = 1.0
    known = torch.ones(7, 64, 64).bool()
    known[:, :, :20] = False
    assert temporal.warp_error(spoilt, _even(3, 2), known) < 1e-4
    assert math.isnan(temporal.warp_error(spoilt, _even(200, 0)))


def test_black_and_broken_frames_are_counted(frozen):
    clip = frozen.clone()
    assert temporal.black(clip) == 0
    clip[:, :3] = -1 + 0.1 * torch.rand(3, 3, 24, 32)
    assert temporal.black(clip) == pytest.approx(3 / 9)
    assert temporal.broken(clip) == 0
    clip[1, 4, 2, 2], clip[0, 5, 0, 0] = math.nan, math.inf
    assert temporal.broken(clip) == pytest.approx(2 / 9)


def test_a_clip_at_half_the_speed_is_less_dynamic():
    side = 64
    fast = 1.2 * temporal.FAST * side
    assert temporal.speeds(_even(fast, 0)) == pytest.approx(torch.full((7,), fast))
    assert temporal.dynamic(_even(fast, 0))
    assert not temporal.dynamic(_even(fast / 2, 0))
    small = torch.zeros(2, 7, side, side)
    small[0, :, :16, :16] = fast
    assert temporal.dynamic(small), "one thing that moves is enough"
    brief = small.clone()
    brief[:, 1:] = 0
    assert not temporal.dynamic(brief)


def test_a_flow_score_is_sides_a_second_and_half_the_speed_is_half_of_it():
    assert temporal.flow_score(_even(3, 4), 8.0) == pytest.approx(5 * 8 / 64)
    assert temporal.flow_score(_even(1.5, 2), 8.0) == pytest.approx(2.5 * 8 / 64)
    large = _even(6, 8, side=128)
    assert temporal.flow_score(large, 8.0) == pytest.approx(5 * 8 / 64), "of any size"
    assert temporal.flow_score(torch.zeros(2, 7, 8, 8), 8.0) == 0


def test_one_frame_says_nothing_over_time(frozen):
    one = frozen[:, :1]
    for number in (temporal.flicker, temporal.smoothness, temporal.repeated):
        assert math.isnan(number(one))


def test_a_batch_is_each_of_its_clips(frozen, shifted):
    clips = torch.stack([shifted, shifted.flip(1), shifted * 0.5])
    flow = torch.stack([_even(3, 2), _even(-3, -2), _even(0, 0)])
    for number in (
        temporal.flicker, temporal.smoothness, temporal.repeated, temporal.black, temporal.broken
    ):  # fmt: skip
        assert number(clips).tolist() == pytest.approx(
            [float(number(c)) for c in clips], nan_ok=True
        )
    whole = temporal.warp_error(clips, flow)
    one = [float(temporal.warp_error(c, f)) for c, f in zip(clips, flow, strict=True)]
    assert whole.tolist() == pytest.approx(one)
    assert temporal.dynamic(flow).tolist() == [bool(temporal.dynamic(f)) for f in flow]
