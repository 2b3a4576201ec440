"""Video at the doors of the house: a batch of frames in [-1, 1] and the rate they play at.

`Clip.save` reaches *down* to `mutoscope.codecs`, which knows files and uint8 pictures but no clip;
`mutoscope.media`, one floor up, turns whole files into clips and back. So a clip can save and show
itself without an upward import, a registry, or anything to import in the right order.
"""

from __future__ import annotations

import base64
import hashlib
import math
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, UInt8
from torch import Tensor

from mutoscope.checked import Number
from mutoscope.codecs import Options, write
from mutoscope.errors import MediaError

Frames = Float[Tensor, "b 3 T H W"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Clip:
    """A batch of clips: frames in [-1, 1], float32, frames per second, and where they came from.

    `record` is the provenance written into every file (the Request of the run, weights' hash,
    version, `frames_sha256`); empty for a clip that was read from an ordinary file. Two clips show
    the same when their `frames_sha256()` agree.
    """

    frames: Frames
    fps: Number
    record: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shape = tuple(self.frames.shape)
        if len(shape) != 5 or shape[1] != 3 or min(shape) < 1:
            raise MediaError(
                f"frames of a clip must be shaped (b, 3, T, H, W), none 0 (got {shape})"
            )
        if self.frames.dtype != torch.float32:
            raise MediaError(f"frames must be float32 (got {self.frames.dtype}); call .float()")
        if not (math.isfinite(self.fps) and self.fps > 0):
            raise MediaError(f"fps must be a positive number (got {self.fps})")
        object.__setattr__(self, "fps", float(self.fps))

    @classmethod
    def from_uint8(
        cls,
        frames: UInt8[np.ndarray, "b T H W 3"],
        *,
        fps: Number,
        record: Mapping[str, Any] | None = None,
    ) -> Clip:
        """The clip of which `uint8()` gives back exactly these frames."""
        pixels = rearrange(torch.from_numpy(frames), "b T H W c -> b c T H W")
        return cls(frames=pixels.float().div_(127.5).sub_(1), fps=fps, record=dict(record or {}))

    def uint8(self) -> UInt8[np.ndarray, "b T H W 3"]:
        """The frames as a screen shows them: rounded to 256 levels, overshoot cut; refuses NaN."""
        if not torch.isfinite(self.frames).all():
            raise MediaError(
                "frames hold NaN or infinity, so they can't be shown; lower the guidance",
                failed=True,
            )
        levels = ((self.frames.detach().cpu() + 1) * 127.5).round_().clamp_(0, 255).to(torch.uint8)
        return rearrange(levels, "b c T H W -> b T H W c").contiguous().numpy()

    def frames_sha256(self) -> str:
        """SHA-256 of the bytes of `uint8()`, in C order: what `verify` compares."""
        return hashlib.sha256(self.uint8().tobytes()).hexdigest()

    def split(self) -> Iterator[Clip]:
        """Each clip of the batch by itself, its record that of a run of one, with its own seed."""
        count = self.frames.shape[0]
        for index in range(count):
            clip = Clip(frames=self.frames[index : index + 1], fps=self.fps, record=self.record)
            if count > 1 and self.record.get("count") == count:
                own = {"seed": self.record["seed"] + index, "count": 1}
                sha256 = clip.frames_sha256()
                clip = replace(clip, record={**self.record, **own, "frames_sha256": sha256})
            yield clip

    def grid(self, *, columns: int | None = None) -> Clip:
        """All clips of the batch side by side as one, black where the last row is short."""
        count = self.frames.shape[0]
        columns = columns or math.ceil(math.sqrt(count))
        rows = math.ceil(count / columns)
        spare = -torch.ones_like(self.frames[:1]).expand(rows * columns - count, -1, -1, -1, -1)
        tiles = torch.cat([self.frames, spare])
        frames = rearrange(tiles, "(r k) c T H W -> 1 c T (r H) (k W)", r=rows)
        return Clip(frames=frames, fps=self.fps, record=self.record)

    def save(
        self, path: str | Path, *, metadata: bool = True, options: Options | None = None
    ) -> Path:
        """Write the clip to a file whose suffix names the format; see `mutoscope.media.write`."""
        pictures, record = only(self).uint8()[0], dict(self.record) if metadata else None
        return write(path, pictures, fps=self.fps, record=record, options=options)

    def _repr_html_(self) -> str:
        """The clip as a notebook shows it: one looping picture, the batch side by side."""
        with tempfile.TemporaryDirectory() as folder:
            data = self.grid().save(Path(folder, "clip.webp"), metadata=False).read_bytes()
        b, _, T, H, W = self.frames.shape
        words = f"{b} x {T} frames of {W}x{H} at {self.fps:g} fps"
        source = f"data:image/webp;base64,{base64.b64encode(data).decode()}"
        return f'<img alt="{words}" title="{words}" src="{source}">'


def only(clip: Clip) -> Clip:
    """The clip itself, refused if it is a batch of several: a file holds one."""
    count = clip.frames.shape[0]
    if count != 1:
        raise MediaError(
            f"a file holds one clip (got a batch of {count}); save clip.grid() or each clip.split()"
        )
    return clip
