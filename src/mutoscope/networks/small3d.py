"""The network that ships: a small text-conditioned 3-D U-Net, layout `small` (ours).

Two levels. At half the latent's size (2 x 2 numbers of a channel are one place): residual 3x3
convolutions over each frame, each pair followed by one over time. At half that size again: blocks
of attention over a frame, to the text, and a layer for each token; in two blocks of three also over
the whole clip. With `temporal=False` the layers over time are absent and the network is an image
model; added later, they start at zero, so that at step 0 a clip is so many independent images
(Blattmann et al. 2023; ModelScopeT2V, section 3).

Departs from ModelScopeT2V: two levels, one modulation for all blocks with a learned offset each
(Chen et al. 2023, PixArt, eq. 2), time within a clip is known, in seconds, and attention over time
sees all places of all frames, not one place: at this size a frame is 4 x 4 tokens, and a thing is
somewhere else in the next. An image network can be inflated in another way too: attention over a
frame looks at other frames instead of its own (`sees`), and a layer over time follows each block,
one place in all frames, order unknown (`over_time`).

Doors for conditions can be added, each of which starts as nothing: `extra` channels beside those of
x (`concat`), or `maps`, encoded and summed, in their place; `image`, tokens of a picture of so many
numbers, which the attention to the text asks beside its own (`nn.doors`). Scalars of the same names
say how much a map or a picture counts: a map 0 by itself, a picture 1.

2.996 GFLOP a call for 16 frames of 128 x 128 pixels and 24 word pieces.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from mutoscope.core.condition import Condition
from mutoscope.core.shapes import Latent, Time
from mutoscope.errors import RequestError
from mutoscope.nn.attention import Sight, looked_at
from mutoscope.nn.blocks import framewise
from mutoscope.nn.doors import Maps, Resampler, SecondSight
from mutoscope.nn.inflate import grow, zeroed
from mutoscope.nn.tokens import Attention, FeedForward, normed, waves
from mutoscope.weights import ModelMixin, register_to_config
from mutoscope.zoo import arguments

Tokens = Float[Tensor, "b t h w d"]
Text = Float[Tensor, "b l d"]
States = Float[Tensor, "b l e"]
Picture = tuple[Float[Tensor, "b m d"], Float[Tensor, " b"]]
"""Tokens of a picture, and how much it counts."""

DEFAULT_FPS = 8.0
MAPPED = 8
"""Channels of the sum of all maps. Source: VideoComposer's released code."""


