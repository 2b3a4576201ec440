"""The flow of anybody's clip, estimated without anything learned.

OpenCV's dense inverse search where `cv2` can be imported (pip install 'mutoscope[metrics]'), forth
and back, trusted where both agree; else the vectors of a video codec, which are coarse and explain
a clip better than true motion would. The two give other numbers, so `estimator` names the one at
work wherever a figure rests on it.

Source: Kroeger et al. (2016), preset "medium".
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from types import ModuleType

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from mutoscope import media
from mutoscope.clip import Clip, only
from mutoscope.media import Motion

Flow = Float[Tensor, "*b 2 pairs H W"]
Known = Bool[Tensor, "*b pairs H W"]

SMALLEST = 16
"""Pixels of the shorter side below which the search has no coarse level; the codec's then."""


CODEC = "codec"
"""What `estimator` says where there is no opencv."""


def estimator() -> str:
    """What estimates flow here: "DIS, opencv VERSION" or "codec"."""
    found = _opencv()
    return CODEC if found is None else f"DIS, opencv {found.__version__}"


def estimated(clip: Clip) -> Motion:
    """Flow from each frame to the next of one clip of 2 frames or more, and where it is known."""
    found = _opencv()
    if found is None or min(clip.frames.shape[-2:]) < SMALLEST:
        return media.motion_vectors(clip)
    return searched(clip, found)


def searched(clip: Clip, cv2: ModuleType) -> Motion:
    """The same by OpenCV's dense inverse search."""
    cv2.setNumThreads(torch.get_num_threads())
    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in only(clip).uint8()[0]]
    forth = np.stack([search.calc(a, b, None) for a, b in pairwise(grey)])
    back = np.stack([search.calc(b, a, None) for a, b in pairwise(grey)])
    flow, returns = (
        rearrange(torch.from_numpy(one), "pairs H W xy -> 1 xy pairs H W") for one in (forth, back)
    )
    return Motion(flow=flow, known=agree(flow, returns)[:, None])


def agree(flow: Flow, back: Flow) -> Known:
    """Where flow and the flow back undo each other: |f + b'|² <= 0.01 (|f|² + |b'|²) + 0.5.

    b' is `back` (from the later frame to the earlier) where the pixel went. Elsewhere a pixel is
    hidden or misjudged. Source: Sundaram et al. (2010), eq. 5, as used by Lai et al. (2018).
    """
    H, W = flow.shape[-2:]
    goes, returns = (
        one.movedim(-3, -4).reshape(-1, 2, H, W).to(torch.float32) for one in (flow, back)
    )
    u = torch.arange(W, device=flow.device) + 0.5 + goes[:, 0]
    v = torch.arange(H, device=flow.device)[:, None] + 0.5 + goes[:, 1]
    grid = torch.stack([2 * u / W - 1, 2 * v / H - 1], dim=-1)
    there = F.grid_sample(returns, grid, padding_mode="border", align_corners=False)
    left = ((goes + there) ** 2).sum(1)
    most = 0.01 * ((goes**2).sum(1) + (there**2).sum(1)) + 0.5
    return (left <= most).reshape(*flow.shape[:-4], *flow.shape[-3:])


@cache
def _opencv() -> ModuleType | None:
    try:
        import cv2
    except ImportError:
        return None
    return cv2
