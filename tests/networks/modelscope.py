"""Pairs of networks that hold the same weights: diffusers' and ours."""

import torch
from diffusers import UNet3DConditionModel

from mutoscope.core.condition import Condition
from mutoscope.networks.unet3d import UNet3D
from tests.tiny import awake

CROSS, PLAIN = "CrossAttnDownBlock3D", "DownBlock3D"
MIRROR = {CROSS: "CrossAttnUpBlock3D", PLAIN: "UpBlock3D"}


def config(levels=(CROSS, PLAIN), widths=(16, 32), depth=1, **more):
    return {
        "block_out_channels": tuple(widths),
        "down_block_types": tuple(levels),
        "up_block_types": tuple(MIRROR[level] for level in reversed(levels)),
        "layers_per_block": depth,
        "norm_num_groups": 8,
        "cross_attention_dim": 12,
        "attention_head_dim": 8,
        **more,
    }


def pair(seed=0, **sizes):
    """(diffusers', ours), all weights drawn, temporal ones too."""
    theirs = awake(UNet3DConditionModel(**sizes), seed).eval()
    ours = UNet3D(**sizes).eval()
    ours.load_state_dict(theirs.state_dict())
    return theirs.requires_grad_(False), ours.requires_grad_(False)


def inputs(batch, frames, side=8, channels=4, text=12):
    rng = torch.Generator().manual_seed(1)
    x = torch.randn(batch, channels, frames, side, side, generator=rng)
    states = torch.randn(batch, 7, text, generator=rng)
    steps = torch.tensor([981, 20, 500, 1])[:batch]
    return x, steps, Condition(text=states)


def time(steps):
    """Integer timesteps on our clock."""
    return (steps.float() + 1) / 1000
