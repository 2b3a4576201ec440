"""What clips score together, on measurements written by hand."""

import json

import pytest

from mutoscope.evaluate import scores
from mutoscope.evaluate.folder import LeftOut
from mutoscope.evaluate.scores import ALL
from mutoscope.networks.readers import HEADS, ClipReader
from tests.evaluate.readings import measured


@pytest.fixture(scope="module")
def reader():
    small = ClipReader(width=16, deep=16, mind=16, key=4, depth=1, layers=1, heads=2)
    for name in ("colour", "shape", "floor", "count"):
        small.bars[HEADS.index(name)] = 0.5
    return small


@pytest.fixture(scope="module")
def clips(reader):
    """One wholly right, one half right, one unread, one of which nothing could be asked."""
    red = measured([{"colour": "red", "shape": "ball"}], {"count": "1"}, flicker=0.1)
    blue = measured([{"colour": "blue", "shape": "ball"}], {"count": "2"}, flicker=0.3)
    said = {
        "a.mp4": ("a red ball", red),
        "b.mp4": ("a blue cube and a blue ball", blue),
        "c.mp4": ("a red ball", measured(unread="too slow", dynamic_clips=1.0)),
        "d.mp4": ("a corgi", red),
    }
    return [scores.scored(file, *one, reader) for file, one in said.items()]


def test_a_clip_scores_the_share_of_its_words_that_are_seen(clips):
    assert [clip.right for clip in clips] == [1.0, pytest.approx(3 / 5), None, None]
    assert [clip.file for clip in scores.ranked(clips)] == ["a.mp4", "b.mp4"]
    assert [clip.file for clip in scores.ranked(clips[2:])] == ["d.mp4", "c.mp4"]


def test_faithfulness_stands_beside_other_prompts_and_other_clips(clips, reader):
    rows = scores.faithful(clips, reader, {"twin": clips[1:2]})
    assert (rows[ALL].value, rows[ALL].n) == (6 / 8, 8)
    assert rows["colour"].baselines["twin"] == 0.5
    assert 0 <= rows["colour"].baselines["chance"] < rows["colour"].value
    assert scores.faithful(clips[2:], reader, {}) == {}, "nothing asked, no figure"
    alone = scores.faithful(clips[:1], reader, {})
    assert alone["colour"].baselines == {}, "no other prompt to be held against"


def test_numbers_over_time_stand_beside_the_clips_spoilt(clips):
    rows = scores.in_time([clip.measured for clip in clips], {"truth": [measured(flicker=0.01)]})
    flicker = rows["flicker"]
    assert flicker.value == pytest.approx((0.1 + 0.3 + 0.1) / 3)
    assert flicker.interval[0] <= flicker.value <= flicker.interval[1]
    assert (flicker.n, flicker.better) == (3, "lower")
    assert flicker.baselines == {"frozen": 0.0, "truth": 0.01}
    assert (rows["dynamic clips"].value, rows["dynamic clips"].n) == (1.0, 1)
    assert "warp error" not in rows, "what no clip has is no row of zeros"


def test_the_document_is_strict_json_and_holds_everything(clips, reader, tmp_path):
    rows = {**scores.faithful(clips, reader, {}), **scores.in_time([clips[0].measured], {})}
    left = [LeftOut("e.mp4", "is empty")]
    data = scores.document(clips, rows, left, {"versions": {"metrics": 1}})
    path = scores.save(tmp_path / "new" / "scores.json", data)
    found = json.loads(path.read_text(), parse_constant=pytest.fail)
    assert found["n"] == 4
    assert found["left out"] == [{"file": "e.mp4", "reason": "is empty"}]
    assert set(found["summary"]["flicker"]) == {"value", "interval", "n", "better", "baselines"}
    assert found["summary"]["flicker"]["interval"] is None, "one clip has no interval"
    clip = found["clips"][1]
    assert clip["asked"][0] == {"title": "colour", "word": "blue", "right": False, "told": False}
    assert found["clips"][2]["unread"] == "too slow"
    assert found["clips"][3]["not asked"] == ["corgi"]
    assert [path.name for path in path.parent.iterdir()] == ["scores.json"]
