"""Rows of checks: what a knob moves, and ratios over the same clips."""

import numpy as np
import pytest

from mutoscope.checks import rows

RISING = np.array([[0.1, 0.2], [0.3, 0.1], [0.4, 0.5]])


def test_a_row_of_a_knob_is_its_rank_correlation():
    row = rows.ranked("x", RISING, (0, 1, 2), 0.9, seed=0)
    assert row.value == pytest.approx(1)
    assert row.passes
    assert row.interval[0] <= row.value <= row.interval[1]
    assert row.baselines == pytest.approx({"at 0": 0.15, "at 1": 0.2, "at 2": 0.45})
    assert rows.rising(RISING[::-1]) == pytest.approx(-1)
    assert rows.rising(np.ones((3, 2))) == 0


def test_a_ratio_is_of_sums_and_nothing_has_none():
    row = rows.ratio("x", RISING[2], RISING[0], 2.0)
    assert row.value == pytest.approx(3)
    assert row.passes
    assert rows.ratio("x", RISING[0], np.zeros(2), 2.0).value == 0


def test_a_mean_and_a_share_must_reach_what_is_needed():
    mean = rows.mean("x", -RISING[0], -0.2, rows.means({"truth": RISING[1]}))
    assert (mean.passes, mean.baselines) == (True, {"truth": pytest.approx(0.2)})
    share = rows.share("x", np.array([1.0, 0.0]), 0.9, {})
    assert (share.value, share.n, share.passes) == (0.5, 2, False)
