"""Files <-> clips: mp4, gif, png, with the record of the run inside the file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mutoscope import codecs
from mutoscope.clip import Clip, only
from mutoscope.codecs import Limits, read_record
from mutoscope.errors import MediaError

__all__ = ["Limits", "read", "read_record", "write"]


def write(
    clip: Clip, path: str | Path, *, record: Mapping[str, Any] | None = None, metadata: bool = True
) -> Path:
    """Write one clip to a file whose suffix names the format.

    `record` (else the clip's own) goes into the file's metadata together with `frames_sha256`;
    `metadata=False` leaves none.
    """
    kept = dict(clip.record if record is None else record) if metadata else None
    return codecs.write(path, only(clip).uint8()[0], fps=clip.fps, record=kept)


def read(path: str | Path, *, limits: Limits | None = None) -> Clip:
    """The clip in a file, with the record it carries."""
    source = codecs.Source(Path(path), limits=limits or Limits())
    frames = [picture for _, picture in source.pictures()]
    if not frames:
        raise MediaError(f"{path} holds no frames")
    return Clip.from_uint8(np.stack(frames)[None], fps=source.fps, record=read_record(Path(path)))
