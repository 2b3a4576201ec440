"""What is asked about a clip of a free prompt, and what isn't."""

import pytest

from mutoscope.evaluate.faithfulness import BOTH, RELATION
from mutoscope.evaluate.prompted import asked, wanted
from tests.evaluate.readings import measured, reading, small_reader


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


@pytest.mark.parametrize(
    ("places", "answer"),
    [
        ([[0.2, 0.5], [0.7, 0.5]], (True, True)),
        ([[0.7, 0.5], [0.2, 0.5]], (False, True)),
        ([[0.50, 0.2], [0.55, 0.8]], (False, True)),
        ([[0.2, 0.5], []], (False, False)),
        ((), (False, False)),
    ],
)
def test_left_and_right_are_asked_of_where_things_begin(reader, places, answer):
    wish = wanted("a red ball and a blue cube. the ball is to the left of the cube", reader)
    assert wish.left == ()
    things = [{"colour": "red", "shape": "ball"}, {"colour": "blue", "shape": "cube"}]
    for order in (1, -1):
        seen = measured(things[::order], places=places[::order]).reading()
        (mark,) = [m for m in asked([seen], [wish], reader) if m.title == RELATION]
        assert (mark.word, mark.right, mark.told) == ("left of", *answer)
    missing = measured(things[:1], places=places[:1]).reading()
    (mark,) = [m for m in asked([missing], [wish], reader) if m.title == RELATION]
    assert not mark.right
    assert not mark.told


def test_relations_that_a_picture_does_not_tell_are_named_and_not_asked(reader):
    for prompt in (
        "a red ball behind a blue cube",
        "a red ball next to a blue cube",
        "a red ball left of a red ball",
    ):
        wish = wanted(prompt, reader)
        assert wish.facts.relations == ()
        assert any(one.startswith("relation: ") for one in wish.left), prompt
