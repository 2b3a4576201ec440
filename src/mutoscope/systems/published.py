"""Shapes of published systems whose weights aren't here, to ask what they would cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mutoscope.autoencoders import FrameAutoencoder
from mutoscope.core import grids
from mutoscope.core.denoiser import Denoiser
from mutoscope.core.prediction import Prediction
from mutoscope.core.schedule import Betas
from mutoscope.core.shapes import Grid
from mutoscope.encoders import Bytes
from mutoscope.networks.unet2d import UNet2D
from mutoscope.systems.diffusion import Parts
from mutoscope.systems.shipped import Sizes


def stable(
    sizes: Sizes, prediction: Prediction, layout: dict[str, Any],
    grid: Callable[[int], Grid] = grids.trailing,
) -> Parts:  # fmt: skip
    """Stable Diffusion 1 with further arguments of its U-Net; our autoencoder, words without sense.

    Source: Rombach et al. (2022); `networks.unet2d`.
    """
    network = UNet2D(**layout)
    return Parts(
        denoiser=Denoiser(network, Betas.scaled_linear(), prediction),
        autoencoder=FrameAutoencoder(**sizes.autoencoder),
        text=Bytes(sizes.text or 768),
        scalars=(),
        grid=grid,
    )
