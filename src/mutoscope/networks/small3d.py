"""The network that ships: a small text-conditioned 3-D U-Net, layout `small` (ours).

Two levels. At the latent's own size: residual 3x3 convolutions over each frame, each followed by a
convolution over time. At half that size: blocks of attention over a frame, attention over time,
cross-attention to the text and a ReLU-squared layer. With `temporal=False` the layers over time are
absent and the network is an image model; added later, they start at zero, so that at step 0 a clip
is so many independent images (Blattmann et al. 2023; ModelScopeT2V, section 3).

Departs from ModelScopeT2V: no U-Net below two levels, one modulation for all blocks with a learned
offset each (Chen et al. 2023, PixArt, eq. 2), time within a clip known as seconds, not frames.
"""

from __future__ import annotations

import math

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from mutoscope.core.condition import Condition
from mutoscope.core.shapes import Latent, Time
from mutoscope.errors import RequestError
from mutoscope.weights import ModelMixin, register_to_config

Tokens = Float[Tensor, "b t h w d"]
Text = Float[Tensor, "b l d"]

DEFAULT_FPS = 8.0


def waves(x: Tensor, width: int, longest: float) -> Tensor:
    """Sines and cosines of x at `width` / 2 frequencies from 1 to `longest`; x in radians."""
    rates = torch.exp(torch.linspace(0, math.log(longest), width // 2, device=x.device))
    angles = x.float()[..., None] * rates
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


def zero(layer: nn.Linear) -> nn.Linear:
    """The layer with nothing in it, so that what it ends starts as no change at all."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


class Attention(nn.Module):
    """Multi-head attention by plain products; the sequences here are too short for a fused kernel."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = zero(nn.Linear(width, width))
        self.gain = nn.Parameter(torch.full((2, width // heads), 1.0))

    def forward(
        self, x: Float[Tensor, "n q d"], y: Float[Tensor, "n k d"], bias: Tensor | None = None
    ) -> Float[Tensor, "n q d"]:
        """From x to y; `bias` (n, 1, 1, k) is added to the scores."""
        q = rearrange(self.query(x), "n q (h d) -> n h q d", h=self.heads)
        k, v = rearrange(self.key_value(y), "n k (two h d) -> two n h k d", two=2, h=self.heads)
        q = F.rms_norm(q, q.shape[-1:]) * self.gain[0].to(q)
        k = F.rms_norm(k, k.shape[-1:]) * self.gain[1].to(q)
        scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
        if bias is not None:
            scores = scores + bias.to(scores)
        mixed = scores.softmax(-1).to(v) @ v
        return self.out(rearrange(mixed, "n h q d -> n q (h d)"))


class FeedForward(nn.Module):
    """Linear, ReLU squared, linear: cheaper than GELU where element-wise passes are dear."""

    def __init__(self, width: int, ratio: int) -> None:
        super().__init__()
        self.up = nn.Linear(width, ratio * width)
        self.down = zero(nn.Linear(ratio * width, width))

    def forward(self, x: Tensor) -> Tensor:
        return self.down(F.relu(self.up(x)).square())


class Block(nn.Module):
    """Attention over a frame, over time, to the text; then a layer for each token."""

    def __init__(self, width: int, heads: int, *, temporal: bool) -> None:
        super().__init__()
        self.offset = nn.Parameter(torch.zeros(6, width))
        self.space = Attention(width, heads)
        self.text = Attention(width, heads)
        self.each = FeedForward(width, 3)
        self.time = Attention(width, heads) if temporal else None

    def forward(
        self, x: Tokens, shifts: Tensor, text: Text, bias: Tensor, clock: Tensor | None
    ) -> Tokens:
        b, t, h, w, d = x.shape
        s1, g1, a1, s2, g2, a2 = (shifts + self.offset).to(x)[:, :, None, None, None].unbind(1)
        y = (_norm(x) * (1 + g1) + s1).reshape(b * t, h * w, d)
        x = x + a1 * self.space(y, y).reshape(x.shape)
        if self.time is not None:
            y = rearrange(_norm(x) + clock, "b t h w d -> (b h w) t d")
            y = self.time(y, y)
            x = x + rearrange(y, "(b h w) t d -> b t h w d", b=b, h=h)
        y = _norm(x) if clock is None or self.time is None else _norm(x) + clock
        x = x + self.text(y.reshape(b, t * h * w, d), text, bias).reshape(x.shape)
        return x + a2 * self.each(_norm(x) * (1 + g2) + s2)


class Residual(nn.Module):
    """Two 3x3 convolutions over each frame, told the time, then one over three frames."""

    def __init__(self, width: int, embed: int, *, temporal: bool) -> None:
        super().__init__()
        self.one = nn.Conv2d(width, width, 3, padding=1)
        self.two = nn.Conv2d(width, width, 3, padding=1)
        self.told = nn.Linear(embed, 2 * width)
        nn.init.zeros_(self.two.weight)
        nn.init.zeros_(self.two.bias)
        self.time = zero(nn.Linear(3 * width, width)) if temporal else None

    def forward(self, x: Tokens, embed: Tensor) -> Tokens:
        gain, shift = self.told(embed)[:, None, None, None].to(x).chunk(2, -1)
        y = F.silu(_framewise(self.one, _norm(x)))
        x = x + _framewise(self.two, y * (1 + gain) + shift)
        if self.time is None:
            return x
        y = F.pad(F.silu(_norm(x)), (0, 0, 0, 0, 0, 0, 1, 1))
        return x + self.time(torch.cat([y[:, :-2], y[:, 1:-1], y[:, 2:]], dim=-1))


class Adapter(nn.Module):
    """Frozen text states to the network's own: a projection and one block of self-attention."""

    def __init__(self, text: int, width: int, heads: int) -> None:
        super().__init__()
        self.project = nn.Linear(text, width)
        self.mix = Attention(width, heads)
        self.each = FeedForward(width, 2)

    def forward(self, text: Text, bias: Tensor) -> Text:
        x = self.project(text.to(self.project.weight.dtype))
        x = x + waves(torch.arange(x.shape[1], device=x.device), x.shape[2], 1e-3).to(x)
        y = _norm(x)
        x = x + self.mix(y, y, bias)
        return _norm(x + self.each(_norm(x)))


class SmallUNet3D(ModelMixin):
    """The network of layout `small`; sides of the latent must be even."""

    @register_to_config
    def __init__(
        self,
        channels: int = 16,
        extra: int = 0,
        width: int = 96,
        inner: int = 192,
        depth: int = 6,
        heads: int = 4,
        text: int = 768,
        temporal: bool = True,  # noqa: FBT001, FBT002  (kept in config.json)
    ) -> None:
        super().__init__()
        self.width, self.inner = width, inner
        embed = inner
        self.enter = nn.Conv2d(channels + extra, width, 3, padding=1)
        self.place = nn.Parameter(torch.zeros(8, 8, width))
        self.clock = nn.Sequential(nn.Linear(64, embed), nn.SiLU(), nn.Linear(embed, embed))
        self.rate = zero(nn.Linear(16, embed))
        self.adapter = Adapter(text, inner, heads)
        self.pooled = nn.Linear(inner, embed)
        self.shifts = nn.Linear(embed, 6 * inner)
        nn.init.normal_(self.shifts.weight, std=0.02)
        self.seconds = nn.Linear(32, inner) if temporal else None
        self.before = Residual(width, embed, temporal=temporal)
        self.down = nn.Linear(4 * width, inner)
        self.blocks = nn.ModuleList(Block(inner, heads, temporal=temporal) for _ in range(depth))
        self.up = nn.Linear(inner, 4 * width)
        self.join = nn.Linear(2 * width, width)
        self.after = nn.ModuleList(Residual(width, embed, temporal=temporal) for _ in range(2))
        self.leave = nn.Conv2d(width, channels, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, x: Latent, t: Time, condition: Condition) -> Latent:
        """What the network says of x_t; float32 out, whatever runs inside."""
        if condition.text is None:
            raise RequestError("this network needs a text condition; got none")
        text, bias, told = self._read(condition.text, condition.text_mask)
        fps = condition.scalars.get("fps", torch.full_like(t, DEFAULT_FPS))
        told = told + self.clock(waves(t * 2 * math.pi, 64, 100.0).to(told))
        told = F.silu(told + self.rate(waves((fps / DEFAULT_FPS).log(), 16, 8.0).to(told)))
        shifts = rearrange(self.shifts(told).float(), "b (six d) -> b six d", six=6)
        clock = self._clock(x.shape[2], fps)
        x = x if condition.concat is None else torch.cat([x, condition.concat.to(x)], dim=1)
        h = _framewise(self.enter, rearrange(x, "b c t h w -> b t h w c"))
        h = h + self._place(h)
        h = kept = self.before(h, told)
        h = self.down(rearrange(h, "b t (h p) (w q) d -> b t h w (p q d)", p=2, q=2))
        for block in self.blocks:
            h = block(h, shifts, text, bias, clock)
        h = rearrange(self.up(_norm(h)), "b t h w (p q d) -> b t (h p) (w q) d", p=2, q=2)
        h = self.join(torch.cat([h, kept.to(h)], dim=-1))
        for residual in self.after:
            h = residual(h, told)
        return rearrange(_framewise(self.leave, _norm(h)), "b t h w c -> b c t h w").float()

    def _read(self, text: Text, mask: Bool[Tensor, "b l"] | None) -> tuple[Text, Tensor, Tensor]:
        mask = text.new_ones(text.shape[:2]).bool() if mask is None else mask
        bias = torch.where(mask, 0.0, -1e4)[:, None, None]
        read = self.adapter(text, bias)
        share = mask.to(read)[..., None]
        return read, bias, self.pooled((read * share).sum(1) / share.sum(1))

    def _clock(self, frames: int, fps: Float[Tensor, " b"]) -> Tensor | None:
        if self.seconds is None:
            return None
        index = torch.arange(frames, device=fps.device) - (frames - 1) / 2
        told = waves(index / fps[:, None] * (math.pi / 4), 32, 16.0)
        told = self.seconds(told.to(self.seconds.weight.dtype))
        return rearrange(told, "b t d -> b t 1 1 d")

    def _place(self, h: Tokens) -> Tensor:
        if h.shape[2:4] == self.place.shape[:2]:
            return self.place.to(h)
        grid = rearrange(self.place, "h w d -> 1 d h w")
        grid = F.interpolate(grid, size=h.shape[2:4], mode="bilinear", align_corners=False)
        return rearrange(grid, "1 d h w -> h w d").to(h)


def _norm(x: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[-1:])


def _framewise(layer: nn.Conv2d, x: Tokens) -> Tokens:
    y = layer(rearrange(x, "b t h w d -> (b t) d h w"))
    return rearrange(y, "(b t) d h w -> b t h w d", b=len(x))


def inflate(image: SmallUNet3D) -> SmallUNet3D:
    """The video network that says of each frame, at step 0, what the image network says."""
    config = {k: v for k, v in dict(image.config).items() if not k.startswith("_")}
    video = SmallUNet3D(**{**config, "temporal": True})
    video.load_state_dict(image.state_dict(), strict=False)
    return video

