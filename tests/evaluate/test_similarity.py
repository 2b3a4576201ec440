"""Similarities over embeddings, on rows whose right answer is known."""

import math

import numpy as np
import pytest

from mutoscope.errors import DataError
from mutoscope.evaluate.similarity import (
    clipsim,
    competing,
    consistency,
    named,
    neighbours,
    r_precision,
    to_first,
)

RIGHT, UP = np.array([1.0, 0.0]), np.array([0.0, 2.0])


def test_frozen_frames_are_perfectly_consistent_and_scale_is_none():
    frozen = np.stack([RIGHT, 3 * RIGHT, RIGHT])
    for number in (neighbours, to_first, consistency):
        assert number(frozen) == pytest.approx(1)
        assert math.isnan(number(frozen[:1]))


def test_consistency_is_that_of_vbench_written_out():
    frames = np.stack([RIGHT, UP, -RIGHT, UP])
    assert neighbours(frames) == 0
    assert to_first(frames) == pytest.approx((0 - 1 + 0) / 3)
    assert consistency(frames) == 0, "what points away counts as 0, not less"
    turned = np.stack([RIGHT, RIGHT + UP / 2, UP])
    half = math.sqrt(0.5)
    assert consistency(turned) == pytest.approx(((half + half) / 2 + (half + 0) / 2) / 2)


def test_clipsim_is_the_mean_cosine_and_shuffled_captions_lower_it():
    assert clipsim(np.stack([RIGHT, UP]), RIGHT) == pytest.approx(0.5)
    rng = np.random.default_rng(0)
    texts = rng.normal(size=(40, 16))
    frames = [text + 0.5 * rng.normal(size=(8, 16)) for text in texts]
    lower = [clipsim(f, t) > clipsim(f, texts[k - 1]) for k, (f, t) in
             enumerate(zip(frames, texts, strict=True))]  # fmt: skip
    assert np.mean(lower) >= 0.95


def test_r_precision_counts_rows_whose_own_caption_wins():
    similar = np.array([[0.9, 0.1, 0.2], [0.5, 0.5, 0.1], [0.3, 0.2, 0.1]])
    assert r_precision(similar, [0, 1, 2]) == [True, False, False]
    assert r_precision(similar, [0, 1, 1], [[1, 2], [2], [0]]) == [True, True, False]
    with pytest.raises(DataError, match="2 candidates"):
        r_precision(similar[:, :1], [0, 0, 0])


def test_rivals_are_others_in_random_order_that_are_not_true():
    rng = np.random.default_rng(0)
    found = competing("c", "abcdefgh", lambda one: one in "ab", rng, 3)
    assert len(set(found)) == 3
    assert set(found) <= set("defgh")
    assert set(competing("c", "abcdefgh", lambda one: one in "ab", rng, 99)) == set("defgh")


def test_a_sure_class_is_its_name_and_two_half_sure_ones_lie_between():
    names = np.array([[1.0, 0.0], [0.0, 5.0], [1.0, 1.0]])
    sure = named(np.eye(3), names, top=1)
    assert sure[:2] == pytest.approx(np.eye(2))
    assert named(np.array([[0.5, 0.5, 0.0]]), names)[0] == pytest.approx([0.5, 0.5])
    assert named(np.array([[0.2, 0.1, 0.7]]), names, top=1)[0] == pytest.approx([0.5**0.5] * 2)
