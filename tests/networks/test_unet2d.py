import pytest
import torch
from diffusers import UNet2DConditionModel

from mutoscope.core.condition import Condition
from mutoscope.networks.unet2d import UNet2D
from mutoscope.nn.inflate import grow
from tests.networks.modelscope import time
from tests.tiny import awake

SIZES = {
    "sample_size": 8,
    "block_out_channels": (16, 32),
    "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
    "layers_per_block": 1,
    "norm_num_groups": 4,
    "cross_attention_dim": 12,
    "attention_head_dim": 2,
}


def pair(**changes):
    theirs = awake(UNet2DConditionModel(**SIZES)).eval()
    ours = UNet2D(**SIZES, **changes).eval()
    grow(ours, theirs.state_dict())
    return theirs, ours


def inputs(frames):
    rng = torch.Generator().manual_seed(1)
    x = torch.randn(2, 4, frames, 8, 8, generator=rng)
    text = torch.randn(2, 5, 12, generator=rng)
    return x, torch.tensor([3, 700]), Condition(text=text)


@pytest.mark.parametrize("frames", [1, 3])
def test_it_says_of_each_frame_what_diffusers_network_says(frames):
    theirs, ours = pair()
    x, steps, told = inputs(frames)
    want = torch.stack([theirs(x[:, :, k], steps, told.text).sample for k in range(frames)], dim=2)
    torch.testing.assert_close(ours(x, time(steps), told), want, atol=1e-5, rtol=1e-5)


def test_looking_at_other_frames_a_still_clip_is_the_image_networks():
    theirs, ours = pair(sees="sparse", over_time=True)
    x, steps, told = inputs(1)
    want = theirs(x[:, :, 0], steps, told.text).sample[:, :, None].expand(-1, -1, 3, -1, -1)
    got = ours(x.expand(-1, -1, 3, -1, -1), time(steps), told)
    torch.testing.assert_close(got, want, atol=1e-5, rtol=1e-5)
    moving = inputs(3)[0]
    alone = torch.cat([ours(moving[:, :, k : k + 1], time(steps), told) for k in range(3)], dim=2)
    got = ours(moving, time(steps), told)
    torch.testing.assert_close(got[:, :, :1], alone[:, :, :1], atol=1e-5, rtol=1e-5)
    assert (got - alone)[:, :, 1:].abs().max() > 1e-3
    learned = awake(ours)
    assert (learned(moving, time(steps), told)[:, :, 0] - learned(moving[:, :, :1], time(steps),
            told)[:, :, 0]).abs().max() > 1e-3  # fmt: skip


def test_for_one_call_it_takes_another_sight():
    ours, first = (pair(sees=sees)[1] for sees in ("own", "first"))
    x, steps, told = inputs(3)
    plain, other = (ours(x, time(steps), told, sees=sees) for sees in (None, "first"))
    torch.testing.assert_close(other, first(x, time(steps), told))
    torch.testing.assert_close(first(x, time(steps), told, sees="own"), plain)
    assert (plain - other)[:, :, 1:].abs().max() > 1e-3


def test_the_published_size_has_the_published_names_shapes_and_number_of_parameters():
    with torch.device("meta"):
        theirs = UNet2DConditionModel(sample_size=64, cross_attention_dim=768)
        ours = UNet2D(sample_size=64, sees="sparse", over_time=True)
    known = {name: weight.numel() for name, weight in theirs.state_dict().items()}
    held = {name: weight.numel() for name, weight in ours.state_dict().items()}
    assert sum(known.values()) == 859_520_964
    assert {name: held[name] for name in known} == known
    new = {name: count for name, count in held.items() if name not in known}
    assert all(".attn_temp." in name or ".norm_temp." in name for name in new)
    # 16 blocks: five of width 320, five of 640, six of 1280; 4 d^2 + d of attention, 2 d of a norm.
    assert sum(new.values()) == sum(
        n * (4 * d**2 + 3 * d) for n, d in ((5, 320), (5, 640), (6, 1280))
    )
