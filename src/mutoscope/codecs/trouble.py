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

    `pixels` bounds one picture as stored, `held` all pixels kept in memory at once (each costs 3
    bytes, then 12 as a clip), `frames` the pictures kept, `size` the bytes of the file.
    """

    pixels: int = 50_000_000
    held: int = 250_000_000
    frames: int = 10_000
    size: int = 2_000_000_000

    def picture(self, name: str, width: int, height: int) -> None:
        """Refuse a picture that is too large, before it is decoded."""
        if width * height > self.pixels:
            raise MediaError(
                f"{name} has pictures of {width}x{height}, more than the limit of {self.pixels}"
                " pixels; make it smaller or raise Limits.pixels"
            )

    def file(self, path: Path) -> None:
        """Refuse a file that is missing, empty or too large, before it is opened."""
        if not path.is_file():
            raise MediaError(f"{path} is not a file; check the path")
        size = path.stat().st_size
        if size == 0:
            raise MediaError(f"{path} is empty (0 bytes); it was never written whole")
        if size > self.size:
            raise MediaError(
                f"{path} has {size} bytes, more than the limit of {self.size};"
                " cut it or raise Limits.size"
            )


@contextmanager
def plainly(what: str) -> Iterator[None]:
    """Turn what PyAV, Pillow and the system raise into a MediaError that starts with `what`."""
    try:
        yield
    except (
        av.FFmpegError, Image.DecompressionBombError, OSError, EOFError, SyntaxError, ValueError,
        struct.error, IndexError, OverflowError,
    ) as error:  # fmt: skip
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise MediaError(f"{what} ({' '.join(str(reason).split())})") from error
