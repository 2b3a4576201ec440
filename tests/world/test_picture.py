"""Truths drawn as pictures say what the truths say."""

import numpy as np
import pytest

from mutoscope.errors import DataError
from mutoscope.world.picture import FILTERS, KINDS, MARK, NEAR, PALETTE, picture
from mutoscope.world.render import render
from mutoscope.world.sample import sample
from mutoscope.world.scene import Scene, Thing

SHOT = {"frames": 2, "size": (48, 40)}
DRAWN = sample(21, 4, objects=2)


def test_every_kind_is_a_clip_of_the_size_asked_for_and_no_two_are_alike():
    clips = [picture(DRAWN, kind, thing=0, **SHOT) for kind in KINDS]
    assert all(c.shape == (2, 40, 48, 3) and c.dtype == np.uint8 for c in clips)
    for k, clip in enumerate(clips):
        assert all(not np.array_equal(clip, other) for other in clips[:k])


def test_masks_and_boxes_mark_the_thing_and_nothing_else():
    clip = render(DRAWN, **SHOT)
    for thing in range(2):
        mask = (picture(DRAWN, "mask", thing=thing, **SHOT) == MARK).all(-1)
        assert np.array_equal(mask, clip.ids == thing + 1)
        box = picture(DRAWN, "box", thing=thing, **SHOT)
        ys, xs = np.nonzero((box[0] == MARK).all(-1))
        assert [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1] == list(clip.boxes[0, thing])
        x, y = (int(v) for v in (clip.boxes[0, thing, :2] + clip.boxes[0, thing, 2:]) / 2)
        assert np.array_equal(box[0, y, x], clip.rgb[0, y, x])


def test_maps_hold_the_truth():
    clip = render(DRAWN, truth=("depth", "sketch"), **SHOT)
    depth = picture(DRAWN, "depth", **SHOT)[..., 0] / 255
    assert np.abs(depth - np.clip(NEAR / clip.depth, 0, 1)).max() <= 0.5 / 255 + 1e-6
    assert np.array_equal(picture(DRAWN, "segmap", **SHOT), PALETTE[clip.ids])
    assert np.array_equal(picture(DRAWN, "sketch", **SHOT)[..., 2], 255 - clip.sketch)


def test_normals_of_the_floor_point_up_and_a_ball_faces_the_viewer():
    ball = Scene(things=(Thing(shape="ball", colour="red"),))
    ids = render(ball, frames=1, size=(64, 64)).ids[0]
    normals = picture(ball, "normal", frames=1, size=(64, 64))[0] / 255 * 2 - 1
    ys, xs = np.nonzero(ids)
    middle = normals[(ys.min() + ys.max()) // 2, (xs.min() + xs.max()) // 2]
    assert middle[2] > 0.97
    assert normals[(ys.min() + ys.max()) // 2, xs.min() + 1, 0] < -0.5
    assert normals[ys.min() + 1, (xs.min() + xs.max()) // 2, 1] > 0.5
    assert normals[-1, 0, 1] > 0.9


def test_a_pose_is_drawn_where_the_thing_is():
    posed = picture(DRAWN, "pose", **SHOT)
    clip = render(DRAWN, **SHOT)
    ys, xs = np.nonzero(posed[0].any(-1))
    x0, y0 = np.nanmin(clip.boxes[0, :, :2], axis=0)
    x1, y1 = np.nanmax(clip.boxes[0, :, 2:], axis=0)
    assert xs.min() <= x0 + 1
    assert ys.min() <= y0 + 1
    assert xs.max() >= x1 - 2
    assert ys.max() >= y1 - 2


@pytest.mark.parametrize("kind", FILTERS)
def test_a_filter_does_what_its_name_says(kind):
    before = picture(DRAWN, "rgb", **SHOT).astype(float)
    after = picture(DRAWN, kind, **SHOT).astype(float)
    measure = {
        "brighter": (np.mean, 1), "darker": (np.mean, -1), "blurred": (_edges, -1),
        "sharper": (_edges, 1), "vivid": (_hue, 1), "faded": (_hue, -1), "warmer": (_warmth, 1),
        "cooler": (_warmth, -1),
    }  # fmt: skip
    of, sign = measure[kind]
    assert sign * (of(after) - of(before)) > 0.5


def _edges(clip):
    return np.abs(np.diff(clip, axis=2)).mean()


def _hue(clip):
    return (clip.max(-1) - clip.min(-1)).mean()


def _warmth(clip):
    return (clip[..., 0] - clip[..., 2]).mean()


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(DataError, match="no picture 'xray'; use one of rgb, box"):
        picture(DRAWN, "xray")
    with pytest.raises(DataError, match="a box needs thing from 0 to 1"):
        picture(DRAWN, "box", thing=5)
