"""What all controls share."""

import pytest
import torch

from mutoscope.controls.control import folded
from mutoscope.errors import RequestError


def test_fine_maps_are_folded_and_coarse_ones_repeated():
    values = torch.arange(2 * 8 * 8.0).reshape(1, 1, 2, 8, 8)
    told = folded(values, (4, 4))
    assert told.shape == (1, 4, 2, 4, 4)
    assert told[0, :, 0, 0, 0].tolist() == [0, 1, 8, 9]
    assert torch.equal(folded(values, (8, 8)), values)
    wide = folded(values, (16, 16))
    assert torch.equal(wide[..., ::2, ::2], values)
    assert torch.equal(wide[..., 1::2, 1::2], values)
    with pytest.raises(RequestError, match="8x8 can't lie on 3x3 cells"):
        folded(values, (3, 3))
