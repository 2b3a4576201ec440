"""The 3-D U-Net of layout `modelscope` with maps beside x, and a picture's token after the words.

Each map of pixels has an encoder of its own: convolutions over each frame down to the latent's
size, then a transformer over time at each place. What they say is summed, each by its scalar (0 is
absent), and lies beside x in the first convolution. The picture's vector goes through two layers.

Source: Wang et al. (2023), VideoComposer, section 3.2; sizes are those of the released
`UNetSD_temporal`, which has as many parameters. Names are ours, so that its weights don't load.
Departs: no dropout.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from mutoscope.core.condition import Condition
from mutoscope.core.shapes import Latent, Time
from mutoscope.errors import RequestError
from mutoscope.networks.unet3d import UNet3D
from mutoscope.weights import ModelMixin, channels_last, register_to_config

HEADS = 2
"""Of the attention over time, each as wide as all that an encoder says."""
DETAIL = 4
"""Cells of what the first convolution is averaged to, to one of the latent: 128 to 32."""

Map = Float[Tensor, "b k t H W"]
Said = Float[Tensor, "b o t h w"]


class Encoder(nn.Module):
    """A map of pixels to `out` channels at the latent's size."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        wide = 4 * out
        self.one = nn.Conv2d(channels, wide, 3, padding=1)
        self.two = nn.Conv2d(wide, wide, 3, stride=2, padding=1)
        self.three = nn.Conv2d(wide, out, 3, stride=2, padding=1)
        self.norm = nn.LayerNorm(out)
        self.query_key_value = nn.Linear(out, 3 * HEADS * out, bias=False)
        self.out = nn.Linear(HEADS * out, out)
        self.each = nn.Sequential(nn.Linear(out, 4 * out), nn.GELU(), nn.Linear(4 * out, out))

    def forward(self, values: Map, size: tuple[int, int]) -> Said:
        """`size` is the latent's (h, w)."""
        b, sides = len(values), (DETAIL * size[0], DETAIL * size[1])
        x = F.silu(self.one(rearrange(values, "b k t H W -> (b t) k H W")))
        x = F.silu(self.two(F.adaptive_avg_pool2d(x, sides)))
        x = rearrange(self.three(x), "(b t) d h w -> (b h w) t d", b=b)
        q, k, v = rearrange(
            self.query_key_value(self.norm(x)), "n t (three m d) -> three n m t d", three=3, m=HEADS
        )
        mixed = F.scaled_dot_product_attention(q, k, v)
        x = x + self.out(rearrange(mixed, "n m t d -> n t (m d)"))
        x = x + self.each(x)
        return rearrange(x, "(b h w) t d -> b d t h w", b=b, h=size[0])


class MappedUNet3D(ModelMixin):
    """`maps` are channels of pixels by name, in the order in which they lie on the door `concat`.

    `image` is the width of the picture's vector, which comes as one token on the door `image`;
    `trunk` are arguments of UNet3D.
    """

    @register_to_config
    def __init__(
        self,
        maps: Mapping[str, int] | None = None,
        channels: int = 4,
        out: int = 8,
        image: int = 1024,
        trunk: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.sizes, self.out = dict(maps or {}), out
        self.trunk = UNet3D(in_channels=channels + out, out_channels=channels, **(trunk or {}))
        self.encoders = nn.ModuleDict({n: Encoder(k, out) for n, k in self.sizes.items()})
        text = self.trunk.config["cross_attention_dim"]
        self.style = nn.Sequential(nn.Linear(image, text), nn.SiLU(), nn.Linear(text, text))
        channels_last(self)

    def forward(self, x: Latent, t: Time, condition: Condition) -> Latent:
        """What the network says of x_t; maps have any size of the clip's shape, all the same."""
        if condition.text is None:
            raise RequestError("this network needs a text condition; got none")
        told = replace(condition, image=None, scalars={}, concat=self._beside(x, condition))
        if condition.image is None:
            return self.trunk(x, t, told)
        token = self.style(condition.image.to(condition.text)) * _each(condition, "image", x)
        mask = condition.text_mask
        if mask is not None:
            mask = torch.cat([mask, mask.new_ones(token.shape[:2])], dim=1)
        words = torch.cat([condition.text, token], dim=1)
        return self.trunk(x, t, replace(told, text=words, text_mask=mask))

    def _beside(self, x: Latent, condition: Condition) -> Said:
        b, _, t, h, w = x.shape
        total = x.new_zeros(b, self.out, t, h, w)
        if condition.concat is None:
            return total
        parts = torch.split(condition.concat, list(self.sizes.values()), dim=1)
        for (name, encoder), part in zip(self.encoders.items(), parts, strict=True):
            if name in condition.scalars:
                much = condition.scalars[name].to(x).view(-1, 1, 1, 1, 1)
                total = total + much * encoder(part.to(x), (h, w)).to(x)
        return total


def _each(condition: Condition, name: str, x: Latent) -> Float[Tensor, "b 1 1"]:
    much = condition.scalars.get(name, x.new_ones(len(x)))
    return much.to(x).view(-1, 1, 1)
