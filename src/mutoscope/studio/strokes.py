"""A stroke: ordered points on the frame, `x,y;x,y;...` in pixels, drawn with a pointer or typed.

The text is the stroke; the pad (pad.py, static/stroke.js) only shows and writes it.
"""

from __future__ import annotations

from collections.abc import Sequence

from mutoscope.checked import Number
from mutoscope.errors import RequestError

Point = tuple[Number, Number]

MOST = 256
"""Points of one stroke; ours."""


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
