"""The contact sheet shows shots, truths and captions, and refuses what it can't show."""

import numpy as np
import pytest

from mutoscope.errors import DataError
from mutoscope.world.render import render
from mutoscope.world.sample import sample
from mutoscope.world.sheet import contact_sheet, flow_picture, truth_picture

SCENES = [sample(1, k) for k in range(3)]
WORDS = ["A short caption.", "Words that go on and on. " * 20, "Another."]


def test_a_sheet_has_a_strip_a_scene_and_writes_under_it():
    sheet = contact_sheet(SCENES, WORDS, ("depth", "ids"), side=48, shots=2, columns=2)
    assert sheet.dtype == np.uint8
    assert sheet.shape[1] == 2 * 4 * 54 + 6
    assert (sheet < 100).any()
    assert not np.array_equal(sheet, contact_sheet(SCENES, WORDS[::-1], ("depth", "ids"), side=48))


def test_every_truth_has_a_picture_of_the_clips_size():
    clip = render(SCENES[0], frames=2, size=(40, 32), truth=("all",))
    for truth in ("ids", "depth", "flow", "occluded", "sketch", "plain"):
        assert truth_picture(clip, truth, 0).shape == (32, 40, 3), truth
    with pytest.raises(DataError, match="no picture of 'boxes'"):
        truth_picture(clip, "boxes", 0)


def test_what_stays_put_is_white_and_opposite_ways_have_opposite_hues():
    flow = np.array([[[0, 0], [2, 0], [-2, 0]]], np.float32)
    still, right, left = flow_picture(flow, 2.0)[0].astype(int)
    assert still.tolist() == [255, 255, 255]
    assert right[0] > 250 > left[0]
    assert left[1] > right[1]


def test_a_sheet_needs_a_caption_a_scene():
    with pytest.raises(DataError, match="a caption a scene"):
        contact_sheet(SCENES, WORDS[:2])
