"""A scene becomes a clip: pictures, and for the same pixels what is true of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mutoscope.errors import DataError
from mutoscope.world.camera import View, view
from mutoscope.world.look import redrawn
from mutoscope.world.materials import second
from mutoscope.world.motion import Track, tracks
from mutoscope.world.raster import paint
from mutoscope.world.scene import MATERIALS, SHAPES, Scene
from mutoscope.world.stage import setting
from mutoscope.world.trace import (
    BASIS,
    CENTRE,
    COLOUR,
    EYE,
    HALF_TAN,
    MATERIAL,
    ROTATION,
    SCALE,
    SECOND,
    SHAPE,
    VIEW_WIDTH,
    WIDTH,
)
from mutoscope.world.truth import follow, lines

Array = NDArray[np.float64]


TRUTHS = ("depth", "flow", "occluded", "sketch", "plain")
"""Truths computed on demand; ids, boxes, centres, pose and fov come with every render."""


@dataclass(frozen=True, kw_only=True)
class Render:
    """A rendered clip of T frames of H by W pixels and N things; truths not asked for are None.

    ids: 0 = stage, k = thing k - 1. boxes: x0 y0 x1 y1 of the visible part in pixels, nan if none.
    centres: metres in the world. pose: world-to-camera (x right, y down, z forward). fov: vertical,
    in radians. depth: metres along the optical axis, sky inf. flow: pixels, x right, y down, from
    frame k to the next instant, anchored at the source pixel; occluded: what flow leads to isn't
    seen there. sketch: 255 on lines. plain: the picture before its look.
    """

    rgb: NDArray[np.uint8]
    ids: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    centres: NDArray[np.float32]
    pose: NDArray[np.float32]
    fov: NDArray[np.float32]
    depth: NDArray[np.float32] | None = None
    flow: NDArray[np.float32] | None = None
    occluded: NDArray[np.bool_] | None = None
    sketch: NDArray[np.uint8] | None = None
    plain: NDArray[np.uint8] | None = None


def render(
    scene: Scene,
    *,
    frames: int = 16,
    size: tuple[int, int] = (128, 128),
    fps: float | int = 8.0,
    start: float | int = 0.0,
    truth: tuple[str, ...] = (),
) -> Render:
    """Render `frames` instants, 1 / fps seconds apart, from `start` on; size is (width, height).

    `truth` names what is wanted of TRUTHS, or is ("all",).
    """
    width, height = size
    if frames < 1 or width < 8 or height < 8 or fps <= 0:
        raise DataError(
            f"a clip needs frames >= 1, a size of at least 8x8 and fps > 0 "
            f"(got {frames} frames, {width}x{height}, {fps} fps)"
        )
    wanted = _wanted(truth)
    # One instant more than there are frames: the last frame flows there.
    times = start + np.arange(frames + 1) / fps
    seen, paths = view(scene.camera, times), tracks(scene, times)
    table, views = rows(scene, paths, frames + 1), _views(seen)
    rgb = np.empty((frames, height, width, 3), np.uint8)
    met = np.empty((frames, height, width), np.int16)
    depth = np.empty((frames, height, width), np.float32)
    rects = rectangles(scene, paths, seen, size)
    paint(table, views, rects, setting(scene), rgb, met, depth)
    ids = np.maximum((met & 255) - 3, 0).astype(np.uint8)
    flow, occluded = None, None
    if wanted & {"flow", "occluded"}:
        flow, occluded = _followed(table, views, met, depth)
    drawn = lines(met, depth) if "sketch" in wanted or scene.look != "plain" else None
    return Render(
        rgb=rgb if drawn is None else redrawn(scene.look, rgb, ids, drawn, lines(ids, depth)),
        ids=ids,
        boxes=boxes(ids, len(scene.things)),
        centres=_centres(paths, frames),
        pose=seen.pose()[:frames].astype(np.float32),
        fov=seen.fov[:frames].astype(np.float32),
        depth=depth if "depth" in wanted else None,
        flow=flow if "flow" in wanted else None,
        occluded=occluded if "occluded" in wanted else None,
        sketch=drawn if "sketch" in wanted else None,
        plain=rgb if "plain" in wanted else None,
    )


def _centres(paths: list[Track], frames: int) -> NDArray[np.float32]:
    found = np.empty((frames, len(paths), 3), np.float32)
    for i, path in enumerate(paths):
        found[:, i] = path.centre[:frames]
    return found


def _wanted(truth: tuple[str, ...]) -> set[str]:
    unknown = set(truth) - {*TRUTHS, "all"}
    if unknown:
        raise DataError(f"no truth {unknown.pop()!r}; use 'all' or some of {', '.join(TRUTHS)}")
    return set(TRUTHS) if "all" in truth else set(truth)


def _followed(
    table: Array, views: Array, met: NDArray[np.int16], depth: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    flow, occluded = np.empty((*met.shape, 2), np.float32), np.empty(met.shape, np.bool_)
    follow(table, views, met, depth, flow, occluded)
    return flow, occluded


def rows(scene: Scene, paths: list[Track], instants: int) -> Array:
    """The things of a scene as the ray-caster reads them, T N WIDTH."""
    table = np.zeros((instants, len(paths), WIDTH))
    for i, (thing, path) in enumerate(zip(scene.things, paths, strict=True)):
        table[:, i, SHAPE] = SHAPES.index(thing.shape)
        table[:, i, CENTRE : CENTRE + 3] = path.centre
        table[:, i, SCALE] = path.scale
        table[:, i, ROTATION : ROTATION + 9] = path.rotation.reshape(-1, 9)
        table[:, i, COLOUR : COLOUR + 3] = path.colour
        table[:, i, MATERIAL] = MATERIALS.index(thing.material)
        table[:, i, SECOND : SECOND + 3] = second(thing.colour)
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
