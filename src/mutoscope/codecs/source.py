"""A file that is being read: pictures out, one at a time, each with its time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from mutoscope.codecs.sink import Picture
from mutoscope.codecs.trouble import Limits, plainly
from mutoscope.errors import MediaError


class Source:
    """An opened picture or video."""

    def __init__(self, path: Path, *, limits: Limits) -> None:
        limits.file(path)
        self.path, self.limits = path, limits

    def pictures(self) -> Iterator[tuple[float, Picture]]:
        """Every picture with its time in seconds."""
        with (
            plainly(f"{self.path} can't be read as a picture or video"),
            av.open(f"file:{self.path}") as container,
        ):
            if not container.streams.video:
                raise MediaError(f"{self.path} holds no picture; give a file with a video stream")
            stream = container.streams.video[0]
            self.limits.picture(str(self.path), stream.width, stream.height)
            self.fps = float(stream.average_rate or 1)
            for frame in container.decode(stream):
                picture: Picture = np.ascontiguousarray(frame.to_ndarray(format="rgb24"))
                yield float(frame.time or 0.0), picture
