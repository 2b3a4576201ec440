"""Where a thing is over time: its middle in every frame, from a mask, whoever drew it.

With middles p_k in frame sides and times dt apart: velocity (p_n - p_0) / (n dt), speed its length,
jitter the mean length of p_{k+1} - 2 p_k + p_{k-1}.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

COMPASS = ("right", "up right", "up", "up left", "left", "down left", "down", "down right")
STILL = 0.03
"""Frame sides a second below which a thing is said to go nowhere (ours)."""
SIDES = ("left of", "right of")
"""Relations that middles tell; what is behind what, or near, depends on the camera."""
APART = 0.1
"""Frame sides between two middles below which neither is left of the other (ours)."""
LEAST = 2.0
"""Cells of a mask below which a thing counts as not visible (ours)."""


@dataclass(frozen=True)
class Track:
    """A thing's way through the frame.

    Middles x (right), y (down) in [0, 1] across the frame, nan where not visible; areas as shares
    of the frame; seconds between frames.
    """

    middles: Float[np.ndarray, "T 2"]
    areas: Float[np.ndarray, " T"]
    seconds: float

    @property
    def visible(self) -> np.ndarray:
        """In which frames the thing is seen, as bools T."""
        return np.isfinite(self.middles[:, 0])

    @property
    def velocity(self) -> tuple[float, float] | None:
        """Frame sides a second to the right and down, or None when seen in fewer than 2 frames."""
        frames = np.flatnonzero(self.visible)
        if len(frames) < 2:
            return None
        x, y = self.middles[frames[-1]] - self.middles[frames[0]]
        time = (frames[-1] - frames[0]) * self.seconds
        return float(x / time), float(y / time)

    @property
    def speed(self) -> float | None:
        """Frame sides a second from the first place to the last."""
        return None if self.velocity is None else math.hypot(*self.velocity)

    @property
    def direction(self) -> str | None:
        """One of COMPASS; None when it goes nowhere or isn't seen twice."""
        if self.velocity is None or math.hypot(*self.velocity) < STILL:
            return None
        x, y = self.velocity
        return COMPASS[round(math.atan2(-y, x) / (math.pi / 4)) % 8]

    @property
    def jitter(self) -> float | None:
        """Mean length of the second difference in frame sides; None without 3 frames in a row."""
        bend = self.middles[2:] - 2 * self.middles[1:-1] + self.middles[:-2]
        length = np.hypot(bend[:, 0], bend[:, 1])
        length = length[np.isfinite(length)]
        return float(length.mean()) if len(length) else None


def track(masks: Float[np.ndarray, "T H W"], seconds: float) -> Track:
    """The track of a mask in [0, 1]."""
    H, W = masks.shape[1:]
    area = masks.sum((1, 2))
    seen = np.where(area >= LEAST, area, np.nan)
    x = (masks.sum(1) @ (np.arange(W) + 0.5)) / seen / W
    y = (masks.sum(2) @ (np.arange(H) + 0.5)) / seen / H
    return Track(np.stack([x, y], axis=1), area / (H * W), seconds)


def side(one: Track, other: Track) -> str | None:
    """On which of SIDES the one begins, "neither", or None where either isn't seen at first."""
    if not (one.visible[0] and other.visible[0]):
        return None
    away = float(other.middles[0, 0] - one.middles[0, 0])
    return "neither" if abs(away) < APART else SIDES[0] if away > 0 else SIDES[1]