class Block(nn.Module):
    """Attention over a frame, over the whole clip, to the text; then a layer for each token.

    Over the clip each head learns how much less it looks at places farther off (after Press et al.
    2022, ALiBi, with distances between places instead of words). A frame's attention may look at
    other frames (`sees`), and attention over time at each place may come last (`over`).
    """

    def __init__(
        self, width: int, heads: int, *, temporal: bool, whole: bool, ratio: int,
        sees: Sight = "own", over: bool = False, image: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.sees: Sight = sees
        self.offset = nn.Parameter(torch.zeros(4, width))
        self.space = Attention(width, heads)
        self.text = Attention(width, heads)
        self.each = FeedForward(width, ratio)
        self.clip = Attention(width, heads) if whole else None
        # Not linspace: transformers, once it has loaded something, keeps that off the meta device.
        far = 1 - torch.arange(heads) / max(1, heads - 1)
        self.near = nn.Parameter(far) if whole else None
        self.when = nn.Parameter(torch.zeros(width)) if temporal else None
        self.over = Attention(width, heads) if over else None
        self.image = SecondSight(width) if image else None

    def forward(
        self, x: Tokens, shifts: Tensor, text: Text, bias: Tensor, clock: Tensor | None,
        apart: Tensor, *, sees: Sight | None = None, picture: Picture | None = None,
    ) -> Tokens:  # fmt: skip
        """`clock` tells the layers over time when each frame is, `apart` how far places are.

        `sees` is another sight than the block's own.
        """
        beside = None if self.image is None or picture is None else self.image(*picture)
        b, t, h, w, d = x.shape
        s1, g1, s2, g2 = (shifts + self.offset).to(x)[:, :, None, None, None].unbind(1)
        y = torch.addcmul(s1, normed(x), 1 + g1).reshape(b, t, h * w, d)
        others = looked_at(y, sees or self.sees).flatten(0, 1)
        x = x + self.space(y.flatten(0, 1), others).reshape(x.shape)
        if self.clip is not None and self.near is not None and clock is not None:
            y = (normed(x) + clock).reshape(b, t * h * w, d)
            far = -self.near[:, None, None] * apart
            x = x + self.clip(y, y, far).reshape(x.shape)
        y = normed(x)
        if self.when is not None and clock is not None:
            y = torch.addcmul(y, clock.to(y), self.when.to(y))
        x = x + self.text(y.reshape(b, t * h * w, d), text, bias, beside).reshape(x.shape)
        x = x + self.each(torch.addcmul(s2, normed(x), 1 + g2))
        if self.over is None:
            return x
        y = rearrange(normed(x), "b t h w d -> (b h w) t d")
        return x + rearrange(self.over(y, y), "(b h w) t d -> b t h w d", b=b, h=h)


class Residual(nn.Module):
    """Two 3x3 convolutions over each frame, told the time, then one over three frames."""

    def __init__(self, width: int, embed: int, *, temporal: bool) -> None:
        super().__init__()
        self.one = nn.Conv2d(width, width, 3, padding=1)
        self.two = zeroed(nn.Conv2d(width, width, 3, padding=1))
        self.told = nn.Linear(embed, 2 * width)
        self.time = zeroed(nn.Linear(3 * width, width)) if temporal else None

    def forward(self, x: Tokens, embed: Tensor) -> Tokens:
        """`embed` holds time and prompt, one vector a clip."""
        gain, shift = self.told(embed)[:, None, None, None].to(x).chunk(2, -1)
        y = F.silu(framewise(self.one, normed(x)))
        x = x + framewise(self.two, torch.addcmul(shift, y, 1 + gain))
        if self.time is None:
            return x
        y = F.pad(F.silu(normed(x)), (0, 0, 0, 0, 0, 0, 1, 1))
        return x + self.time(torch.cat([y[:, :-2], y[:, 1:-1], y[:, 2:]], dim=-1))


class Reading(nn.Module):
    """A block of self-attention over the words; does nothing at first."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.mix = Attention(width, heads)
        self.each = FeedForward(width, 2)

    def forward(self, x: Text, bias: Tensor) -> Text:
        """`bias` is very negative where there is no token."""
        y = normed(x)
        x = x + self.mix(y, y, bias)
        return x + self.each(normed(x))


class Adapter(Reading):
    """Frozen text states to the network's own: a projection and `depth` blocks over the words.

    The blocks say which thing a verb is of, which the states of a sentence encoder say faintly.
    """

    def __init__(self, text: int, width: int, heads: int, depth: int) -> None:
        super().__init__(width, heads)
        self.project = nn.Linear(text, width)
        self.deeper = nn.ModuleList(Reading(width, heads) for _ in range(depth - 1))

    def forward(self, x: States, bias: Tensor) -> Text:
        """`bias` is very negative where there is no token."""
        x = self.project(x.to(self.project.weight.dtype))
        x = x + waves(torch.arange(x.shape[1], device=x.device), x.shape[2], 1e-3).to(x)
        x = super().forward(x, bias)
        for reading in self.deeper:
            x = reading(x, bias)
        return normed(x)


class SmallUNet3D(ModelMixin):
    """The network of layout `small`; sides of the latent must be divisible by 4."""

    @register_to_config
    def __init__(
        self,
        channels: int = 6,
        extra: int = 0,
        maps: Mapping[str, int] | None = None,
        image: int = 0,
        queries: int = 0,
        width: int = 96,
        inner: int = 192,
        depth: int = 6,
        heads: int = 4,
        ratio: int = 2,
        text: int = 768,
        temporal: bool = True,
        reading: int = 1,
        sees: Sight = "own",
        over_time: bool = False,
        maps_over_time: bool = True,
    ) -> None:
        super().__init__()
        if extra and maps:
            raise RequestError("a network has extra channels or maps beside x, not both")
        self.width, self.inner = width, inner
        embed = inner
        self.enter = nn.Linear(4 * channels, width)
        self.extra = extra or (MAPPED if maps else 0)
        self.beside = zeroed(nn.Linear(4 * self.extra, width, bias=False)) if self.extra else None
        self.maps = Maps(maps, MAPPED, over_time=maps_over_time) if maps else None
        self.look = Resampler(image, inner, heads, queries) if image else None
        self.place = nn.Parameter(torch.zeros(8, 8, width))
        self.clock = nn.Sequential(nn.Linear(64, embed), nn.SiLU(), nn.Linear(embed, embed))
        self.rate = zeroed(nn.Linear(16, embed))
        self.adapter = Adapter(text, inner, heads, reading)
        self.pooled = nn.Linear(inner, embed)
        self.shifts = nn.Linear(embed, 4 * inner)
        nn.init.normal_(self.shifts.weight, std=0.02)
        self.seconds = nn.Linear(32, inner) if temporal else None
        self.before = Residual(width, embed, temporal=temporal)
        self.down = nn.Linear(4 * width, inner)
        self.blocks = nn.ModuleList(
            Block(
                inner,
                heads,
                temporal=temporal,
                whole=temporal and k % 3 > 0,
                ratio=ratio,
                sees=sees,
                over=over_time,
                image=image > 0,
            )
            for k in range(depth)
        )
        self.up = nn.Linear(inner, 4 * width)
        self.join = nn.Linear(2 * width, width)
        self.after = nn.ModuleList(
            Residual(width, embed, temporal=over) for over in (False, temporal)
        )
        self.leave = zeroed(nn.Linear(width, 4 * channels))

    def forward(
        self, x: Latent, t: Time, condition: Condition, *, sees: Sight | None = None
    ) -> Latent:
        """What the network says of x_t; float32 out, whatever runs inside.

        `sees` is another sight than the network's own, for this call.
        """
        if condition.text is None:
            raise RequestError("this network needs a text condition; got none")
        text, bias, told = self._read(condition.text, condition.text_mask)
        fps = condition.scalars.get("fps", torch.full_like(t, DEFAULT_FPS))
        told = told + self.clock(waves(t * 2 * math.pi, 64, 100.0).to(told))
        told = F.silu(told + self.rate(waves((fps / DEFAULT_FPS).log(), 16, 8.0).to(told)))
        shifts = rearrange(self.shifts(told).float(), "b (four d) -> b four d", four=4)
        clock = self._clock(x.shape[2], fps)
        h = self.enter(rearrange(x, "b c t (h p) (w q) -> b t h w (c p q)", p=2, q=2))
        h = h + self._place(h)
        if condition.concat is not None:
            h = h + self._beside(condition.concat, condition, h)
        picture = self._picture(condition, t)
        h = kept = self.before(h, told)
        h = self.down(rearrange(h, "b t (h p) (w q) d -> b t h w (p q d)", p=2, q=2))
        frames, rows, columns = h.shape[1:4]
        apart = _distance(rows, columns, h.device).repeat(frames, frames)
        for block in self.blocks:
            h = block(h, shifts, text, bias, clock, apart, sees=sees, picture=picture)
        h = rearrange(self.up(normed(h)), "b t h w (p q d) -> b t (h p) (w q) d", p=2, q=2)
        h = self.join(torch.cat([h, kept.to(h)], dim=-1))
        for residual in self.after:
            h = residual(h, told)
        out = self.leave(normed(h)).float()
        return rearrange(out, "b t h w (c p q) -> b c t (h p) (w q)", p=2, q=2)

    def _read(self, text: States, mask: Bool[Tensor, "b l"] | None) -> tuple[Text, Tensor, Tensor]:
        mask = text.new_ones(text.shape[:2]).bool() if mask is None else mask
        bias = torch.where(mask, 0.0, -1e4)[:, None, None]
        read = self.adapter(text, bias)
        share = mask.to(read)[..., None]
        return read, bias, self.pooled((read * share).sum(1) / share.sum(1))

    def _beside(self, concat: Tensor, condition: Condition, h: Tokens) -> Tokens:
        """What is said beside the channels of x."""
        if self.beside is None:
            raise RequestError("this network has no door for maps; leave concat out")
        given = rearrange(concat, "b k t h w -> b t h w k")
        if self.maps is not None:
            given = self.maps(concat, condition.scalars)
        if given.shape[-1] != self.extra:
            raise RequestError(
                f"this network takes {self.extra} channels beside x (got {given.shape[-1]})"
            )
        folded = rearrange(given, "b t (h p) (w q) k -> b t h w (k p q)", p=2, q=2)
        return self.beside(folded.to(h))

    def _picture(self, condition: Condition, t: Time) -> Picture | None:
        if condition.image is None:
            return None
        if self.look is None:
            raise RequestError("this network has no door for a picture's tokens; leave image out")
        return self.look(condition.image), condition.scalars.get("image", torch.ones_like(t))

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
        plan = rearrange(self.place, "h w d -> 1 d h w")
        grid = F.interpolate(plan, size=h.shape[2:4], mode="bilinear", align_corners=False)
        return rearrange(grid, "1 d h w -> h w d").to(h)


def _distance(h: int, w: int, device: torch.device) -> Float[Tensor, "hw hw"]:
    """Between any two places of a frame, in places."""
    plan = torch.cartesian_prod(torch.arange(h, device=device), torch.arange(w, device=device))
    return torch.cdist(plan.float(), plan.float())


def extended(network: SmallUNet3D, **changes: object) -> SmallUNet3D:
    """The network with other arguments: its weights stay, what is new starts as nothing."""
    grown = SmallUNet3D(**{**arguments(network), **changes})
    grow(grown, network.state_dict())
    return grown


def deflate(video: SmallUNet3D) -> SmallUNet3D:
    """The image network of a video network's layers within frames; what goes over time is left."""
    image = SmallUNet3D(**{**arguments(video), "temporal": False})
    known = video.state_dict()
    image.load_state_dict({name: known[name] for name in image.state_dict()})
    return image


def inflate(image: SmallUNet3D, *, reading: int = 1) -> SmallUNet3D:
    """The video network that says of each frame, at step 0, what the image network says.

    It reads with `reading` blocks over the words, no fewer than the image network has.
    """
    return extended(image, temporal=True, reading=reading)
