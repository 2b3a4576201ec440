"""Depth: how far off what each pixel sees is, along the camera's axis.

Unit: metres, as the world counts them; + is away from the camera, the sky is inf. What is read of a
real clip is metres of a world that would look so: trust its order, not its scale. Convention: shown
as grey near = NEAR / (NEAR + depth), white at the eye, black in the sky. For a network: the mean
of near over the cell, in [0, 1], never rescaled by clip or frame, which would flicker. Where only
the rough structure shall count, near is blurred in rounds first (`coarsened`).
"""

from __future__ import annotations

import math

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from mutoscope.checked import Span
from mutoscope.clip import Clip, Frames
from mutoscope.controls import dense
from mutoscope.controls.control import Map, Size, Told, folded, grey, lit, pooled
from mutoscope.networks.dense import NEAR, DenseReader, nearness
from mutoscope.nn.tokens import waves
from mutoscope.request import Setting
from mutoscope.world.render import Render

TRUTHS = ("depth",)
CHANNELS = 1
ROUNDS = 5
"""Of blur at most: of a side of 64, 2 x 2 cells are left (ours; Esser et al. have 7)."""
CELL, LEVEL = 4, 4
"""Numbers of nearness along a side of a latent's cell, and channels that tell the rounds."""
STRUCTURE = CELL**2 + LEVEL
"""Channels of `structure`."""
BINOMIAL = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)


def from_truth(made: Render) -> Map:
    """Exact depth; the render must have been asked for it."""
    assert made.depth is not None
    return torch.from_numpy(made.depth).float()[None, None]


def from_clip(clip: Clip, *, reader: DenseReader | None = None) -> Map:
    """What the dense reader says, that of the zoo by itself."""
    return dense.every(clip, "depth", reader)


def shown(values: Map) -> Frames:
    """Near is light."""
    return grey(nearness(values))


def from_shown(frames: Frames) -> Map:
    """Depth from its picture; 255 levels of near, so that what is far is coarse."""
    near = lit(frames).clamp(0, 1)
    return torch.where(near < 0.5 / 255, torch.inf, NEAR / near - NEAR)


def encoded(values: Map, size: Size) -> Told:
    """The mean of near over each cell."""
    return pooled(nearness(values), size)


def coarsened(near: Told, rounds: Int[Tensor, " b"]) -> Told:
    """Nearness of each clip after so many rounds of blur, 0 to ROUNDS, at the size it had.

    A round is a binomial blur of 5 x 5 and means of 2 x 2; what is left is grown bilinearly.
    Source: Esser et al. (2023), t_s; kernel and mean are ours.
    """
    found, small = [near], rearrange(near, "b k t h w -> (b t) k h w")
    for _ in range(int(rounds.max())):
        small = _halved(small)
        grown = F.interpolate(small, near.shape[3:], mode="bilinear", align_corners=False)
        found.append(rearrange(grown, "(b t) k h w -> b k t h w", b=len(near)))
    return torch.stack(found)[rounds, torch.arange(len(near))]


def blur(most: int = ROUNDS) -> Setting:
    """The knob of systems that are told a structure: how roughly it is kept."""
    return Setting(
        name="t_s",
        type="integer",
        default=0,
        range=Span(low=0, high=most, step=1),
        help="rounds of blur: at 0 the structure is kept, at the most only its rough places",
    )


def kept(values: Map, latent: Told, rounds: int) -> Float[Tensor, "b _k t h w"]:
    """The structure of a clip's depth beside a latent; what that holds means nothing."""
    return structure(nearness(values), torch.full((len(values),), rounds), latent)


def structure(near: Map, rounds: Int[Tensor, " b"], latent: Told) -> Float[Tensor, "b _k t h w"]:
    """What a network is told of nearness: CELL x CELL numbers a cell, and the rounds of blur.

    The rounds are LEVEL waves, the same everywhere. Source: Esser et al. (2023), who lay the
    picture's latent and as many channels beside x.
    """
    t, h, w = latent.shape[2:]
    fine = pooled(near, (t, CELL * h, CELL * w))
    cells = folded(2 * coarsened(fine, rounds) - 1, (h, w))
    level = waves(rounds * (math.pi / (ROUNDS + 1)), LEVEL, 4.0).to(cells)
    level = rearrange(level, "b k -> b k 1 1 1").expand(-1, -1, t, h, w)
    return torch.cat([cells, level], dim=1)


def _halved(x: Tensor) -> Tensor:
    k, h, w = x.shape[1:]
    row = torch.tensor(BINOMIAL, dtype=x.dtype, device=x.device)
    kernel = torch.outer(row, row).expand(k, 1, 5, 5)
    wide = F.conv2d(F.pad(x, (2, 2, 2, 2), mode="replicate"), kernel, groups=k)
    return F.adaptive_avg_pool2d(wide, (-(-h // 2), -(-w // 2)))
