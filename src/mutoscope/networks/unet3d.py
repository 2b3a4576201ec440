"""The 3-D U-Net of ModelScopeT2V and of its descendants, layout `modelscope`.

A frame-wise U-Net (3x3 convolutions, attention over each frame, cross-attention to the text) with a
convolution over time after every residual block and attention over time after every attention over
a frame. Weights have the names and shapes of diffusers' `UNet3DConditionModel`, so that published
folders load as they are and what is saved here opens there; the code and its layout are ours.
With `rate` it also hears frames per second, embedded as the time is, and with `image` each
attention to the text asks tokens of a picture beside it (VideoCrafter1: Chen et al. 2023, section
3).

Source: Wang et al. (2023), section 3 and figure 2. The last kernel of every layer over time starts
at zero, as there: at step 0 a clip is so many independent images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from mutoscope.core.condition import Condition
from mutoscope.core.shapes import Latent, Time
from mutoscope.errors import RequestError, WeightsError
from mutoscope.nn.attention import Attention, Words
from mutoscope.nn.blocks import (
    Activation,
    Downsample,
    Norm,
    Residual,
    Resized,
    TemporalConvs,
    Transformer,
    Upsample,
    Widened,
    framewise,
)
from mutoscope.nn.embed import TimeEmbedding
from mutoscope.weights import ModelMixin, channels_last, register_to_config

CLOCK = 1000
"""Integer timesteps of the published schedule: step k is t = (k + 1) / CLOCK."""

RATE = 8.0
"""Frames per second of a clip of which none are named, where a network hears them."""

Told = Float[Tensor, "b e"]


@dataclass(frozen=True, kw_only=True)
class _Sizes:
    told: int
    groups: int
    eps: float
    head_width: int
    text: int


class _Level(nn.Module):
    """Residual blocks at one resolution, each with convolutions over time and maybe attentions."""

    def __init__(
        self, widths: Sequence[tuple[int, int]], sizes: _Sizes, *, attentions: int
    ) -> None:
        super().__init__()
        out, told, groups = widths[-1][1], sizes.told, sizes.groups
        self.resnets = nn.ModuleList(
            Residual(i, o, told=told, groups=groups, eps=sizes.eps) for i, o in widths
        )
        self.temp_convs = nn.ModuleList(TemporalConvs(o, groups) for _, o in widths)
        heads = out // sizes.head_width
        rest: dict[str, Any] = {"head_width": sizes.head_width, "groups": groups}
        if attentions:
            self.attentions = nn.ModuleList(
                Transformer(out, heads, **rest, along="space", text=sizes.text)
                for _ in range(attentions)
            )
            self.temp_attentions = nn.ModuleList(
                Transformer(out, heads, **rest, along="time") for _ in range(attentions)
            )
        self.attends = attentions > 0

    def convolve(self, i: int, x: Activation, told: Told) -> Widened:
        return self.temp_convs[i](self.resnets[i](x, told))

    def attend(self, i: int, x: Activation, words: Words) -> Activation:
        return self.temp_attentions[i](self.attentions[i](x, words)) if self.attends else x


class _Down(_Level):
    def __init__(
        self, width: int, out: int, sizes: _Sizes, *, depth: int, attend: bool, last: bool
    ) -> None:
        widths = [(width if i == 0 else out, out) for i in range(depth)]
        super().__init__(widths, sizes, attentions=depth if attend else 0)
        self.downsamplers = None if last else nn.ModuleList([Downsample(out)])

    def forward(self, x: Activation, told: Told, words: Words) -> list[Tensor]:
        """What it says after each layer; the last of them goes on."""
        said = []
        for i in range(len(self.resnets)):
            x = self.attend(i, self.convolve(i, x, told), words)
            said.append(x)
        return said if self.downsamplers is None else [*said, self.downsamplers[0](x)]


class _Middle(_Level):
    def __init__(self, width: int, sizes: _Sizes) -> None:
        super().__init__([(width, width)] * 2, sizes, attentions=1)

    def forward(self, x: Activation, told: Told, words: Words) -> Activation:
        return self.convolve(1, self.attend(0, self.convolve(0, x, told), words), told)


class _Up(_Level):
    def __init__(
        self, widths: Sequence[tuple[int, int]], sizes: _Sizes, *, attend: bool, last: bool
    ) -> None:
        super().__init__(widths, sizes, attentions=len(widths) if attend else 0)
        self.upsamplers = None if last else nn.ModuleList([Upsample(widths[-1][1])])

    def forward(self, x: Activation, kept: list[Tensor], told: Told, words: Words) -> Resized:
        """Takes the last of `kept` in each layer, and the size of the one left for what goes on."""
        for i in range(len(self.resnets)):
            x = torch.cat([x, kept.pop()], dim=-1)
            x = self.attend(i, self.convolve(i, x, told), words)
        if self.upsamplers is None:
            return x
        return self.upsamplers[0](x, (kept[-1].shape[2], kept[-1].shape[3]))


class UNet3D(ModelMixin):
    """The network of layout `modelscope`; any number of frames, any size of the latent.

    The arguments are those of the published config.json, under their names there, but for the last
    two. With `CrossAttn...` in its name a level attends; the ways up and down mirror one another.
    """

    @register_to_config
    def __init__(
        self,
        sample_size: int | None = None,
        in_channels: int = 4,
        out_channels: int = 4,
        down_block_types: tuple[str, ...] = ("CrossAttnDownBlock3D",) * 3 + ("DownBlock3D",),
        up_block_types: tuple[str, ...] = ("UpBlock3D",) + ("CrossAttnUpBlock3D",) * 3,
        block_out_channels: tuple[int, ...] = (320, 640, 1280, 1280),
        layers_per_block: int = 2,
        norm_num_groups: int = 32,
        norm_eps: float = 1e-5,
        cross_attention_dim: int = 1024,
        attention_head_dim: int = 64,
        rate: bool = False,
        image: bool = False,
    ) -> None:
        super().__init__()
        attending = attends(down_block_types, up_block_types, block_out_channels)
        widths, first = list(block_out_channels), block_out_channels[0]
        sizes = _Sizes(
            told=4 * first,
            groups=norm_num_groups,
            eps=norm_eps,
            head_width=attention_head_dim,
            text=cross_attention_dim,
        )
        self.conv_in = nn.Conv2d(in_channels, first, 3, padding=1)
        self.time_embedding = TimeEmbedding(first, sizes.told)
        self.fps_embedding = TimeEmbedding(first, sizes.told) if rate else None
        rest: dict[str, Any] = {"head_width": attention_head_dim, "groups": norm_num_groups}
        self.transformer_in = Transformer(first, 8, **rest, along="time")
        self.down_blocks = nn.ModuleList(
            _Down(before, out, sizes, depth=layers_per_block, attend=a, last=last)
            for before, out, a, last in zip(
                [first, *widths], widths, attending, lasts(len(widths)), strict=False
            )
        )
        self.mid_block = _Middle(widths[-1], sizes)
        self.up_blocks = nn.ModuleList(
            _Up(w, sizes, attend=a, last=last)
            for w, a, last in zip(
                ways_up(widths, layers_per_block),
                reversed(attending),
                lasts(len(widths)),
                strict=True,
            )
        )
        self.conv_norm_out = Norm(norm_num_groups, first, norm_eps)
        self.conv_out = nn.Conv2d(first, out_channels, 3, padding=1)
        self.looks = image
        for layer in self.modules():
            if image and isinstance(layer, Attention) and layer.asks:
                layer.grow()
        channels_last(self)

    def forward(self, x: Latent, t: Time, condition: Condition) -> Float[Tensor, "b _c t h w"]:
        """What the network says of x_t; needs a text, takes `concat`, refuses doors it lacks."""
        heard = ("fps",) if self.fps_embedding is not None else ()
        words = words_of(condition, heard=(*heard, *(["image"] if self.looks else [])))
        x = x if condition.concat is None else torch.cat([x, condition.concat], dim=1)
        told = self.time_embedding(timestep(t))
        if self.fps_embedding is not None:
            told = told + self.fps_embedding(condition.scalars.get("fps", torch.full_like(t, RATE)))
        told = F.silu(told)
        h = framewise(self.conv_in, rearrange(x, "b c t h w -> b t h w c").contiguous())
        kept = [self.transformer_in(h)]
        for down in self.down_blocks:
            kept += down(kept[-1], told, words)
        h = self.mid_block(kept[-1], told, words)
        for up in self.up_blocks:
            h = up(h, kept, told, words)
        h = framewise(self.conv_out, self.conv_norm_out(h, silu=True))
        return rearrange(h, "b t h w c -> b c t h w")


def attends(down: Sequence[str], up: Sequence[str], widths: Sequence[int]) -> list[bool]:
    """Which levels attend, by the published names of their blocks."""
    plain = ["DownBlock3D" if name == "UpBlock3D" else "CrossAttnDownBlock3D" for name in up]
    known = {"DownBlock3D", "CrossAttnDownBlock3D", "UpBlock3D", "CrossAttnUpBlock3D"}
    if not {*down, *up} <= known or list(down) != plain[::-1] or len(down) != len(widths):
        raise WeightsError(
            f"the blocks {', '.join([*down, *up])} with widths {list(widths)} are none that this "
            "network has; it needs one (CrossAttn)DownBlock3D a width and their mirror upwards"
        )
    return [name.startswith("CrossAttn") for name in down]


def lasts(count: int) -> list[bool]:
    """Which of so many levels is the last."""
    return [i == count - 1 for i in range(count)]


def ways_up(widths: list[int], depth: int) -> list[list[tuple[int, int]]]:
    """(in, out) of each layer on the way up: what comes from below beside what was kept."""
    kept = [widths[0]] + [w for i, width in enumerate(widths) for w in [width] * depth + [width]]
    del kept[-1]  # the lowest level doesn't go down further
    ways, below = [], widths[-1]
    for width in reversed(widths):
        way = []
        for _ in range(depth + 1):
            way.append((below + kept.pop(), width))
            below = width
        ways.append(way)
    return ways


def timestep(t: Time) -> Time:
    """The integer clock's reading; float32 times miss its integers by up to 1e-4: snap to them."""
    step = t * CLOCK - 1
    return torch.where((step - step.round()).abs() < 1e-3, step.round(), step)


def words_of(condition: Condition, *, heard: Sequence[str] = ()) -> Words:
    """The text of a condition; refuses one without, or with doors that such a network lacks.

    `heard` are those it has besides: scalars by name, `image` for a picture's tokens and strength.
    """
    filled = [name for name in ("pooled", "image") if getattr(condition, name) is not None]
    closed = [name for name in dict.fromkeys([*filled, *condition.scalars]) if name not in heard]
    if condition.text is None or closed:
        got = ", ".join(closed) or "no text"
        also = "".join(f", {name}" for name in heard)
        raise RequestError(
            f"this network takes a text and nothing else but concat{also} (got {got})"
        )
    seen = (condition.image, condition.scalars.get("image"))
    if condition.text_mask is None:
        return Words(condition.text, None, *seen)
    bias = torch.zeros_like(condition.text[..., 0]).masked_fill(~condition.text_mask, -1e4)
    return Words(condition.text, bias[:, None], *seen)
