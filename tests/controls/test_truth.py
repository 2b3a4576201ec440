"""Every control against what is exactly true of the world: unit, sign, convention."""

import math

import numpy as np
import pytest
import torch

from mutoscope import controls
from mutoscope.clip import Clip
from mutoscope.controls import camera, depth, edges, mask, motion, picture, sketch, stroke
from mutoscope.controls.control import Control, Written
from mutoscope.errors import DataError, RequestError
from mutoscope.evaluate import structure
from mutoscope.request import KINDS, LITERALS
from mutoscope.world.render import render
from mutoscope.world.scene import Camera, Motion, Scene, Stage, Thing
from tests.clips import sliding

SIDE, FPS = 64, 8.0


def _made(*things, camera=None, frames=5, side=SIDE):
    stage = Stage(floor="grass", sky="day")
    scene = Scene(things=things, camera=camera or Camera(), stage=stage)
    return render(scene, frames=frames, size=(side, side), fps=FPS, truth=("all",))


def _ball(x=0.0, z=0.0, motion=None, **more):
    return Thing(shape="ball", colour="red", x=x, z=z, motion=motion or Motion(), **more)


@pytest.fixture(scope="module")
def slide():
    """A ball that slides right before a stage that keeps still."""
    return _made(_ball(motion=Motion(verb="slides right", speed="quickly")))


@pytest.fixture(scope="module")
def clip(slide):
    return Clip(frames=picture.from_truth(slide), fps=FPS)


def test_every_kind_has_a_control_or_is_its_systems_own():
    assert set(controls.TABLE) <= set(KINDS)
    assert set(KINDS) - set(controls.TABLE) == {"fps", "pose", "task"}
    for kind in controls.TABLE:
        if kind in LITERALS:
            assert isinstance(controls.writing(kind), Written)
        else:
            assert isinstance(controls.of(kind), Control)
    with pytest.raises(RequestError, match="written out"):
        controls.writing("depth")
    with pytest.raises(RequestError, match="no map of a clip"):
        controls.of("pose")
    with pytest.raises(RequestError, match="did you mean 'depth'"):
        controls.find("dept")


@pytest.mark.parametrize("name", [*controls.names(), "picture"])
def test_the_truth_of_a_render_fits_a_latent_and_can_be_shown(name, slide):
    control = controls.find(name)
    values = control.from_truth(slide)
    assert values.shape[2:] == (5, SIDE, SIDE)
    seen = control.shown(values)
    assert seen.shape == (1, 3, 5, SIDE, SIDE)
    assert seen.abs().max() <= 1
    told = control.encoded(values, (5, 8, 8))
    assert told.shape == (1, control.CHANNELS, 5, 8, 8)
    assert torch.isfinite(told).all()
    assert told.abs().max() <= 4
    with pytest.raises(RequestError, match="can't fill a latent of 5 frames of 128x128"):
        control.encoded(values, (5, 128, 128))


@pytest.mark.parametrize("name", ["depth", "edges", "mask", "sketch", "picture"])
def test_what_is_shown_can_be_taken_back(name, slide):
    control = controls.find(name)
    values = control.from_truth(slide)
    levels = Clip(frames=control.shown(values), fps=FPS).uint8()
    back = control.from_shown(Clip.from_uint8(levels, fps=FPS).frames)
    if name != "depth":
        assert torch.allclose(back, values, atol=1e-3)
        return
    seen = ~values.isinf()
    assert back[~seen].isinf().all()
    assert ((depth.nearness(back) - depth.nearness(values))[seen].abs() <= 0.6 / 255).all()


def test_nearer_is_less_deep_and_lighter_and_more_to_a_network():
    made = _made(_ball(x=-1.0, z=1.5), _ball(x=1.0, z=-1.5), frames=1)
    values = depth.from_truth(made)
    near, far = (torch.from_numpy(made.ids == k) for k in (1, 2))
    assert values[0, 0][near].max() < values[0, 0][far].min()
    light = depth.shown(values)[0, 0]
    assert light[near].min() > light[far].max()
    sky = values[0, 0].isinf()
    assert sky.any()
    assert (light[sky] == -1).all()
    # Metres along the axis: the eye is 7 m before the stage's middle.
    assert 4 < values[0, 0][near].median() < 7


