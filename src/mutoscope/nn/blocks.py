"""Convolutions and transformers over clips, on activations laid out `b t h w d`, dense in d.

Channels last is what convolutions and matrix products on a CPU read fastest, and then a frame-wise
convolution, a convolution over time and a linear layer are all views of the same memory. Kernels
keep the shapes in which published image and video networks save them.
"""

from __future__ import annotations

from typing import Literal, cast

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from mutoscope.nn.attention import (
    ALONE,
    Across,
    Asked,
    Sequences,
    Sight,
    TransformerBlock,
    Words,
)
from mutoscope.nn.inflate import zeroed

Activation = Float[Tensor, "b t h w d"]
Widened = Float[Tensor, "b t h w _d"]
Resized = Float[Tensor, "b t _h _w _d"]

DOSE = 2**18
"""Numbers that a transformer takes at a time on a CPU: what it makes of them stays in the cache."""


def framewise(layer: nn.Conv2d, x: Activation) -> Resized:
    """A 2-D convolution of each frame; of no clips it makes none."""
    y = layer(rearrange(x, "b t h w d -> (b t) d h w"))
    return rearrange(y, "(b t) d h w -> b t h w d", t=x.shape[1])


class Norm(nn.GroupNorm):
    """Group normalisation of each frame, or of whole clips, then optionally SiLU.

    PyTorch's own takes up to forty times as long on small frames laid out channels last. Statistics
    and arithmetic are float32 at least, and centred first.
    """

    def forward(self, x: Activation, *, jointly: bool = False, silu: bool = False) -> Activation:
        """`jointly` takes one mean and variance over all frames of a clip."""
        y = x.flatten(1, 3) if jointly else x.flatten(2, 3).flatten(0, 1)
        y = y.to(torch.promote_types(x.dtype, torch.float32))
        size = y.shape[1] * y.shape[2] // self.num_groups
        y = y - self._by_group(y.sum(1)) / size
        variance = self._by_group(y.square().sum(1)) / size
        y = torch.addcmul(self.bias.to(y), y, torch.rsqrt(variance + self.eps) * self.weight.to(y))
        return (F.silu(y, inplace=True) if silu else y).to(x.dtype).view_as(x)

    def _by_group(self, total: Float[Tensor, "n d"]) -> Float[Tensor, "n 1 d"]:
        """The sum over each channel's group."""
        groups = total.view(len(total), self.num_groups, -1)
        return groups.sum(2, keepdim=True).expand_as(groups).reshape(len(total), 1, -1)


class Residual(nn.Module):
    """Two 3x3 convolutions of each frame, told the time between them, added to what they read."""

    def __init__(self, width: int, out: int, *, told: int, groups: int, eps: float) -> None:
        super().__init__()
        self.norm1 = Norm(groups, width, eps)
        self.conv1 = nn.Conv2d(width, out, 3, padding=1)
        self.time_emb_proj = nn.Linear(told, out)
        self.norm2 = Norm(groups, out, eps)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1)
        self.conv_shortcut = None if width == out else nn.Conv2d(width, out, 1)

    def forward(self, x: Activation, told: Float[Tensor, "b e"]) -> Widened:
        """`told` is the time embedding after its SiLU."""
        y = framewise(self.conv1, self.norm1(x, silu=True))
        y = y + self.time_emb_proj(told)[:, None, None, None]
        y = framewise(self.conv2, self.norm2(y, silu=True))
        if self.conv_shortcut is not None:
            x = F.linear(x, self.conv_shortcut.weight[:, :, 0, 0], self.conv_shortcut.bias)
        return x + y


class _OverTime(nn.Sequential):
    """Norm over the clip, SiLU, a convolution over three frames; zeros beyond both ends."""

    def forward(self, x: Activation) -> Activation:
        norm, conv = cast("Norm", self[0]), cast("nn.Conv3d", self[-1])
        y = norm(x, jointly=True, silu=True)
        y = y if len(self) == 3 else self[2](y)
        if x.shape[1] == 1:
            return F.linear(y, conv.weight[:, :, 1, 0, 0], conv.bias)
        y = rearrange(y, "b t h w d -> b d t (h w)")
        y = F.conv2d(y, conv.weight[..., 0], conv.bias, padding=(1, 0))
        return rearrange(y, "b d t (h w) -> b t h w d", h=x.shape[2])


class TemporalConvs(nn.Module):
    """Four convolutions over time, so that a frame sees four to each side; starts as nothing.

    Dropout of 0.1 before the last three while training. Source: Wang et al. (2023), section 3.2.
    """

    def __init__(self, width: int, groups: int) -> None:
        super().__init__()
        first = [Norm(groups, width), nn.SiLU()]
        self.conv1 = _OverTime(*first, _kernel(width))
        self.conv2, self.conv3, self.conv4 = (
            _OverTime(Norm(groups, width), nn.SiLU(), nn.Dropout(0.1), _kernel(width))
            for _ in range(3)
        )
        zeroed(self.conv4[-1])

    def forward(self, x: Activation) -> Activation:
        """A frame knows those four before and after it; one frame alone is a clip too."""
        return x + self.conv4(self.conv3(self.conv2(self.conv1(x))))


