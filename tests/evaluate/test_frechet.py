"""The Fréchet distance has the values that can be worked out, and its references are in order."""

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from mutoscope.errors import DataError
from mutoscope.evaluate.frechet import frechet, gaussians, ordered, spoilt


def _covariance(rng, d):
    x = rng.normal(size=(d, 2 * d))
    return x @ x.T / (2 * d)


def test_gaussians_with_the_same_axes_have_the_closed_form():
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    s, t = rng.uniform(0.1, 2, 5), rng.uniform(0.1, 2, 5)
    m, n = rng.normal(size=(2, 5))
    a, b = ((axes * v) @ axes.T for v in (s, t))
    wanted = ((m - n) ** 2).sum() + ((np.sqrt(s) - np.sqrt(t)) ** 2).sum()
    assert gaussians(m, a, n, b) == pytest.approx(wanted, abs=1e-10)


def test_gaussians_with_other_axes_agree_with_scipys_root():
    rng = np.random.default_rng(1)
    a, b, m, n = _covariance(rng, 6), _covariance(rng, 6), *rng.normal(size=(2, 6))
    root = sqrtm(a @ b).real
    wanted = ((m - n) ** 2).sum() + np.trace(a + b - 2 * root)
    assert gaussians(m, a, n, b) == pytest.approx(wanted, abs=1e-8)
    assert gaussians(m, a, n, b) == pytest.approx(gaussians(n, b, m, a), abs=1e-10)


def test_two_large_samples_come_near_the_distance_of_what_they_were_drawn_from():
    rng = np.random.default_rng(2)
    a = rng.normal(0, 1, (40_000, 3))
    b = rng.normal(0.5, 2, (40_000, 3))
    assert frechet(a, b) == pytest.approx(3 * (0.25 + 1), rel=0.03)
    assert frechet(a, a) == pytest.approx(0, abs=1e-6)


def test_sets_that_have_no_covariance_are_refused():
    with pytest.raises(DataError, match="at least 2 rows"):
        frechet(np.zeros((1, 3)), np.zeros((5, 3)))


def test_spoiling_keeps_every_frame_of_a_shuffled_clip_and_every_frame_of_the_set():
    clips = torch.arange(6 * 5).float().reshape(6, 1, 5, 1, 1).expand(6, 3, 5, 2, 2)
    assert torch.equal(spoilt(clips, "real"), clips)
    assert (spoilt(clips, "frozen") == clips[:, :, :1]).all()
    shuffled = spoilt(clips, "shuffled", seed=1)
    assert torch.equal(shuffled.sort(dim=2).values, clips)
    alone = spoilt(clips, "independent", seed=1)
    assert torch.equal(alone.sort(dim=0).values, clips)
    with pytest.raises(DataError, match="frozen"):
        spoilt(clips, "reversed")


def test_a_ladder_is_in_order_when_each_rung_is_thrice_as_far_and_unlike_frames_furthest():
    right = {"real": 1.0, "frozen": 9.0, "shuffled": 3.0, "independent": 20.0}
    assert ordered(right)
    assert not ordered({**right, "shuffled": 2.9})
    assert not ordered({**right, "frozen": 21.0})
