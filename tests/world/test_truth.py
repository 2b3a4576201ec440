"""Truths are checked against closed forms and against the pictures they belong to."""

import math

import numpy as np
import pytest

from mutoscope.errors import DataError
from mutoscope.world.camera import EYE, FOV, PAN, PITCH
from mutoscope.world.render import render
from mutoscope.world.scene import CORE_STAGES, Camera, Motion, Scene, Stage, Thing

BALL = Thing(shape="ball", colour="red")


def scene(verb="still", move="static", amount=0.5, stage="checkerboard", **thing):
    floor, sky = CORE_STAGES[stage]
    what = Thing(**{"shape": "ball", "colour": "red", "motion": Motion(verb=verb), **thing})
    return Scene(
        things=(what,),
        stage=Stage(floor=floor, sky=sky),
        camera=Camera(move=move, amount=amount),
    )


def rays(clip, k, width, height):
    """Directions in the world with unit depth, H W 3."""
    half = math.tan(clip.fov[k] / 2)
    xs = (2 * (np.arange(width) + 0.5) - width) / height * half
    ys = (2 * (np.arange(height) + 0.5) - height) / height * half
    local = np.stack([*np.meshgrid(xs, ys), np.ones((height, width))], axis=-1)
    return local @ clip.pose[k, :, :3].astype(np.float64)


def test_the_depth_of_the_floor_is_that_of_a_plane_and_the_sky_is_infinitely_far():
    clip = render(scene(stage="grass", x=3.9), frames=1, size=(96, 64), truth=("depth",))
    down = rays(clip, 0, 96, 64)[..., 1]
    floor = (clip.ids[0] == 0) & (down < 0)
    expected = EYE[1] / -down[floor]
    assert np.allclose(clip.depth[0][floor], expected, rtol=1e-5)
    assert np.isinf(clip.depth[0][(clip.ids[0] == 0) & (down > 0)]).all()


def test_the_depth_of_a_ball_is_that_of_a_sphere():
    clip = render(scene(), frames=1, size=(65, 65), truth=("depth",))
    d = rays(clip, 0, 65, 65)
    o = np.array(EYE) - clip.centres[0, 0]
    a, b, c = (d * d).sum(-1), d @ o, o @ o - 0.78**2
    inside = b * b - a * c > 0
    assert (inside == (clip.ids[0] == 1)).mean() > 0.999
    expected = (-b - np.sqrt(np.maximum(b * b - a * c, 0))) / a
    both = inside & (clip.ids[0] == 1)
    assert np.allclose(clip.depth[0][both], expected[both], rtol=1e-4)


def test_a_pan_moves_every_pixel_by_the_homography_of_its_rotation():
    clip = render(scene(move="pan right", amount=0.8), frames=3, size=(64, 64), truth=("flow",))
    for k in range(2):
        turn = clip.pose[k + 1, :, :3] @ clip.pose[k, :, :3].T
        focal = 32 / math.tan(FOV / 2)
        camera = np.array([[focal, 0, 32], [0, focal, 32], [0, 0, 1]])
        x, y = np.meshgrid(np.arange(64) + 0.5, np.arange(64) + 0.5)
        there = np.stack([x, y, np.ones_like(x)], -1) @ (camera @ turn @ np.linalg.inv(camera)).T
        expected = there[..., :2] / there[..., 2:] - np.stack([x, y], -1)
        assert np.abs(clip.flow[k] - expected).max() < 2e-3
        assert (clip.flow[k, ..., 0] < 0).all()
    turned = math.acos(clip.pose[0, 2, :3] @ clip.pose[2, 2, :3])
    assert turned == pytest.approx(PAN * 0.8 / 8 * math.cos(PITCH), rel=1e-3)


def test_zooming_in_moves_pixels_away_from_the_middle_in_proportion():
    clip = render(scene(move="zoom in", amount=0.6), frames=2, size=(64, 64), truth=("flow",))
    factor = math.tan(clip.fov[0] / 2) / math.tan(clip.fov[1] / 2)
    x, y = np.meshgrid(np.arange(64) + 0.5 - 32, np.arange(64) + 0.5 - 32)
    assert np.allclose(clip.flow[0], (factor - 1) * np.stack([x, y], -1), atol=1e-3)


