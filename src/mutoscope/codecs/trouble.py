"""What a file may cost to read, and every foreign error as one sentence."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
from PIL import Image

from mutoscope.errors import MediaError


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much of a file may be read before it is refused; the numbers are ours.

    `pixels` bounds one picture as stored, `held` all pixels kept in memory together (each costs 3
    bytes, then 12 as a clip), `frames` the pictures kept, `size` the bytes of the file.
    """

    pixels: int = 50_000_000
    held: int = 250_000_000
    frames: int = 10_000
    size: int = 2_000_000_000

    def file(self, path: Path) -> None:
        """Refuse a file that is missing, empty or too large, before it is opened."""
        if not path.exists():
            raise MediaError(f"{path} does not exist; check the path")
        if not path.is_file():
            raise MediaError(f"{path} is not a file; give a picture, a video or a folder of frames")
        size = path.stat().st_size
        if size == 0:
            raise MediaError(f"{path} is empty (0 bytes); make or copy it again")
        if size > self.size:
            raise MediaError(
                f"{path} has {size} bytes, more than the limit of {self.size};"
                " cut it or raise Limits.size"
            )

    def picture(self, path: Path, width: int, height: int) -> None:
        """Refuse a picture that is too large, before it is decoded."""
        if width * height > self.pixels:
            raise MediaError(
                f"{path} has pictures of {width}x{height}, more than the limit of {self.pixels}"
                " pixels; make it smaller or raise Limits.pixels"
            )

    def kept(self, path: Path, frames: int, width: int, height: int) -> None:
        """Refuse to hold this many pictures of this size."""
        if frames > self.frames:
            raise MediaError(
                f"{path} has more than the limit of {self.frames} frames;"
                " ask for fewer with frames= or fps=, or raise Limits.frames"
            )
        if frames * width * height > self.held:
            raise MediaError(
                f"{path} needs more than the limit of {self.held} pixels in memory;"
                " ask for fewer frames or a smaller size, or raise Limits.held"
            )


FOREIGN = (
    av.FFmpegError, Image.DecompressionBombError, OSError, EOFError, SyntaxError, ValueError,
    IndexError, OverflowError, struct.error,
)  # fmt: skip
"""What PyAV, Pillow and the system raise on a broken file or a full disk."""


@contextmanager
def plainly(what: str, *, failed: bool = False) -> Iterator[None]:
    """Turn a foreign error into a MediaError of one sentence that starts with `what`."""
    try:
        yield
    except FOREIGN as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        if isinstance(error, EOFError):
            reason = "it holds no frames, or ends before them"
        sentence = f"{what} ({' '.join(str(reason).split())})"
        raise MediaError(sentence, failed=failed and isinstance(error, OSError)) from error
