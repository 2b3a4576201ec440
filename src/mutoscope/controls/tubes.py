"""Masks to learn inpainting from: tubes, the same in every frame of a clip.

    0.7   strokes: 1 to 5 of 1 to 5 joints each, as thick as a brush
    0.2   rectangles: 1 to 3
    0.1   one half of the frame, as for outpainting

Source: Wang et al. (2023), VideoComposer; shares and lengths are those of the released code, where
a frame has SIDE pixels. Departs: a stroke turns any way, theirs by 4 radians at most.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

SIDE = 512
"""Pixels of a side in which lengths are told."""
STROKES, RECTANGLES = 0.7, 0.2
"""Shares; halves are the rest."""
MOST, FEW = 5, 3
"""Strokes, and joints of one, at most; rectangles at most."""
LONG, THICK = (10, 210), (5, 105)
"""Of a stroke: from a joint to the next, and across."""
WIDE, MARGIN = (30, 150), 10
"""Of a rectangle: its sides, and how far it stays from the border."""

Plan = Float[Tensor, "H W"]


def tubes(
    count: int, size: tuple[int, int], rng: torch.Generator
) -> Float[Tensor, "count 1 1 H W"]:
    """A mask a clip for frames of (H, W), 1 where it is meant, drawn with `rng` alone."""
    kinds = torch.rand(count, generator=rng).tolist()
    drawn = [_drawn(kind, size, rng) for kind in kinds]
    return torch.stack(drawn)[:, None, None]


def _drawn(kind: float, size: tuple[int, int], rng: torch.Generator) -> Plan:
    if kind < STROKES:
        return _strokes(size, rng)
    return _rectangles(size, rng) if kind < STROKES + RECTANGLES else _half(size, rng)


def _strokes(size: tuple[int, int], rng: torch.Generator) -> Plan:
    """Joints, each so far from the one before in some direction, and the way between them."""
    x, y = _places(size)
    mask = torch.zeros(size)
    for _ in range(_whole(1, MOST, rng)):
        ax, ay = _between(0, SIDE, rng), _between(0, SIDE, rng)
        for _ in range(_whole(1, MOST, rng)):
            way, far = _between(0, 2 * math.pi, rng), _between(*LONG, rng)
            bx = min(max(ax + far * math.sin(way), 0.0), float(SIDE))
            by = min(max(ay + far * math.cos(way), 0.0), float(SIDE))
            off = _off(x, y, (ax, ay), (bx, by))
            mask = torch.maximum(mask, (off <= _between(*THICK, rng) / 2).float())
            ax, ay = bx, by
    return mask


def _rectangles(size: tuple[int, int], rng: torch.Generator) -> Plan:
    x, y = _places(size)
    mask = torch.zeros(size)
    for _ in range(_whole(1, FEW, rng)):
        wide, high = _between(*WIDE, rng), _between(*WIDE, rng)
        left = _between(MARGIN, SIDE - MARGIN - wide, rng)
        top = _between(MARGIN, SIDE - MARGIN - high, rng)
        inside = (x >= left) & (x < left + wide) & (y >= top) & (y < top + high)
        mask = torch.maximum(mask, inside.float())
    return mask


def _half(size: tuple[int, int], rng: torch.Generator) -> Plan:
    x, y = _places(size)
    along = (x, y)[_whole(0, 1, rng)]
    return ((along < SIDE / 2) == bool(_whole(0, 1, rng))).float()


def _places(size: tuple[int, int]) -> tuple[Plan, Plan]:
    """Where the middle of each pixel is, right and down, in pixels of SIDE."""
    H, W = size
    down, right = (torch.arange(H) + 0.5) * SIDE / H, (torch.arange(W) + 0.5) * SIDE / W
    return right.expand(H, W), down[:, None].expand(H, W)


def _off(x: Plan, y: Plan, a: tuple[float, float], b: tuple[float, float]) -> Plan:
    """How far each pixel is from the straight way between two points."""
    right, down = b[0] - a[0], b[1] - a[1]
    along = ((x - a[0]) * right + (y - a[1]) * down) / max(right**2 + down**2, 1e-9)
    along = along.clamp(0, 1)
    return torch.hypot(x - a[0] - along * right, y - a[1] - along * down)


def _between(low: float, high: float, rng: torch.Generator) -> float:
    return low + (high - low) * float(torch.rand((), generator=rng))


def _whole(low: int, high: int, rng: torch.Generator) -> int:
    return int(torch.randint(low, high + 1, (), generator=rng))
