"""The law of captions: a word may be said only if it shows."""

from __future__ import annotations

import numpy as np

from mutoscope.world.render import render
from mutoscope.world.scene import Scene

LEVELS = 12
"""Grey levels by which a pixel must differ, in any of its colours, to count as another."""
SHARE = 0.01
"""Share of a clip's pixels that must be other ones."""


def difference(
    scene: Scene, other: Scene, *, frames: int = 8, size: tuple[int, int] = (64, 64)
) -> float:
    """The share of pixels by which two scenes' clips of 2 seconds differ."""
    clips = [render(s, frames=frames, size=size, fps=frames / 2) for s in (scene, other)]
    apart = np.abs(clips[0].rgb.astype(np.int16) - clips[1].rgb.astype(np.int16)).max(-1)
    return float((apart >= LEVELS).mean())


def shows(scene: Scene, other: Scene) -> bool:
    """Whether a viewer can tell two scenes apart: at least 1 % of their pixels differ."""
    return difference(scene, other) >= SHARE
