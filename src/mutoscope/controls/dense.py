"""What the dense reader says of every pixel: motion, depth, things and lines; or "can't tell"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from mutoscope.clip import Clip, Frames
from mutoscope.errors import DataError
from mutoscope.machine import precision
from mutoscope.networks.dense import KINDS, NEAR, RATE, SIDE, DenseReader, nearness
from mutoscope.zoo import load_part

NAME = "dense-readers"
WINDOW = 16
"""Frames that are read together; neighbouring windows share one."""
BATCH = 8
SKY = 0.02
"""Nearness below which depth is inf: 196 m (ours)."""


@dataclass(frozen=True)
class Maps:
    """Of one clip at SIDE x SIDE: depth in metres (inf: sky), things and lines of every frame.

    Flow of every frame but the last, to the next one, in pixels of SIDE, x right, y down; of none
    where it wasn't asked for. `told` says of each of KINDS which pixels are sure enough to count.
    """

    flow: Float[np.ndarray, "pairs H W 2"]
    depth: Float[np.ndarray, "T H W"]
    things: Bool[np.ndarray, "T H W"]
    lines: Bool[np.ndarray, "T H W"]
    told: Mapping[str, Bool[np.ndarray, "_T H W"]]

    @property
    def coverage(self) -> Mapping[str, float]:
        """Of each of KINDS the share of pixels that is told; nan for flow where there is none."""
        return {n: float(one.mean()) if one.size else np.nan for n, one in self.told.items()}


def shipped() -> DenseReader:
    """The dense reader of the zoo, ready to read."""
    reader = load_part(DenseReader, NAME).eval().requires_grad_(requires_grad=False)
    return reader.to(memory_format=torch.channels_last)


def read(reader: DenseReader, frames: Frames, fps: float, *, flow: bool = False) -> list[Maps]:
    """Read clips of any length; frames in [-1, 1] as `prepared` takes them.

    `flow` is never told by the reader that is shipped, and so it is read for its own card alone.
    """
    x = prepared(frames, fps)
    return [maps for part in torch.split(x, BATCH) for maps in _read(reader, part, flow=flow)]


def rows(count: int, fps: float) -> list[int]:
    """Which of so many frames are read: RATE of them a second."""
    every = sorted({round(k * fps / RATE) for k in range(count)}) if count > 1 else [0]
    return [row for row in every if row < count]


def prepared(frames: Frames, fps: float) -> Float[Tensor, "b 3 t h w"]:
    """Clips at RATE frames a second and SIDE pixels square, each the mean of those it covers.

    Refuses clips that aren't square, are smaller than half of SIDE, or play slower than RATE.
    """
    T, H, W = frames.shape[2:]
    if H != W or H < SIDE // 2:
        raise DataError(
            f"a reader reads square clips of at least {SIDE // 2} pixels (got {W}x{H}); crop or pad"
        )
    if T > 1 and fps < RATE:
        raise DataError(
            f"motion is read at {RATE:g} frames a second (got {fps:g}); read the frames one by one"
        )
    picked = frames[:, :, rows(T, fps)].float()
    return picked if H == SIDE else _sized(picked, (SIDE, SIDE))


def every(
    clip: Clip, name: Literal["depth", "things", "lines"], reader: DenseReader | None = None
) -> Float[Tensor, "b 1 T H W"]:
    """One reading of every frame of a clip of any shape and rate, at the clip's own size.

    Unlike `read` it takes each frame there is as the next one of RATE a second: motion looks slower
    or faster than it is, which depth, things and lines hardly mind. The longer side is brought to
    SIDE and what isn't square is continued to a square by its border; maps are brought to the
    clip's size by their nearest pixels (depth: bilinear in nearness). Besides the answer this takes
    the room of WINDOW frames.
    """
    reader = reader or shipped()
    T, H, W = clip.frames.shape[2:]
    h, w = (max(1, round(side * SIDE / max(H, W))) for side in (H, W))
    top, left = (SIDE - h) // 2, (SIDE - w) // 2
    around = (left, SIDE - w - left, top, SIDE - h - top, 0, 0)
    square = [
        F.pad(_sized(part.float(), (h, w)), around, mode="replicate")
        for part in torch.split(clip.frames, WINDOW, dim=2)
    ]
    maps = read(reader, torch.cat(square, dim=2), RATE)
    found = torch.stack([torch.from_numpy(getattr(one, name)) for one in maps])
    found = found[..., top : top + h, left : left + w].float()
    wide = torch.empty(len(found), 1, T, H, W)
    for into, part in zip(
        torch.split(wide[:, 0], WINDOW, dim=1), torch.split(found, WINDOW, dim=1), strict=True
    ):
        into.copy_(_grown(part, name, (H, W)))
    return wide


def _sized(frames: Float[Tensor, "b 3 t H W"], size: tuple[int, int]) -> Float[Tensor, "b 3 t h w"]:
    """Frames at another size (H, W) of their shape: means where it is smaller."""
    flat = rearrange(frames, "b c t h w -> (b t) c h w")
    if max(size) < max(frames.shape[-2:]):
        small = F.adaptive_avg_pool2d(flat, size)
    else:
        small = F.interpolate(flat, size=size, mode="bilinear", align_corners=False)
    return rearrange(small, "(b t) c h w -> b c t h w", b=len(frames))


def _grown(
    found: Float[Tensor, "b t h w"], name: str, size: tuple[int, int]
) -> Float[Tensor, "b t H W"]:
    if name != "depth":
        return F.interpolate(found, size, mode="nearest-exact")
    near = F.interpolate(nearness(found), size, mode="bilinear", align_corners=False)
    return torch.where(near < SKY, torch.inf, NEAR / near - NEAR)


def _read(reader: DenseReader, x: Float[Tensor, "b 3 t h w"], *, flow: bool) -> list[Maps]:
    starts = range(0, max(1, x.shape[2] - 1), WINDOW - 1)
    parts = [_maps(reader, x[:, :, start : start + WINDOW], flow=flow) for start in starts]
    return [_joined([part[b] for part in parts]) for b in range(len(x))]


@torch.inference_mode()
def _maps(reader: DenseReader, x: Float[Tensor, "b 3 t h w"], *, flow: bool) -> list[Maps]:
    with torch.autocast("cpu", torch.bfloat16, enabled=precision() is torch.bfloat16):
        said = reader(x, flow=flow)
    sure = reader.sure(said)
    told = {name: (sure[name] >= reader.bars[k]).numpy() for k, name in enumerate(KINDS)}
    near = said.near.float().numpy()
    with np.errstate(divide="ignore"):
        depth = np.where(near < SKY, np.inf, NEAR / near - NEAR).astype(np.float32)
    ways, things, lines = (
        one.numpy() for one in (said.flow.float(), reader.things(said), reader.drawn(said))
    )
    return [
        Maps(ways[b], depth[b], things[b], lines[b], {name: one[b] for name, one in told.items()})
        for b in range(len(x))
    ]


def _joined(parts: Sequence[Maps]) -> Maps:
    """Windows end to end: of the frame that two share, the first one's word counts."""
    later = [1 if k else 0 for k in range(len(parts))]

    def whole(rows: Sequence[np.ndarray]) -> np.ndarray:
        return np.concatenate([row[k:] for k, row in zip(later, rows, strict=True)])

    told = {
        name: np.concatenate([part.told[name] for part in parts])
        if name == "flow"
        else whole([part.told[name] for part in parts])
        for name in KINDS
    }
    return Maps(
        np.concatenate([part.flow for part in parts]),
        whole([part.depth for part in parts]),
        whole([part.things for part in parts]),
        whole([part.lines for part in parts]),
        told,
    )
