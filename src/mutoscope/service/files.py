"""Sending a file that may be deleted meanwhile: it is opened before anything is said."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from starlette.responses import Response, StreamingResponse

from mutoscope.service.jobs import NotFoundError

PIECE = 1 << 18
"""Bytes sent at a time."""

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def sent(path: Path, type: str, *, name: str, span: str | None = None) -> Response:
    """A file, or the part of it that a Range header asks for; browsers seek in clips by that."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise NotFoundError("the files of this job are gone; it was deleted just now") from None
    size = os.fstat(file.fileno()).st_size
    headers = {"Accept-Ranges": "bytes", "Content-Disposition": f'attachment; filename="{name}"'}
    found = _wanted(span, size)
    if found is None:
        headers["Content-Length"] = str(size)
        return StreamingResponse(_pieces(file, 0, size), media_type=type, headers=headers)
    start, end = found
    if start >= end:
        file.close()
        return Response(status_code=416, headers={"Content-Range": f"bytes */{size}"})
    headers |= {
        "Content-Length": str(end - start),
        "Content-Range": f"bytes {start}-{end - 1}/{size}",
    }
    body = _pieces(file, start, end)
    return StreamingResponse(body, status_code=206, media_type=type, headers=headers)


def _wanted(span: str | None, size: int) -> tuple[int, int] | None:
    """From where to before where; the whole file for headers that we don't understand."""
    match = _RANGE.fullmatch(span or "")
    if match is None or match.group(0) == "bytes=-":
        return None
    first, last = match.groups()
    if not first:
        return max(0, size - int(last)), size
    return int(first), min(size, int(last) + 1) if last else size


def _pieces(file: BinaryIO, start: int, end: int) -> Iterator[bytes]:
    with file:
        file.seek(start)
        while start < end and (piece := file.read(min(PIECE, end - start))):
            start += len(piece)
            yield piece
