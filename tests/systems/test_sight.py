"""What a picture shows, as systems see it."""

import torch

from mutoscope.systems import sight
from tests.tiny import awake


def pictures(count=2):
    return torch.rand(count, 3, 2, 96, 96, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_the_first_frame_alone_is_seen_and_whatever_runs_around_in_float32():
    aligner = awake(sight.fresh()).eval()
    frames = pictures()
    found = sight.seen(aligner, frames)
    assert found.patches.shape == (2, 1, 64, sight.TOKEN)
    assert found.vector.shape == (2, sight.VECTOR)
    other = frames.clone()
    other[:, :, 1] = 0
    assert torch.equal(sight.seen(aligner, other).patches, found.patches)
    with torch.autocast("cpu", torch.bfloat16):
        again = sight.seen(aligner, frames)
    assert torch.equal(again.patches, found.patches)
    assert not again.patches.requires_grad


def test_equal_patches_in_different_places_differ_once_they_are_placed():
    patches = torch.zeros(1, 64, sight.TOKEN)
    told = sight.placed(patches)[0]
    apart = torch.cdist(told, told) + torch.eye(64) * 99
    assert apart.min() > 0.5
    near, far = told[1] - told[0], told[63] - told[0]
    assert near.norm() < far.norm()
    one = torch.randn(1, 64, sight.TOKEN, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(sight.placed(one) - one, told[None], atol=1e-6, rtol=0)
