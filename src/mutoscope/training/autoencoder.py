"""Training of the frame autoencoder.

L = |x - y| + 4 (x - y)^2 + |dx - dy| + pull, where y = D(E(x) + s e): the noise s e on the latent
makes the decoder forgive the small errors of a denoiser, and the pull is 0.1 times the mean square
of a channel as far as it is above 1. All weights ours.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional as F

from mutoscope.autoencoders import FrameAutoencoder
from mutoscope.clip import Clip
from mutoscope.data.pictures import Pictures
from mutoscope.training.train import Batch, Task

NOISE = 0.05
"""Standard deviation added to latents while training (ours)."""


class AutoencoderTask(Task):
    """Learn to code single pictures; `held` pictures are drawn on the sample sheet and scored."""

    def __init__(self, network: FrameAutoencoder, pictures: Pictures, side: int = 128) -> None:
        self.network, self.pictures, self.side = network, pictures, side

    def parts(self) -> Mapping[str, nn.Module]:
        """The autoencoder alone."""
        return {"autoencoder": self.network}

    def batch(self, rng: np.random.Generator, size: int) -> Batch:
        """Pictures in [-1, 1]."""
        found = np.stack([self.pictures.draw(rng, self.side) for _ in range(size)])
        return {"frames": as_frames(found)}

    def loss(self, batch: Batch, rng: torch.Generator) -> Mapping[str, Float[Tensor, ""]]:
        """The terms of the module's docstring; "psnr" is in decibels of a peak of 2."""
        x = batch["frames"]
        z = self.network.encode(x)
        noise = torch.randn(z.shape, generator=rng).to(z)
        y = self.network.reconstruct(z + NOISE * noise)
        error = (x - y).square().mean()
        edges = sum((_slope(x, d) - _slope(y, d)).abs().mean() for d in (-1, -2))
        pull = F.relu(z.square().mean((0, 2, 3, 4)) - 1).mean() + 1e-3 * z.square().mean()
        loss = (x - y).abs().mean() + 4 * error + edges + 0.1 * pull
        return {"loss": loss, "psnr": 10 * torch.log10(4 / error.detach()), "pull": pull.detach()}

    def finish(self, parts: Mapping[str, nn.Module]) -> None:
        """Measure mean and deviation of the latent's channels and keep them in the autoencoder."""
        network = parts["autoencoder"]
        assert isinstance(network, FrameAutoencoder)
        with torch.no_grad():
            z = network.encode(self.batch(np.random.default_rng(1), 512)["frames"])
        rows = rearrange(z, "b c t h w -> c (b t h w)")
        network.mean += network.std * rows.mean(1)
        network.std *= rows.std(1)

    def sheet(self, parts: Mapping[str, nn.Module]) -> UInt8[np.ndarray, "H W 3"]:
        """Eight pictures above what became of them."""
        network = parts["autoencoder"]
        assert isinstance(network, FrameAutoencoder)
        x = self.batch(np.random.default_rng(2), 8)["frames"]
        with torch.no_grad():
            y = network.decode(network.encode(x))
        both = Clip(frames=torch.cat([x, y]).float(), fps=1).uint8()
        return rearrange(both, "(r b) 1 h w c -> (r h) (b w) c", r=2)


def as_frames(pictures: UInt8[np.ndarray, "b H W 3"]) -> Float[Tensor, "b 3 1 H W"]:
    """Pictures as clips of one frame in [-1, 1]."""
    return rearrange(torch.tensor(pictures).float() / 127.5 - 1, "b h w c -> b c 1 h w")


def _slope(x: Tensor, dim: int) -> Tensor:
    return x.narrow(dim, 1, x.shape[dim] - 1) - x.narrow(dim, 0, x.shape[dim] - 1)
