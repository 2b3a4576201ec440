"""webp: an animation that loops for ever, lossless on request, its record in XMP.

A webp is RIFF: chunks of (name, size, body), bodies padded to even. Here `VP8X` says how large the
canvas is, `ANIM` how it loops, an `ANMF` a picture holds one still webp and its milliseconds, and
`XMP ` comes last. Put together by hand, since libwebp's own animator melts equal neighbours into
one long picture, and a clip would come back with fewer frames.
"""

from __future__ import annotations

import io
import struct
from pathlib import Path

from PIL import Image

from mutoscope.codecs import tags
from mutoscope.codecs.sink import Options, Picture, Sink
from mutoscope.codecs.video import rate_of, round_up

QUALITY = 92
"""Of lossy pictures, 0-100; ours."""

MOVES, HAS_XMP = 0x02, 0x04
"""Bits of VP8X."""

OPAQUE = 0x02
"""The bit of ANMF for `do not blend with what is underneath`."""


class Webp(Sink):
    """An animated webp; a still one for a single picture."""

    def __init__(self, part: Path, *, fps: float, options: Options) -> None:
        super().__init__(part, fps=fps, options=options)
        self._rate = rate_of(fps)
        self._file = part.open("w+b")
        self._size = b""
        self._count = 0

    def add(self, picture: Picture) -> None:
        """Compress the next picture and append it."""
        if not self._count:
            self._size = _small(picture.shape[1] - 1) + _small(picture.shape[0] - 1)
            self._file.write(self._head(0))
        start, end = (round_up(1000 * (self._count + more) / self._rate) for more in (0, 1))
        place = _small(0) + _small(0) + self._size + _small(end - start) + bytes([OPAQUE])
        self._file.write(_chunk(b"ANMF", place + self._still(picture)))
        self._count += 1

    def close(self, record: str | None) -> None:
        """Append the record, then say in front how long it all is."""
        flags = MOVES
        if record is not None:
            self._file.write(_chunk(b"XMP ", tags.to_xmp(record)))
            flags |= HAS_XMP
        length = self._file.tell()
        self._file.seek(0)
        self._file.write(self._head(length - 8, flags))
        self._file.close()

    def abandon(self) -> None:
        """Close the file."""
        self._file.close()

    def _head(self, length: int, flags: int = MOVES) -> bytes:
        canvas = _chunk(b"VP8X", bytes([flags, 0, 0, 0]) + self._size)
        loops = _chunk(b"ANIM", b"\xff\xff\xff\xff" + struct.pack("<H", 0))
        return b"RIFF" + struct.pack("<I", length) + b"WEBP" + canvas + loops

    def _still(self, picture: Picture) -> bytes:
        """The picture's own chunk, out of the RIFF that Pillow wraps it in."""
        file = io.BytesIO()
        Image.fromarray(picture).save(
            file, format="webp", lossless=self.options.lossless, quality=QUALITY
        )
        return file.getvalue()[12:]


def _small(value: int) -> bytes:
    """A number in the three bytes webp gives it."""
    return value.to_bytes(3, "little")


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