def test_every_round_leaves_a_rougher_structure_in_its_place_and_none_leaves_it_whole(slide):
    near = depth.encoded(depth.from_truth(slide), (5, 64, 64))
    every = torch.arange(depth.ROUNDS + 1)
    found = depth.coarsened(near.expand(len(every), -1, -1, -1, -1), every)
    assert torch.equal(found[0], near[0])
    assert torch.equal(depth.coarsened(near, every[3:4])[0], found[3])
    edges_left = found.diff(dim=-1).abs().mean((1, 2, 3, 4))
    assert (edges_left.diff() < 0).all()
    assert found.amax() <= near.amax() + 1e-6
    assert found.amin() >= near.amin() - 1e-6
    level = torch.full((1, 1, 2, 16, 16), 0.3)
    torch.testing.assert_close(depth.coarsened(level, every[-1:]), level)
    mirrored = depth.coarsened(near.flip(-1), every[2:3]).flip(-1)
    torch.testing.assert_close(mirrored[0], found[2])


def test_a_thing_that_slides_right_has_positive_x_where_it_has_come_to(slide):
    values = motion.from_truth(slide, block=1)
    assert not values[:, :, 0].any(), "the first frame came from nowhere"
    ball = torch.from_numpy(slide.ids == 1)
    for k in range(1, 5):
        there = ball[k] & (values[0, 2, k] > 0)
        assert there.sum() > 0.6 * ball[k].sum()
        assert (values[0, 0, k][there] > 0.2).float().mean() > 0.95
        assert values[0, 1, k][there].abs().median() < 0.3
        rest = (~ball[k] & ~ball[k - 1]) & (values[0, 2, k] > 0)
        still = values[0, :2, k].abs().amax(0) < 1e-3
        assert still[rest].float().mean() > 0.95, "all but what rounds over the ball's edge"
    left = ball[0] & ~ball[1]
    assert left.any()
    assert values[0, 2, 1][left].mean() < 0.3, "what was hidden came from nowhere known"


def test_motion_of_blocks_is_the_mean_of_what_came_into_each(slide):
    fine, coarse = motion.from_truth(slide, block=1), motion.from_truth(slide, block=16)
    assert (coarse[0, :, :, :16, :16] == coarse[0, :, :, :1, :1]).all(), "one vector a block"
    for row, column in ((0, 0), (32, 32), (48, 16)):
        cell = fine[0, :, 2, row : row + 16, column : column + 16].flatten(1)
        known = cell[2] > 0
        if known.float().mean() >= 0.5:
            mean = cell[:2, known].mean(1)
            assert torch.allclose(coarse[0, :2, 2, row, column], mean, atol=0.3)


def test_flow_that_is_even_arrives_everywhere_but_where_it_came_in_from_outside():
    flow = torch.tensor([6.0, -3.0]).view(1, 2, 1, 1, 1).expand(1, 2, 2, 24, 40)
    known = torch.ones(1, 1, 2, 24, 40, dtype=torch.bool)
    values = motion.arrived(flow, known, block=1)
    assert values.shape == (1, 3, 3, 24, 40)
    assert (values[0, :2, 1:, :21, 6:] == torch.tensor([6.0, -3.0]).view(2, 1, 1, 1)).all()
    assert not values[0, :, 1:, :, :6].any()
    assert not values[0, :, 1:, 21:].any()
    told = motion.encoded(motion.arrived(flow, known, block=16), (3, 3, 5))
    assert told[0, 0, 1, 1, 3] == pytest.approx(6 * 16 / 24)
    assert told[0, 1, 1, 1, 3] == pytest.approx(-3 * 16 / 24)
    assert told[0, 2, 0].max() == 0


def _even(x, y):
    return torch.tensor([x, y, 1.0]).view(1, 3, 1, 1, 1).expand(-1, -1, 1, 32, 32)


