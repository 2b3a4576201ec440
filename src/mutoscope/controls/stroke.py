"""A stroke: motion drawn by hand, ordered points on the frame, `x,y;x,y;...` in pixels.

Unit, sign and convention are those of `controls.motion`: x right, y down, pixels a frame, at the
destination. What is under the stroke's first point travels along it at an even speed from the first
frame to the last; blocks whose middle is within the radius of where it is have its vector, the rest
stays still, and all of it is known but frame 0. Source: VideoComposer (Wang et al., 2023), whose
strokes are motion vectors. Departs: theirs aren't published; the disc and the speed are ours.

The text is the stroke; whoever shows it only writes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float

from mutoscope.checked import Number
from mutoscope.controls import motion
from mutoscope.controls.control import Map
from mutoscope.errors import RequestError

Point = tuple[Number, Number]

MOST = 256
"""Points of one stroke; ours."""
RADIUS = 1 / 8
"""How far a stroke reaches to its sides, in shorter sides of the frame; ours."""

CHANNELS = motion.CHANNELS
shown, encoded = motion.shown, motion.encoded


def from_text(
    text: str,
    *,
    frames: int,
    size: tuple[int, int],
    fps: Number = 8,
    radius: Number | None = None,
    block: int = motion.BLOCK,
) -> Map:
    """The motion that a stroke on a frame of (W, H) says, `radius` pixels to its sides.

    It lasts as long as the clip, so that its speed follows from `frames`, whatever `fps`.
    """
    stroke = points(text, size=size)
    if not stroke:
        raise RequestError("the stroke has no points; give some like 10,60;90,60")
    if frames < 2:
        raise RequestError(f"a stroke needs a clip of at least 2 frames (got {frames})")
    W, H = size
    reach = RADIUS * min(size) if radius is None else radius
    way = torch.from_numpy(along(stroke, frames)).float()
    rows, columns = -(-H // block), -(-W // block)
    y, x = torch.meshgrid(
        (torch.arange(rows) + 0.5) * block, (torch.arange(columns) + 0.5) * block, indexing="ij"
    )
    blocks = torch.zeros(3, frames - 1, rows, columns)
    blocks[2] = 1
    for k, (before, now) in enumerate(pairwise(way.unbind())):
        off = torch.hypot(x - now[0], y - now[1])
        near = (off <= reach) | (off == off.min())
        blocks[:2, k] = torch.where(near, (now - before).view(2, 1, 1), torch.zeros(()))
    return motion.filled(blocks, (H, W), block)


def along(stroke: Sequence[Point], count: int) -> Float[np.ndarray, "count 2"]:
    """So many points of a stroke, evenly apart along it, its ends among them."""
    at = np.array(stroke, float)
    gone = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(at, axis=0).T))])
    where = np.linspace(0.0, gone[-1], count)
    return np.stack([np.interp(where, gone, at[:, axis]) for axis in (0, 1)], axis=-1)


def points(text: str, *, size: tuple[int, int]) -> tuple[Point, ...]:
    """The points of a stroke on a frame of (W, H), in order; refuses what lies outside of it."""
    found = tuple(_point(pair.strip(), size) for pair in text.split(";") if pair.strip())
    if len(found) == 1:
        raise RequestError("a stroke needs two points at least, where it begins and where it ends")
    if len(found) > MOST:
        raise RequestError(f"a stroke has {MOST} points at most (got {len(found)}); leave some out")
    return found


def written(stroke: Sequence[Point]) -> str:
    """The points as a condition's source has them: the inverse of `points`."""
    return ";".join(f"{x:g},{y:g}" for x, y in stroke)


def _point(pair: str, size: tuple[int, int]) -> Point:
    try:
        x, y = map(float, pair.split(","))
    except ValueError:
        raise RequestError(f"a point of a stroke is x,y like 10,60 (got '{pair[:40]}')") from None
    if not (0 <= x <= size[0] and 0 <= y <= size[1]):
        raise RequestError(
            f"a stroke stays on the frame of {size[0]}x{size[1]} pixels (got the point {pair})"
        )
    return x, y
