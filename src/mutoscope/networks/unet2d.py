"""The U-Net of Stable Diffusion 1, run on clips: each frame is an image.

Weights have the names and shapes of diffusers' `UNet2DConditionModel` (a 1x1 kernel is a linear
layer here; `nn.inflate.grow` takes one for the other); the code and its layout are ours. Attention
over a frame may look at other frames instead (`sees`), and attention over time at each place may
follow the feed-forward layer of every block, `attn_temp` and `norm_temp` (`over_time`).

Source: Rombach et al. (2022), section 3; Wu et al. (2023), section 3.2 and figure 4 for the two
arguments, names as in their release.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from mutoscope.core.condition import Condition
from mutoscope.core.shapes import Latent, Time
from mutoscope.networks.unet3d import Told, attends, lasts, timestep, ways_up, words_of
from mutoscope.nn.attention import Across, Sight, Words
from mutoscope.nn.blocks import (
    Activation,
    Downsample,
    Norm,
    Residual,
    Resized,
    Transformer,
    Upsample,
    framewise,
)
from mutoscope.nn.embed import TimeEmbedding
from mutoscope.weights import ModelMixin, channels_last, register_to_config


class _Asked(NamedTuple):
    """What every layer is told, and a sight other than its own."""

    told: Told
    words: Words
    sees: Sight | None


class _Level(nn.Module):
    """Residual blocks at one resolution, each with an attention after it where there are any."""

    def __init__(
        self, resnets: Sequence[Residual], attentions: Sequence[Transformer], *,
        down: Downsample | None = None, up: Upsample | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.resnets = nn.ModuleList(resnets)
        self.attentions = nn.ModuleList(attentions) if attentions else None
        self.downsamplers = None if down is None else nn.ModuleList([down])
        self.upsamplers = None if up is None else nn.ModuleList([up])

    def layer(self, i: int, x: Tensor, asked: _Asked) -> Activation:
        """The i-th residual block, and the attention after it if there is one."""
        x = self.resnets[i](x, asked.told)
        if self.attentions is None or i >= len(self.attentions):
            return x
        return self.attentions[i](x, asked.words, sees=asked.sees)

    def down(self, x: Activation, asked: _Asked) -> list[Tensor]:
        """What it says after each layer; the last of them goes on."""
        said = []
        for i in range(len(self.resnets)):
            x = self.layer(i, x, asked)
            said.append(x)
        return said if self.downsamplers is None else [*said, self.downsamplers[0](x)]

    def up(self, x: Activation, kept: list[Tensor], asked: _Asked) -> Resized:
        """Takes the last of `kept` in each layer, and the size of the one left for what goes on."""
        for i in range(len(self.resnets)):
            x = self.layer(i, torch.cat([x, kept.pop()], dim=-1), asked)
        if self.upsamplers is None:
            return x
        return self.upsamplers[0](x, (kept[-1].shape[2], kept[-1].shape[3]))


class UNet2D(ModelMixin):
    """The network of Stable Diffusion 1; any number of frames, any size of the latent.

    The arguments are those of the published config.json, under their names there, of which
    `attention_head_dim` is the number of heads; the last two are ours.
    """

    @register_to_config
    def __init__(
        self,
        sample_size: int | None = None,
        in_channels: int = 4,
        out_channels: int = 4,
        down_block_types: tuple[str, ...] = ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
        up_block_types: tuple[str, ...] = ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
        block_out_channels: tuple[int, ...] = (320, 640, 1280, 1280),
        layers_per_block: int = 2,
        norm_num_groups: int = 32,
        norm_eps: float = 1e-5,
        cross_attention_dim: int = 768,
        attention_head_dim: int = 8,
        sees: Sight = "own",
        over_time: bool = False,
    ) -> None:
        super().__init__()
        down, up = (
            [name.replace("2D", "3D") for name in way] for way in (down_block_types, up_block_types)
        )
        attending = attends(down, up, block_out_channels)
        widths, first = list(block_out_channels), block_out_channels[0]
        groups, heads = norm_num_groups, attention_head_dim

        def resnets(pairs: Sequence[tuple[int, int]]) -> list[Residual]:
            return [Residual(i, o, told=4 * first, groups=groups, eps=norm_eps) for i, o in pairs]

        def attentions(width: int, count: int) -> list[Transformer]:
            return [
                Transformer(
                    width, heads, head_width=width // heads, groups=groups, along="space",
                    text=cross_attention_dim, across=Across(sees, over_time),
                )
                for _ in range(count)
            ]  # fmt: skip

        self.conv_in = nn.Conv2d(in_channels, first, 3, padding=1)
        self.time_embedding = TimeEmbedding(first, 4 * first)
        self.down_blocks = nn.ModuleList(
            _Level(
                resnets([(before if i == 0 else out, out) for i in range(layers_per_block)]),
                attentions(out, layers_per_block if attend else 0),
                down=None if last else Downsample(out),
            )
            for before, out, attend, last in zip(
                [first, *widths], widths, attending, lasts(len(widths)), strict=False
            )
        )
        self.mid_block = _Level(resnets([(widths[-1], widths[-1])] * 2), attentions(widths[-1], 1))
        self.up_blocks = nn.ModuleList(
            _Level(
                resnets(way),
                attentions(way[-1][1], len(way) if attend else 0),
                up=None if last else Upsample(way[-1][1]),
            )
            for way, attend, last in zip(
                ways_up(widths, layers_per_block),
                reversed(attending),
                lasts(len(widths)),
                strict=True,
            )
        )
        self.conv_norm_out = Norm(groups, first, norm_eps)
        self.conv_out = nn.Conv2d(first, out_channels, 3, padding=1)
        channels_last(self)

    def forward(
        self, x: Latent, t: Time, condition: Condition, *, sees: Sight | None = None
    ) -> Float[Tensor, "b _c t h w"]:
        """What the network says of x_t; needs a text, takes `concat`, refuses other doors.

        `sees` is another sight than the network's own, for this call.
        """
        words = words_of(condition)
        x = x if condition.concat is None else torch.cat([x, condition.concat], dim=1)
        asked = _Asked(F.silu(self.time_embedding(timestep(t))), words, sees)
        h = framewise(self.conv_in, rearrange(x, "b c t h w -> b t h w c").contiguous())
        kept = [h]
        for level in self.down_blocks:
            kept += cast("_Level", level).down(kept[-1], asked)
        h = self.mid_block.layer(0, kept[-1], asked)
        h = self.mid_block.layer(1, h, asked)
        for level in self.up_blocks:
            h = cast("_Level", level).up(h, kept, asked)
        h = framewise(self.conv_out, self.conv_norm_out(h, silu=True))
        return rearrange(h, "b t h w c -> b c t h w")
