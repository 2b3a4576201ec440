"""Canny's edges: on a picture whose edges are known, and against scikit-image's own."""

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
    # Its slopes are Sobel's, 8 times a central difference.
    low, high = 8 * edges.LOW / 2, 8 * edges.HIGH / 2
    theirs = np.stack([feature.canny(one, 1.0, low, high) for one in light])
    assert structure.line_f1(found, theirs) > 0.9


def test_weak_slopes_count_where_they_go_on_from_strong_ones():
    frames = np.full((1, 64, 64, 3), -0.5)
    faint, ramp = frames.copy(), np.linspace(0.37, 1.0, 64)[:, None]
    frames[0, 32:] += ramp
    faint[0, 32:] += np.minimum(ramp, 0.5)
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
