"""Estimated flow: what it makes of a shift that is known, and which estimator is named."""

import pytest
import torch

from mutoscope.controls import flow
from mutoscope.evaluate import folder, temporal
from tests.clips import sliding


def _even(dx, dy, pairs=7, side=64):
    return torch.tensor([dx, dy]).view(2, 1, 1, 1).expand(2, pairs, side, side).float()


@pytest.fixture(params=["codec", "opencv"])
def by(request, monkeypatch):
    """Each estimator in turn, whichever is installed."""
    if request.param == "opencv":
        pytest.importorskip("cv2", reason="needs the extra 'metrics'")
    else:
        monkeypatch.setattr(flow, "_opencv", lambda: None)
    return request.param


def test_a_shift_is_found_and_explains_the_clip(by):
    clip = sliding(3, 2, count=5, height=64, width=96)
    found = flow.estimated(clip)
    assert found.flow.shape == (1, 2, 4, 64, 96)
    assert found.known.shape == (1, 1, 4, 64, 96)
    inside = found.known[0, 0].float()[..., 8:-8, 8:-8]
    assert inside.mean() > 0.5
    middle = found.flow[0, :, :, 8:-8, 8:-8]
    right, down = (float((one * inside).sum() / inside.sum()) for one in middle)
    assert (right, down) == (pytest.approx(3, abs=0.7), pytest.approx(2, abs=0.7))
    error = temporal.warp_error(clip.frames[0], found.flow[0], found.known[0, 0])
    still = temporal.warp_error(clip.frames[0], torch.zeros_like(found.flow[0]))
    assert error < still / 3


def test_a_frozen_clip_has_no_flow(by):
    found = flow.estimated(sliding(0, 0, count=4, height=64, width=64))
    assert temporal.flow_score(found.flow, 8.0) == pytest.approx(0, abs=0.01)
    assert not temporal.dynamic(found.flow)


def test_tiny_frames_are_left_to_the_codec_and_the_estimator_is_named(by):
    found = flow.estimated(sliding(1, 0, count=3, height=12, width=12))
    assert found.flow.shape == (1, 2, 2, 12, 12)
    named = flow.estimator()
    assert named == "codec" if by == "codec" else named.startswith("DIS, opencv ")
    assert folder.versions()["flow"] == named


def test_flow_and_the_flow_back_agree_where_nothing_hides():
    assert flow.agree(_even(3, 2), _even(-3, -2)).all()
    assert not flow.agree(_even(3, 2), _even(3, 2)).any()
    back = _even(-3, -2).clone()
    back[:, :, 20:30, 20:30] = 0
    seen = flow.agree(_even(3, 2), back)
    assert not seen[0, 21:26, 20:25].any(), "pixels that land where the way back differs"
    assert seen[0, 40:, 40:].all()
