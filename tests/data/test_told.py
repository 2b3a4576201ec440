"""Scenes are told in several ways, read once, and found again."""

import torch

from mutoscope.data import told
from mutoscope.encoders import Bytes
from mutoscope.world.facts import agrees
from mutoscope.world.parse import parse
from mutoscope.world.sample import sample

SCENES = [sample(7, i, tier="wide") for i in range(5)]


class Once:
    """An encoder that counts how often it is asked."""

    width = 8

    def __init__(self):
        self.read, self.asked = Bytes(), 0

    def __call__(self, prompts):
        self.asked += 1
        return self.read(prompts)


def test_the_first_telling_is_true_and_the_last_says_nothing_of_motion():
    for k, scene in enumerate(SCENES):
        said = told.ways(scene, k)
        assert len(said) == told.STILL + 1
        assert agrees(parse(said[0]), scene)
        assert parse(said[told.STILL]).move is None
        assert said == told.ways(scene, k)


def test_states_of_a_telling_are_those_that_the_encoder_gives_and_are_read_once(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(told, "CHUNK", 2)
    encoder = Once()
    found = told.build(tmp_path, SCENES, encoder)
    asked = encoder.asked
    again = told.build(tmp_path, SCENES, encoder)
    assert (asked, encoder.asked) == (3, 3)
    assert torch.equal(found.text, again.text)
    assert len(found) == 5
    for way in (0, 2, told.STILL):
        text, mask = found.pick([4, 1], [way, 0])
        want = encoder.read([found.captions[way][4], found.captions[0][1]])
        assert torch.equal(text[0][mask[0]], want.text[0][want.text_mask[0]].bfloat16())
        assert torch.equal(text[1][mask[1]], want.text[1][want.text_mask[1]].bfloat16())
    # The last scenes are told by their own number, not by that in their file.
    assert found.captions[0][4] == told.ways(SCENES[4], 4)[0]
