"""Cosines and R-precision, on vectors whose right answer is known."""

import numpy as np
import pytest
import torch

from mutoscope.encoders import Bytes
from mutoscope.errors import DataError
from mutoscope.evaluate import alignment
from mutoscope.evaluate.similarity import r_precision
from mutoscope.networks.alignment import Aligner
from mutoscope.world.caption import caption
from mutoscope.world.facts import agrees
from mutoscope.world.parse import parse
from mutoscope.world.sample import sample


def test_clips_are_as_near_as_the_cosines_with_their_own_texts():
    texts = torch.eye(4)
    clips = torch.eye(4)[[0, 1, 3, 3]]
    similar = (clips @ texts.T).double().numpy()
    assert r_precision(similar, range(4)) == [True, True, False, True]
    assert alignment.similarity(clips, texts).tolist() == [1, 1, 0, 1]
    # Among other texts that aren't nearer it is right; a tie counts as wrong.
    assert r_precision(similar, range(4), [[1], [0], [0], [2]])[2] is False
    assert r_precision(similar, range(4), [[1], [0], [3], [2]])[2] is False


def test_rivals_are_others_that_are_not_true():
    scenes = [sample(7, i) for i in range(12)]
    facts = [parse(caption(scene, np.random.default_rng(k))) for k, scene in enumerate(scenes)]
    facts[3] = parse("a video")
    others = alignment.rivals(facts, scenes, 0, 5)
    for k, row in enumerate(others):
        assert len(set(row)) == 5
        assert k not in row
        assert not any(agrees(facts[j], scenes[k]) for j in row)
        assert 3 not in row
    assert others == alignment.rivals(facts, scenes, 0, 5)
    with pytest.raises(DataError, match="needs 20 captions"):
        alignment.rivals(facts, scenes, 0, 20)


def test_clips_and_prompts_come_out_as_unit_vectors_in_batches():
    aligner = Aligner(
        width=16, deep=16, mind=16, depth=1, slots=2, layers=1, heads=2, text=8
    ).eval()
    frames = torch.rand(18, 3, 4, 96, 96, generator=torch.Generator().manual_seed(0)) * 2 - 1
    seen = alignment.seen(aligner, frames, 8.0)
    assert seen.vector.shape == (18, 128)
    assert seen.patches.shape == (18, 2, 64, 16)
    (alone,) = alignment.seen(aligner, frames[17:], 8.0).vector
    assert torch.allclose(alone, seen.vector[17], atol=1e-2)
    heard = alignment.heard(aligner, ["a", "", "b"] * 30, Bytes())
    assert torch.allclose(heard.norm(dim=-1), torch.ones(90), atol=1e-5)
    assert torch.allclose(heard[0], heard[87], atol=1e-5)