def _kernel(width: int) -> nn.Conv3d:
    return nn.Conv3d(width, width, (3, 1, 1), padding=(1, 0, 0))


class Transformer(nn.Module):
    """A transformer block between two linear layers, added to what it read.

    Along space a sequence is a frame, and the text is asked; along time it is one place in all
    frames, whose order is not known, and the layer starts as nothing. `across` says how
    frames meet in its block.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        *,
        head_width: int,
        groups: int,
        along: Literal["space", "time"],
        text: int | None = None,
        across: Across = ALONE,
    ) -> None:
        super().__init__()
        self.along = along
        self.norm = Norm(groups, width, 1e-6)
        self.proj_in = nn.Linear(width, heads * head_width)
        self.transformer_blocks = nn.ModuleList([TransformerBlock(heads, head_width, text, across)])
        self.proj_out = nn.Linear(heads * head_width, width)
        if along == "time":
            zeroed(self.proj_out)

    def forward(
        self, x: Activation, words: Words | None = None, *, sees: Sight | None = None
    ) -> Activation:
        """`words` are those of all clips; a layer along time has no use for them.

        `sees` is another sight than the block's own.
        """
        block = cast("TransformerBlock", self.transformer_blocks[0])
        asked = None if words is None else block.attn2.asked(words)
        y = self.norm(x, jointly=self.along == "time").flatten(2, 3)
        if self.along == "time":
            y = rearrange(y, "b t s d -> b s t d")
        clips = zip(y, _each(asked, len(y)), strict=True)
        said = torch.cat([say for clip, ask in clips for say in self._say(clip, ask, sees)])
        said = said.view(y.shape)
        if self.along == "time":
            said = rearrange(said, "b s t d -> b t s d")
        return x + said.reshape(x.shape)

    def _say(self, clip: Sequences, asked: Asked | None, sees: Sight | None) -> list[Tensor]:
        """Where sequences don't see one another a few at a time go through from end to end."""
        few = max(1, DOSE // (clip.shape[1] * self.proj_in.out_features))
        block = cast("TransformerBlock", self.transformer_blocks[0])
        parts = torch.split(clip, few if clip.is_cpu and block.alone(sees) else len(clip))
        return [self.proj_out(block(self.proj_in(part), asked, sees=sees)) for part in parts]


def _each(asked: Asked | None, clips: int) -> list[Asked | None]:
    return [None if asked is None else asked.clip(i) for i in range(clips)]


class Downsample(nn.Module):
    """A 3x3 convolution that takes every other row and column; an odd side rounds up."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, stride=2, padding=1)

    def forward(self, x: Activation) -> Resized:
        """Half the rows and columns."""
        return framewise(self.conv, x)


class Upsample(nn.Module):
    """Each pixel repeated to a frame of the given size, then a 3x3 convolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Activation, size: tuple[int, int]) -> Resized:
        """`size` is (h, w): that of the activation this one meets next."""
        if size == (2 * x.shape[2], 2 * x.shape[3]):
            return self._doubled(x)
        frames = F.interpolate(rearrange(x, "b t h w d -> (b t) d h w"), size=size)
        return framewise(self.conv, rearrange(frames, "(b t) d h w -> b t h w d", b=len(x)))

    def _doubled(self, x: Activation) -> Resized:
        """Of the nine pixels that the kernel sees only four are different.

        So each of the four pixels that come of one is a 2x2 convolution of the small frame, by the
        sums of those entries of the kernel that fall on the same pixel: 4/9 of the work.
        """
        b, t, h, w, d = x.shape
        edged = F.pad(rearrange(x, "b t h w d -> (b t) h w d"), (0, 0, 1, 1, 1, 1))
        y = x.new_empty(b * t, h, 2, w, 2, d)
        for p in range(2):
            for q in range(2):
                kernel = _summed(_summed(self.conv.weight, 2, p), 3, q)
                seen = rearrange(edged[:, p : p + h + 1, q : q + w + 1], "n h w d -> n d h w")
                said = F.conv2d(seen, kernel, self.conv.bias)
                y[:, :, p, :, q] = rearrange(said, "n d h w -> n h w d")
        return y.view(b, t, 2 * h, 2 * w, d)


def _summed(kernel: Tensor, dim: int, odd: int) -> Tensor:
    """Three entries as two: an even pixel has its twin after it, an odd one before it."""
    before, own, after = kernel.unbind(dim)
    return torch.stack([before + own, after] if odd else [before, own + after], dim)
