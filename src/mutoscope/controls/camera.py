"""A camera path: how far the camera has gone since the first frame, along six axes.

Unit: the world's (world.camera): 1 is as far as a program of 1 goes in 2 seconds, whichever axis.
Sign: truck + right, pedestal + up, pan + right, tilt + up, zoom + in, roll + clockwise, the
camera's; the picture goes the other way. A map is the same at every pixel of a frame (H = W = 1).
Written out: `pan:0.5,zoom:-0.2`, axes left out stay. For a network: the mean of its frames.

Of a clip the path is read from its flow, by the shift, growth and turn that explain most pixels,

    flow(x, y) = (a, b) + s (x, y) + r (-y, x),   least absolute error, x and y from the middle

for the world's lens at rest. A truck shifts pictures as a pan does, and is read as one.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from mutoscope import checked
from mutoscope.checked import Number
from mutoscope.clip import Clip
from mutoscope.controls import flow
from mutoscope.controls.control import Map, Size, Told
from mutoscope.errors import DataError, RequestError
from mutoscope.media import Motion
from mutoscope.world.camera import EYE, FOV, PAN, PEDESTAL, PITCH, ROLL, TILT, TRUCK, ZOOM
from mutoscope.world.render import Render
from mutoscope.world.scene import AXES

TRUTHS: tuple[str, ...] = ()
CHANNELS = len(AXES)
SPAN = checked.Span(low=-1, high=1)
"""What an axis may be asked for."""
PROGRAM = 2.0
"""Seconds in which a program goes its way."""
ROUNDS = 8
"""Rounds of weighing pixels by how badly they fit (ours)."""
LEAST = 0.05
"""Pixels of misfit below which pixels weigh alike (ours)."""


def from_truth(made: Render) -> Map:
    """The path of a render's own camera, exactly."""
    pose, fov = made.pose.astype(np.float64), made.fov.astype(np.float64)
    basis = pose[:, :, :3]
    eye = -np.einsum("tij,ti->tj", basis, pose[:, :, 3])
    forward = basis[:, 2]
    pitch, yaw = np.arcsin(forward[:, 1]), np.arctan2(forward[:, 0], -forward[:, 2])
    level = np.stack([np.cos(yaw), np.zeros_like(yaw), np.sin(yaw)], axis=-1)
    down = np.cross(forward, level)
    right = basis[:, 0]
    turn = np.arctan2((right * down).sum(-1), (right * level).sum(-1))
    grown = -np.log(np.tan(fov / 2) / math.tan(FOV / 2)) / math.log(ZOOM)
    path = np.stack([
        (eye[:, 0] - EYE[0]) / TRUCK, (eye[:, 1] - EYE[1]) / PEDESTAL,
        yaw / PAN, (pitch - PITCH) / TILT, grown, turn / ROLL,
    ])  # fmt: skip
    return _map(torch.from_numpy(path - path[:, :1]))


def from_clip(clip: Clip) -> Map:
    """The path that the flow of one clip of 2 frames or more tells: pan, tilt, zoom and roll."""
    if clip.frames.shape[2] < 2:
        raise DataError("a camera path needs at least 2 frames (got 1); give a clip")
    return from_flow(flow.estimated(clip))


def from_flow(motion: Motion) -> Map:
    """The path that a flow tells."""
    pairs, H = motion.flow.shape[2:4]
    lens = H / 2 / math.tan(FOV / 2)
    path = torch.zeros(CHANNELS, pairs + 1, dtype=torch.float64)
    for k in range(pairs):
        a, b, s, r = _fitted(motion.flow[0, :, k], motion.known[0, 0, k]).tolist()
        steps = {
            "pan": -a / lens / PAN, "tilt": b / lens / TILT,
            "zoom": math.log1p(max(s, -0.9)) / math.log(ZOOM), "roll": -r / ROLL,
        }  # fmt: skip
        for axis, step in steps.items():
            path[AXES.index(axis), k + 1 :] += step
    return _map(path)


def from_text(text: str, *, frames: int, size: tuple[int, int], fps: Number) -> Map:
    """The path of a program written out, of any `size`; refuses axes beyond [-1, 1]."""
    asked: dict[str, float] = {}
    for item in text.split(","):
        axis, colon, value = item.strip().partition(":")
        checked.one_of("camera axis", axis, AXES)
        if not colon or axis in asked:
            raise RequestError(f"a camera is AXIS:VALUE,... each axis once (got '{text[:60]}')")
        asked[axis] = checked.within(f"camera axis {axis}", checked.literal(value), SPAN)
    way = torch.tensor([asked.get(axis, 0.0) for axis in AXES], dtype=torch.float64)
    return _map(way[:, None] * torch.arange(frames) / fps / PROGRAM)


def encoded(values: Map, size: Size) -> Told:
    """The mean of its frames, the same in every cell."""
    t, h, w = size
    return F.adaptive_avg_pool3d(values, (t, 1, 1)).expand(-1, -1, -1, h, w)


def _map(path: Float[Tensor, "axes T"]) -> Map:
    return path.float()[None, :, :, None, None]


def _fitted(found: Float[Tensor, "2 H W"], known: Tensor) -> Float[Tensor, 4]:
    """a, b, s, r of one pair; zeros where next to nothing is known."""
    H, W = known.shape
    if int(known.sum()) < CHANNELS:
        return torch.zeros(4, dtype=torch.float64)
    y, x = torch.meshgrid(
        torch.arange(H, dtype=torch.float64) + 0.5 - H / 2,
        torch.arange(W, dtype=torch.float64) + 0.5 - W / 2,
        indexing="ij",
    )
    x, y, (u, v) = x[known], y[known], found[:, known].double().unbind()
    one, none = torch.ones_like(x), torch.zeros_like(x)
    across, along = torch.stack([one, none, x, -y], -1), torch.stack([none, one, y, x], -1)
    weight = one
    for _ in range(ROUNDS):
        left = across.T @ (weight[:, None] * across) + along.T @ (weight[:, None] * along)
        right = across.T @ (weight * u) + along.T @ (weight * v)
        best: Tensor = torch.linalg.lstsq(left, right[:, None]).solution[:, 0]
        off = torch.hypot(across @ best - u, along @ best - v)
        weight = 1 / off.clamp(min=LEAST)
    return best
