"""What is asked can be shown, and what real clips show is what was asked."""

import numpy as np
import pytest

from mutoscope.evaluate.commands import FEW
from mutoscope.evaluate.freeprompts import FREE
from mutoscope.evaluate.keeping import kept
from mutoscope.evaluate.paraphrases import PARAPHRASES
from mutoscope.evaluate.questions import Questions
from mutoscope.evaluate.tracks import SIDES
from mutoscope.world.facts import agrees
from mutoscope.world.parse import parse
from mutoscope.world.sample import held_out


def test_captions_are_held_against_their_scenes_and_stills_against_what_stills_show():
    asked = Questions(n=6).asked()
    assert len(asked) == 6
    assert list(asked.said) == list(asked.scenes)
    still = Questions(n=6, frames=1).asked()
    assert all(thing.verb is None for facts in still.said for thing in facts.things)
    assert all(facts.move is None for facts in still.said)
    assert asked.first(2).prompts == asked.prompts[:2]
    assert len(asked.first(FEW)) == 6


def test_clips_of_wide_captions_are_held_to_what_these_say():
    asked = Questions(n=4, tier="wide").asked()
    for prompt, facts, scene in zip(asked.prompts, asked.said, asked.scenes, strict=True):
        assert facts == parse(prompt)
        assert agrees(facts, scene)
        assert len(facts.things) == len(scene.things)


def test_unseen_questions_all_have_a_pair_that_training_never_saw():
    assert all(held_out(scene) for scene in Questions(n=8, unseen=True).asked().scenes)


def test_sided_questions_say_which_thing_is_left_of_which_and_scenes_show_it():
    asked = Questions(n=3).sided()
    assert len(set(asked.prompts)) == 3
    for facts, scene in zip(asked.said, asked.scenes, strict=True):
        ((_, side, _),) = facts.relations
        assert side in SIDES
        assert facts.unknown == ()
        assert agrees(facts, scene)
    assert list(Questions(n=2).sided().prompts) == list(asked.prompts[:2])


@pytest.mark.parametrize("prompts", [PARAPHRASES, FREE])
def test_every_written_prompt_has_a_scene_that_shows_what_it_says(prompts):
    asked = Questions(n=len(prompts) + 2).written(prompts)
    assert asked.prompts[-2:] == asked.prompts[:2]
    for facts, scene in zip(asked.said, asked.scenes, strict=True):
        assert agrees(facts, scene)
        assert len(scene.things) == len(facts.things)
    again = Questions(n=3).written(prompts)
    assert list(again.scenes) == list(asked.scenes[:3])
    assert asked.scenes[0] != asked.scenes[-2], "the same prompt is asked with another scene"


def test_real_clips_are_as_large_and_long_as_asked():
    assert Questions(n=2, frames=3, side=64).asked().real().shape == (2, 3, 3, 64, 64)


def test_a_clip_that_was_kept_is_not_made_again(tmp_path):
    made = []

    def generate(prompts, seeds):
        made.append((prompts, seeds))
        rng = np.random.default_rng(seeds)
        return _frames(rng.integers(0, 256, (1, 2, 8, 8, 3), dtype=np.uint8))

    system = kept(generate, tmp_path / "clips")
    one = system(["a", "b"], [1, 2])
    assert made == [(["a"], [1]), (["b"], [2])]
    more = kept(generate, tmp_path / "clips")(["b", "a", "a"], [2, 1, 3])
    assert made[2:] == [(["a"], [3])]
    assert (more[0] == one[1]).all()
    assert (more[1] == one[0]).all()


def _frames(rgb):
    from mutoscope.evaluate.reading import as_frames

    return as_frames(rgb)
