"""Diversity: vectors whose angles are known, and real clips of which a caption stays true."""

import numpy as np
import pytest

from mutoscope.evaluate.diversity import among, told
from mutoscope.evaluate.questions import Questions
from mutoscope.evaluate.similarity import spread
from mutoscope.world.facts import agrees
from mutoscope.world.parse import parse

X, Y = [1.0, 0.0], [0.0, 2.0]


def test_a_spread_is_the_mean_over_pairs_whatever_the_lengths():
    assert spread(np.array([X, X, X])) == pytest.approx(0)
    assert spread(np.array([X, Y])) == pytest.approx(1)
    assert spread(np.array([X, [-3.0, 0.0]])) == pytest.approx(2)
    assert spread(np.array([X, X, Y])) == pytest.approx(2 / 3)
    assert np.isnan(spread(np.array([X])))


def test_diversity_is_one_where_clips_differ_as_real_ones_do_and_zero_where_they_are_the_same():
    wide, none = np.array([X, Y]), np.array([X, X])
    half = np.array([X, [np.cos(np.pi / 3), np.sin(np.pi / 3)]])
    same = told([wide, wide], [wide, wide], {"untrained": [none]})
    assert same["diversity"].value == pytest.approx(1)
    assert same["diversity"].interval == pytest.approx((1, 1))
    assert same["diversity"].baselines["untrained"] == pytest.approx(0)
    assert same["spread"].baselines["truth"] == pytest.approx(1)
    found = told([half, none], [wide, wide], {})
    assert found["spread"].value == pytest.approx(0.25)
    assert found["diversity"].value == pytest.approx(0.25)
    low, high = found["diversity"].interval
    assert low == pytest.approx(0)
    assert high == pytest.approx(0.5)


def test_of_anybodys_clips_only_prompts_with_two_are_told():
    rows = among(["a", "b", "a", "b", "c"], [X, X, Y, [], Y])
    assert rows["spread"].n == 1
    assert rows["spread"].value == pytest.approx(1)
    # Between a, b and c: (0 + 1) of a and b, (1 + 0) of a and c, 1 of b and c.
    assert rows["spread"].baselines["other prompts"] == pytest.approx(3 / 5)
    assert among(["a", "b"], [X, Y]) == {}
    assert among([], []) == {}
    assert among(["a", "a"], [X, Y])["spread"].baselines == {}


def test_repeated_captions_stay_true_of_scenes_that_differ():
    asked = Questions(n=2).repeated(2)
    assert asked.prompts[0] == asked.prompts[1] != asked.prompts[2]
    assert len({scene.to_json() for scene in asked.scenes}) == 4
    for prompt, scene in zip(asked.prompts, asked.scenes, strict=True):
        assert agrees(parse(prompt), scene)
    assert asked.scenes[:2] == Questions(n=1).repeated(2).scenes
