"""Laws of stories: seams join, prompts are true, and only what changes changes."""

import numpy as np
import pytest

from mutoscope.errors import DataError
from mutoscope.world.facts import agrees
from mutoscope.world.motion import tracks
from mutoscope.world.parse import parse
from mutoscope.world.render import render
from mutoscope.world.sample import goes_well, held_out, sample
from mutoscope.world.story import CUTS, drawn_story, story


def told(index, **options):
    for k in range(index, index + 100):
        try:
            return story(sample(11, k), np.random.default_rng(k), **options)
        except DataError:
            continue
    raise AssertionError("no story found")


@pytest.mark.parametrize("index", [0, 20])
def test_without_cuts_every_thing_begins_where_and_as_it_ended(index):
    made = told(index, segments=5, seconds=2.0)
    for before, after in zip(made.segments, made.segments[1:], strict=False):
        ends = tracks(before.scene, np.array([before.seconds]))
        starts = tracks(after.scene, np.array([0.0]))
        for end, start in zip(ends, starts, strict=True):
            assert np.allclose(end.centre, start.centre, atol=5e-3)
            assert np.allclose(end.rotation, start.rotation, atol=5e-3)
            assert np.allclose(end.scale, start.scale, atol=5e-3)
        assert after.scene.stage == before.scene.stage
        assert after.start == before.start + before.seconds
        looks = [[(t.shape, t.colour, t.size) for t in s.scene.things] for s in (before, after)]
        assert looks[0] == looks[1]


def test_a_seam_without_a_cut_cannot_be_seen():
    made = told(40, segments=3)
    for before, after in zip(made.segments, made.segments[1:], strict=False):
        last = render(before.scene, frames=1, size=(48, 48), start=before.seconds).rgb
        first = render(after.scene, frames=1, size=(48, 48)).rgb
        assert np.abs(last.astype(int) - first).mean() < 0.5


@pytest.mark.parametrize("cuts", [False, True])
def test_every_prompt_is_true_of_its_segment_and_says_all_verbs(cuts):
    for index in range(0, 45, 15):
        for segment in told(index, segments=4, cuts=cuts).segments:
            facts = parse(segment.prompt)
            assert agrees(facts, segment.scene), segment.prompt
            assert all(thing.verb for thing in facts.things)
            assert goes_well(segment.scene)
            assert not held_out(segment.scene)


def test_a_cut_changes_one_word_and_all_kinds_have_their_turn():
    made = told(50, segments=5, cuts=True)
    assert {segment.change for segment in made.segments[1:]} == set(CUTS)
    for before, after in zip(made.segments, made.segments[1:], strict=False):
        pairs = list(zip(before.scene.things, after.scene.things, strict=True))
        differs = {
            "colour": sum(a.colour != b.colour for a, b in pairs),
            "shape": sum(a.shape != b.shape for a, b in pairs),
            "verb": sum(a.motion.verb != b.motion.verb for a, b in pairs),
            "stage": int(before.scene.stage != after.scene.stage),
        }
        assert {k: v for k, v in differs.items() if v} == {after.change: 1}


def test_a_story_opens_with_its_scene_and_is_a_function_of_its_seed():
    drawn = sample(11, 3)
    first, again = (story(drawn, np.random.default_rng(1), segments=3) for _ in range(2))
    assert first == again
    opening = first.segments[0].scene
    assert [t.shape for t in opening.things] == [t.shape for t in drawn.things]
    assert first.seams == (2.0, 4.0)
    assert len(first.prompts) == 3


def test_impossible_stories_are_refused():
    with pytest.raises(DataError, match=r"segments >= 1 of at most 4\.0 seconds"):
        story(sample(11, 0), np.random.default_rng(0), seconds=9.0)


@pytest.mark.parametrize("tier", ["core", "wide"])
@pytest.mark.parametrize("cuts", [False, True])
def test_every_number_has_a_story(tier, cuts):
    for index in range(10):
        made = drawn_story(12, index, tier=tier, cuts=cuts)
        assert len(made.segments) == 4
        assert agrees(parse(made.prompts[-1]), made.segments[-1].scene)
    assert made == drawn_story(12, 9, tier=tier, cuts=cuts)
    with pytest.raises(DataError, match="segments >= 1"):
        drawn_story(12, 0, segments=0)
