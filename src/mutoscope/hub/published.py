"""The frozen parts of a published folder behind our protocols: its text tower and autoencoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, cast, runtime_checkable

import torch
from einops import rearrange
from torch import Tensor, nn

from mutoscope.clip import Frames
from mutoscope.core.condition import Condition
from mutoscope.core.shapes import Latent
from mutoscope.errors import RequestError

FRAMES = 4
"""Frames coded at a time, so that memory doesn't grow with a clip's length."""


@runtime_checkable
class Tokenizer(Protocol):
    """Prompts to rows of word pieces."""

    model_max_length: int

    def __call__(
        self, prompts: list[str], *, padding: str, max_length: int, verbose: bool
    ) -> Mapping[str, Any]:
        """`input_ids` among others."""
        ...


class ClipText:
    """A CLIP text tower: the last hidden states of a prompt, padded to the length it learned.

    Published networks attend to the padding too, so there is no mask.
    """

    def __init__(self, tokenizer: Tokenizer, tower: nn.Module) -> None:
        self.tokenizer, self.tower = tokenizer, tower
        self.width: int = cast("Any", tower).config.hidden_size

    @torch.no_grad()
    def __call__(self, prompts: Sequence[str]) -> Condition:
        """Refuses a prompt that is longer than the tower can read."""
        longest = self.tokenizer.model_max_length
        pieces = self.tokenizer(
            list(prompts), padding="max_length", max_length=longest, verbose=False
        )["input_ids"]
        for prompt, row in zip(prompts, pieces, strict=True):
            if len(row) > longest:
                raise RequestError(
                    f"the prompt has {len(row) - 2} word pieces and at most {longest - 2} can be "
                    f'read; shorten "{prompt[:40]}..."'
                )
        device = next(self.tower.parameters()).device
        states = self.tower(input_ids=torch.tensor(pieces, device=device)).last_hidden_state
        return Condition(text=states.float())


class KlAutoencoder(nn.Module):
    """A published autoencoder of single frames; latents are scaled to about unit variance.

    Encoding takes the mean of the posterior, so that it is a function of the frames.
    """

    def __init__(self, coder: nn.Module) -> None:
        super().__init__()
        self.coder = coder
        config = cast("Any", coder).config
        factor = 2 ** (len(config.block_out_channels) - 1)
        self.channels: int = config.latent_channels
        self.stride: tuple[int, int, int] = (1, factor, factor)
        self.scale: float = config.scaling_factor
        self.shift: float = getattr(config, "shift_factor", None) or 0.0

    def encode(self, frames: Frames) -> Latent:
        """Scaled latents, float32."""
        encode = cast("Any", self.coder).encode
        codes = [encode(part).latent_dist.mode().float() for part in self._split(frames)]
        z = (torch.cat(codes) - self.shift) * self.scale
        return rearrange(z, "(b t) c h w -> b c t h w", b=len(frames))

    def decode(self, latent: Latent) -> Frames:
        """Frames, float32, clamped to [-1, 1]."""
        decode = cast("Any", self.coder).decode
        parts = self._split(latent / self.scale + self.shift)
        frames = torch.cat([decode(part).sample.float() for part in parts])
        return rearrange(frames.clamp(-1, 1), "(b t) c h w -> b c t h w", b=len(latent))

    def _split(self, x: Tensor) -> tuple[Tensor, ...]:
        first = next(self.coder.parameters())
        rows = rearrange(x, "b c t h w -> (b t) c h w").to(first.device, first.dtype)
        return torch.split(rows, FRAMES)
