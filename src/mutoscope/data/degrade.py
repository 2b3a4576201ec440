"""Ways in which a generated clip differs from a rendered one, so that readers learn to bear them.

Each is a function of frames (3, T, H, W) in [-1, 1], a generator and a severity in [0, 1]; ours.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

Shot = Float[Tensor, "3 T H W"]
Shift = Float[Tensor, "T H W 2"]
Degradation = Callable[[Shot, torch.Generator, float], Shot]

CLEAN = 0.25
"""Share of training clips left as they are."""
MANY = 3
"""Most degradations of one clip."""


def blur(shot: Shot, rng: torch.Generator, severity: float) -> Shot:
    """Gaussian, up to 1.6 pixels."""
    sigma = 0.3 + 1.3 * severity
    x = torch.arange(-4, 5, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (x / sigma) ** 2)
    kernel = (kernel / kernel.sum())[None, None]
    flat = F.pad(shot.flatten(0, 1)[:, None], (4, 4, 4, 4), mode="replicate")
    flat = F.conv2d(F.conv2d(flat, kernel[..., None, :]), kernel[..., None])
    return flat.reshape(shot.shape)


def coarse(shot: Shot, rng: torch.Generator, severity: float) -> Shot:
    """Shown at down to a third of the pixels a side, then enlarged."""
    flat = shot.flatten(0, 1)[:, None]
    sides = [max(4, round(n / (1 + 2 * severity))) for n in flat.shape[-2:]]
    small = F.interpolate(flat, size=sides, mode="area")
    big = F.interpolate(small, size=flat.shape[-2:], mode="bilinear", align_corners=False)
    return big.reshape(shot.shape)


def noise(shot: Shot, rng: torch.Generator, severity: float) -> Shot:
    """White, up to 20 grey levels."""
    return shot + 0.16 * severity * torch.randn(shot.shape, generator=rng)


def blocks(shot: Shot, rng: torch.Generator, severity: float) -> Shot:
    """Cosine coefficients of 8 x 8 blocks rounded, the high ones more, as JPEG does."""
    matrix = _cosines()
    rank = torch.arange(8.0)
    step = (0.05 + 0.25 * severity) * (1 + 0.35 * (rank[:, None] + rank))
    tiles = rearrange(shot, "c t (h p) (w q) -> c t h w p q", p=8, q=8)
    rounded = (matrix @ tiles @ matrix.T / step).round() * step
    return rearrange(matrix.T @ rounded @ matrix, "c t h w p q -> c t (h p) (w q)")


def warp(shot: Shot, rng: torch.Generator, severity: float) -> Shot:
    """A smooth shift of up to about 2.5 pixels, partly the same in all frames, partly not."""
    T, H, W = shot.shape[1:]
    return fetched(shot, shifts((T, H, W), rng, severity))


def shifts(size: tuple[int, int, int], rng: torch.Generator, severity: float) -> Shift:
    """How far away `warp` fetches each pixel from, x and y in pixels; size is (T, H, W)."""
    T, H, W = size
    rough = torch.randn(1, 2, 5, 5, generator=rng) + 0.7 * torch.randn(T, 2, 5, 5, generator=rng)
    smooth = F.interpolate(rough, size=(H, W), mode="bicubic", align_corners=True)
    pixels = torch.tensor([W, H]) / max(H, W)
    return rearrange(smooth, "t k h w -> t h w k") * severity * pixels


def fetched(
    maps: Float[Tensor, "c T H W"], shift: Shift, mode: str = "bilinear"
) -> Float[Tensor, "c T H W"]:
    """Maps whose every pixel is fetched from `shift` away; beyond the frame lies its border."""
    T, H, W = maps.shape[1:]
    still = torch.eye(2, 3).expand(T, 2, 3)
    grid = F.affine_grid(still, [T, len(maps), H, W], align_corners=False)
    grid = grid + 2 * shift / torch.tensor([W, H])
    frames = rearrange(maps, "c t h w -> t c h w")
    moved = F.grid_sample(frames, grid, mode=mode, padding_mode="border", align_corners=False)
    return rearrange(moved, "t c h w -> c t h w")


def light(shot: Shot, rng: torch.Generator, severity: float) -> Shot:
    """Brightness, contrast and the weight of each channel changed by up to about a fifth."""
    a, b, *c = (torch.rand(5, generator=rng) * 2 - 1).tolist()
    gain = torch.tensor(c)[:, None, None, None] * 0.06 + a * 0.2
    return shot * (1 + severity * gain) + severity * 0.15 * b


def ghost(shot: Shot, rng: torch.Generator, severity: float) -> Shot:
    """Each frame mixed with the one before."""
    before = torch.cat([shot[:, :1], shot[:, :-1]], dim=1)
    return torch.lerp(shot, before, 0.45 * severity)


ALL: Mapping[str, Degradation] = MappingProxyType({
    "blur": blur, "coarse": coarse, "noise": noise, "blocks": blocks, "warp": warp,
    "light": light, "ghost": ghost,
})  # fmt: skip


def some(shot: Shot, rng: torch.Generator) -> Shot:
    """Up to MANY random degradations of random severity, or none."""
    if float(torch.rand((), generator=rng)) < CLEAN:
        return shot
    count = int(torch.randint(1, MANY + 1, (), generator=rng))
    order = torch.randperm(len(ALL), generator=rng)[:count].tolist()
    names = list(ALL)
    for index in order:
        severity = float(torch.rand((), generator=rng))
        shot = ALL[names[index]](shot, rng, severity)
    return shot.clamp(-1, 1)


@lru_cache(maxsize=1)
def _cosines() -> Float[Tensor, "8 8"]:
    k, x = torch.arange(8.0)[:, None], torch.arange(8.0)
    matrix = torch.cos(math.pi / 8 * (x + 0.5) * k) / 2
    matrix[0] /= math.sqrt(2)
    return matrix
