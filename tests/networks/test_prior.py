"""The prior: unit vectors to unit vectors, and nothing before it has learned."""

import torch
from torch.nn import functional as F

from mutoscope.networks.prior import Prior
from tests.tiny import awake


def test_before_it_has_learned_a_picture_is_what_is_said_of_it():
    words = F.normalize(torch.randn(5, 16, generator=torch.Generator().manual_seed(0)), dim=-1)
    torch.testing.assert_close(Prior(width=16)(words), words)
    pictures = awake(Prior(width=16)).eval()(words)
    torch.testing.assert_close(pictures.norm(dim=-1), torch.ones(5))
    assert (pictures - words).abs().max() > 0.1
    torch.testing.assert_close(awake(Prior(width=16))(words[2:3]), pictures[2:3])
