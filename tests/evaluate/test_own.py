"""What readers get wrong is counted the same by attribute and by word."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mutoscope.data.rendered import Recipe, Rendered
from mutoscope.evaluate.own import by_look, overlap, own_error, own_words, tracked
from mutoscope.evaluate.tracks import Track
from mutoscope.networks.readers import HEADS, ClipReader


@pytest.fixture(scope="module")
def held():
    made = [Recipe(seed=6, split="test").make(i) for i in range(10)]
    rgb, ids = (np.stack([item[k] for item in made]) for k in (1, 2))
    return Rendered([rgb], [ids], [item[0] for item in made])


@pytest.fixture(scope="module")
def reader():
    torch.manual_seed(0)
    small = ClipReader(width=16, deep=16, mind=16, key=4, depth=1, layers=1, heads=2).eval()
    for name in ("floor", "move", "count", "colour"):
        small.bars[HEADS.index(name)] = 0.0
    return small


def test_words_add_up_to_their_attribute(held, reader):
    whole, words = own_error(reader, held, 10), own_words(reader, held, 10)
    assert set(words) == {"colour", "stage", "camera", "count"}
    assert next(iter(whole)) == "found"
    for title, report in words.items():
        assert sum(entry.n for entry in report.values()) == whole[title].n
        right = sum(entry.value * entry.n for entry in report.values() if entry.n)
        if whole[title].n:
            assert right == pytest.approx(whole[title].value * whole[title].n)
    assert {scene.stage.floor for scene in held.scenes} == set(words["stage"])


def test_looks_add_up_to_all_of_them(held, reader):
    halves = [replace(s, look=("plain", "neon")[i % 2]) for i, s in enumerate(held.scenes)]
    looks = by_look(reader, Rendered(held.rgb, held.ids, halves), 10)
    assert list(looks) == ["neon", "plain"]
    whole = own_error(reader, Rendered(held.rgb, held.ids, halves), 10)
    for title in ("found", "stage", "camera"):
        assert sum(report[title].n for report in looks.values()) == whole[title].n


def test_what_was_not_taught_is_not_asked(held, reader):
    assert "verb" not in own_error(reader, held, 2)


def going(dx: float, *, bend: float = 0.0) -> Track:
    """A track to the right by `dx` sides a frame, up and down by `bend` in turn."""
    steps = np.arange(6.0)
    middles = np.stack([0.1 + dx * steps, 0.5 + bend * (steps % 2)], axis=1)
    return Track(middles, np.full(6, 0.05), 0.25)


def test_tracks_err_by_direction_speed_and_jitter():
    true = going(0.1)
    ways = [(true, true), (going(0.05), true), (going(-0.1), true), (None, true)]
    found = tracked(ways)
    assert found["direction"].value == pytest.approx(2 / 3)
    assert found["direction"].baselines["coverage"] == pytest.approx(3 / 4)
    assert found["speed"].value == pytest.approx(0.5 / 3)
    assert found["jitter"].value == pytest.approx(0)
    assert found["place"].n == 18
    assert tracked([(going(0.1, bend=0.1), true)])["jitter"].value == pytest.approx(0.2)


def test_what_stays_where_it_is_has_no_direction_to_be_wrong_about():
    assert set(tracked([(going(0.1), going(0.0))])) == {"place", "jitter"}
    assert tracked([]) == {}


def test_overlap_of_a_mask_with_itself_is_whole_and_with_its_half_a_half():
    ids = np.zeros((2, 8, 8), bool)
    ids[:, :, :4] = True
    masks = ids[:, 1::2, 1::2]
    assert overlap(masks, ids) == 1
    half = masks.copy()
    half[:, :2] = False
    assert overlap(half, ids) == 0.5
