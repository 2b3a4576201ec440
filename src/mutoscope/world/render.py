"""A scene becomes a clip: pictures, and for the same pixels what is true of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mutoscope.errors import DataError
from mutoscope.world.camera import View, view
from mutoscope.world.motion import Track, tracks
from mutoscope.world.raster import paint
from mutoscope.world.scene import MATERIALS, SHAPES, Scene
from mutoscope.world.stage import codes, lamp
from mutoscope.world.trace import (
    BASIS,
    CENTRE,
    COLOUR,
    EYE,
    HALF_TAN,
    MATERIAL,
    ROTATION,
    SCALE,
    SHAPE,
    VIEW_WIDTH,
    WIDTH,
)

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Render:
    """A rendered clip of T frames of H by W pixels and N things; truths not asked for are None.

    depth is metres along the optical axis (sky: inf); ids 0 = stage, k = thing k - 1; boxes hold
    x0 y0 x1 y1 of the visible part in pixels (nan if none); centres are metres in the world; pose
    is world-to-camera (x right, y down, z forward); fov is vertical, in radians.
    """

    rgb: NDArray[np.uint8]
    ids: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    centres: NDArray[np.float32]
    pose: NDArray[np.float32]
    fov: NDArray[np.float32]
    depth: NDArray[np.float32] | None = None


def render(
    scene: Scene,
    *,
    frames: int = 16,
    size: tuple[int, int] = (128, 128),
    fps: float | int = 8.0,
    start: float = 0.0,
    truth: tuple[str, ...] = (),
) -> Render:
    """Render `frames` instants, 1 / fps seconds apart, from `start` on; size is (width, height)."""
    width, height = size
    if frames < 1 or width < 8 or height < 8 or fps <= 0:
        raise DataError(
            f"a clip needs frames >= 1, a size of at least 8x8 and fps > 0 "
            f"(got {frames} frames, {width}x{height}, {fps} fps)"
        )
    times = start + np.arange(frames) / fps
    seen = view(scene.camera, times)
    paths = tracks(scene, times)
    rgb = np.empty((frames, height, width, 3), np.uint8)
    met = np.empty((frames, height, width), np.int16)
    depth = np.empty((frames, height, width), np.float32)
    number, ground = codes(scene.stage)
    paint(
        rows(scene, paths),
        _views(seen),
        rectangles(scene, paths, seen, size),
        (number, ground, scene.texture_seed),
        lamp(scene.stage),
        rgb,
        met,
        depth,
    )
    ids = np.maximum((met & 255) - 3, 0).astype(np.uint8)
    return Render(
        rgb=rgb,
        ids=ids,
        boxes=boxes(ids, len(scene.things)),
        centres=np.stack([p.centre for p in paths], axis=1).astype(np.float32),
        pose=seen.pose().astype(np.float32),
        fov=seen.fov.astype(np.float32),
        depth=depth if "depth" in truth else None,
    )


def rows(scene: Scene, paths: list[Track]) -> Array:
    """The things of a scene as the ray-caster reads them, T N WIDTH."""
    table = np.zeros((len(paths[0].scale), len(paths), WIDTH))
    for i, (thing, path) in enumerate(zip(scene.things, paths, strict=True)):
        table[:, i, SHAPE] = SHAPES.index(thing.shape)
        table[:, i, CENTRE : CENTRE + 3] = path.centre
        table[:, i, SCALE] = path.scale
        table[:, i, ROTATION : ROTATION + 9] = path.rotation.reshape(-1, 9)
        table[:, i, COLOUR : COLOUR + 3] = path.colour
        table[:, i, MATERIAL] = MATERIALS.index(thing.material)
    return table


def _views(seen: View) -> Array:
    table = np.empty((len(seen.fov), VIEW_WIDTH))
    table[:, EYE : EYE + 3] = seen.eye
    table[:, BASIS : BASIS + 9] = seen.basis.reshape(-1, 9)
    table[:, HALF_TAN] = np.tan(seen.fov / 2)
    return table


def rectangles(scene: Scene, paths: list[Track], seen: View, size: tuple[int, int]) -> Array:
    """For each instant and thing the pixel rectangle x0 y0 x1 y1 that holds its box, T N 4."""
    width, height = size
    found = np.empty((len(seen.fov), len(paths), 4))
    for i, (thing, path) in enumerate(zip(scene.things, paths, strict=True)):
        spots = seen.project(path.corners(thing.shape), width / height)
        low, high = spots[..., :2].min(1), spots[..., :2].max(1)
        behind = spots[..., 2].min(1) < 0.05
        found[:, i, 0::2] = np.stack([low[:, 0], high[:, 0]], -1) * width
        found[:, i, 1::2] = np.stack([low[:, 1], high[:, 1]], -1) * height
        found[behind, i] = (-1, -1, width + 1, height + 1)
    return found


def boxes(ids: NDArray[np.uint8], things: int) -> NDArray[np.float32]:
    """The visible part of each thing as x0 y0 x1 y1 in pixels, T N 4, nan where none is."""
    found = np.full((len(ids), things, 4), np.nan, np.float32)
    for i in range(things):
        mine = ids == i + 1
        for k, (across, down) in enumerate(zip(mine.any(1), mine.any(2), strict=True)):
            xs, ys = np.flatnonzero(across), np.flatnonzero(down)
            if len(xs):
                found[k, i] = xs[0], ys[0], xs[-1] + 1, ys[-1] + 1
    return found
