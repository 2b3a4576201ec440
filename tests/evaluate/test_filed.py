"""Conditions of held-out scenes as files: what a request makes of them is what is true."""

import numpy as np
import torch

from mutoscope.controls import given, motion, sketch
from mutoscope.evaluate.filed import FILES, MPEG4, filed
from mutoscope.evaluate.questions import Questions
from mutoscope.networks.dense import nearness
from mutoscope.request import ConditionRequest, Request


def test_the_files_of_a_scene_say_what_is_true_of_it(tmp_path):
    asked = Questions(n=1, seed=3, frames=4, side=64).asked()
    (case,) = filed(asked, tmp_path)
    request = Request(frames=4, fps=8.0, size=(64, 64))

    def told(kind):
        return [given.given(ConditionRequest.of(one), request) for one in case.given(kind)]

    near = nearness(told("depth")[0])[0, 0]
    assert np.abs(near.numpy() - case.wish.near).max() < 0.01
    assert np.array_equal(told("sketches")[0][0, 0].numpy() > 0.5, case.wish.sketch)
    assert np.array_equal(told("edge")[0][0, 0].numpy() > 0.5, case.wish.edges)
    assert torch.equal(told("sketch")[0][0, 0, 0], told("sketches")[0][0, 0, 0])
    (picture,) = told("image")
    torch.testing.assert_close(picture[0, :, 0], case.wish.first)
    mask, source = (ConditionRequest.of(one) for one in case.given("mask"))
    assert given.is_map(mask)
    assert torch.equal(given.given(mask, request)[0, 0] > 0.5, torch.tensor(case.wish.mask))
    torch.testing.assert_close(given.clip(source, request)[0], case.real[0])
    coded = told(MPEG4)[0]
    assert coded.shape == (1, 3, 4, 64, 64)
    assert not torch.equal(coded, told("motion")[0])
    assert motion.CHANNELS == 3
    assert sketch.CHANNELS == 1
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.png")}
    filed(asked, tmp_path)
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.png")}
    assert set(FILES.values()) == {path.name for path in case.folder.iterdir()}


def test_a_condition_asks_for_its_own_and_nothing_else(tmp_path):
    (case,) = filed(Questions(n=1, seed=3, frames=2, side=64).asked(), tmp_path)
    fields = {
        "depth": {"near"}, "sketches": {"sketch"}, "sketch": {"sketch"}, "image": {"first"},
        "mask": {"mask", "source"}, "motion": {"flow"}, "edge": {"edges"},
    }  # fmt: skip
    for kind, names in fields.items():
        wish = case.asks(kind)
        assert {name for name, value in vars(wish).items() if value is not None} == names
    assert len(case.asks("sketch").sketch) == 1
