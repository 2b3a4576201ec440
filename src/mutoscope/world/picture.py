"""Truths as pictures: what the vision tasks of editing answer with.

box: the picture with a frame around the thing. mask: the picture with the thing painted over.
depth: grey = 3 m / depth, so the sky is black. segmap: a flat colour a thing. pose: the edges of
each thing's own box, red along its x, green along its y, blue along its z. normal: (n + 1) / 2 with
n in camera axes x right, y up, z to the viewer; no surface is black. sketch: black lines on white.
The filters act on sRGB values in [0, 1].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mutoscope.errors import DataError
from mutoscope.world.camera import view
from mutoscope.world.instructions import FILTERS, MAPS
from mutoscope.world.motion import tracks
from mutoscope.world.render import Render, render
from mutoscope.world.scene import Scene

Frames = NDArray[np.uint8]
Array = NDArray[Any]

KINDS = ("rgb", "box", "mask", *MAPS, *FILTERS)
"""Everything a scene can be drawn as."""
MARK = (255, 0, 200)
"""The colour of boxes and masks: none of the world's own."""
PALETTE = np.array([(40, 40, 40), (230, 80, 60), (70, 160, 240), (250, 210, 60), (90, 200, 110)])
"""Colours of a segmentation map: the stage, then the things in their order."""
NEAR = 3.0
"""Metres at which a depth map is white."""
_LUMA = np.array((0.299, 0.587, 0.114))


def picture(
    scene: Scene,
    kind: str = "rgb",
    *,
    thing: int | None = None,
    frames: int = 16,
    size: tuple[int, int] = (128, 128),
    fps: float | int = 8.0,
    start: float | int = 0.0,
) -> Frames:
    """The scene drawn as one of KINDS, uint8 T H W 3; "box" and "mask" need the thing's index."""
    if kind not in KINDS:
        raise DataError(f"no picture {kind!r}; use one of {', '.join(KINDS)}")
    marks = kind in {"box", "mask"}
    if marks and (thing is None or not 0 <= thing < len(scene.things)):
        raise DataError(
            f"a {kind} needs thing from 0 to {len(scene.things) - 1} (got {thing}); name one"
        )
    if kind == "pose":
        return _posed(scene, start + np.arange(frames) / fps, size)
    truth = {"depth": ("depth",), "normal": ("depth",), "sketch": ("sketch",)}.get(kind, ())
    clip = render(scene, frames=frames, size=size, fps=fps, start=start, truth=truth)
    if marks and thing is not None:
        return _boxed(clip, thing) if kind == "box" else _masked(clip, thing)
    return _DRAWN[kind](clip) if kind in _DRAWN else _filtered(clip.rgb, kind)


