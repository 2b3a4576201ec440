"""The aligner: unit vectors whatever is beside them, and an eye that is the reader's."""

import pytest
import torch

from mutoscope.networks.alignment import EYE, HOTTEST, PATCHES, Aligner
from mutoscope.networks.readers import ClipReader
from tests.tiny import awake


@pytest.fixture(scope="module")
def small():
    made = Aligner(width=16, deep=16, mind=16, depth=1, slots=2, layers=1, heads=2, text=8, out=12)
    return awake(made).eval().requires_grad_(False)


def _frames(b, t):
    return torch.rand(b, 3, t, 64, 64, generator=torch.Generator().manual_seed(b)) * 2 - 1


@pytest.mark.parametrize("t", [1, 8])
def test_a_clip_is_a_unit_vector_and_patches(small, t):
    seen = small.see(_frames(2, t))
    assert torch.allclose(seen.vector.norm(dim=-1), torch.ones(2))
    assert seen.patches.shape == (2, t, PATCHES, 16)


def test_what_a_sentence_is_padded_with_is_not_heard(small):
    text = torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(0))
    mask = torch.ones(2, 5, dtype=torch.bool)
    long = torch.cat([text, 9 * torch.ones(2, 3, 8)], dim=1)
    padded = torch.cat([mask, torch.zeros(2, 3, dtype=torch.bool)], dim=1)
    alone, beside = small.hear(text, mask), small.hear(long, padded)
    assert torch.allclose(alone, beside, atol=1e-5)
    assert torch.allclose(alone.norm(dim=-1), torch.ones(2))


def test_scores_are_cosines_times_a_scale_that_stays_bounded(small):
    frames, text = _frames(2, 2), torch.randn(3, 4, 8, generator=torch.Generator().manual_seed(2))
    mask = torch.ones(3, 4, dtype=torch.bool)
    scores = small(frames, text, mask)
    cosines = small.see(frames).vector @ small.hear(text, mask).T
    assert torch.allclose(scores, small.scale * cosines, atol=1e-4)
    hot = Aligner(width=16, deep=16, mind=16, depth=1, heads=2, text=8)
    with torch.no_grad():
        hot.heat.fill_(50.0)
    assert float(hot.scale.detach()) == HOTTEST


def test_its_eye_has_the_reader_s_layers():
    mine = {n: v.shape for n, v in Aligner().state_dict().items() if n.split(".")[0] in EYE}
    known = {n: v.shape for n, v in ClipReader().state_dict().items()}
    assert {n.split(".")[0] for n in mine} == set(EYE)
    assert all(known[name] == shape for name, shape in mine.items())
