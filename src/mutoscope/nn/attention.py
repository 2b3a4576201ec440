"""Transformer blocks over sequences of one clip, laid out `m l d`: m sequences of l tokens.

A sequence is a frame, or one place through time; the caller says which by how it folds a clip. Text
is one sequence a clip: all tokens of the clip ask it together, so nothing of it is repeated. Tokens
of a picture may be asked beside it, with the same queries: two more matrices a layer (Ye et al.
2023, IP-Adapter, eq. 5; Chen et al. 2023, VideoCrafter1, section 3.2),

    out = W_o (softmax(Q K^T / sqrt d) V + s softmax(Q K'^T / sqrt d) V')
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from mutoscope.nn.inflate import zeroed

Sequences = Float[Tensor, "m l d"]
Heads = Float[Tensor, "n k d"]

SCORES = 2**19
"""Scores computed at a time: 2 MB of float32, so that they stay in the cache. Measured."""

MANY = 2**24
"""Scores of one sequence above which the fused kernel is taken: plain ones would need 100 MB."""


Sight = Literal["own", "first", "sparse"]
"""Which frames the attention of a frame looks at; see `seen`."""


class Across(NamedTuple):
    """How the frames of a clip meet in a block: `sees` is the sight of its first attention.

    With `over` attention over time at each place comes last, which starts as nothing.
    """

    sees: Sight = "own"
    over: bool = False


ALONE = Across()
"""Frames don't meet."""


class Words(NamedTuple):
    """A text to ask: its states, and what is added to the scores (very negative where padded).

    Beside it tokens of a picture and how much they count, 1 as trained.
    """

    states: Float[Tensor, "b l e"]
    bias: Float[Tensor, "b 1 l"] | None = None
    picture: Float[Tensor, "b m e"] | None = None
    strength: Float[Tensor, " b"] | None = None


class Asked(NamedTuple):
    """What a text answers with in one layer: keys, values and bias, a row of heads a clip.

    A picture's keys and values come after `strength`, by which what they answer is multiplied.
    """

    keys: Float[Tensor, "b n k d"]
    values: Float[Tensor, "b n k d"]
    bias: Float[Tensor, "b 1 k"] | None = None
    strength: Float[Tensor, " b"] | None = None
    seen: tuple[Float[Tensor, "b n m d"], Float[Tensor, "b n m d"]] | None = None

    def clip(self, i: int) -> Asked:
        """That of one clip alone."""
        j = slice(i, i + 1)
        return Asked(
            self.keys[j],
            self.values[j],
            None if self.bias is None else self.bias[j],
            None if self.strength is None else self.strength[j],
            None if self.seen is None else (self.seen[0][j], self.seen[1][j]),
        )


def seen(sight: Sight, frames: int) -> Int[Tensor, "t k"]:
    """The numbers of the frames that each frame looks at.

    "own": itself; "first": the first; "sparse": the first and the one before it, of the first frame
    twice itself. "sparse" is causal and as dear for the last frame as for the second.
    Source: Wu et al. (2023, arXiv 2212.11565), section 3.2; Khachatryan et al. (2023), eq. 10 for
    "first".
    """
    own = torch.arange(frames)
    first = torch.zeros_like(own)
    columns = {"own": [own], "first": [first], "sparse": [first, (own - 1).clamp(min=0)]}
    return torch.stack(columns[sight], dim=1)


def looked_at(x: Float[Tensor, "b t n d"], sight: Sight) -> Float[Tensor, "b t kn d"]:
    """Of each frame the tokens of those it looks at, side by side; "own" copies nothing."""
    if sight == "own":
        return x
    return x[:, seen(sight, x.shape[1]).to(x.device)].flatten(2, 3)


