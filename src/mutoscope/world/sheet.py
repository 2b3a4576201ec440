"""A contact sheet of the world: shots of each scene, its truths in colour, and its caption."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from mutoscope.errors import DataError
from mutoscope.world.render import TRUTHS, Render, render
from mutoscope.world.scene import Scene

Picture = NDArray[np.uint8]

_GAP = 6
_PAGE = (250, 250, 248)
_INK = (40, 40, 46)
_ID_COLOURS = np.array(
    [[38, 40, 48], [244, 96, 84], [84, 164, 244], [250, 204, 84], [112, 204, 128]], np.uint8
)
_NEAR = np.array(
    [[252, 250, 200], [250, 166, 96], [206, 70, 104], [98, 32, 120], [14, 12, 46]], np.float64
)
"""From near to far."""


def contact_sheet(
    scenes: Sequence[Scene],
    captions: Sequence[str],
    truths: Sequence[str] = ("depth", "ids", "flow", "sketch"),
    *,
    side: int = 128,
    shots: int = 4,
    columns: int = 1,
) -> Picture:
    """One strip a scene: `shots` over 2 seconds, then truths of the clip's middle; H W 3 bytes."""
    if len(scenes) != len(captions) or not scenes:
        raise DataError(
            f"a sheet needs a caption a scene (got {len(scenes)} scenes, {len(captions)} captions)"
        )
    strips = [
        _strip(scene, text, tuple(truths), side, shots)
        for scene, text in zip(scenes, captions, strict=True)
    ]
    height, width, _ = strips[0].shape
    rows = -(-len(strips) // columns)
    page = np.full((rows * height + _GAP, columns * width + _GAP, 3), _PAGE, np.uint8)
    for k, strip in enumerate(strips):
        y, x = _GAP + k // columns * height, _GAP + k % columns * width
        page[y : y + height, x : x + width][: height - _GAP, : width - _GAP] = strip[
            : height - _GAP, : width - _GAP
        ]
    return page


def _strip(scene: Scene, text: str, truths: tuple[str, ...], side: int, shots: int) -> Picture:
    asked = tuple(t for t in truths if t in TRUTHS)
    clip = render(scene, frames=shots, size=(side, side), fps=shots / 2, truth=asked)
    tiles = [*clip.rgb, *(truth_picture(clip, truth, shots // 2) for truth in truths)]
    font = ImageFont.load_default(max(10, side // 10))
    width = len(tiles) * (side + _GAP)
    line = max(12, side // 8)
    letters = int(width / font.getlength("n") * 1.05)
    height = side + 2 * line + 2 * _GAP
    page = np.full((height, width, 3), _PAGE, np.uint8)
    for k, tile in enumerate(tiles):
        page[:side, k * (side + _GAP) : k * (side + _GAP) + side] = tile
    image = Image.fromarray(page)
    for k, part in enumerate(textwrap.wrap(text, letters, max_lines=2, placeholder=" ...")):
        ImageDraw.Draw(image).text((0, side + 2 + k * line), part, fill=_INK, font=font)
    return np.asarray(image)


def truth_picture(clip: Render, truth: str, frame: int) -> Picture:
    """One truth of one frame as a picture to look at."""
    if truth not in (*TRUTHS, "ids"):
        raise DataError(f"no picture of {truth!r}; use one of ids, {', '.join(TRUTHS)}")
    values = getattr(clip, truth)[frame]
    if truth == "ids":
        coloured: Picture = _ID_COLOURS[np.minimum(values, len(_ID_COLOURS) - 1)]
        return coloured
    if truth == "depth":
        return depth_picture(values)
    if truth == "flow":
        return flow_picture(values)
    if truth == "plain":
        return np.asarray(values)
    drawn = 255 * values.astype(np.uint8) if truth == "occluded" else 255 - values
    return np.repeat(drawn[..., None], 3, axis=-1).astype(np.uint8)


def depth_picture(depth: NDArray[np.float32]) -> Picture:
    """Metres as colours, pale near to dark far and in the sky."""
    with np.errstate(divide="ignore"):
        far = 1.0 - np.clip(3.5 / depth.astype(np.float64), 0.0, 1.0)
    place = far * (len(_NEAR) - 1)
    low = np.minimum(place.astype(int), len(_NEAR) - 2)
    share = (place - low)[..., None]
    shaded: Picture = np.rint(_NEAR[low] * (1 - share) + _NEAR[low + 1] * share).astype(np.uint8)
    return shaded


def flow_picture(flow: NDArray[np.float32], full: float | None = None) -> Picture:
    """Direction as hue, speed as saturation; white stays put, `full` pixels are fully coloured."""
    speed = np.hypot(flow[..., 0], flow[..., 1])
    top = max(1.0, float(np.quantile(speed, 0.98))) if full is None else full
    angle = np.arctan2(flow[..., 1], flow[..., 0])[..., None]
    hue = 0.5 + 0.5 * np.cos(angle - np.array([0.0, 2.0944, 4.1888]))
    share = np.clip(speed / top, 0.0, 1.0)[..., None]
    wheel: Picture = np.rint(255 * (1 - share * (1 - hue))).astype(np.uint8)
    return wheel
