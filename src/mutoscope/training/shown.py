"""A second lesson for a denoiser: say from its middle layer what the world shows at each place.

The world knows the shape, colour and verb of whatever is seen at a place, which a denoiser has to
find out from text and noise anyway. A linear head on the tokens of one block says so while training
and is thrown away after it. In the spirit of Yu et al. (2024, REPA), who align such a layer with
the features of a trained encoder; here the labels are exact.
"""

from __future__ import annotations

import torch
from einops import rearrange
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional as F

from mutoscope.data.latents import IGNORED, KINDS
from mutoscope.networks.small3d import SmallUNet3D

WEIGHT = 0.1
"""Of the head's cross-entropy beside the denoiser's loss (ours)."""
CELLS = 4
"""Cells of the caches' grid along a side of a token: both follow the latent's places."""


class ShownHead(nn.Module):
    """Words of KINDS at each cell of the caches' grid, from the tokens of the middle block."""

    def __init__(self, network: SmallUNet3D) -> None:
        super().__init__()
        self.sizes = [len(words) + 1 for words in KINDS.values()]
        self.say = nn.Linear(network.inner, CELLS**2 * sum(self.sizes))
        self.kept: list[Tensor] = []
        middle = network.blocks[len(network.blocks) // 2]
        middle.register_forward_hook(self._keep)

    def _keep(self, module: nn.Module, args: tuple[Tensor, ...], tokens: Tensor) -> None:
        if self.training and torch.is_grad_enabled():
            self.kept = [tokens]

    def loss(self, shown: UInt8[Tensor, "b kind t g g"]) -> Float[Tensor, ""]:
        """Mean cross-entropy over kinds and known places of the network's last call."""
        tokens = self.kept.pop()
        words = self.say(F.layer_norm(tokens, tokens.shape[-1:]))
        words = rearrange(words, "b t h w (p q k) -> (b t h p w q) k", p=CELLS, q=CELLS)
        total = words.new_zeros((), dtype=torch.float32)
        for kind, part, wanted in zip(
            KINDS, words.split(self.sizes, dim=-1), shown.long().unbind(1), strict=True
        ):
            if kind == "verb" and wanted.shape[1] == 1:
                continue  # a still shows no verb
            known = wanted != IGNORED
            losses = F.cross_entropy(
                part.float(), wanted.flatten(), ignore_index=IGNORED, reduction="sum"
            )
            total = total + losses / known.sum().clamp(min=1)
        return total / len(self.sizes)
