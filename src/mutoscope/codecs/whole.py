"""Is a file all there? Most containers say how long they are: a copy cut short gives itself away.

Decoders often shrug at a missing end and hand over fewer pictures; a clip that lost half its frames
must be refused instead.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from mutoscope.errors import MediaError

HEAD = 16
"""Bytes that tell the formats apart."""


def kind_of(head: bytes) -> str:
    """The format a file's first bytes announce: png, jpeg, gif, webp, mp4, mkv, avi or ''."""
    if head[:4] == b"RIFF":
        return {b"WEBP": "webp", b"AVI ": "avi"}.get(head[8:12], "")
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        return "mp4"
    starts = {
        b"\x89PNG\r\n\x1a\n": "png",
        b"\xff\xd8\xff": "jpeg",
        b"GIF8": "gif",
        b"\x1a\x45\xdf\xa3": "mkv",
    }
    return next((kind for start, kind in starts.items() if head.startswith(start)), "")


def check_whole(path: Path) -> str:
    """The format of a file, refused if the file ends before its container does."""
    size = path.stat().st_size
    with path.open("rb") as file:
        kind = kind_of(file.read(HEAD))
        file.seek(0)
        try:
            end = ENDS[kind](file) if kind in ENDS else 0
        except (struct.error, IndexError):
            end = size + 1
    if end > size:
        raise MediaError(f"{path} breaks off after {size} bytes; it was cut short, copy it again")
    return kind


def _end_of_riff(file: BinaryIO) -> int:
    return 8 + int(struct.unpack_from("<I", file.read(8), 4)[0])


def _end_of_boxes(file: BinaryIO) -> int:
    """mp4: boxes of (size, name), 1 for a 64-bit size, 0 for `until the end`."""
    place, end = 0, file.seek(0, 2)
    while place < end:
        file.seek(place)
        size, _ = struct.unpack(">I4s", file.read(8))
        if size == 1:
            (size,) = struct.unpack(">Q", file.read(8))
        elif size == 0:
            return end
        if size < 8:
            break
        place += size
    return place


def _end_of_segment(file: BinaryIO) -> int:
    """Matroska: a header, then one segment with everything; all ones for `not known`."""
    for name in (b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"):
        if file.read(4) != name:
            return 0
        first = file.read(1)[0]
        length = 9 - first.bit_length()
        size = int.from_bytes(bytes([first & (0xFF >> length)]) + file.read(length - 1), "big")
        if size == 2 ** (7 * length) - 1:
            return 0
        end = file.tell() + size
        file.seek(end)
    return end


def _end_of_gif(file: BinaryIO) -> int:
    """gif: a header, then blocks up to a semicolon."""
    flags = file.read(13)[10]
    file.seek(3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0, 1)
    while (mark := file.read(1)[0]) != 0x3B:
        if mark == 0x2C:  # a picture: place and size, its own colours, the width of a code
            flags = file.read(9)[8]
            file.seek((3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0) + 1, 1)
        elif mark == 0x21:
            file.seek(1, 1)
        else:
            return 0  # not a gif any more: the decoder has better words for it
        while length := file.read(1)[0]:
            file.seek(length, 1)
    return file.tell()


def _end_of_png(file: BinaryIO) -> int:
    """png: chunks of (size, name, body, sum) up to IEND."""
    file.seek(8)
    name = b""
    while name != b"IEND":
        size, name = struct.unpack(">I4s", file.read(8))
        file.seek(size + 4, 1)
    return file.tell()


ENDS: dict[str, Callable[[BinaryIO], int]] = {
    "png": _end_of_png,
    "gif": _end_of_gif,
    "webp": _end_of_riff,
    "avi": _end_of_riff,
    "mp4": _end_of_boxes,
    "mkv": _end_of_segment,
}
"""Where each container says it ends, in bytes from the start; 0 when it doesn't say."""
