"""Captions told again in people's words."""

import numpy as np
import pytest

from mutoscope import world
from mutoscope.world import lexicon, thesaurus
from mutoscope.world.caption import vocabulary
from mutoscope.world.wording import OWN

TABLES = (
    "shapes", "colours", "materials", "sizes", "speeds", "verbs", "floors", "skies", "moves",
)  # fmt: skip


def told(index, tier, *, still=False):
    scene = world.sample(3, index, tier=tier)
    caption = world.caption(scene, np.random.default_rng(index), still=still)
    return caption, thesaurus.retell(caption, np.random.default_rng(index), still=still)


@pytest.mark.parametrize("name", TABLES)
def test_every_word_of_the_world_has_many_names(name):
    rows, own = getattr(thesaurus.people(), name), getattr(OWN, name)
    assert set(rows) == set(own)
    assert all(set(own[key]) <= set(row) and len(row) > len(own[key]) for key, row in rows.items())


@pytest.mark.parametrize("name", ["shapes", "colours", "sizes", "materials"])
def test_a_name_means_one_thing(name):
    names = [phrase for row in getattr(thesaurus.people(), name).values() for phrase in row]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("tier", ["core", "wide"])
def test_no_slot_is_left_open_and_every_word_is_known(tier):
    known = vocabulary() | thesaurus.vocabulary()
    for index in range(150):
        _, text = told(index, tier, still=index % 4 == 0)
        assert "{" not in text
        said = [w for w in lexicon.split(text) if w[0].isalnum()]
        assert set(said) <= known, text


def test_the_same_dice_tell_the_same_and_most_tell_something_new():
    pairs = [told(index, "core") for index in range(60)]
    assert pairs == [told(index, "core") for index in range(60)]
    assert sum(a != b for a, b in pairs) > 50


def test_a_colour_that_is_told_is_one_of_its_names():
    for index in range(60):
        scene = world.sample(3, index, objects=1)
        caption = world.caption(scene, np.random.default_rng(index))
        text = thesaurus.retell(caption, np.random.default_rng(index)).lower()
        if world.parse(caption).things[0].colour is not None:
            assert any(name in text for name in thesaurus.people().colours[scene.things[0].colour])
