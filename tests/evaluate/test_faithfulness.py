"""What counts as faithful, on readings whose right marks are known."""

from dataclasses import replace

import numpy as np
import pytest

from mutoscope.evaluate.faithfulness import (
    BOTH,
    Mark,
    answers,
    by_word,
    disordered,
    facts,
    marks,
    summary,
)
from mutoscope.evaluate.reading import Answer, Reading, ThingRead
from mutoscope.evaluate.tracks import track
from mutoscope.networks.readers import CLIP_WORDS, THING_WORDS
from mutoscope.world.facts import Facts, ThingFacts
from mutoscope.world.sample import sample
from tests.evaluate.readings import small_reader


@pytest.fixture(scope="module")
def reader():
    return small_reader()


def _answer(word):
    return Answer(word, word or "?", 0.99)


def _perfect(scene):
    truth = facts(scene)
    things = tuple(
        ThingRead(
            {name: _answer(getattr(thing, name)) for name in THING_WORDS},
            0.9,
            track(np.ones((8, 32, 32)), 0.25),
            np.ones((8, 32, 32), bool),
        )
        for thing in truth.things
    )
    clip = {**vars(truth), "count": str(truth.count), "fog": "clear"}
    return Reading(things, {n: _answer(clip[n]) for n in CLIP_WORDS}, np.zeros(64, np.float32))


def _scenes(count=60):
    return [sample(3, i, split="test") for i in range(count)]


def test_a_perfect_reading_is_perfect_whatever_the_order_of_its_things(reader):
    scenes = _scenes(20)
    readings = [_perfect(scene) for scene in scenes]
    turned = [replace(r, things=r.things[::-1]) for r in readings]
    for seen in (readings, turned):
        rows = summary(marks(seen, scenes, reader), {})
        assert all(entry.value == 1 for entry in rows.values())
    assert rows["colour"].n == sum(len(scene.things) for scene in scenes)
    assert rows[BOTH].n == sum(len(scene.things) == 2 for scene in scenes)
    assert "size" not in rows, "what was never taught isn't asked"


def test_swapped_colours_are_never_both_right(reader):
    scenes = [scene for scene in _scenes() if len(scene.things) == 2]
    readings = []
    for scene in scenes:
        seen = _perfect(scene)
        a, b = seen.things
        swapped = [
            replace(x, words={**x.words, "colour": y.words["colour"]}) for x, y in ((a, b), (b, a))
        ]
        readings.append(replace(seen, things=tuple(swapped)))
    rows = summary(marks(readings, scenes, reader), {})
    assert rows[BOTH].value == 0
    assert rows["shape"].value + rows["colour"].value <= 1.5


def test_a_missing_thing_and_cant_tell_count_as_wrong(reader):
    scenes = [scene for scene in _scenes() if len(scene.things) == 2]
    readings = [_perfect(scene) for scene in scenes]
    fewer = [replace(seen, things=seen.things[:1]) for seen in readings]
    assert summary(marks(fewer, scenes, reader), {})["colour"].value == 0.5
    unsure = [
        replace(seen, words={**seen.words, "move": Answer(None, seen.words["move"].best, 0.4)})
        for seen in readings
    ]
    rows = summary(marks(unsure, scenes, reader), {})
    assert rows["camera"].value == 0
    assert rows["told"].value < 1


def test_chance_is_far_below_and_no_caption_keeps_its_place(reader):
    scenes = _scenes()
    moved = disordered(scenes, 0)
    assert all(a is not b for a, b in zip(scenes, moved, strict=True))
    assert {id(s) for s in moved} == {id(s) for s in scenes}
    readings = [_perfect(scene) for scene in scenes]
    rows = summary(marks(readings, scenes, reader), {"chance": marks(readings, moved, reader)})
    assert rows["colour"].baselines["chance"] < 0.4
    assert rows["camera"].baselines["chance"] < 0.6


def test_words_by_themselves_add_up_to_their_attribute(reader):
    scenes = _scenes(20)
    readings = [_perfect(scene) for scene in scenes]
    answers = marks(readings, disordered(scenes, 0), reader)
    rows, words = summary(answers, {}), by_word(answers, {"same": answers})
    mine = {name: entry for name, entry in words.items() if name.startswith("shape: ")}
    assert sum(entry.n for entry in mine.values()) == rows["shape"].n
    assert sum(entry.n * entry.value for entry in mine.values()) == pytest.approx(
        rows["shape"].n * rows["shape"].value
    )
    assert all(entry.baselines["same"] == entry.value for entry in words.values())


def test_only_what_was_said_is_asked(reader):
    scene = _scenes(1)[0]
    said = Facts(things=(ThingFacts(colour=scene.things[0].colour),))
    titles = [mark.title for mark in marks([_perfect(scene)], [said], reader)]
    assert titles == ["colour", "count"]


def test_answers_leave_out_what_can_not_be_told_and_say_how_much_that_is():
    def mark(word: str, *, right: bool = False, told: bool = True) -> Mark:
        return Mark("colour", word, 0, right, told)

    mine = [mark("red", right=True), mark("red"), mark("red", told=False), mark("blue", told=False)]
    mine.append(Mark(BOTH, "", 0, right=True, told=True))
    kinds, words = answers(mine, {"truth": [mark("red", right=True)], "chance": []})
    assert list(kinds) == ["colour"]
    assert (kinds["colour"].value, kinds["colour"].n) == (0.5, 2)
    assert kinds["colour"].baselines["coverage"] == 0.5
    assert kinds["colour"].baselines["truth"] == kinds["colour"].baselines["truth coverage"] == 1
    assert list(words) == ["colour: blue", "colour: red"]
    assert words["colour: red"].baselines["coverage"] == pytest.approx(2 / 3)
    assert words["colour: blue"].n == 0
    assert np.isnan(words["colour: blue"].baselines["truth"])
