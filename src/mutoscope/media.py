"""Files <-> clips: mp4, webm, gif, webp, png and folders of frames, with their record inside.

A file is written under a hidden name and renamed when it is whole: whatever happens on the way,
Ctrl-C included, no half file is left. Reading resizes, crops, pads or drops nothing unless asked
to, and answers anything it can't read whole with one sentence, a MediaError.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor

from mutoscope import codecs
from mutoscope.checked import Number
from mutoscope.clip import Clip, only
from mutoscope.codecs import Codec, Facts, Fit, Limits, Options, tags
from mutoscope.codecs.source import fitted, frames_in, resampled
from mutoscope.errors import MediaError

__all__ = [
    "Facts",
    "Limits",
    "Motion",
    "Options",
    "Writer",
    "check",
    "motion_vectors",
    "probe",
    "read",
    "read_record",
    "sha256",
    "stored",
    "write",
]


def write(
    clip: Clip,
    path: str | Path,
    *,
    record: Mapping[str, Any] | None = None,
    metadata: bool = True,
    options: Options | None = None,
) -> Path:
    """Write one clip to a file whose suffix names the format; no suffix is a folder of frames.

    `record` (else the clip's own) goes into the file together with `frames_sha256`;
    `metadata=False` leaves none of it.
    """
    kept = dict(clip.record if record is None else record) if metadata else None
    return codecs.write(path, only(clip).uint8()[0], fps=clip.fps, record=kept, options=options)


def check(
    path: str | Path, *, size: tuple[int, int], fps: Number, options: Options | None = None
) -> None:
    """Refuse, before an hour of work, what `write` would refuse after it: tries with one frame."""
    output = codecs.Output(Path(path), fps=float(fps), options=options)
    try:
        output.add(np.zeros((1, size[1], size[0], 3), np.uint8))
    finally:
        output.abandon()


class Writer:
    """A file taking a clip in pieces, in constant memory; whole when its `with` ends well.

    `record` may be replaced until then.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        fps: Number,
        record: Mapping[str, Any] | None = None,
        metadata: bool = True,
        options: Options | None = None,
    ) -> None:
        self.path, self.fps, self.record = Path(path), float(fps), dict(record or {})
        self._metadata = metadata
        self._output = codecs.Output(self.path, fps=self.fps, options=options)

    @property
    def frames(self) -> int:
        """How many frames were taken so far."""
        return self._output.frames

    def add(self, piece: Clip) -> None:
        """Take the next piece."""
        if piece.fps != self.fps:
            raise MediaError(
                f"{self.path} plays {self.fps:g} fps and can't take a piece of {piece.fps:g}"
            )
        self._output.add(only(piece).uint8()[0])

    def frames_sha256(self) -> str:
        """SHA-256 of all frames taken so far, as `Clip.frames_sha256` of the whole."""
        return self._output.frames_sha256()

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._output.finish(self.record if self._metadata else None)
        finally:
            self._output.abandon()


def read(
    path: str | Path,
    *,
    size: tuple[int, int] | None = None,
    fit: Fit | None = None,
    fps: Number | None = None,
    frames: int | None = None,
    background: tuple[int, int, int] | None = None,
    limits: Limits | None = None,
) -> Clip:
    """The clip in a file or a folder of frames, with the record it carries; a picture has T = 1.

    - `size` (W, H) resizes; if the shape differs `fit` must say "crop", "pad" or "stretch".
    - `fps` shows, at each of its instants, the frame nearest in time; a picture, or a folder that
      doesn't say its own rate, takes it as it is. A picture without `fps` gets 1.
    - `frames` keeps that many from the start, and refuses a file that has fewer.
    - `background` is laid under transparent pixels, which are refused without it.
    """
    _check(size, fps, frames)
    path, limits = Path(path), limits or Limits()
    fps = None if fps is None else float(fps)
    source = codecs.Source(
        path, rate=fps if path.is_dir() else None, background=background, limits=limits
    )
    times: list[float] = []
    kept: list[codecs.Picture] = []
    end = 0.0
    with closing(source.shown()) as shown:
        steps = resampled(shown, fps) if fps else shown
        for seen in islice(steps, frames):
            kept.append(fitted(seen.picture, size, fit, path) if size else seen.picture)
            times.append(seen.time)
            end = seen.until
            _check_kept(kept, path, limits)
    if frames is not None and len(kept) < frames:
        raise MediaError(f"{path} has {len(kept)} frames here (asked for {frames}); ask for fewer")
    rate = fps or source.rate([time - times[0] for time in times], end - times[0])
    return Clip.from_uint8(np.stack(kept)[None], fps=rate, record=read_record(path))


def read_record(path: str | Path) -> dict[str, Any]:
    """The record in a file; empty when it carries none."""
    return codecs.read_record(Path(path))


def probe(path: str | Path) -> Facts:
    """What a file says of itself: format, codec, size, frames, rate, record."""
    return codecs.probe(Path(path))


def sha256(path: str | Path) -> str:
    """SHA-256 of a file; of a folder that of the SHA-256 (32 bytes each) of its frames in order.

    What the folder says of itself (its rate) comes last, as one more.
    """
    path = Path(path)
    if not path.is_dir():
        return _hashed(path).hex()
    told = path / tags.FOLDER
    parts = [*frames_in(path), *([told] if told.is_file() else [])]
    return hashlib.sha256(b"".join(map(_hashed, parts))).hexdigest()


def stored(clip: Clip, suffix: str) -> Clip:
    """The clip as whoever reads a file of that suffix (".mp4") gets it: after its codec's loss."""
    with tempfile.TemporaryDirectory() as folder:
        return read(write(clip, Path(folder, f"clip{suffix}"), metadata=False), fps=clip.fps)


@dataclass(frozen=True, kw_only=True)
class Motion:
    """Flow from each frame to the next, in pixels, x right and y down, anchored at the source.

    Where `known` is false the codec had no vector and `flow` is 0.
    """

    flow: Float[Tensor, "1 2 pairs H W"]
    known: Bool[Tensor, "1 1 pairs H W"]


def motion_vectors(source: str | Path | Clip, *, codec: Codec = "h264") -> Motion:
    """The motion a video codec sees in a clip or a file; see `mutoscope.codecs.vectors`."""
    clip = source if isinstance(source, Clip) else read(source)
    flow, known = codecs.motion_vectors(only(clip).uint8()[0], codec)
    return Motion(
        flow=rearrange(torch.from_numpy(flow), "pairs H W xy -> 1 xy pairs H W"),
        known=rearrange(torch.from_numpy(known), "pairs H W -> 1 1 pairs H W"),
    )


def _hashed(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _check(size: tuple[int, int] | None, fps: Number | None, frames: int | None) -> None:
    if size is not None and min(size) < 1:
        raise MediaError(f"size must be at least 1x1 (got {size[0]}x{size[1]})")
    if fps is not None and not 0.01 <= fps <= 1000:
        raise MediaError(f"fps must be 0.01 to 1000 (got {fps:g})")
    if frames is not None and frames < 1:
        raise MediaError(f"frames must be at least 1 (got {frames})")


def _check_kept(kept: list[codecs.Picture], path: Path, limits: Limits) -> None:
    height, width, _ = kept[-1].shape
    if kept[0].shape != kept[-1].shape:
        raise MediaError(f"{path} changes its size to {width}x{height} on the way; pass size=")
    limits.kept(path, len(kept), width, height)