def test_the_colours_of_motion_name_the_way():
    ways = {"red": (1, 0), "lime": (0, 1), "cyan": (-1, 0), "violet": (0, -1)}
    wanted = {"red": (1, -1, -1), "lime": (0, 1, -1), "cyan": (-1, 1, 1), "violet": (0, -1, 1)}
    full = motion.FULL * 32
    for name, (x, y) in ways.items():
        seen = motion.shown(_even(full * x, full * y))
        assert seen[0, :, 0, 0, 0].tolist() == pytest.approx(list(wanted[name]), abs=1e-5)
    assert (motion.shown(_even(0, 0)) == 1).all()
    assert (motion.shown(torch.zeros(1, 3, 1, 32, 32)) == 0).all()
    with pytest.raises(RequestError, match="give the clip that moves"):
        motion.from_shown(torch.zeros(1, 3, 1, 32, 32))


@pytest.mark.parametrize("codec", [None, "h264", "mpeg4"])
def test_motion_of_any_clip_is_read_with_the_truths_sign(codec):
    values = motion.from_clip(sliding(3, 2, count=4, height=64, width=96), codec=codec)
    assert values.shape == (1, 3, 4, 64, 96)
    known = values[0, 2, 1:] > 0
    assert known.float().mean() > 0.5
    x, y = (values[0, axis, 1:][known].median() for axis in (0, 1))
    assert (x, y) == (pytest.approx(3, abs=0.7), pytest.approx(2, abs=0.7))
    with pytest.raises(DataError, match="at least 2 frames"):
        motion.from_clip(sliding(0, 0, count=1))


def test_what_the_codec_reads_of_a_sliding_ball_is_nearer_the_truth_than_no_motion(slide, clip):
    true, read = motion.from_truth(slide), motion.from_clip(clip, codec="h264")
    ball = torch.from_numpy(slide.ids == 1)[None, 1:]
    both = (true[:, 2, 1:] > 0) & (read[:, 2, 1:] > 0) & ball
    assert both.any()
    off = (true - read)[:, :2, 1:].norm(dim=1)[both].mean()
    assert off < true[:, :2, 1:].norm(dim=1)[both].mean()


def test_a_mask_is_where_the_things_are(slide, clip):
    values = mask.from_truth(slide)
    assert structure.overlap(values[0, 0].numpy() > 0, slide.ids > 0) == 1
    assert torch.equal(mask.from_truth(slide, thing=0), values)
    x0, y0, x1, y1 = (int(v) for v in slide.boxes[0, 0])
    cut = values[0, 0, 0, y0:y1, x0:x1]
    assert values[0, 0, 0].sum() == cut.sum() > 0
    share = mask.encoded(values, (5, 8, 8))
    assert float(share.mean()) == pytest.approx(float(values.mean()), rel=1e-5)
    told = mask.hidden(clip.frames, values)
    assert told.shape == (1, 4, 5, SIDE, SIDE)
    assert (told[:, :3][values.expand(-1, 3, -1, -1, -1) > 0] == 0).all()
    assert torch.equal(told[:, 3:], 1 - values)


def test_a_sketch_is_the_worlds_lines_dark_on_light(slide):
    values = sketch.from_truth(slide)
    assert (values[0, 0].numpy() > 0).sum() == (slide.sketch > 0).sum() > 0
    assert (sketch.shown(values)[values.expand(-1, 3, -1, -1, -1) > 0] == -1).all()
    cells = sketch.encoded(values, (5, 8, 8))
    assert set(cells.unique().tolist()) == {0.0, 1.0}
    assert structure.line_f1(values[0, 0].numpy() > 0, slide.sketch > 0) == 1


def test_edges_of_a_render_are_those_of_its_clip(slide, clip):
    assert torch.equal(edges.from_truth(slide), edges.from_clip(clip))
    found = edges.from_clip(clip)[0, 0].numpy() > 0
    outline = (slide.sketch > 0) & (slide.ids == 1)
    there, elsewhere = (
        structure.line_scores(outline, one, 1.0)[0] for one in (found, np.roll(found, 16, axis=2))
    )
    assert there > 0.6
    assert there > elsewhere + 0.2, "where the ball is, more than in the texture beside it"