def attend(
    q: Float[Tensor, "n q d"], k: Heads, v: Heads, bias: Float[Tensor, "1 1 k"] | None = None
) -> Float[Tensor, "n q d"]:
    """softmax(q k / sqrt d + bias) v; the softmax in float32.

    On a CPU a bfloat16 softmax costs eight times a float32 one, and the fused kernel loses to two
    batched products as long as their scores stay in the cache.
    """
    each = q.shape[1] * k.shape[1]
    if each > MANY:
        return F.scaled_dot_product_attention(q[None], k[None], v[None], bias)[0]
    few = max(1, SCORES // each) if q.is_cpu else len(q)
    if few < len(q):
        parts = zip(*(torch.split(z, few) for z in (q, k, v)), strict=True)
        return torch.cat([attend(a, b, c, bias) for a, b, c in parts])
    shift, beta = (q.new_zeros(()), 0) if bias is None else (bias, 1)
    scores = torch.baddbmm(shift, q, k.transpose(1, 2), beta=beta, alpha=q.shape[-1] ** -0.5)
    return torch.bmm(scores.softmax(-1, dtype=torch.float32).to(v.dtype), v)


class Attention(nn.Module):
    """Multi-head attention of a sequence's tokens to one another, or of a clip's to its text."""

    def __init__(self, width: int, heads: int, head_width: int, text: int | None = None) -> None:
        super().__init__()
        self.heads, self.asks = heads, text is not None
        inner = heads * head_width
        self.to_q = nn.Linear(width, inner, bias=False)
        self.to_k = nn.Linear(text or width, inner, bias=False)
        self.to_v = nn.Linear(text or width, inner, bias=False)
        self.to_out = nn.ModuleList([nn.Linear(inner, width)])

    def grow(self) -> None:
        """Take two more matrices, for a picture's tokens beside the text; values begin as zero.

        They have the names that published networks save them under.
        """
        for name in ("to_k", "to_v"):
            known = getattr(self, name)
            layer = nn.Linear(known.in_features, known.out_features, bias=False)
            setattr(self, f"{name}_ip", layer if name == "to_k" else zeroed(layer))

    def asked(self, words: Words) -> Asked:
        """The text's keys and values, once for all tokens; a picture's too if it has any."""
        k, v = self._heads(words.states, [self.to_k, self.to_v])
        asked = Asked(k, v, None if words.bias is None else words.bias.to(k.dtype))
        if words.picture is None:
            return asked
        seen = self._heads(words.picture, [self.get_submodule(n) for n in ("to_k_ip", "to_v_ip")])
        return asked._replace(seen=(seen[0], seen[1]), strength=words.strength)

    def _heads(self, states: Tensor, layers: Sequence[nn.Module]) -> list[Tensor]:
        return [rearrange(z(states), "b l (n d) -> b n l d", n=self.heads) for z in layers]

    def forward(
        self, x: Sequences, asked: Asked | None = None, others: Float[Tensor, "m k d"] | None = None
    ) -> Sequences:
        """The tokens of each sequence to one another; or all of them to the text of their clip.

        With `others` to those tokens instead of their own.
        """
        m, n = len(x), self.heads
        if others is not None:
            q, k, v = (
                rearrange(layer(z), "m l (n d) -> (m n) l d", n=n)
                for layer, z in ((self.to_q, x), (self.to_k, others), (self.to_v, others))
            )
            y = rearrange(attend(q, k, v), "(m n) l d -> m l (n d)", n=n)
        elif asked is None:
            said = _together(x, [self.to_q, self.to_k, self.to_v])
            q, k, v = rearrange(said, "m l (three n d) -> three (m n) l d", three=3, n=n)
            y = rearrange(attend(q, k, v), "(m n) l d -> m l (n d)", n=n)
        else:
            q = rearrange(self.to_q(x), "m l (n d) -> n (m l) d", n=n)
            y = attend(q, asked.keys[0], asked.values[0], asked.bias)
            if asked.seen is not None:
                beside = attend(q, asked.seen[0][0], asked.seen[1][0])
                y = y + (beside if asked.strength is None else asked.strength.to(y) * beside)
            y = rearrange(y, "n (m l) d -> m l (n d)", m=m)
        return self.to_out[0](y)


def _together(x: Sequences, layers: Sequence[nn.Module]) -> Float[Tensor, "m l e"]:
    """What several layers say of x, side by side: by one wider product if they are plain ones."""
    plain = [z for z in layers if isinstance(z, nn.Linear) and type(z) is nn.Linear]
    if len(plain) < len(layers):  # something was put around one, such as a low-rank change
        return torch.cat([layer(x) for layer in layers], -1)
    return F.linear(x, torch.cat([layer.weight for layer in plain]))


class _Gate(nn.Module):
    """Linear layer to values times gates; its kernel holds the values' rows first."""

    def __init__(self, width: int, out: int) -> None:
        super().__init__()
        self.proj = nn.Linear(width, 2 * out)

    def forward(self, x: Sequences) -> Float[Tensor, "m l e"]:
        if type(self.proj) is not nn.Linear:  # something was put around it
            wide, gates = self.proj(x).chunk(2, -1)
            return wide * F.gelu(gates)
        (value, gate), (v, g) = self.proj.weight.chunk(2), self.proj.bias.chunk(2)
        # Two products: halves of one wide answer are strided, and GELU is slow on those.
        return F.linear(x, value, v) * F.gelu(F.linear(x, gate, g))


class GatedFeedForward(nn.Module):
    """Each token by itself: four times wider, gated by GELU, and back. Source: Shazeer (2020)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        wide = 4 * width
        self.net = nn.ModuleList([_Gate(width, wide), nn.Identity(), nn.Linear(wide, width)])

    def forward(self, x: Sequences) -> Sequences:
        """The same shape back; no token sees another."""
        return self.net[2](self.net[0](x))


class TransformerBlock(nn.Module):
    """Two attentions and a feed-forward layer, each added to what it read through a layer norm.

    The second attention asks the text if the block was given its width, else it is one more like
    the first. `across` is for sequences that are the frames of one clip.
    """

    def __init__(
        self, heads: int, head_width: int, text: int | None = None, across: Across = ALONE
    ) -> None:
        super().__init__()
        width = heads * head_width
        self.sees = across.sees
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(width) for _ in range(3))
        self.attn1 = Attention(width, heads, head_width)
        self.attn2 = Attention(width, heads, head_width, text)
        self.ff = GatedFeedForward(width)
        self.norm_temp = nn.LayerNorm(width) if across.over else None
        self.attn_temp = Attention(width, heads, head_width) if across.over else None
        if self.attn_temp is not None:
            zeroed(self.attn_temp.to_out)

    def alone(self, sees: Sight | None = None) -> bool:
        """Whether sequences don't see one another; `sees` is another sight than the block's own."""
        return (sees or self.sees) == "own" and self.attn_temp is None

    def forward(
        self, x: Sequences, asked: Asked | None = None, *, sees: Sight | None = None
    ) -> Sequences:
        """`asked` is what `attn2` makes of the words of this clip; `sees` as in `alone`."""
        y, sight = self.norm1(x), sees or self.sees
        others = None if sight == "own" else looked_at(y[None], sight)[0]
        x = self.attn1(y, others=others) + x
        x = self.attn2(self.norm2(x), asked) + x
        x = self.ff(self.norm3(x)) + x
        if self.attn_temp is None or self.norm_temp is None:
            return x
        y = rearrange(self.norm_temp(x), "t l d -> l t d")
        return rearrange(self.attn_temp(y), "l t d -> t l d") + x
