"""A closer look at one thing: cut out of every frame as large as it is seen, read frame by frame.

    window   middle of the thing's mask, ROOM deviations of it (and a little) to each side
    crop     the window at CROP x CROP pixels, the mask beside the colours: what else is in the
             window isn't the thing
    cells    2 x 2 pixels each, 3x3 convolutions over crops, channels shifted in time between them
    token    per frame, all cells laid side by side: where something is within the thing isn't lost

Crops of neighbouring frames lie on each other whatever the thing's way is, so what remains between
them is its turning.
"""

from __future__ import annotations

import torch
from einops import rearrange, repeat
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from mutoscope.nn.blocks import framewise

CROP = 24
"""Pixels a side of a crop."""
ROOM, MARGIN = 2.4, 0.06
"""Half of a window's side: ROOM deviations and MARGIN halves of the frame (ours)."""

Cells = Float[Tensor, "b t h w c"]
Crops = Float[Tensor, "n t y x 4"]


class Closeup(nn.Module):
    """What crops of a thing show, as one row of numbers a frame."""

    def __init__(self, width: int, deep: int, out: int) -> None:
        super().__init__()
        self.stem = nn.Linear(16, width)
        self.fine = Residual(width)
        self.down = nn.Conv2d(width, deep, 3, stride=2, padding=1)
        self.coarse = nn.Sequential(Residual(deep), Residual(deep))
        self.narrow = nn.Linear(deep, 32)
        self.out = nn.Linear(32 * (CROP // 4) ** 2, out)

    def forward(self, crops: Crops) -> Float[Tensor, "n t d"]:
        """Read crops of CROP x CROP pixels."""
        x = rearrange(crops, "n t (h p) (w q) c -> n t h w (p q c)", p=2, q=2)
        x = self.fine(self.stem(x))
        x = self.narrow(normed(self.coarse(framewise(self.down, x))))
        return self.out(F.relu(rearrange(x, "n t h w c -> n t (h w c)")))


class Residual(nn.Module):
    """A 3x3 convolution over frames and a linear layer that starts at zero.

    A quarter of the channels come from the frame before or after.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.near = nn.Conv2d(width, width, 3, padding=1)
        self.each = nn.Linear(width, width)
        nn.init.zeros_(self.each.weight)

    def forward(self, x: Cells) -> Cells:
        """The cells with what the layer adds."""
        return x + self.each(F.relu(framewise(self.near, shifted(normed(x)))))


def shifted(x: Cells) -> Cells:
    """An eighth of the channels moved to the next frame, an eighth to the one before."""
    part = x.shape[-1] // 8
    late = F.pad(x[:, :-1, ..., :part], (0, 0, 0, 0, 0, 0, 1, 0))
    early = F.pad(x[:, 1:, ..., part : 2 * part], (0, 0, 0, 0, 0, 0, 0, 1))
    return torch.cat([late, early, x[..., 2 * part :]], dim=-1)


def normed(x: Tensor) -> Tensor:
    """Channels (the last axis) with mean 0 and deviation 1."""
    return F.layer_norm(x, x.shape[-1:])


def cut(
    frames: Float[Tensor, "b 3 t H W"],
    masks: Float[Tensor, "b o t h w"],
    places: Float[Tensor, "b o t _"],
    there: Bool[Tensor, "b o"],
) -> Crops:
    """Crops of the things that are there, in the order of `there`; no gradient flows into them.

    `places` begins with the middle x, y and the deviations of each mask in halves of the frame.
    """
    clip = there.nonzero()[:, 0]
    t = frames.shape[2]
    place = rearrange(places[there], "n t k -> (n t) k")
    half = ROOM * place[:, 2:4].amax(-1) + MARGIN
    step = torch.arange(CROP, device=frames.device)
    side = (2 * step + 1) / CROP - 1
    x, y = (place[:, k, None] + half[:, None] * side for k in (0, 1))
    grid = torch.stack(
        [repeat(x, "m i -> m j i", j=CROP), repeat(y, "m j -> m j i", i=CROP)], dim=-1
    )
    colours = rearrange(frames.index_select(0, clip), "n c t H W -> (n t) c H W").float()
    mask = rearrange(masks[there], "n t h w -> (n t) 1 h w").float()
    parts = [
        F.grid_sample(colours, grid, padding_mode="border", align_corners=False),
        F.grid_sample(mask, grid, padding_mode="zeros", align_corners=False),
    ]
    return rearrange(torch.cat(parts, dim=1), "(n t) c y x -> n t y x c", t=t).detach()
