"""What conditions enter a small network through: maps of every frame, and tokens of a picture.

Both begin as nothing: a network that is given these doors says at first what it said without them.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from mutoscope.nn.blocks import framewise
from mutoscope.nn.inflate import zeroed
from mutoscope.nn.tokens import Attention, Beside, FeedForward, normed

WIDTH, HEADS = 32, 2
"""Channels inside a map's encoder (VideoComposer's), and heads of its attention over time."""

Map = Float[Tensor, "b k t h w"]


class MapEncoder(nn.Module):
    """A map of every frame to `out` channels: convolutions over each frame, attention over time.

    Without `over_time` a layer of as many numbers, for each token alone, takes the place of that
    attention. Source: the STC-encoder of VideoComposer (Wang et al., 2023, section 3.2).
    """

    def __init__(self, channels: int, out: int, *, over_time: bool = True) -> None:
        super().__init__()
        self.one = nn.Conv2d(channels, WIDTH, 3, padding=1)
        self.two = nn.Conv2d(WIDTH, WIDTH, 3, padding=1)
        self.three = nn.Conv2d(WIDTH, out, 3, padding=1)
        self.over = Attention(out, HEADS) if over_time else None
        self.alone = None if over_time else FeedForward(out, 2)

    def forward(self, values: Map) -> Float[Tensor, "b t h w d"]:
        """Channels last, as the network has them."""
        x = rearrange(values, "b k t h w -> b t h w k").to(self.one.weight.dtype)
        x = framewise(self.two, F.silu(framewise(self.one, x)))
        x = framewise(self.three, F.silu(x))
        if self.alone is not None:
            return x + self.alone(normed(x))
        assert self.over is not None
        b, _, h, _, _ = x.shape
        y = rearrange(normed(x), "b t h w d -> (b h w) t d")
        return x + rearrange(self.over(y, y), "(b h w) t d -> b t h w d", b=b, h=h)


class Maps(nn.Module):
    """Several maps, each through an encoder of its own, as one sum: any subset of them will do.

    `sizes` are their channels by name, in the order in which they lie on the door. What a map's
    encoder says is multiplied by its strength; 0 is a map that isn't there, whatever it holds.
    """

    def __init__(self, sizes: Mapping[str, int], out: int, *, over_time: bool = True) -> None:
        super().__init__()
        self.sizes, self.out = dict(sizes), out
        self.encoders = nn.ModuleDict(
            {name: MapEncoder(width, out, over_time=over_time) for name, width in sizes.items()}
        )

    def forward(
        self, values: Map, strengths: Mapping[str, Float[Tensor, " b"]]
    ) -> Float[Tensor, "b t h w d"]:
        """`values` has all maps side by side; one without a strength isn't there.

        A map that is there for no clip of the batch isn't encoded.
        """
        total: Tensor | None = None
        parts = torch.split(values, list(self.sizes.values()), dim=1)
        for (name, encoder), part in zip(self.encoders.items(), parts, strict=True):
            much = strengths.get(name)
            if much is None or (not much.is_meta and not bool(much.any())):
                continue
            said = encoder(part)
            said = said * much.to(said).view(-1, 1, 1, 1, 1)
            total = said if total is None else total + said
        if total is not None:
            return total
        b, _, t, h, w = values.shape
        return values.new_zeros(b, t, h, w, self.out)


class Resampler(nn.Module):
    """Tokens of a picture to `queries` tokens of the network's own width.

    Learned queries ask the tokens and one another, then a layer for each. With no queries each
    token is projected, and a token alone gets an empty one beside it, so that a place may look
    away: to one alone all would attend alike, and its keys would learn nothing. Source: Alayrac et
    al. (2022), Flamingo, section 3.1, one layer instead of six; VideoCrafter1's has 16 queries and
    4 layers. The empty token is ours.
    """

    def __init__(self, tokens: int, width: int, heads: int, queries: int) -> None:
        super().__init__()
        self.project = nn.Linear(tokens, width)
        self.ask = nn.Parameter(0.02 * torch.randn(queries, width)) if queries else None
        self.mix = Attention(width, heads) if queries else None
        self.each = FeedForward(width, 2) if queries else None

    def forward(self, tokens: Float[Tensor, "b n e"]) -> Float[Tensor, "b m d"]:
        """Every token of mean 0 and variance 1."""
        if self.ask is None and tokens.shape[1] == 1:
            tokens = torch.cat([tokens, torch.zeros_like(tokens)], dim=1)
        x = normed(self.project(tokens.to(self.project.weight.dtype)))
        if self.ask is None or self.mix is None or self.each is None:
            return x
        asked = self.ask.to(x).expand(len(x), -1, -1)
        asked = asked + self.mix(normed(asked), torch.cat([x, normed(asked)], dim=1))
        return normed(asked + self.each(normed(asked)))


class SecondSight(nn.Module):
    """Keys and values of a picture's tokens for one attention to the text; values begin as zero."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.key = nn.Linear(width, width)
        self.value = zeroed(nn.Linear(width, width))

    def forward(self, tokens: Float[Tensor, "b m d"], strength: Float[Tensor, " b"]) -> Beside:
        """`strength` is 1 as trained and 0 for nothing."""
        return Beside(torch.cat([self.key(tokens), self.value(tokens)], dim=-1), strength)
