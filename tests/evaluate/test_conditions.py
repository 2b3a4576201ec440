"""What clips were given is held against what is read of them: on maps that are known, and files."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from mutoscope.controls.dense import Maps
from mutoscope.errors import DataError
from mutoscope.evaluate import conditions, ride, small
from mutoscope.evaluate.conditions import (
    SHUFFLED,
    Conditions,
    Looked,
    faithful,
    looked,
    obeyed,
    of_scene,
    psnr,
    summary,
    swapped,
)
from mutoscope.evaluate.reading import as_frames
from mutoscope.evaluate.standing import order
from mutoscope.networks.dense import KINDS, NEAR, DenseReader
from mutoscope.world.render import render
from mutoscope.world.sample import sample
from tests.tiny import awake

SCENES = [sample(7, k) for k in range(3)]
SHAPE = {"frames": 8, "fps": 8.0}
FRAMES = {f"{name}-frame {figure}" for name in ("first", "last") for figure in ("PSNR", "SSIM")}


@pytest.fixture(scope="module")
def wishes():
    return [of_scene(scene, size=(128, 128), **SHAPE) for scene in SCENES]


@pytest.fixture(scope="module")
def real():
    rgb = [render(scene, size=(128, 128), **SHAPE).rgb for scene in SCENES]
    return as_frames(np.stack(rgb))


def perfect(scene, frames) -> Looked:
    """A clip in which exactly what is true is read, at 64 x 64."""
    made = render(scene, size=(64, 64), truth=("depth", "flow", "sketch"), **SHAPE)
    told = {name: np.ones((8 - (name == "flow"), 64, 64), bool) for name in KINDS}
    maps = Maps(made.flow[:-1], made.depth, made.ids > 0, made.sketch > 0, told)
    return Looked(frames=frames, rows=range(8), maps=maps, why={})


def test_what_is_asked_scores_best_and_what_is_asked_of_another_worse(wishes, real):
    seen = [perfect(scene, frames) for scene, frames in zip(SCENES, real, strict=True)]
    mine = [obeyed(clip, wish) for clip, wish in zip(seen, wishes, strict=True)]
    others = [obeyed(clip, wish) for clip, wish in zip(seen, swapped(wishes), strict=True)]
    rows = summary(mine, {SHUFFLED: others, "truth": mine})
    assert list(rows) == [
        "depth rank", "sketch F1", "flow error", "first-frame PSNR", "last-frame PSNR",
        "first-frame SSIM", "last-frame SSIM",
    ]  # fmt: skip
    assert rows["depth rank"].value > 0.98
    assert rows["sketch F1"].value > 0.9
    assert rows["flow error"].value < 0.1
    assert rows["first-frame PSNR"].value == rows["last-frame PSNR"].value == conditions.BEST
    assert rows["first-frame SSIM"].value == pytest.approx(1)
    for name, entry in rows.items():
        assert entry.n == 3
        assert entry.interval is not None
        assert entry.baselines["coverage"] > 0.8
        assert order(name, entry) == "in order", name


def test_what_the_reader_can_not_tell_has_no_value_and_stands_as_coverage(wishes, real):
    clip = perfect(SCENES[0], real[0])
    few = {name: np.zeros_like(told) for name, told in clip.maps.told.items()}
    blind = replace(clip, maps=replace(clip.maps, told=few))
    found = obeyed(blind, wishes[0])
    for name in ("depth rank", "sketch F1", "flow error"):
        assert math.isnan(found.scores[name].value)
        assert found.scores[name].coverage == 0
    half = obeyed(clip, wishes[0])
    rows = summary([found, half], {})
    assert rows["depth rank"].n == 1
    assert rows["depth rank"].baselines["coverage"] == pytest.approx(0.5)
    assert "depth rank" not in summary([found], {}), "no figure of nothing"


def test_a_reader_that_misses_its_bar_is_not_used(real, wishes):
    torch.manual_seed(0)
    reader = awake(DenseReader(width=16, middle=16, deep=16, match=8, depth=1, rounds=1)).eval()
    reader.bars[:] = torch.tensor([0.0, 2.0, 2.0, 0.0])
    found = obeyed(looked(real[:1], 8.0, reader), wishes[0])
    assert set(found.scores) == {"sketch F1", "flow error", *FRAMES}
    assert set(found.why) == {"depth rank", "camera"}
    assert "misses its bar" in found.why["depth rank"]
    without = obeyed(looked(real[:1], 8.0, None), wishes[0])
    assert set(without.scores) == FRAMES
    slow = obeyed(looked(real[:1], 4.0, reader), wishes[0])
    assert "8 frames a second" in slow.why["sketch F1"]


def test_clips_stand_beside_others_conditions_a_twin_and_real_renders(real, wishes):
    noise = torch.rand(real.shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
    near = (real + 0.05 * noise).clamp(-1, 1)
    rows = faithful(near, 8.0, wishes, reader=None, beside={"truth": real, "untrained": noise[:2]})
    entry = rows["first-frame PSNR"]
    assert set(entry.baselines) == {SHUFFLED, "truth", "untrained", "coverage"}
    assert order("first-frame PSNR", entry) == "in order"
    assert faithful(near, 8.0, [Conditions()] * 3, reader=None) == {}


def test_outside_a_mask_nothing_may_change():
    source = torch.zeros(3, 4, 16, 16)
    clip = source.clone()
    clip[:, :, :8] = 1.0
    mask = np.zeros((4, 16, 16), bool)
    mask[:, :8] = True
    seen = Looked(frames=clip, rows=(), maps=None, why={})
    kept = obeyed(seen, Conditions(mask=mask, source=source)).scores["outside-mask PSNR"]
    assert kept.value == conditions.BEST
    other = obeyed(seen, Conditions(mask=~mask, source=source)).scores["outside-mask PSNR"]
    assert other.value == pytest.approx(-10 * math.log10(0.25))
    whole = Conditions(mask=np.ones((4, 16, 16), bool), source=source)
    assert math.isnan(obeyed(seen, whole).scores["outside-mask PSNR"].value)
    with pytest.raises(DataError, match="give the source too"):
        Conditions(mask=mask)
    with pytest.raises(DataError, match="8x8 where the clip is 16x16"):
        obeyed(seen, Conditions(first=torch.zeros(3, 8, 8)))


def test_psnr_is_the_formula():
    x = torch.zeros(3, 2, 4, 4)
    assert psnr(x, x + 0.2) == pytest.approx(20)
    assert psnr(x, x) == conditions.BEST


def test_swapped_conditions_are_of_another_clip_with_the_same_kind(wishes):
    mixed = [wishes[0], replace(wishes[1], near=None), wishes[2]]
    moved = swapped(mixed)
    assert moved[0].near is wishes[2].near
    assert moved[2].near is wishes[0].near
    assert moved[1].near is None
    assert all(moved[k].first is not mixed[k].first for k in range(3))
    assert swapped(wishes[:1]) == [Conditions()]


def test_motion_of_several_frames_adds_up_and_what_is_not_asked_is_left_out():
    flow = np.zeros((4, 64, 64, 2), np.float32)
    flow[..., 0] = 0.5
    flow[:, :32] = np.nan
    found = small.flow(flow, [0, 2, 4])
    assert found.shape == (2, 64, 64, 2)
    assert np.isnan(found[:, :32]).all()
    assert np.allclose(found[:, 33:, :60], [1.0, 0.0])
    large = np.full((1, 128, 128, 2), 2.0, np.float32)
    assert np.allclose(small.flow(large, [0, 1]), 1.0)


def _pan(speed: float, roll: float = 0.0) -> ride.Ride:
    asked = np.zeros((7, 6))
    asked[:, 2] = speed
    seen = np.zeros((7, 4))
    seen[:, 0], seen[:, 3] = -0.01 * speed, roll
    return ride.Ride(asked, seen)


def test_a_camera_that_goes_as_asked_has_an_r_of_one_and_no_cross_talk():
    speeds = np.linspace(-1, 1, 11)
    good = [_pan(speed) for speed in speeds]
    bad = [ride.Ride(_pan(s).asked, _pan(-s, roll=0.004).seen) for s in speeds]
    rows = ride.rides(good, {"untrained": bad})
    assert set(rows) == {"camera pan Pearson", "camera pan cross-talk"}
    assert rows["camera pan Pearson"].value == pytest.approx(1)
    assert rows["camera pan Pearson"].baselines == {
        "untrained": pytest.approx(-1), "coverage": 1
    }  # fmt: skip
    talk = rows["camera pan cross-talk"]
    assert (talk.value, talk.n, talk.better) == (0, 10, "lower")
    mean = 0.01 * np.abs(speeds[speeds != 0]).mean()
    assert talk.baselines["untrained"] == pytest.approx(0.002 / mean)
    assert ride.rides(good[:5], {}) == {}, "too few clips for a figure"
    both = ride.Ride(good[0].asked + np.array([0.3, 0, 0, 0, 0, 0]), good[0].seen)
    assert ride.rides([both] * 8, {}) == {}, "truck and pan show alike"


def test_a_similarity_is_found_in_the_flow_of_the_ground():
    y, x = np.indices((64, 64)) - 31.5
    flow = np.stack([1.5 + 0.02 * x - 0.01 * y, -0.5 + 0.02 * y + 0.01 * x], -1)
    where = np.ones((64, 64), bool)
    where[20:30, 20:30] = False
    flow[20:30, 20:30] = 9.0
    assert ride.moved(flow, where) == pytest.approx([1.5 / 64, -0.5 / 64, 0.02, 0.01])
    assert np.isnan(ride.moved(flow, np.zeros_like(where))).all()


@pytest.mark.parametrize("move", ["pan left", "tilt up", "zoom in", "roll clockwise"])
def test_true_flow_of_the_world_shows_its_camera_with_the_right_sign(move):
    scene = replace(SCENES[0], camera=replace(SCENES[0].camera, move=move, amount=0.7, axes=None))
    wish = of_scene(scene, size=(64, 64), **SHAPE)
    (piece,) = ride.pieces([obeyed(perfect(scene, torch.zeros(3, 8, 64, 64)), wish).ride])
    axis = move.split()[0]
    column, (part, sign) = list(ride.SHOWS).index(axis), ride.SHOWS[axis]
    assert abs(piece.asked[column]) == pytest.approx(0.7, abs=1e-4)
    assert piece.asked[column] * sign * piece.seen[part] > 0
    sizes = np.abs(piece.seen) * ride.EDGE
    assert np.delete(sizes, part).max() < 0.2 * sizes[part]


def test_a_fully_asked_scene_is_nearness_lines_motion_frames_and_camera(wishes):
    wish = wishes[0]
    assert wish.near.max() < NEAR
    assert wish.near.min() >= 0
    assert wish.flow.shape == (7, 128, 128, 2)
    assert wish.camera.shape == (7, 6)
    assert np.ptp(wish.camera, axis=0).max() < 1e-3