def _boxed(clip: Render, thing: int) -> Frames:
    found, height, width = clip.rgb.copy(), *clip.rgb.shape[1:3]
    wide = max(1, min(height, width) // 64)
    for frame, box in zip(found, clip.boxes[:, thing], strict=True):
        if np.isnan(box).any():
            continue
        x0, y0, x1, y1 = (int(v) for v in box)
        hole = frame[y0 + wide : y1 - wide, x0 + wide : x1 - wide].copy()
        frame[y0:y1, x0:x1] = MARK
        if hole.size:
            frame[y0 + wide : y1 - wide, x0 + wide : x1 - wide] = hole
    return found


def _masked(clip: Render, thing: int) -> Frames:
    mine = clip.ids == thing + 1
    return np.where(mine[..., None], np.array(MARK, np.uint8), clip.rgb)


def _depth(clip: Render) -> Frames:
    assert clip.depth is not None
    grey = np.clip(NEAR / clip.depth, 0.0, 1.0)
    return _bytes(np.repeat(grey[..., None], 3, axis=-1))


def _segmap(clip: Render) -> Frames:
    return PALETTE[clip.ids].astype(np.uint8)


def _sketch(clip: Render) -> Frames:
    assert clip.sketch is not None
    return np.repeat(255 - clip.sketch[..., None], 3, axis=-1)


def _normal(clip: Render) -> Frames:
    """Normals from depth: across and down, the flatter of the two one-sided differences."""
    assert clip.depth is not None
    points = _points(clip.depth, clip.fov)
    across, down = (_flatter(points, axis) for axis in (2, 1))
    normals = np.cross(down, across)
    length = np.linalg.norm(normals, axis=-1, keepdims=True)
    # Camera axes are x right, y down, z forward; the picture's are x right, y up, z to the viewer.
    unit = normals / np.maximum(length, 1e-12) * (1.0, -1.0, -1.0)
    unit *= np.where(unit[..., 2:] < 0.0, -1.0, 1.0)
    seen = np.isfinite(clip.depth)[..., None] & (length > 0.0)
    return _bytes(np.where(seen, (unit + 1.0) / 2.0, 0.0))


def _points(depth: Array, fov: Array) -> Array:
    """What each pixel sees, in camera axes, T H W 3; far away where it sees the sky."""
    height, width = depth.shape[1:]
    far = np.where(np.isfinite(depth), depth, 1e4).astype(np.float64)
    scale = 2.0 * np.tan(fov / 2.0)[:, None, None] / height
    x = (np.arange(width) + 0.5 - width / 2)[None, None, :] * scale
    y = (np.arange(height) + 0.5 - height / 2)[None, :, None] * scale
    return np.stack([x * far, y * far, far], axis=-1)


def _flatter(points: Array, axis: int) -> Array:
    step = np.diff(points, axis=axis)
    edge = [(0, 0)] * points.ndim
    edge[axis] = (0, 1)
    ahead = np.pad(step, edge, mode="edge")
    edge[axis] = (1, 0)
    behind = np.pad(step, edge, mode="edge")
    flat = np.abs(ahead[..., 2:]) <= np.abs(behind[..., 2:])
    return np.where(flat, ahead, behind)


def _posed(scene: Scene, times: Array, size: tuple[int, int]) -> Frames:
    width, height = size
    found = np.zeros((len(times), height, width, 3), np.uint8)
    seen = view(scene.camera, times)
    order = [(a, a | 1 << bit, 2 - bit) for bit in range(3) for a in range(8) if not a >> bit & 1]
    for thing, path in zip(scene.things, tracks(scene, times), strict=True):
        spots = seen.project(path.corners(thing.shape), width / height)
        for frame, corners in zip(found, spots, strict=True):
            for a, b, axis in order:
                _line(frame, corners[a], corners[b], axis)
    return found


def _line(frame: Frames, a: Array, b: Array, axis: int) -> None:
    """Draw the edge between two projected corners, unless it is behind the eye."""
    height, width = frame.shape[:2]
    if min(a[2], b[2]) <= 0.05:
        return
    along = np.linspace(0.0, 1.0, 2 * max(height, width))[:, None]
    x, y = ((a + along * (b - a))[:, :2] * (width, height)).astype(int).T
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    frame[y[inside], x[inside], axis] = 255


def _filtered(rgb: Frames, kind: str) -> Frames:
    return _bytes(_FILTERS[kind](rgb / 255.0))


def _saturated(picture: Array, factor: float) -> Array:
    grey = (picture @ _LUMA)[..., None]
    return grey + factor * (picture - grey)


def _blurred(picture: Array) -> Array:
    """Twice a 5 by 5 mean over repeated edges."""
    for axis in (1, 2, 1, 2):
        edge = [(0, 0)] * picture.ndim
        edge[axis] = (2, 2)
        padded = np.pad(picture, edge, mode="edge")
        size = picture.shape[axis]
        shifted = [np.take(padded, range(k, k + size), axis=axis) for k in range(5)]
        picture = np.mean(shifted, axis=0)
    return picture


def _bytes(picture: Array) -> Frames:
    return np.round(np.clip(picture, 0.0, 1.0) * 255.0).astype(np.uint8)


_DRAWN: Mapping[str, Callable[[Render], Frames]] = MappingProxyType({
    "rgb": lambda clip: clip.rgb, "depth": _depth, "segmap": _segmap, "normal": _normal,
    "sketch": _sketch,
})  # fmt: skip
_FILTERS: Mapping[str, Callable[[Array], Array]] = MappingProxyType({
    "brighter": lambda p: p**0.6,
    "darker": lambda p: 0.55 * p,
    "blurred": _blurred,
    "sharper": lambda p: p + 1.2 * (p - _blurred(p)),
    "vivid": lambda p: _saturated(p, 1.8),
    "faded": lambda p: _saturated(p, 0.35),
    "warmer": lambda p: p * (1.12, 1.0, 0.72),
    "cooler": lambda p: p * (0.76, 0.98, 1.12),
})  # fmt: skip