def test_a_sliding_thing_flows_by_its_speed_over_its_depth_and_the_stage_stays():
    clip = render(scene("slides right", x=-1.0), frames=2, size=(64, 64), truth=("flow", "depth"))
    mine = clip.ids[0] == 1
    step = clip.centres[1, 0, 0] - clip.centres[0, 0, 0]
    expected = step / clip.depth[0][mine] * 32 / math.tan(FOV / 2)
    assert np.allclose(clip.flow[0, ..., 0][mine], expected, rtol=1e-3)
    assert np.abs(clip.flow[0][~mine]).max() < 1e-3


@pytest.mark.parametrize("verb", ["circles", "spins", "grows", "comes closer"])
@pytest.mark.parametrize("shape", ["cube", "star"])
def test_flow_leads_to_the_same_thing_and_the_same_colour_unless_occluded(verb, shape):
    place = scene(verb, "pan left", 0.9, shape=shape, z=-1.0, yaw=0.3, colour="yellow")
    clip = render(place, frames=3, fps=8, size=(96, 96), truth=("flow", "occluded"))
    y, x = np.mgrid[:96, :96]
    for k in range(2):
        there = np.stack([x, y], -1) + clip.flow[k]
        near = np.clip(np.rint(there), 0, 95).astype(int)
        seen = ~clip.occluded[k]
        same = clip.ids[k + 1][near[..., 1], near[..., 0]] == clip.ids[k]
        assert same[seen].mean() > 0.985
        warped = sampled(clip.rgb[k + 1].astype(float), there)
        change = np.abs(warped - clip.rgb[k]).mean(-1)
        still = np.abs(clip.rgb[k + 1].astype(float) - clip.rgb[k]).mean(-1)
        assert change[seen].mean() < 0.55 * still[seen].mean()


def sampled(image, at):
    """Bilinear samples of an image at pixel positions."""
    x, y = np.clip(at[..., 0], 0, 94.999), np.clip(at[..., 1], 0, 94.999)
    i, j = x.astype(int), y.astype(int)
    a, b = (x - i)[..., None], (y - j)[..., None]
    top = image[j, i] * (1 - a) + image[j, i + 1] * a
    low = image[j + 1, i] * (1 - a) + image[j + 1, i + 1] * a
    return top * (1 - b) + low * b


def test_what_a_moving_thing_will_cover_is_occluded_and_what_it_uncovers_is_not():
    place = scene("slides right", x=-1.0)
    clip = render(place, frames=5, fps=8, size=(96, 96), truth=("occluded",))
    for k in range(4):
        mine, next_ = clip.ids[k] == 1, clip.ids[k + 1] == 1
        covered = ~mine & next_
        assert clip.occluded[k][covered].all()
        assert not clip.occluded[k][~mine & ~next_].any()


def test_boxes_hold_exactly_the_visible_part_and_ids_count_things():
    place = Scene(things=(BALL, Thing(shape="cube", colour="blue", x=1.0, z=-2.0)))
    clip = render(place, frames=1, size=(64, 64))
    assert set(np.unique(clip.ids)) == {0, 1, 2}
    for k in (0, 1):
        y, x = np.nonzero(clip.ids[0] == k + 1)
        assert np.array_equal(clip.boxes[0, k], [x.min(), y.min(), x.max() + 1, y.max() + 1])


def test_sketch_lines_lie_on_outlines_and_nowhere_inside_a_ball():
    clip = render(scene(), frames=1, size=(64, 64), truth=("sketch",))
    mine = clip.ids[0] == 1
    inner = mine.copy()
    for axis in (0, 1):
        for way in (1, -1):
            inner &= np.roll(mine, way, axis)
    assert not clip.sketch[0][inner].any()
    assert (clip.sketch[0][mine & ~inner] == 255).all()


def test_truths_are_computed_only_when_asked_for_and_unknown_ones_are_refused():
    clip = render(scene(), frames=1, size=(16, 16))
    assert clip.flow is None
    assert clip.depth is None
    everything = render(scene(), frames=1, size=(16, 16), truth=("all",))
    assert all(value is not None for value in vars(everything).values())
    with pytest.raises(DataError, match="no truth 'normals'"):
        render(scene(), truth=("normals",))
    with pytest.raises(DataError, match="frames >= 1"):
        render(scene(), frames=0)
