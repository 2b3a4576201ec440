"""Stable Diffusion 1, on which the systems of 2022-2023 stand: its layout, without its weights.

For shapes and costs. Its network is ours with the published sizes; its autoencoder and its words
are stood in for by ours, of as many channels and as wide.
"""

from __future__ import annotations

from functools import partial

from mutoscope.autoencoders import FrameAutoencoder
from mutoscope.core import grids
from mutoscope.core.denoiser import Denoiser
from mutoscope.core.prediction import Noise, Prediction
from mutoscope.core.schedule import Betas
from mutoscope.encoders import Bytes
from mutoscope.networks.unet2d import UNet2D
from mutoscope.nn.attention import Sight
from mutoscope.systems.diffusion import Parts
from mutoscope.systems.shipped import Sizes

WIDTH = 768
SIZES = Sizes(side=512, text=WIDTH, autoencoder={"channels": 4})
NOISE = Noise()


def fresh(
    *, sees: Sight = "own", over_time: bool = False, channels: int = 4,
    prediction: Prediction = NOISE,
) -> Parts:  # fmt: skip
    """Its parts, which have learned nothing; `sees` and `over_time` are `UNet2D`'s.

    `channels` are those that enter its network: the latent's 4 and what lies beside it.

    Source: Rombach et al. (2022); times as its published scheduler spaces them.
    """
    network = UNet2D(sample_size=64, in_channels=channels, sees=sees, over_time=over_time)
    return Parts(
        denoiser=Denoiser(network, Betas.scaled_linear(), prediction),
        autoencoder=FrameAutoencoder(**SIZES.autoencoder),
        text=Bytes(WIDTH),
        scalars=(),
        grid=partial(grids.leading, offset=1),
    )
