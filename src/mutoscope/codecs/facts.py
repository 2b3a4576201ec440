"""What a file says about itself, without decoding it: size, length, codec, record."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mutoscope.codecs import tags
from mutoscope.codecs.source import PILLOW, Source, moving, opened, pictured
from mutoscope.codecs.trouble import Limits, plainly


@dataclass(frozen=True, kw_only=True)
class Facts:
    """A file in numbers: format, codec, (W, H), frames, their rate, bytes; and its record."""

    format: str
    codec: str
    size: tuple[int, int]
    frames: int
    fps: float
    bytes: int
    record: dict[str, Any]


def probe(path: Path, *, limits: Limits | None = None) -> Facts:
    """The facts of a file; a folder or an animated picture is read through to count."""
    source = Source(path, limits=limits, background=(0, 0, 0), rate=1.0 if path.is_dir() else None)
    record = read_record(path)
    if source.kind == "folder" or source.kind in PILLOW:
        times, end, size = [], 0.0, (0, 0)
        for seen in source.shown():
            times.append(seen.time)
            end, size = seen.until, (seen.picture.shape[1], seen.picture.shape[0])
        return Facts(
            format=source.kind,
            codec="png" if source.kind == "folder" else source.kind,
            size=size,
            frames=len(times),
            fps=source.rate(times, end),
            bytes=_bytes(path),
            record=record,
        )
    with plainly(f"{path} can't be read as a video"), opened(path) as container:
        stream = moving(container, path)
        packets = sum(1 for packet in container.demux(stream) if packet.size)
        return Facts(
            format=source.kind,
            codec=stream.codec_context.name,
            size=(stream.width, stream.height),
            frames=packets,
            fps=float(stream.average_rate or stream.guessed_rate or 25),
            bytes=_bytes(path),
            record=record,
        )


def read_record(path: Path, *, limits: Limits | None = None) -> dict[str, Any]:
    """The record in a file; empty when it carries none."""
    source = Source(path, limits=limits)
    with plainly(f"{path} can't be read"):
        if source.kind == "folder":
            place = path / tags.FOLDER
            return tags.unpacked(place.read_text(encoding="utf-8")) if place.is_file() else {}
        if source.kind in PILLOW:
            texts = _texts(path, PILLOW[source.kind])
        else:
            with opened(path) as container:
                said = {key.lower(): value for key, value in container.metadata.items()}
            texts = [said.get(tags.OWN, ""), said.get("comment", "")]
    return next((record for record in map(tags.unpacked, texts) if record), {})


def _texts(path: Path, format: str) -> list[str]:
    with pictured(path, format) as image:
        said = image.info
        comment = said.get("comment", b"")
        return [
            str(said.get(tags.OWN, "")),
            str(said.get("Comment", "")),
            tags.from_xmp(said.get("xmp", b"")),
            comment.decode(errors="replace") if isinstance(comment, bytes) else str(comment),
        ]


def _bytes(path: Path) -> int:
    parts = path.iterdir() if path.is_dir() else [path]
    return sum(part.stat().st_size for part in parts)
