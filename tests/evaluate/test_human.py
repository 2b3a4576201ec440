"""Rank correlations against scipy, their intervals, and fits that don't see what they tell."""

import math

import numpy as np
import pytest
from scipy import stats

from mutoscope.errors import DataError
from mutoscope.evaluate.human import agreement, kendall, left_out, spearman


def test_correlations_are_scipys_ties_included():
    rng = np.random.default_rng(0)
    for _ in range(20):
        x, y = rng.integers(0, 6, 30).astype(float), rng.normal(size=30)
        assert spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic)
        assert kendall(x, y) == pytest.approx(stats.kendalltau(x, y).statistic)
    assert math.isnan(spearman(np.ones(5), np.arange(5.0)))
    assert math.isnan(kendall(np.ones(5), np.arange(5.0)))


def test_an_interval_resamples_prompts_and_holds_the_value():
    rng = np.random.default_rng(1)
    quality = rng.normal(size=12)
    prompts = [f"p{k}" for k in range(12) for _ in range(4)]
    x = np.repeat(quality, 4) + 0.3 * rng.normal(size=48)
    y = np.repeat(quality, 4) + 0.3 * rng.normal(size=48)
    found = agreement(x, y, prompts, spearman)
    assert found.n == 48
    assert found.interval[0] < found.value < found.interval[1]
    alone = agreement(x, y, [str(k) for k in range(48)], spearman)
    wide, narrow = (one.interval[1] - one.interval[0] for one in (found, alone))
    assert wide > narrow, "four clips of a prompt tell less than four prompts"


def test_unknown_values_are_left_out_and_few_prompts_or_one_value_tell_nothing():
    x, y = np.arange(10.0), np.arange(10.0)
    x[3] = math.nan
    names = [str(k) for k in range(10)]
    assert agreement(x, y, names, kendall).n == 9
    assert agreement(x, y, names[:4] * 2 + names[:2], kendall) is None
    assert agreement(np.ones(10), y, names, kendall) is None


def test_a_fit_never_sees_the_prompt_it_tells():
    rng = np.random.default_rng(2)
    prompts = [f"p{k % 10}" for k in range(60)]
    x = rng.normal(size=(60, 2))
    y = x @ [2.0, -1.0] + 3
    assert left_out(x, y, prompts) == pytest.approx(y)
    mine = left_out(x, y, prompts)
    spoilt = np.where([p == "p3" for p in prompts], 1000.0, y)
    own = np.array([p == "p3" for p in prompts])
    assert left_out(x, spoilt, prompts)[own] == pytest.approx(mine[own])
    with pytest.raises(DataError, match="5 prompts"):
        left_out(x, y, ["one"] * 60)