@pytest.mark.parametrize(
    ("text", "x", "y"),
    [("8,32;56,32", 1, 0), ("56,32;8,32", -1, 0), ("32,8;32,56", 0, 1), ("48,48;16,16", -1, -1)],
)
def test_a_stroke_moves_what_is_under_it_and_nothing_else(text, x, y):
    values = stroke.from_text(text, frames=5, size=(SIDE, SIDE), radius=8)
    assert values.shape == (1, 3, 5, SIDE, SIDE)
    assert not values[:, :, 0].any()
    assert (values[:, 2, 1:] == 1).all()
    points = stroke.along(stroke.points(text, size=(SIDE, SIDE)), 5)
    for k in range(1, 5):
        u, v = (min(int(c), SIDE - 1) for c in points[k])
        step = points[k] - points[k - 1]
        assert values[0, :2, k, v, u].tolist() == pytest.approx(step.tolist(), abs=1e-4)
        assert [np.sign(round(s, 6)) for s in step] == [x, y]
    moved = values[0, :2].abs().sum(0) > 0
    assert 0 < moved[1:].float().mean() < 0.3


def test_a_stroke_that_is_none_is_refused():
    with pytest.raises(RequestError, match="no points"):
        stroke.from_text(" ", frames=4, size=(32, 32))
    with pytest.raises(RequestError, match="at least 2 frames"):
        stroke.from_text("1,1;9,9", frames=1, size=(32, 32))


AXES = {
    "truck right": "truck", "pedestal up": "pedestal", "pan right": "pan", "tilt up": "tilt",
    "zoom in": "zoom", "roll clockwise": "roll",
}  # fmt: skip


@pytest.mark.parametrize("move", AXES)
def test_a_camera_path_is_its_program(move):
    made = _made(_ball(), camera=Camera(move=move, amount=0.6), frames=9, side=32)
    true = camera.from_truth(made)
    said = camera.from_text(f"{AXES[move]}:0.6", frames=9, size=(32, 32), fps=FPS)
    assert true.shape == said.shape == (1, 6, 9, 1, 1)
    assert torch.allclose(true, said, atol=2e-3)
    told = camera.encoded(true, (3, 4, 4))
    assert told.shape == (1, 6, 3, 4, 4)


@pytest.mark.parametrize("move", ["pan right", "tilt up", "zoom in", "roll clockwise"])
def test_a_camera_path_is_read_off_the_exact_flow(move):
    made = _made(camera=Camera(move=move, amount=0.5), frames=5)
    flow = torch.from_numpy(made.flow[:-1]).permute(3, 0, 1, 2)[None]
    known = torch.from_numpy(~made.occluded[:-1])[None, None]
    found = camera.from_flow(camera.Motion(flow=flow, known=known))[0, :, -1, 0, 0]
    true = camera.from_truth(made)[0, :, -1, 0, 0]
    axis = int(true.abs().argmax())
    assert found[axis] == pytest.approx(float(true[axis]), rel=0.15)
    others = [k for k in range(6) if k != axis]
    assert found[others].abs().max() < 0.35 * true[axis].abs()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("pam:1", "did you mean 'pan'"),
        ("pan", "AXIS:VALUE"),
        ("pan:1,pan:0", "each axis once"),
        ("zoom:2", "must be -1 to 1"),
        ("zoom:in", "must be a number"),
    ],
)
def test_what_is_no_camera_is_refused(text, said):
    with pytest.raises(RequestError, match=said):
        camera.from_text(text, frames=4, size=(32, 32), fps=FPS)


def test_a_still_clip_has_a_still_camera():
    path = camera.from_clip(sliding(0, 0, count=3))
    assert path.abs().max() < 0.02
    right = camera.from_clip(sliding(-4, 0, count=3))
    assert right[0, 2, -1, 0, 0] > 0.05, "the picture goes left, so the camera pans right"
    assert not math.isnan(float(right.sum()))
