"""The reader: what a short clip shows, read by a small network that was taught by the world.

    cells    4 x 4 pixels each, 3x3 convolutions over frames, channels shifted in time between them
    middle   m(t, y, x): how near this spot is to the middle of a thing
    mask     sigmoid(<a, k(t, y, x)> + b), where the anchor (a, b) is read at a spot in a thing's
             middle and k everywhere: one anchor finds its thing in all frames
    token    per thing and frame: cells averaged over the mask, what a closer look shows, where the
             mask is and how wide, and its whole way; per frame: cells, and how well each region
             matches the frame before when that is shifted by up to REACH
    answer   attention, then one linear layer a kind of word: a thing's tokens hear each other and
             those of the frames, which hear the things in the last layer only

So what is said of a thing is read where that thing is, and two things aren't confused (where all
tokens heard each other, nine of ten wrong verbs stood in clips of two, many of them the other
thing's). The 64 numbers from which the words of the whole clip follow linearly are its `feature`.
The vocabulary is all of world.scene, whatever part of it was taught; the `bars` of what was never
taught stay at 2, so that such a question is answered by "can't tell".

Sources: shifted channels, Lin, Gan & Han (2019), section 3; masks as a product of an anchor's and a
pixel's numbers, Tian, Shen & Chen (2020), section 3.1 (here linear and over time).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from einops import rearrange, repeat
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from mutoscope.networks.closeup import Cells, Closeup, Residual, cut, normed
from mutoscope.nn.blocks import framewise
from mutoscope.weights import ModelMixin, register_to_config
from mutoscope.world import scene as words

SIDE, FRAMES, FPS = 64, 8, 4.0
"""What the network is given: 2 seconds at 4 frames a second, 64 x 64."""
MOST = 4
"""Things that are looked for."""
SAME = 0.5
"""Overlap (IoU) from which two masks are of one thing (ours)."""
REACH = 3
"""Shifts between frames that are tried, in pixels of half of SIDE (ours)."""
REGIONS = 4
"""Regions a side in which a frame is matched with the one before (ours)."""
LAYOUT = 6
FEATURE = 64

THING_WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "colour": words.COLOURS, "shape": words.SHAPES, "material": words.MATERIALS,
    "size": words.SIZES, "verb": words.VERBS, "speed": words.SPEEDS,
})  # fmt: skip
CLIP_WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "floor": words.FLOORS, "sky": words.SKIES, "light": words.LIGHTS, "fog": ("clear", "fog"),
    "move": words.MOVES, "look": words.LOOKS, "count": tuple("01234"),
})  # fmt: skip
WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType({**THING_WORDS, **CLIP_WORDS})
HEADS = tuple(WORDS)
MOVING = ("verb", "speed", "move")
"""What a single frame can't show."""
PRESENT = ("colour", "shape", "verb")
"""Of these the clip's feature also has to know which ones are in the clip."""

Pixels = Float[Tensor, "b t y x _"]
Masks = Float[Tensor, "b o t h w"]


@dataclass(frozen=True)
class Seen:
    """What was seen before anything is asked; an anchor's last channel is the bias of its mask."""

    frames: Float[Tensor, "b 3 t H W"]
    cells: Cells
    keys: Pixels
    anchors: Pixels
    middle: Float[Tensor, "b t y x"]
    scene: Float[Tensor, "b t d"]


@dataclass(frozen=True)
class Told:
    """Scores of words before calibration; `present` says of each kind which words are there."""

    things: Mapping[str, Float[Tensor, "b o n"]]
    clip: Mapping[str, Float[Tensor, "b n"]]
    present: Mapping[str, Float[Tensor, "b n"]]
    feature: Float[Tensor, "b d"]


