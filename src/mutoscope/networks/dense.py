"""The dense reader: motion, depth, things and lines of every pixel of a clip, each with its doubt.

    cells    2 x 2 pixels each and two coarser grids, 3x3 convolutions over frames, channels shifted
             in time between them (closeup.Residual), so that depth and masks hear other frames
    meeting  of each quarter-size cell the cell of the next frame that is most like it: the mean
             place under softmax(<q, k> / sqrt(d) - stay |way|^2) over all cells, less its own
    flow     the meeting, mended twice: the next frame's cells are fetched from where the flow leads
             and laid beside this frame's, and convolutions say what is still missing
    maps     read from the finest cells, four pixels at a time

near = NEAR / (NEAR + depth), 0 for the sky and larger nearer, orders pixels as depth does and is
finite. Doubt is the scale b of an error r: its density is exp(-r / b) / (2 pi b^2) for flow, where
r is the length of a vector, and exp(-r / b) / (2 b) for near. `heat` scales doubts (and divides the
scores of masks and lines), `bars` says how sure is sure enough, `cuts` from which probability on a
pixel is of a thing or on a line; all three are set on validation clips.

Source of the meeting: Xu et al. (2022), GMFlow, eq. 2 to 4. Departs: a few small convolutions for
its transformers; a learned leaning to short ways, without which all begins at the frame's middle.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from einops import rearrange, repeat
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from mutoscope.networks.closeup import Cells, Residual, normed
from mutoscope.nn.blocks import framewise
from mutoscope.nn.inflate import zeroed
from mutoscope.weights import ModelMixin, register_to_config

SIDE, RATE = 64, 8.0
"""What the network was taught: frames of SIDE x SIDE, RATE of them a second."""
NEAR = 4.0
"""Metres at which `near` is a half (ours)."""
KINDS = ("flow", "depth", "mask", "lines")
"""What is read, in the order of `heat` and `bars`."""
WITHIN = {"flow": 1.0, "depth": 0.02}
"""Errors up to which a reading is right: pixels of SIDE, and of `near` (ours)."""
STAY = 0.1
"""How much a way of one cell of 4 pixels counts against it at the start (ours)."""
MILD, WILD = -6.0, 4.0
"""Logarithms between which a doubt lies (ours)."""

Maps = Float[Tensor, "b t H W"]
Flows = Float[Tensor, "b pairs H W 2"]


@dataclass(frozen=True)
class Dense:
    """What is said of each pixel; flow of every frame but the last.

    flow: pixels, x right, y down, from a frame to the next, anchored at the source; `paths` are
    earlier guesses, coarser. doubts: logarithms of b. mask and lines: scores before a sigmoid.
    """

    flow: Flows
    flow_doubt: Float[Tensor, "b pairs H W"]
    near: Maps
    near_doubt: Maps
    mask: Maps
    lines: Maps
    paths: tuple[Float[Tensor, "b pairs _h _w 2"], ...]


class DenseReader(ModelMixin):
    """One network for four readings; sides of frames must be divisible by 8."""

    @register_to_config
    def __init__(
        self,
        width: int = 32,
        middle: int = 64,
        deep: int = 128,
        match: int = 48,
        depth: int = 3,
        rounds: int = 2,
    ) -> None:
        super().__init__()
        self.stem = nn.Linear(12, width)
        self.fine = Residual(width)
        self.down = nn.Conv2d(width, middle, 3, stride=2, padding=1)
        self.quarter = nn.Sequential(Residual(middle), Residual(middle))
        self.downer = nn.Conv2d(middle, deep, 3, stride=2, padding=1)
        self.coarse = nn.Sequential(*(Residual(deep) for _ in range(depth)))
        self.upper = nn.Linear(deep, middle)
        self.back = Residual(middle)
        self.up = nn.Linear(middle, width)
        self.last = Residual(width)
        self.maps = nn.Linear(width, 4 * 4)
        self.match = nn.Linear(middle, match)
        self.stay = nn.Parameter(torch.tensor([STAY]))
        self.mend = nn.ModuleList(Mend(width) for _ in range(rounds))
        self.flow = zeroed(nn.Linear(width, 4 * 3))
        self.register_buffer("heat", torch.ones(len(KINDS)))
        self.register_buffer("bars", torch.full((len(KINDS),), 2.0))
        self.register_buffer("cuts", torch.full((2,), 0.5))
        self.heat: Tensor
        self.bars: Tensor
        self.cuts: Tensor

    def forward(self, frames: Float[Tensor, "b 3 t H W"], *, flow: bool = True) -> Dense:
        """Read frames in [-1, 1]; of one frame, or where none is wanted, there is no flow."""
        x = rearrange(frames, "b c t (h p) (w q) -> b t h w (c p q)", p=2, q=2)
        x = self.fine(self.stem(x))
        half = self.quarter(framewise(self.down, x))
        deep = self.coarse(framewise(self.downer, half))
        half = self.back(half + _doubled(self.upper(deep)))
        x = normed(self.last(x + _doubled(self.up(half))))
        near, near_doubt, mask, lines = _unfolded(self.maps(x))
        seen = slice(None if flow else 1)
        ways, doubt, paths = self._flow(normed(half[:, seen]), x[:, seen])
        return Dense(ways, doubt, near.sigmoid(), near_doubt.clamp(MILD, WILD), mask, lines, paths)

    def sure(self, said: Dense) -> dict[str, Tensor]:
        """By KINDS how likely each pixel is right, in [0, 1], as the doubts and scores have it."""
        flow, depth, mask, lines = self.heat.unbind(0)
        far = WITHIN["flow"] / (flow * said.flow_doubt.exp())
        near = WITHIN["depth"] / (depth * said.near_doubt.exp())
        things, drawn = (said.mask / mask).sigmoid(), (said.lines / lines).sigmoid()
        return {
            "flow": 1 - (1 + far) * (-far).exp(),
            "depth": 1 - (-near).exp(),
            "mask": torch.where(things >= self.cuts[0], things, 1 - things),
            "lines": torch.where(drawn >= self.cuts[1], drawn, 1 - drawn),
        }

    def things(self, said: Dense) -> Bool[Tensor, "b t H W"]:
        """Where there are things."""
        return (said.mask / self.heat[2]).sigmoid() >= self.cuts[0]

    def drawn(self, said: Dense) -> Bool[Tensor, "b t H W"]:
        """Where there are lines."""
        return (said.lines / self.heat[3]).sigmoid() >= self.cuts[1]

    def _flow(
        self, half: Float[Tensor, "b t _h _w _d"], x: Cells
    ) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
        if x.shape[1] == 1:
            b, _, h, w, _ = x.shape
            none = torch.zeros(b, 0, 2 * h, 2 * w, 2, device=x.device)
            return none, none[..., 0], ()
        flow = meeting(normed(self.match(half)), self.stay.abs())
        paths = [4 * flow]
        flow = 2 * _doubled(flow)
        now, then = x[:, :-1], x[:, 1:]
        for mend in self.mend:
            # Each guess learns from its own error alone (as RAFT, Teed and Deng, 2020, does).
            flow = flow.detach()
            seen, more = mend(now, fetched(then, flow), flow)
            flow = flow + more.float()
            paths.append(2 * flow)
        extra = rearrange(self.flow(seen).float(), "b t h w (k c) -> b t h w k c", k=4)
        whole = 2 * flow[..., None, :] + extra[..., :2]
        whole = rearrange(whole, "b t h w (p q) c -> b t (h p) (w q) c", p=2)
        doubt = rearrange(extra[..., 2], "b t h w (p q) -> b t (h p) (w q)", p=2)
        return whole, doubt.clamp(MILD, WILD), tuple(paths)


class Mend(nn.Module):
    """Looks at a frame beside what the flow fetches from the next, and says what is amiss."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.enter = nn.Linear(2 * width + 2, width)
        self.each = nn.Sequential(Residual(width), Residual(width))
        self.out = zeroed(nn.Linear(width, 2))

    def forward(
        self, now: Cells, there: Cells, flow: Float[Tensor, "b t h w 2"]
    ) -> tuple[Cells, Float[Tensor, "b t h w 2"]]:
        """What was seen, and what the flow still lacks, in cells."""
        both = torch.cat([now, there - now, (flow / 4).to(now)], dim=-1)
        seen = normed(self.each(self.enter(both)))
        return seen, self.out(seen)


