"""A file that is being written: pieces in, one whole file out, or nothing at all.

Every format writes to a hidden name beside the file and is renamed when it is whole. Memory does
not grow with the number of pieces, except for a png sheet, which is one picture of all of them.
"""

from __future__ import annotations

import hashlib
import math
import secrets
import shutil
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from mutoscope.codecs import tags
from mutoscope.codecs.trouble import plainly
from mutoscope.errors import MediaError

Picture = UInt8[np.ndarray, "H W 3"]
Pictures = UInt8[np.ndarray, "T H W 3"]


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a file is written: `lossless` needs a format that can; `columns` lays out a png sheet."""

    lossless: bool = False
    columns: int = 8


class Sink(ABC):
    """One format's writer. `part` is where it writes; it may use names that begin with it."""

    def __init__(self, part: Path, *, fps: float, options: Options) -> None:
        self.part, self.fps, self.options = part, fps, options

    @abstractmethod
    def add(self, picture: Picture) -> None:
        """Take the next picture."""

    @abstractmethod
    def close(self, record: str | None) -> None:
        """Finish `part`, with this record in it unless None."""

    def abandon(self) -> None:
        """Let go of open files; what lies on disk is removed by the caller."""
        return


class Output:
    """A file taking pieces of `T H W 3`; whole after `finish`, gone after `abandon`."""

    def __init__(self, path: Path, *, fps: float, options: Options | None = None) -> None:
        if not (math.isfinite(fps) and 0 < fps <= 1000):
            raise MediaError(f"fps must be above 0 and at most 1000 (got {fps}) to write {path}")
        kind = _kind(path)
        if not path.parent.is_dir():
            raise MediaError(
                f"the folder {path.parent} does not exist; make it to write {path.name}"
            )
        self.path, self.fps = path, fps
        self._stem = f".{path.stem}-{secrets.token_hex(4)}"
        part = path.with_name(f"{self._stem}.part{path.suffix}")
        self._sink = kind(part, fps=fps, options=options or Options())
        self._sum = hashlib.sha256()
        self._size: tuple[int, int] | None = None
        self.frames = 0

    def add(self, pictures: Pictures) -> None:
        """Take the next pictures, all of one size."""
        for picture in np.ascontiguousarray(pictures):
            height, width, _ = picture.shape
            self._size = self._size or (width, height)
            if (width, height) != self._size:
                raise MediaError(
                    f"{self.path} has frames of {self._size[0]}x{self._size[1]} and can't take one"
                    f" of {width}x{height}; resize the piece"
                )
            with plainly(f"{self.path} can't be written"):
                self._sink.add(picture)
            self._sum.update(picture)
            self.frames += 1

    def frames_sha256(self) -> str:
        """SHA-256 of all pictures taken so far."""
        return self._sum.hexdigest()

    def finish(self, record: Mapping[str, Any] | None) -> Path:
        """Close the file with its record (None: no record) and give it its name."""
        if not self.frames:
            raise MediaError(f"{self.path} would hold no frames; add at least one")
        text = None
        if record is not None:
            text = tags.packed({**record, "frames_sha256": self.frames_sha256()})
        with plainly(f"{self.path} can't be written"):
            self._sink.close(text)
            self._sink.part.replace(self.path)
        self.abandon()
        return self.path

    def abandon(self) -> None:
        """Remove whatever is unfinished; safe to call at any time, more than once."""
        self._sink.abandon()
        for rest in self.path.parent.glob(f"{self._stem}*"):
            if rest.is_dir():
                shutil.rmtree(rest)
            else:
                rest.unlink(missing_ok=True)


def write(
    path: str | Path,
    pictures: Pictures,
    *,
    fps: float,
    record: Mapping[str, Any] | None,
    options: Options | None = None,
) -> Path:
    """Write pictures to a file whose suffix names the format; record None leaves no metadata."""
    output = Output(Path(path), fps=fps, options=options)
    try:
        output.add(pictures)
        return output.finish(record)
    finally:
        output.abandon()


def _kind(path: Path) -> type[Sink]:
    from mutoscope.codecs import gif, still, video

    kinds: dict[str, type[Sink]] = {
        ".mp4": video.Mp4,
        ".gif": gif.Gif,
        ".png": still.Sheet,
    }
    kind = kinds.get(path.suffix.lower())
    if kind is None:
        raise MediaError(
            f"{path} names no format that can be written; end it in {', '.join(kinds)}"
        )
    return kind