class ClipReader(ModelMixin):
    """One network for all questions; `heat` and `bars` are a temperature and a threshold a head."""

    @register_to_config
    def __init__(
        self,
        width: int = 64,
        deep: int = 96,
        mind: int = 96,
        close: int = 48,
        key: int = 16,
        depth: int = 3,
        layers: int = 2,
        heads: int = 4,
    ) -> None:
        super().__init__()
        self.key = key
        self.stem = nn.Linear(48, width)
        self.fine = Residual(width)
        self.down = nn.Conv2d(width, deep, 3, stride=2, padding=1)
        self.coarse = nn.Sequential(*(Residual(deep) for _ in range(depth)))
        self.up = nn.Linear(deep, width)
        self.last = Residual(width)
        self.maps = nn.Linear(width, 4 * (2 * key + 2))
        self.scene = nn.Linear(4 * deep, mind)
        self.moved = nn.Linear(REGIONS**2 * (2 * REACH + 1) ** 2, mind)
        self.thing = nn.Linear(width + LAYOUT, mind)
        self.close = Closeup(close, deep, mind)
        self.way = nn.Sequential(
            nn.Linear(FRAMES * LAYOUT, 2 * mind), nn.ReLU(), nn.Linear(2 * mind, mind)
        )
        self.when = nn.Parameter(0.02 * torch.randn(FRAMES, mind))
        self.think = nn.ModuleList(Thought(mind, heads) for _ in range(layers))
        self.say = nn.Linear(mind, sum(map(len, THING_WORDS.values())))
        self.feature = nn.Linear(mind, FEATURE)
        self.say_clip = nn.Linear(FEATURE, sum(map(len, CLIP_WORDS.values())))
        self.say_present = nn.Linear(FEATURE, sum(len(WORDS[name]) for name in PRESENT))
        self.register_buffer("heat", torch.ones(len(HEADS)))
        self.register_buffer("bars", torch.full((len(HEADS),), 2.0))
        self.bars: Tensor
        self.heat: Tensor

    def see(self, frames: Float[Tensor, "b 3 T H W"]) -> Seen:
        """Look at frames in [-1, 1], at most FRAMES of them, SIDE pixels square."""
        x = rearrange(frames, "b c t (h p) (w q) -> b t h w (c p q)", p=4, q=4)
        x = self.fine(self.stem(x))
        deep = self.coarse(framewise(self.down, x))
        rough = repeat(self.up(deep), "b t h w c -> b t (h p) (w q) c", p=2, q=2)
        x = self.last(x + rough)
        maps = rearrange(
            self.maps(normed(x)), "b t h w (p q k) -> b t (h p) (w q) k", p=2, q=2
        ).float()
        quarters = F.adaptive_avg_pool2d(rearrange(deep, "b t h w c -> (b t) c h w"), 2)
        scene = self.scene(normed(rearrange(quarters, "(b t) c p q -> b t (p q c)", b=len(x))))
        scene = scene + self.moved(matches(frames))
        keys, anchors, middle = maps.split([self.key, self.key + 1, 1], dim=-1)
        return Seen(frames, normed(x), keys, anchors, middle[..., 0], scene)

    def masks(self, seen: Seen, spots: Int[Tensor, "b o"]) -> Masks:
        """Mask scores of the things at spots, counted along t, y and x of the maps."""
        flat = rearrange(seen.anchors, "b t h w k -> b (t h w) k")
        picked = flat.gather(1, repeat(spots, "b o -> b o k", k=flat.shape[-1]))
        scores = torch.einsum("bok,bthwk->bothw", picked[..., :-1], seen.keys)
        return scores * self.key**-0.5 + picked[..., -1][..., None, None, None]

    def tell(self, seen: Seen, masks: Masks, there: Bool[Tensor, "b o"]) -> Told:
        """Scores of all words; `masks` in [0, 1], those not `there` are ignored."""
        b, o, t = masks.shape[:3]
        weights = rearrange(
            F.avg_pool2d(masks.flatten(0, 2), 2), "(b o t) h w -> b o t h w", b=b, o=o
        )
        total = weights.sum((-1, -2))[..., None]
        pooled = torch.einsum("bothw,bthwc->botc", weights.to(seen.cells), seen.cells)
        spread = layout(masks)
        things = self.thing(torch.cat([pooled.float() / (total + 1e-3), spread], dim=-1))
        moved = 4 * (spread - spread.mean(2, keepdim=True))
        way = F.pad(moved.flatten(2), (0, LAYOUT * (FRAMES - t)))
        things = things + self.way(way)[:, :, None] + self._closer(seen.frames, masks, there)
        tokens = torch.cat([things, seen.scene.float()[:, None]], dim=1) + self.when[:t]
        mind = rearrange(tokens, "b o t d -> b (o t) d")
        known = torch.cat([there, there.new_ones(b, 1)], dim=1)
        heard = repeat(known, "b o -> b 1 1 (o t)", t=t)
        for layer, thought in enumerate(self.think):
            last = layer == len(self.think) - 1
            mind = thought(mind, heard & _hears(o, t, everything=last).to(there.device))
        mean = rearrange(normed(mind), "b (o t) d -> b o t d", t=t).mean(2)
        feature = self.feature(mean[:, -1]).float()
        said, heard = self.say(mean[:, :-1]).float(), self.say_clip(feature).float()
        present = {name: WORDS[name] for name in PRESENT}
        return Told(
            _split(said, THING_WORDS),
            _split(heard, CLIP_WORDS),
            _split(self.say_present(feature).float(), present),
            feature,
        )

    def _closer(
        self, frames: Float[Tensor, "b 3 t H W"], masks: Masks, there: Bool[Tensor, "b o"]
    ) -> Float[Tensor, "b o t d"]:
        """What a closer look at each thing shows; zero for those not there."""
        solid = (masks > 0.5).float()
        crops = cut(frames, masks, layout(solid), there)
        read = self.close(crops).float()
        none = read.new_zeros(*masks.shape[:3], read.shape[-1])
        return none.masked_scatter(there[..., None, None], read)

    def find(self, seen: Seen) -> tuple[Masks, Float[Tensor, "b o"]]:
        """Masks in [0, 1] of up to MOST things and how sure it is that each is one.

        The surest middle first; what its mask covers, and what lies around the spot itself, is no
        longer looked at. A mask that was drawn before counts for nothing.
        """
        left = seen.middle.sigmoid()
        masks: list[Tensor] = []
        sure: list[Tensor] = []
        for _ in range(MOST + 2):
            best, spot = left.flatten(1).max(dim=1)
            mask = self.masks(seen, spot[:, None]).sigmoid()
            shares = [alike(mask, other) * (by > 0) for other, by in zip(masks, sure, strict=True)]
            known = torch.stack(shares).amax(0) > SAME if shares else best < 0
            masks.append(mask)
            sure.append(best.masked_fill(known, 0.0))
            covered = torch.maximum(mask[:, 0], _around(spot, left))
            left = left * (1 - F.max_pool2d(covered, 3, stride=1, padding=1))
        order = torch.stack(sure, dim=1).topk(MOST, dim=1)
        places = repeat(order.indices, "b o -> b o t h w", **_sizes(left))
        return torch.cat(masks, dim=1).gather(1, places), order.values

    def forward(self, frames: Float[Tensor, "b 3 T H W"]) -> tuple[Masks, Tensor, Told]:
        """Masks, whether there is a thing for each, and the scores of all words."""
        seen = self.see(frames)
        masks, sure = self.find(seen)
        there = sure > 0.5
        return masks, there, self.tell(seen, masks, there)


