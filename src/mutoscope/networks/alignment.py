"""The aligner: clips and sentences as points of one sphere, near each other where they agree.

    patches  8 x 8 pixels each: the reader's cells (readers.ClipReader), layer by layer the same
    slots    per frame, what each of a few questions finds in the frame's patches, and the reader's
             token of the whole frame
    clip     attention among the slots of all frames, their mean, a unit vector
    words    attention among the token states of the frozen sentence encoder, their mean, likewise

The CLIP of the world: `vector` stands for a picture or a clip, `patches` for its parts, which the
vector is read from, so both were aligned with text. Scores are `scale` times cosines.

Source: Radford et al. (2021), section 2.3. Departs: one network for pictures and clips, and a text
tower that is frozen but for its head.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from einops import rearrange, repeat
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from mutoscope.networks.closeup import Residual, normed
from mutoscope.networks.readers import FRAMES, REACH, REGIONS, Thought, matches
from mutoscope.nn.blocks import framewise
from mutoscope.weights import ModelMixin, register_to_config

EYE = ("stem", "fine", "down", "coarse", "scene", "moved")
"""Layers that are the reader's, by name and shape, and begin as its."""
SIDE = 64
PATCHES = 64
"""Patches of a frame of SIDE x SIDE."""
HOTTEST = 100.0
"""The largest scale: Radford et al. (2021), section 2.5."""

Vectors = Float[Tensor, "b e"]


@dataclass(frozen=True)
class Sighted:
    """A clip as a unit vector, and the patches of its frames row by row."""

    vector: Vectors
    patches: Float[Tensor, "b t n d"]


class Aligner(ModelMixin):
    """Towers for clips and for sentences; `width`, `deep`, `mind` and `depth` are the reader's."""

    @register_to_config
    def __init__(
        self,
        width: int = 64,
        deep: int = 96,
        mind: int = 96,
        depth: int = 3,
        slots: int = 6,
        layers: int = 2,
        heads: int = 4,
        text: int = 768,
        out: int = 128,
    ) -> None:
        super().__init__()
        self.stem = nn.Linear(48, width)
        self.fine = Residual(width)
        self.down = nn.Conv2d(width, deep, 3, stride=2, padding=1)
        self.coarse = nn.Sequential(*(Residual(deep) for _ in range(depth)))
        self.scene = nn.Linear(4 * deep, mind)
        self.moved = nn.Linear(REGIONS**2 * (2 * REACH + 1) ** 2, mind)
        self.patch = nn.Linear(deep, mind)
        self.place = nn.Parameter(0.02 * torch.randn(PATCHES, mind))
        self.ask = nn.Parameter(torch.randn(slots, mind))
        self.key = nn.Linear(mind, mind)
        self.value = nn.Linear(mind, mind)
        self.when = nn.Parameter(0.02 * torch.randn(FRAMES, 1, mind))
        self.which = nn.Parameter(0.02 * torch.randn(slots + 1, mind))
        self.think = nn.ModuleList(Thought(mind, heads) for _ in range(layers))
        self.clip = nn.Linear(mind, out)
        self.read = nn.Linear(text, mind)
        self.ponder = nn.ModuleList(Thought(mind, heads) for _ in range(layers))
        self.words = nn.Linear(mind, out)
        self.heat = nn.Parameter(torch.tensor([math.log(1 / 0.07)]))

    @property
    def scale(self) -> Float[Tensor, ""]:
        """What cosines are multiplied by: exp(heat), HOTTEST at most."""
        return self.heat.exp().clamp(max=HOTTEST)[0]

    def see(self, frames: Float[Tensor, "b 3 t H W"]) -> Sighted:
        """Look at frames in [-1, 1]: at most 8 of them, SIDE pixels square, 4 a second."""
        x = rearrange(frames, "b c t (h p) (w q) -> b t h w (c p q)", p=4, q=4)
        deep = self.coarse(framewise(self.down, self.fine(self.stem(x))))
        quarters = F.adaptive_avg_pool2d(rearrange(deep, "b t h w c -> (b t) c h w"), 2)
        whole = normed(rearrange(quarters, "(b t) c p q -> b t 1 (p q c)", b=len(x)))
        whole = self.scene(whole)
        whole = whole + self.moved(matches(frames))[:, :, None]
        patches = normed(self.patch(normed(rearrange(deep, "b t h w c -> b t (h w) c"))))
        slots = torch.cat([self._slots(patches), whole], dim=2)
        tokens = slots + self.which + self.when[: slots.shape[1]]
        mind = rearrange(tokens, "b t s d -> b (t s) d")
        mean = normed(_thought(self.think, mind, None)).mean(1)
        return Sighted(F.normalize(self.clip(mean).float(), dim=-1), patches.float())

    def hear(self, text: Float[Tensor, "b l d"], mask: Bool[Tensor, "b l"]) -> Vectors:
        """Sentences as unit vectors, from token states as encoders.MiniLM has them."""
        there = mask[..., None].to(text.dtype)
        mind = normed(_thought(self.ponder, self.read(text), mask))
        mean = (mind * there).sum(1) / there.sum(1).clamp(min=1)
        return F.normalize(self.words(mean).float(), dim=-1)

    def forward(
        self,
        frames: Float[Tensor, "b 3 t H W"],
        text: Float[Tensor, "n l d"],
        mask: Bool[Tensor, "n l"],
    ) -> Float[Tensor, "b n"]:
        """Scores of each clip with each sentence."""
        return self.scale * self.see(frames).vector @ self.hear(text, mask).T

    def _slots(self, patches: Float[Tensor, "b t n d"]) -> Float[Tensor, "b t s d"]:
        keys, values = self.key(patches + self.place), self.value(patches + self.place)
        scores = torch.einsum("sd,btnd->btsn", self.ask.to(keys), keys).float()
        share = (scores * patches.shape[-1] ** -0.5).softmax(-1)
        return share.to(values) @ values


def _thought(
    layers: nn.ModuleList, x: Float[Tensor, "b n d"], mask: Bool[Tensor, "b n"] | None
) -> Float[Tensor, "b n d"]:
    b, n = x.shape[:2]
    heard = torch.ones(b, n, dtype=torch.bool, device=x.device) if mask is None else mask
    for layer in layers:
        x = layer(x, repeat(heard, "b m -> b 1 n m", n=n))
    return x
