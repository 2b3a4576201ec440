"""Pixels to latents of about unit variance, and back.

z = (encoder(frame) - mean) / std, channel by channel, with `mean` and `std` measured after training
and kept inside the autoencoder: outside it a latent is simply a latent. Every frame is coded alone,
so an image is a clip with one frame and the temporal stride is 1.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from mutoscope.clip import Frames
from mutoscope.core.shapes import Latent
from mutoscope.nn.inflate import zeroed
from mutoscope.weights import ModelMixin, register_to_config


@runtime_checkable
class Autoencoder(Protocol):
    """What every system asks of its autoencoder; `stride` is that of (t, h, w)."""

    channels: int
    stride: tuple[int, int, int]

    def encode(self, frames: Frames) -> Latent:
        """Latents of clips in [-1, 1]."""
        ...

    def decode(self, latent: Latent) -> Frames:
        """Clips in [-1, 1] of latents."""
        ...


class Pixels:
    """No autoencoder: the system works on pixels."""

    channels, stride = 3, (1, 1, 1)

    def encode(self, frames: Frames) -> Latent:
        """The frames themselves."""
        return frames

    def decode(self, latent: Latent) -> Frames:
        """The latent, clamped to [-1, 1]."""
        return latent.clamp(-1, 1)


class _Block(nn.Module):
    """Residual block without normalisation: what it does is the same at every frame size."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.one = nn.Conv2d(width, width, 3, padding=1)
        self.two = zeroed(nn.Conv2d(width, width, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.two(F.silu(self.one(F.silu(x))))


def _blocks(width: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(_Block(width) for _ in range(count)))


def _down(width: int, out: int) -> nn.Sequential:
    return nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(4 * width, out, 1))


def _up(width: int, out: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(width, 4 * out, 1), nn.PixelShuffle(2))


class FrameAutoencoder(ModelMixin):
    """A small convolutional autoencoder of single frames, ours.

    Frames are unshuffled by 4 first, so that no convolution runs at full size; `stride` is 8 or 16
    and both sides of a frame must be divisible by it.
    """

    @register_to_config
    def __init__(
        self,
        channels: int = 6,
        stride: int = 8,
        widths: tuple[int, ...] = (32, 96),
        depths: tuple[int, ...] = (2, 3),
        decoder_widths: tuple[int, ...] = (64, 128),
        decoder_depths: tuple[int, ...] = (2, 3),
    ) -> None:
        super().__init__()
        levels = {8: 2, 16: 3}[stride]
        if not levels == len(widths) == len(depths) == len(decoder_widths) == len(decoder_depths):
            raise ValueError(f"stride {stride} needs {levels} widths and depths")
        self.channels, self.stride = channels, (1, stride, stride)
        down: list[nn.Module] = [nn.PixelUnshuffle(4), nn.Conv2d(48, widths[0], 3, padding=1)]
        for i, (width, depth) in enumerate(zip(widths, depths, strict=True)):
            down += [_down(widths[i - 1], width)] if i else []
            down += [_blocks(width, depth)]
        self.encoder = nn.Sequential(*down, nn.SiLU(), nn.Conv2d(widths[-1], channels, 1))
        up: list[nn.Module] = [nn.Conv2d(channels, decoder_widths[-1], 3, padding=1)]
        for i in reversed(range(levels)):
            up += [_blocks(decoder_widths[i], decoder_depths[i])]
            up += [_up(decoder_widths[i], decoder_widths[i - 1])] if i else []
        fine = decoder_widths[0] // 2
        up += [_up(decoder_widths[0], fine), _Block(fine), nn.SiLU()]
        up += [nn.Conv2d(fine, 12, 3, padding=1), nn.PixelShuffle(2)]
        self.decoder = nn.Sequential(*up)
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("std", torch.ones(channels))

    def encode(self, frames: Frames) -> Latent:
        """Normalised latents, float32."""
        b = len(frames)
        x = rearrange(frames, "b c t h w -> (b t) c h w")
        z = self.encoder(self._own(x)).float()
        z = (z - _column(self.mean)) / _column(self.std)
        return rearrange(z, "(b t) c h w -> b c t h w", b=b)

    def decode(self, latent: Latent) -> Frames:
        """Frames, float32, clamped to [-1, 1]."""
        return self.reconstruct(latent).clamp(-1, 1)

    def reconstruct(self, latent: Latent) -> Frames:
        """Frames as the decoder says them, unclamped: what its loss is taken of."""
        b = len(latent)
        z = rearrange(latent, "b c t h w -> (b t) c h w")
        z = z * _column(self.std) + _column(self.mean)
        x = self.decoder(self._own(z)).float()
        return rearrange(x, "(b t) c h w -> b c t h w", b=b)

    def _own(self, x: Tensor) -> Tensor:
        first = next(self.parameters())
        return x.to(first.device, first.dtype).contiguous(memory_format=torch.channels_last)


def _column(value: Tensor) -> Tensor:
    return value.float()[:, None, None]
