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

from mutoscope import media
from mutoscope.clip import Clip, only
from mutoscope.evaluate.temporal import agree
from mutoscope.media import Motion

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


@cache
def _opencv() -> ModuleType | None:
    try:
        import cv2
    except ImportError:
        return None
    return cv2
