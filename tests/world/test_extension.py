"""Prompt extension says more and nothing else, in words that captions have."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_scenes import random_scene

from mutoscope.world.caption import caption, vocabulary
from mutoscope.world.extension import ACTIONS, LONGEST, extended
from mutoscope.world.lexicon import split
from mutoscope.world.parse import parse
from mutoscope.world.scene import CORE_STAGES

SEEDS = st.integers(0, 2**40)
LAW = settings(max_examples=150, deadline=None, derandomize=True)
SHORT = ("a red ball", "two blue cubes", "a star and a green cone on the sand", "A white ring.",
         "a cube spins!", "snow", "a pink pyramid, the camera zooms in")  # fmt: skip


def told(seed):
    rng = np.random.default_rng(seed)
    return caption(random_scene(rng, core=bool(seed % 2)), rng)


@LAW
@given(SEEDS)
def test_the_prompt_comes_first_and_means_what_it_meant(seed):
    prompt = told(seed)
    longer = extended(prompt)
    assert longer.startswith(prompt.strip().rstrip(".,;: "))
    before, after = parse(prompt), parse(longer)
    for name in ("floor", "sky", "light", "fog", "move", "pace", "look", "sign", "count"):
        assert getattr(before, name) in (None, getattr(after, name))
    assert after.relations == before.relations
    assert len(after.things) == len(before.things)
    for mine, theirs in zip(before.things, after.things, strict=True):
        assert all(v in (None, getattr(theirs, n)) for n, v in vars(mine).items())


@LAW
@given(SEEDS)
def test_it_says_no_word_that_captions_do_not_have_and_is_not_too_long(seed):
    prompt = told(seed)
    longer = extended(prompt)
    new = [word for word in split(longer)[len(split(prompt)) :] if word[0].isalnum()]
    assert set(new) <= vocabulary()
    assert longer == prompt or len(split(longer)) <= LONGEST


@pytest.mark.parametrize("prompt", SHORT)
def test_a_short_prompt_is_told_where_it_is_what_it_does_and_how_it_is_filmed(prompt):
    facts = parse(extended(prompt))
    assert (facts.floor, facts.sky) in CORE_STAGES.values()
    assert all(thing.verb for thing in facts.things)
    assert facts.move is not None
    assert not facts.unknown


@pytest.mark.parametrize("prompt", SHORT)
def test_what_is_whole_stays_and_the_same_prompt_is_extended_alike(prompt):
    longer = extended(prompt)
    assert extended(prompt) == longer != prompt
    assert extended(longer) == longer
    assert extended(f"  {prompt} ").strip().lower() == longer.lower()


def test_prompts_are_extended_differently():
    prompts = [f"a {c} {s}" for c in ("red", "blue", "green") for s in ("ball", "cube", "cone")]
    found = [parse(extended(prompt)) for prompt in prompts]
    assert len({facts.floor for facts in found}) > 2
    verbs = {facts.things[0].verb for facts in found}
    assert len(verbs) > 2
    assert verbs <= set(ACTIONS)


@pytest.mark.parametrize(
    "prompt", ["", "  ", "red", "a fox", "a red ball in a kitchen", "ein roter Ball"]
)
def test_what_is_not_understood_stays_as_it_is(prompt):
    assert extended(prompt) == prompt


def test_beside_a_picture_no_place_is_said_and_of_a_still_nothing_that_takes_time():
    beside = parse(extended("a red ball", place=False))
    assert (beside.floor, beside.sky) == (None, None)
    assert beside.things[0].verb in ACTIONS
    assert beside.move == "static"
    still = parse(extended("a red ball", still=True))
    assert still.floor is not None
    assert still.things[0].verb is None
    assert still.move is None
    assert extended("a red ball", place=False, still=True) == "a red ball"


def test_it_is_written_as_the_prompt_is():
    assert extended("A red ball.").endswith(".")
    assert ". The camera" in extended("A red ball.")
    assert not extended("a red ball").endswith(".")
    assert ". the camera" in extended("a red ball")