def meeting(
    x: Float[Tensor, "b t h w d"], stay: Float[Tensor, 1]
) -> Float[Tensor, "b pairs h w 2"]:
    """Where each cell is likely to be in the next frame, less where it is, in cells."""
    h, w = x.shape[2:4]
    flat = rearrange(x, "b t h w d -> b t (h w) d")
    scores = (flat[:, :-1] @ flat[:, 1:].transpose(-1, -2)).float() * x.shape[-1] ** -0.5
    places = _places(h, w, x.device)
    away = (places[:, None] - places).square().sum(-1)
    with torch.autocast(x.device.type, enabled=False):  # half a float knows no tenths of a cell
        mean = (scores - stay * away).softmax(-1) @ places - places
    return rearrange(mean, "b t (h w) k -> b t h w k", h=h)


def fetched(x: Cells, flow: Float[Tensor, "b t h w 2"]) -> Cells:
    """Cells from where a flow in cells leads, linear between them; beyond the frame its border."""
    h, w = x.shape[2:4]
    places = rearrange(_places(h, w, x.device), "(h w) k -> h w k", h=h)
    there = 2 * (places + flow + 0.5) / torch.tensor([w, h], device=x.device) - 1
    cells = rearrange(x, "b t h w c -> (b t) c h w").float()
    found = F.grid_sample(cells, there.flatten(0, 1), padding_mode="border", align_corners=False)
    return rearrange(found, "(b t) c h w -> b t h w c", b=len(x)).to(x)


def nearness(depth: Tensor) -> Tensor:
    """NEAR / (NEAR + depth): 1 at the eye, 0 at infinity."""
    return NEAR / (NEAR + depth)


def _places(h: int, w: int, device: torch.device) -> Float[Tensor, "n 2"]:
    y, x = torch.meshgrid(
        torch.arange(h, device=device), torch.arange(w, device=device), indexing="ij"
    )
    return torch.stack([x, y], dim=-1).reshape(-1, 2).float()


def _doubled(x: Float[Tensor, "b t h w c"]) -> Float[Tensor, "b t _h _w c"]:
    return repeat(x, "b t h w c -> b t (h p) (w q) c", p=2, q=2)


def _unfolded(x: Float[Tensor, "b t h w c"]) -> tuple[Tensor, ...]:
    """The maps told by each cell for its four pixels, one after another."""
    return rearrange(x.float(), "b t h w (k p q) -> k b t (h p) (w q)", p=2, q=2).unbind(0)
