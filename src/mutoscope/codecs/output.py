"""A file that is being written: pieces in, one whole file out, or nothing at all.

Every format writes to a hidden name beside the file and is renamed when it is whole. Memory does
not grow with the number of pieces, except for a png sheet, which is one picture of all of them.
"""

from __future__ import annotations

import hashlib
import math
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mutoscope.codecs import tags
from mutoscope.codecs.gif import Gif
from mutoscope.codecs.sink import Options, Pictures, Sink
from mutoscope.codecs.still import Folder, Sheet
from mutoscope.codecs.trouble import plainly
from mutoscope.codecs.video import Mp4, Webm
from mutoscope.codecs.webp import Webp
from mutoscope.errors import MediaError

KINDS: dict[str, type[Sink]] = {
    ".mp4": Mp4,
    ".webm": Webm,
    ".gif": Gif,
    ".webp": Webp,
    ".png": Sheet,
    "": Folder,
}
"""What a path's suffix says: png is a sheet, no suffix a folder of frames."""


class Output:
    """A file taking pieces of `T H W 3`; whole after `finish`, gone after `abandon`."""

    def __init__(self, path: Path, *, fps: float, options: Options | None = None) -> None:
        kind = KINDS.get(path.suffix.lower())
        if kind is None:
            known = ", ".join(suffix for suffix in KINDS if suffix)
            raise MediaError(
                f"{path} names no format that can be written; end it in {known}, or in nothing for"
                " a folder of frames"
            )
        if not (math.isfinite(fps) and 0.01 <= fps <= 1000):
            raise MediaError(f"fps must be 0.01 to 1000 to write {path} (got {fps:g})")
        if not path.parent.is_dir():
            raise MediaError(f"{path} can't be written: make the folder {path.parent} first")
        if path.is_dir() and (kind is not Folder or any(path.iterdir())):
            raise MediaError(f"{path} is a folder that is not empty; name a new one or empty it")
        if kind is Folder and path.is_file():
            raise MediaError(f"{path} is a file; name a new folder or give the file a suffix")
        self.path, self.fps, self.frames = path, fps, 0
        self._stem = f".{path.stem}-{secrets.token_hex(4)}"
        with plainly(f"{path} can't be written", failed=True):
            part = path.with_name(f"{self._stem}{path.suffix.lower()}")
            self._sink = kind(part, fps=fps, options=options or Options())
            part.touch()  # some sinks open their file late: what can't be written is found now
        self._sum = hashlib.sha256()
        self._size: tuple[int, int] | None = None

    def add(self, pictures: Pictures) -> None:
        """Take the next pictures, all of one size."""
        for picture in np.ascontiguousarray(pictures):
            size = picture.shape[1], picture.shape[0]
            self._size = self._size or size
            if size != self._size:
                raise MediaError(
                    f"{self.path} has frames of {self._size[0]}x{self._size[1]} and can't take one"
                    f" of {size[0]}x{size[1]}; resize the piece"
                )
            with plainly(f"{self.path} can't be written", failed=True):
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
        with plainly(f"{self.path} can't be written", failed=True):
            self._sink.close(text)
            self._sink.part.replace(self.path)
        self.abandon()
        return self.path

    def abandon(self) -> None:
        """Remove whatever is unfinished; may be called at any time, more than once."""
        self._sink.abandon()
        for rest in self.path.parent.glob(f"{_plain(self._stem)}*"):
            if rest.is_dir():
                shutil.rmtree(rest, ignore_errors=True)
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


def _plain(name: str) -> str:
    """A name for `glob` that means itself."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
