"""Canny's edges: on a picture whose edges are known, and against scikit-image's own."""

import sys

import numpy as np
import pytest
import torch

from mutoscope.clip import Clip
from mutoscope.controls import edges
from mutoscope.evaluate import structure
from tests.clips import sliding, waves


def test_canny_draws_the_outline_of_a_square_and_nothing_on_a_plain_frame():
    frames = np.full((2, 64, 64, 3), -0.5)
    assert not edges.canny(frames).any()
    frames[1, 20:40, 20:40] = 0.5
    found = edges.canny(frames)
    assert not found[0].any()
    outline = np.zeros((2, 64, 64), bool)
    outline[1, 20:40, 20:40] = True
    outline[1, 21:39, 21:39] = False
    assert structure.line_f1(found, outline) > 0.95
    assert found[1].sum() < 1.5 * outline.sum()


def test_edges_lie_where_scikit_image_has_them():
    feature = pytest.importorskip("skimage.feature", reason="needs the extra 'train'")
    clip = sliding(1, 0, count=2, height=64, width=64)
    frames = clip.frames[0].permute(1, 2, 3, 0).numpy()
    found = edges.canny(frames)
    light = ((frames.astype(float) + 1) / 2) @ edges.LUMA
    theirs = np.stack([feature.canny(one) for one in light])
    assert structure.line_f1(found, theirs) > 0.9


@pytest.mark.parametrize("step", [0.03, 0.06, 0.085, 0.1, 0.2, 0.3, 0.5])
def test_a_step_is_an_edge_where_it_is_one_to_scikit_image(step):
    feature = pytest.importorskip("skimage.feature", reason="needs the extra 'train'")
    frames = np.full((1, 64, 64, 3), -0.5)
    frames[0, 16:48, 16:48] += 2 * step
    found = edges.canny(frames)
    theirs = feature.canny(((frames[0] + 1) / 2) @ edges.LUMA)[None]
    assert found.any() == theirs.any() == (step > 0.08)
    assert not found.any() or structure.line_f1(found, theirs) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="counts memory as Linux does")
def test_a_large_frame_takes_the_room_of_a_few_of_its_size():
    import resource

    frames = np.full((1, 1080, 1920, 3), -0.5, np.float32)
    frames[:, 300:800, 400:1500] = 0.5
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = edges.canny(frames)[0]
    taken = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert taken < 60 * 1080 * 1920 * 4, "in kernels unfolded it was 300 times a grey frame"
    assert found[300:800].any(axis=1).all()
    assert not found[:280].any()


def test_weak_slopes_count_where_they_go_on_from_strong_ones():
    frames = np.full((1, 64, 64, 3), -0.5)
    faint, ramp = frames.copy(), np.linspace(0.1, 1.0, 64)[:, None]
    frames[0, 32:] += ramp
    faint[0, 32:] += np.minimum(ramp, 0.14)
    found = edges.canny(frames)[0, 30:34].any(axis=0)
    assert found[2:-2].all(), "the faint end hangs on the strong one"
    assert not edges.canny(faint).any(), "and is nothing by itself"


def test_an_edge_map_of_a_clip_is_its_frames_and_survives_being_shown():
    clip = waves(count=2, height=48, width=64)
    found = edges.from_clip(clip)
    assert found.shape == (1, 1, 2, 48, 64)
    assert torch.equal(edges.from_shown(edges.shown(found)), found)
    alone = Clip(frames=clip.frames[:, :, 1:], fps=8.0)
    assert torch.equal(edges.from_clip(alone)[:, :, 0], found[:, :, 1])
    assert edges.encoded(found, (2, 6, 8)).shape == (1, 1, 2, 6, 8)
