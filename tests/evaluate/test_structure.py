"""Motion, depth, masks and lines, on arrays whose right answer is known."""

import math

import numpy as np
import pytest
from skimage import metrics

from mutoscope.evaluate import structure


def _maps(*rows):
    return np.array(rows, float)[None]


def test_an_endpoint_error_is_the_length_of_what_is_missing():
    true = np.zeros((2, 4, 4, 2))
    flow = true + np.array([3.0, -4.0])
    assert structure.endpoint_error(flow, true) == pytest.approx(5)
    assert structure.endpoint_error(true, true) == 0
    where = np.zeros((2, 4, 4), bool)
    flow[0, 0, 0] = (0, 1)
    where[0, 0, 0] = True
    assert structure.endpoint_error(flow, true, where) == pytest.approx(1)
    assert math.isnan(structure.endpoint_error(flow, true, where & ~where))


def test_ssim_is_what_others_compute():
    rng = np.random.default_rng(0)
    true = rng.random((3, 24, 20))
    other = np.clip(true + 0.2 * rng.standard_normal(true.shape), 0, 1)
    luma = [np.tensordot(structure.LUMA, one, 1) for one in (other, true)]
    published = metrics.structural_similarity(
        *luma, data_range=1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert structure.ssim(other, true) == pytest.approx(published, abs=1e-9)
    assert structure.ssim(true, true) == pytest.approx(1)
    assert structure.ssim(1 - true, true) < 0
    flat = np.full_like(true, 0.25)
    # Of plain pictures only the means are left: (2 m n + c) / (m^2 + n^2 + c).
    assert structure.ssim(2 * flat, flat) == pytest.approx(0.2501 / 0.3126)
    assert math.isnan(structure.ssim(true[:, :10], true[:, :10]))


def test_rank_correlation_hears_order_alone():
    true = _maps([1, 2, 3], [4, 5, np.inf])
    assert structure.rank_correlation(3 * true + 7, true) == pytest.approx(1)
    assert structure.rank_correlation(np.log(true), true) == pytest.approx(1)
    assert structure.rank_correlation(-true, true) == pytest.approx(-1)
    swapped = _maps([2, 1, 3], [4, 5, 6])
    # 1 - 6 sum d^2 / (n (n^2 - 1)) with two ranks off by one.
    assert structure.rank_correlation(swapped, true) == pytest.approx(1 - 6 * 2 / (6 * 35))
    assert math.isnan(structure.rank_correlation(np.ones((1, 2, 3)), true))


def test_ties_rank_at_their_mean_and_frames_that_say_nothing_are_left_out():
    true = _maps([1, 2], [np.inf, np.inf])
    guess = _maps([1, 2], [3, 4])
    expected = np.corrcoef([1, 2, 3, 4], [1, 2, 3.5, 3.5])[0, 1]
    assert structure.rank_correlation(guess, true) == pytest.approx(expected)
    flat = np.concatenate([true, np.ones_like(true)])
    both = np.concatenate([guess, guess])
    assert structure.rank_correlation(both, flat) == pytest.approx(expected)


def test_overlap_counts_over_all_frames():
    true, mask = np.zeros((2, 4, 4), bool), np.zeros((2, 4, 4), bool)
    assert math.isnan(structure.overlap(mask, true))
    true[0, :2], mask[0, 1:3] = True, True
    assert structure.overlap(mask, true) == pytest.approx(4 / 12)
    assert structure.overlap(true, true) == 1
    assert structure.overlap(mask, true, true) == pytest.approx(4 / 8)


def test_lines_may_be_off_by_a_pixel_of_a_side_of_64_and_not_by_two():
    true = np.zeros((1, 64, 64), bool)
    true[0, 20, 10:50] = True
    assert structure.line_f1(np.roll(true, 1, axis=1), true) == 1
    assert structure.line_f1(np.roll(true, 2, axis=1), true) == 0
    large = np.zeros((1, 128, 128), bool)
    large[0, 40, 20:100] = True
    assert structure.line_f1(np.roll(large, 2, axis=1), large) == 1
    assert structure.line_f1(np.roll(large, 3, axis=1), large) == 0


def test_precision_and_recall_of_lines_are_told_apart():
    true, half = np.zeros((1, 64, 64), bool), np.zeros((1, 64, 64), bool)
    true[0, 20, :40], half[0, 20, :20] = True, True
    precision, recall = structure.line_scores(half, true)
    # One pixel further than it goes is still within reach.
    assert (precision, recall) == (1, pytest.approx(21 / 40))
    assert structure.line_f1(half, true) == pytest.approx(2 * recall / (1 + recall))
    nothing = np.zeros_like(true)
    assert structure.line_f1(nothing, true) == 0
    assert math.isnan(structure.line_f1(nothing, nothing))
