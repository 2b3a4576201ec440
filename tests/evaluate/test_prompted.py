"""What is asked about a clip of a free prompt, and what isn't."""

import pytest

from mutoscope.evaluate.faithfulness import BOTH
from mutoscope.evaluate.prompted import asked, wanted
from tests.evaluate.readings import reading, small_reader


@pytest.fixture(scope="module")
def reader():
    return small_reader()


def test_taught_words_are_asked(reader):
    wish = wanted("a red ball slides left on the grass, the camera pans right", reader)
    (thing,) = wish.facts.things
    assert (thing.colour, thing.shape, thing.verb) == ("red", "ball", "slides left")
    assert (wish.facts.floor, wish.facts.move) == ("grass", "pan right")
    assert wish.counted
    assert wish.left == ()


def test_words_that_were_not_taught_are_named_and_not_asked(reader):
    wish = wanted("a small shiny brown ball rolls left in the fog", reader)
    (thing,) = wish.facts.things
    assert (thing.shape, thing.colour, thing.material, thing.verb) == ("ball", None, None, None)
    assert set(wish.left) == {
        "size: small", "material: shiny", "colour: brown", "verb: rolls left", "fog: yes"
    }  # fmt: skip


def test_things_are_counted_only_when_all_was_understood_or_their_number_is_said(reader):
    assert not wanted("a corgi on a red ball", reader).counted
    assert "corgi" in wanted("a corgi on a red ball", reader).left
    assert not wanted("the sea", reader).counted, "nothing is said of things"
    assert wanted("a red ball and a blue cube", reader).counted
    many = wanted("three red balls and two blue cubes", reader)
    assert not many.counted
    assert many.facts.things == ()
    assert many.left == ("more than 4 things",)


def test_nothing_of_motion_is_asked_of_a_clip_too_short_for_it(reader):
    wish = wanted("a red ball slides left, the camera pans right", reader, moving=False)
    assert wish.facts.things[0].verb is None
    assert wish.facts.move is None
    assert set(wish.left) == {"verb: slides left", "camera: pan right"}


def test_answers_stand_beside_their_own_prompts(reader):
    prompts = ("a red ball on the grass", "a corgi", "a red ball and a ball")
    wishes = [wanted(prompt, reader) for prompt in prompts]
    seen = [reading([{"colour": "red", "shape": "ball"}], {"floor": "sand", "count": "1"})] * 3
    found = [(m.clip, m.title, m.right) for m in asked(seen, wishes, reader)]
    assert found == [
        (0, "colour", True), (0, "shape", True), (0, "stage", False), (0, "count", True),
        (2, "colour", True), (2, "shape", True), (2, "shape", False), (2, BOTH, False),
        (2, "count", False),
    ]  # fmt: skip