class Thought(nn.Module):
    """Attention among all tokens, then a layer for each."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.ask = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.each = nn.Sequential(
            nn.Linear(width, 2 * width), nn.ReLU(), nn.Linear(2 * width, width)
        )

    def forward(
        self, x: Float[Tensor, "b n d"], heard: Bool[Tensor, "b 1 n n"]
    ) -> Float[Tensor, "b n d"]:
        """Each token attends to those that it has `heard`."""
        q, k, v = rearrange(
            self.ask(normed(x)), "b n (three h d) -> three b h n d", three=3, h=self.heads
        )
        scores = (q @ k.transpose(-1, -2)).float() * q.shape[-1] ** -0.5
        mixed = scores.masked_fill(~heard, -1e4).softmax(-1).to(v) @ v
        x = x + self.out(rearrange(mixed, "b h n d -> b n (h d)"))
        return x + self.each(normed(x))


def alike(a: Masks, b: Masks) -> Float[Tensor, " b"]:
    """Intersection over union of single masks in [0, 1]."""
    both, either = torch.minimum(a, b), torch.maximum(a, b)
    return both.flatten(1).sum(1) / (either.flatten(1).sum(1) + 1e-3)


def matches(frames: Float[Tensor, "b 3 T H W"]) -> Float[Tensor, "b T n"]:
    """How well each region matches the frame before at each shift: negative distances, normalised.

    Of shape regions times shifts; what has no texture matches everywhere alike.
    """
    b = len(frames)
    grey = rearrange(frames.float().mean(1), "b t h w -> (b t) 1 h w")
    grey = rearrange(F.avg_pool2d(grey, 2), "(b t) 1 h w -> b t h w", b=b)
    h, w = grey.shape[-2:]
    before = F.pad(torch.cat([grey[:, :1], grey[:, :-1]], dim=1), (REACH,) * 4, mode="replicate")
    windows = before.unfold(2, h, 1).unfold(3, w, 1)
    away = (windows - grey[:, :, None, None]).abs()
    regions = F.avg_pool2d(rearrange(away, "b t y x h w -> (b t) (y x) h w"), h // REGIONS)
    columns = rearrange(regions, "(b t) n p q -> b t (p q) n", b=b)
    return F.layer_norm(-columns, columns.shape[-1:], eps=1e-4).flatten(2)


def layout(masks: Masks) -> Float[Tensor, "b o t 6"]:
    """Middle x, y and widths of masks in halves of the frame, square root of area, fill."""
    h, v = masks.shape[-1], masks.shape[-2]
    area = masks.sum((-1, -2))
    x = torch.linspace(-1 + 1 / h, 1 - 1 / h, h, device=masks.device)
    y = torch.linspace(-1 + 1 / v, 1 - 1 / v, v, device=masks.device)
    share = masks / (area[..., None, None] + 1e-3)
    across, along = share.sum(-2), share.sum(-1)
    mx, my = across @ x, along @ y
    sx, sy = (across @ x.square() - mx.square()), (along @ y.square() - my.square())
    root = (area / (h * v)).clamp(min=0).sqrt()
    wide, high = (s.clamp(min=0).add(1e-6).sqrt() for s in (sx, sy))
    return torch.stack([mx, my, wide, high, root, root.square() / (wide * high + 1e-2)], dim=-1)


def _hears(things: int, t: int, *, everything: bool) -> Bool[Tensor, "n n"]:
    """Which token a token may hear: its own thing's, the frames'; frames maybe `everything`."""
    owner = repeat(torch.arange(things + 1), "o -> (o t)", t=t)
    frame = owner == things
    near = (owner[:, None] == owner) | frame
    return near | frame[:, None] if everything else near


def _split(
    scores: Float[Tensor, "*b n"], rows: Mapping[str, tuple[str, ...]]
) -> dict[str, Float[Tensor, "*b _"]]:
    parts = torch.split(scores, [len(row) for row in rows.values()], dim=-1)
    return dict(zip(rows, parts, strict=True))


def _around(spot: Int[Tensor, " b"], maps: Float[Tensor, "b t h w"]) -> Float[Tensor, "b t h w"]:
    """1 within two pixels of a spot in its own frame, else 0."""
    here = F.one_hot(spot, maps[0].numel()).reshape(maps.shape).to(maps)
    return F.max_pool2d(here, 5, stride=1, padding=2)


def _sizes(maps: Float[Tensor, "b t h w"]) -> dict[str, int]:
    return dict(zip("thw", maps.shape[1:], strict=True))
