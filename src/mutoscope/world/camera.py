"""Where the camera is: a resting view and a program along six axes.

Axes u = (truck, pedestal, pan, tilt, zoom, roll) say how far the camera goes in 2 seconds; at 1 s
it passes through the resting view, so that the middle of a clip is always well composed; after
2 s it eases to a halt. Orbiting is trucking with the opposite pan: one unit of truck at the
distance of the stage's middle is the tangent of one unit of pan.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mutoscope.errors import DataError
from mutoscope.world.scene import Camera

Array = NDArray[np.float64]

EYE = (0.0, 1.9, 7.0)
PITCH = -math.atan2(0.9, 7.0)
FOV = math.radians(40.0)
"""Vertical field of view at rest."""
PAN = math.radians(20.0)
TILT = math.radians(20.0)
TRUCK = 7.0 * math.tan(PAN)
PEDESTAL = 1.6
ZOOM = 2.6
"""Magnification reached by one unit of zoom."""
ROLL = math.radians(40.0)

_MOVES: dict[str, tuple[float, float, float, float, float, float]] = {
    "static": (0, 0, 0, 0, 0, 0),
    "truck left": (-1, 0, 0, 0, 0, 0),
    "truck right": (1, 0, 0, 0, 0, 0),
    "pedestal up": (0, 1, 0, 0, 0, 0),
    "pedestal down": (0, -1, 0, 0, 0, 0),
    "pan left": (0, 0, -1, 0, 0, 0),
    "pan right": (0, 0, 1, 0, 0, 0),
    "tilt up": (0, 0, 0, 1, 0, 0),
    "tilt down": (0, 0, 0, -1, 0, 0),
    "zoom in": (0, 0, 0, 0, 1, 0),
    "zoom out": (0, 0, 0, 0, -1, 0),
    "roll clockwise": (0, 0, 0, 0, 0, 1),
    "roll anticlockwise": (0, 0, 0, 0, 0, -1),
    "orbit left": (-1, 0, 1, 0, 0, 0),
    "orbit right": (1, 0, -1, 0, 0, 0),
}


@dataclass(frozen=True, kw_only=True)
class View:
    """The camera at T instants: eye (T 3), basis (T 3 3, rows right, down, forward), fov (T)."""

    eye: Array
    basis: Array
    fov: Array

    def pose(self) -> Array:
        """World-to-camera matrices T 3 4; the camera looks along +z, x right, y down."""
        shift = -np.einsum("tij,tj->ti", self.basis, self.eye)
        return np.concatenate([self.basis, shift[:, :, None]], axis=2)

    def project(self, points: Array, aspect: float = 1.0) -> Array:
        """Points ... T K 3 to as many x, y in [0, 1] across the frame and depths in metres."""
        local = np.einsum("tij,...tkj->...tki", self.basis, points - self.eye[:, None])
        depth = np.maximum(local[..., 2], 1e-3)
        half = np.tan(self.fov / 2)[:, None]
        x = 0.5 + 0.5 * local[..., 0] / (depth * half * aspect)
        y = 0.5 + 0.5 * local[..., 1] / (depth * half)
        return np.stack([x, y, local[..., 2]], axis=-1)


def axes(camera: Camera) -> tuple[float, float, float, float, float, float]:
    """The six-axis program of a camera, in the order of AXES."""
    if camera.axes is not None:
        return camera.axes
    if camera.move not in _MOVES:
        raise DataError(f"no camera move {camera.move!r}; use one of {', '.join(_MOVES)}")
    a, b, c, d, e, f = (camera.amount * u for u in _MOVES[camera.move])
    return a, b, c, d, e, f


def view(camera: Camera, times: Array) -> View:
    """The camera at the given times in seconds."""
    truck, pedestal, pan, tilt, zoom, roll = axes(camera)
    share = ease(times / 2.0, 1.15, 0.15) - 0.5
    yaw, pitch, turn = PAN * pan * share, PITCH + TILT * tilt * share, ROLL * roll * share
    eye = np.stack(
        [
            EYE[0] + TRUCK * truck * share,
            EYE[1] + PEDESTAL * pedestal * share,
            np.full_like(share, EYE[2]),
        ],
        axis=-1,
    )
    cy, sy, cp, sp = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
    zero = np.zeros_like(yaw)
    right = np.stack([cy, zero, sy], axis=-1)
    forward = np.stack([sy * cp, sp, -cy * cp], axis=-1)
    down = np.cross(forward, right)
    # A camera that rolls clockwise tips its right side down.
    c, s = np.cos(turn)[:, None], np.sin(turn)[:, None]
    basis = np.stack([c * right + s * down, c * down - s * right, forward], axis=1)
    fov = 2 * np.arctan(math.tan(FOV / 2) * ZOOM ** (-zoom * share))
    return View(eye=eye, basis=basis, fov=fov)


def ease(way: Array, limit: float | Array, over: float) -> Array:
    """`way` as it stands until `over` before `limit`, then a smooth approach to `limit`."""
    start = limit - over
    late = np.maximum(way - start, 0.0)
    return np.minimum(way, start) + over * np.tanh(late / over)
