"""Video at the doors of the house: a batch of frames in [-1, 1] and the rate they play at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jaxtyping import Float
from torch import Tensor

Frames = Float[Tensor, "b 3 T H W"]


@dataclass(frozen=True, kw_only=True)
class Clip:
    """A batch of clips: frames in [-1, 1], float32, frames per second, and where they came from.

    `record` is the provenance written into every file (the Request of the run, weights' hash,
    version, `frames_sha256`); empty for a clip that was read from an ordinary file.
    """

    frames: Frames
    fps: float
    record: Mapping[str, Any] = field(default_factory=dict)
