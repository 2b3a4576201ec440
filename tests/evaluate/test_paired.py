"""Differences of pairs: the values that can be worked out by hand, and what may be said of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mutoscope.evaluate.paired import FEWEST, bootstrap, difference, holm, sign_test


def _told(first, other, prompts=None, *, better="higher", weights=None):
    names = prompts or [f"p{k}" for k in range(len(first))]
    w = np.ones(len(first)) if weights is None else np.asarray(weights, float)
    one = difference(np.asarray(first, float), np.asarray(other, float), w, names, better=better)
    return holm({"x": one})["x"]


@given(st.integers(0, 30), st.integers(0, 30))
def test_the_sign_test_is_the_exact_binomial_one(up, down):
    wanted = stats.binomtest(up, up + down).pvalue if up + down else 1.0
    assert sign_test(up, down) == pytest.approx(wanted)


def test_a_difference_of_shares_is_the_difference_of_the_two_shares():
    told = _told([1, 2, 0, 1], [2, 2, 1, 1], weights=[2, 3, 1, 2])
    assert (told.first, told.other, told.value) == (4 / 8, 6 / 8, 2 / 8)
    assert (told.n, told.prompts, told.up, told.down) == (4, 4, 2, 0)
    assert told.verdict == f"too few prompts (4, needs {FEWEST})"
    assert told.interval is told.p is told.holm is None


def test_clips_of_one_prompt_count_as_one_prompt():
    alone = _told([0] * 30, [1] * 30, ["the same"] * 30)
    assert alone.prompts == 1
    assert alone.interval is None


def test_better_and_worse_follow_the_direction_and_equal_sets_show_nothing():
    rng = np.random.default_rng(0)
    first = rng.normal(size=40)
    for better, verdict in (("higher", "better"), ("lower", "worse")):
        told = _told(first, first + 0.5 + 0.1 * rng.normal(size=40), better=better)
        assert told.verdict == verdict
        assert told.interval[0] <= told.value <= told.interval[1]
    assert _told(first, first).verdict == "no difference shown"
    assert _told(first, first).p == 1
    assert _told(first, first + rng.normal(size=40)).verdict == "no difference shown"


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(1)
    inside = [
        low <= 0.3 <= high
        for _ in range(200)
        for low, high in [bootstrap(rng.normal(0.3, 1, 40), np.ones(40))]
    ]
    assert 0.88 <= np.mean(inside) <= 0.99


def test_corrected_values_are_holms():
    # 5, 12, 10, 11, 12 prompts of 12 up: p and the step-down rule by hand.
    rows = {f"{k}": (k, 12 - k) for k in (12, 11, 10, 6)}
    found = holm({
        name: difference(
            np.zeros(12), np.array([1.0] * up + [-1.0] * down), np.ones(12),
            [f"{k}" for k in range(12)], better="higher",
        )
        for name, (up, down) in rows.items()
    })  # fmt: skip
    ps = {name: sign_test(*row) for name, row in rows.items()}
    assert found["12"].holm == pytest.approx(4 * ps["12"])
    assert found["11"].holm == pytest.approx(3 * ps["11"])
    assert found["10"].holm == pytest.approx(2 * ps["10"])
    assert found["6"].holm == 1
    assert found["10"].verdict == "no difference shown", "p is .039 before the correction"
