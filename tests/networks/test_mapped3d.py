"""The layout of three dimensions with maps and a picture's token: its size, and what is absent."""

import pytest
import torch

from mutoscope.core.condition import Condition
from mutoscope.errors import RequestError
from mutoscope.networks.mapped3d import MappedUNet3D
from tests import tiny

TRUNK = {
    "block_out_channels": (16, 16), "layers_per_block": 1, "norm_num_groups": 8,
    "down_block_types": ("CrossAttnDownBlock3D", "DownBlock3D"),
    "up_block_types": ("UpBlock3D", "CrossAttnUpBlock3D"),
    "cross_attention_dim": 8, "attention_head_dim": 8,
}  # fmt: skip

PUBLISHED = {"image": 3, "sketch": 1, "sketches": 1, "depth": 1, "motion": 2, "mask": 4}


@pytest.fixture(scope="module")
def network():
    return tiny.awake(MappedUNet3D({"depth": 1, "motion": 2}, image=6, trunk=TRUNK)).eval()


def told(**changed):
    rng = torch.Generator().manual_seed(1)
    doors = {
        "text": torch.randn(2, 5, 8, generator=rng),
        "text_mask": torch.ones(2, 5, dtype=torch.bool),
        "image": torch.randn(2, 1, 6, generator=rng),
        "concat": torch.randn(2, 3, 3, 32, 32, generator=rng),
        "scalars": {name: torch.ones(2) for name in ("depth", "motion", "image")},
    }
    return Condition(**{**doors, **changed})


@torch.no_grad()
def said(network, condition):
    x = torch.randn(2, 4, 3, 4, 4, generator=torch.Generator().manual_seed(2))
    return network(x, torch.tensor([0.3, 0.6]), condition)


def test_the_published_size_has_as_many_parameters_as_the_released_network():
    with torch.device("meta"):
        network = MappedUNet3D(PUBLISHED)
    counts = {name: p.numel() for name, p in network.named_parameters()}
    assert sum(counts.values()) == 1_413_435_636
    encoders = sum(n for name, n in counts.items() if name.startswith("encoders."))
    assert encoders == 6 * (9_248 + 2_312 + 1_088) + 12 * 288 + 6 * 32
    assert sum(n for name, n in counts.items() if name.startswith("style.")) == 2_099_200
    assert network.trunk.conv_in.weight.shape == (320, 12, 3, 3)


def test_each_map_and_the_token_are_heard_and_absent_ones_are_not(network):
    whole = said(network, told())
    assert whole.shape == (2, 4, 3, 4, 4)
    ones = told().scalars
    for name in ones:
        without = said(network, told(scalars={**ones, name: torch.zeros(2)}))
        assert (without - whole).abs().max() > 1e-4
    maps = {name: torch.zeros(2) for name in ("depth", "motion")}
    shut = said(network, told(scalars={**ones, **maps}))
    assert torch.equal(shut, said(network, told(concat=None)))
    assert torch.equal(shut, said(network, told(scalars={"image": torch.ones(2)})))


def test_the_whole_of_time_is_seen_by_an_encoder(network):
    encoder = network.encoders["depth"]
    x = torch.zeros(1, 1, 3, 16, 16)
    y = x.clone()
    y[:, :, 1] = 1
    moved = (encoder(y, (4, 4)) - encoder(x, (4, 4))).abs().amax((0, 1, 3, 4))
    assert (moved > 1e-5).all()


def test_a_network_told_no_words_refuses(network):
    with pytest.raises(RequestError, match="needs a text condition"):
        said(network, Condition())
