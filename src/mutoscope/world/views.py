"""Views of a scene from all around: what a 3-D system is taught with and measured by.

The stage is a turntable: things turn about its middle under a camera that stands still, and light
and backdrop stay with the camera. To the things that is a camera on a circle: azimuth a is the view
of someone who has walked a radians to the right around them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mutoscope.errors import DataError
from mutoscope.world.scene import Camera, Motion, Scene, Thing


@dataclass(frozen=True, kw_only=True)
class View:
    """A scene turned so that its picture is the view from an azimuth in radians."""

    scene: Scene
    azimuth: float

    def pose(self, pose: NDArray[np.float32]) -> NDArray[np.float64]:
        """World-to-camera matrices (... 3 4) of the scene before it was turned.

        `pose` is what rendering the turned scene gives.
        """
        c, s = math.cos(self.azimuth), math.sin(self.azimuth)
        turn = np.array([[c, 0.0, -s], [0.0, 1.0, 0.0], [s, 0.0, c]])
        return np.concatenate([pose[..., :3] @ turn, pose[..., 3:]], axis=-1)


def orbit(scene: Scene, views: int = 8, *, start: float | int = 0.0) -> tuple[View, ...]:
    """Views evenly around a scene, whose things stand still; `start` is the first azimuth."""
    if views < 1:
        raise DataError(f"an orbit needs views >= 1 (got {views})")
    azimuths = (start + 2 * math.pi * k / views for k in range(views))
    return tuple(View(scene=turned(scene, azimuth), azimuth=azimuth) for azimuth in azimuths)


def turned(scene: Scene, azimuth: float) -> Scene:
    """The scene at rest as seen from an azimuth."""
    things = tuple(_turned(thing, azimuth) for thing in scene.things)
    return replace(scene, things=things, camera=Camera())


def _turned(thing: Thing, azimuth: float) -> Thing:
    c, s = math.cos(azimuth), math.sin(azimuth)
    x, z = c * thing.x - s * thing.z, s * thing.x + c * thing.z
    return replace(thing, x=x, z=z, yaw=thing.yaw - azimuth, motion=Motion())
