"""Finished jobs on disk: a folder a job, whole or not there; of a tuning a second, of weights.

    .NAME.part/  written and synced   ->  NAME/  by one rename   ->  the store says so

A folder that no row of the store names is left over from a worker that died between the last two,
and is removed when the service starts. Every file carries the record.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from mutoscope import codecs
from mutoscope.clip import Clip, only
from mutoscope.errors import MutoscopeError
from mutoscope.service.jobs import File

TYPES = {".mp4": "video/mp4", ".webp": "image/webp", ".png": "image/png"}

STILL = codecs.Options(lossless=True)
"""How a thumbnail is written."""

RECORD = "record.json"
"""The file with the record alone."""

SHEET = "sheet.png"
"""The file with the last samples of a tuning."""


class StorageError(MutoscopeError):
    """A result can't be stored: the disk is full, read-only or gone."""


def kept(results: Path, name: str, clip: Clip, record: Mapping[str, Any]) -> dict[str, File]:
    """Write a clip's files into `results / name`; there afterwards, even after a power cut."""
    draft = results / f".{name}.part"
    with _storing(draft):
        _begun(results, name)
        files = _written(draft, clip, record)
        _ended(results, name)
    return files


def filmed(
    results: Path, name: str, pieces: Iterable[Clip], tell: Callable[[Clip, str], Mapping[str, Any]]
) -> tuple[dict[str, File], Mapping[str, Any]]:
    """The same of a film, piece by piece, so that one is held at a time; and its record.

    `tell` gives that, told the last piece and the SHA-256 of all frames. The sheet has the first
    frame of every piece.
    """
    draft = results / f".{name}.part"
    outputs: dict[str, codecs.Output] = {}
    try:
        with _storing(draft):
            _begun(results, name)
        for piece in pieces:  # what goes wrong in here is the system's
            pictures = only(piece).uint8()[0]
            with _storing(draft):
                outputs = outputs or _outputs(draft, piece.fps)
                outputs["video"].add(pictures)
                outputs["spritesheet"].add(pictures[:1])
                outputs["thumbnail"].add(pictures[: 1 - outputs["thumbnail"].frames])
        record = tell(piece, outputs["video"].frames_sha256())
        with _storing(draft):
            files = {variant: _stored(one, record) for variant, one in outputs.items()}
            _noted(draft, record)
            _ended(results, name)
    finally:
        for one in outputs.values():
            one.abandon()
        shutil.rmtree(draft, ignore_errors=True)
    return files, record


def drawn(
    results: Path, name: str, picture: UInt8[np.ndarray, "H W 3"], record: Mapping[str, Any]
) -> dict[str, File]:
    """The same of a tuning: its sheet of samples."""
    draft = results / f".{name}.part"
    with _storing(draft):
        _begun(results, name)
        codecs.write(draft / SHEET, picture[None], fps=1.0, record=record)
        files = {"sheet": _file(draft / SHEET)}
        _noted(draft, record)
        _ended(results, name)
    return files


def copied(place: Path, name: str, sources: Iterable[Path]) -> None:
    """Copy folders of files into `place / name`; there afterwards, even after a power cut."""
    draft = place / f".{name}.part"
    with _storing(draft):
        _begun(place, name)
        for source in sources:
            target = draft / source.name
            shutil.copytree(source, target)
            for path in (*target.iterdir(), target):
                synced(path)
        _ended(place, name)


def check(results: Path) -> None:
    """Refuse with StorageError what couldn't be stored anyhow: tried with one byte."""
    try:
        with tempfile.TemporaryFile(dir=results, prefix=".check-") as file:
            file.write(b"x")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise StorageError(
            "results can't be stored, because the service's disk is full or can't be written"
        ) from error


def synced(path: Path) -> None:
    """Make sure that what was written there survives a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def dropped(results: Path, name: str) -> None:
    """Remove one folder that nobody will ask for."""
    shutil.rmtree(results / name, ignore_errors=True)


def removed(places: Iterable[Path], previews: Path, jobs: Iterable[str]) -> None:
    """Remove all files of these jobs from the folders where they may be."""
    gone = set(jobs)
    for path in (path for place in places for path in place.iterdir()):
        if _job(path) in gone:
            shutil.rmtree(path, ignore_errors=True)
    for job in gone:
        unshown(previews, job)


def unshown(previews: Path, job: str) -> None:
    """Remove the preview of a job; on a disk that can't be written it stays until it can."""
    with suppress(OSError):
        (previews / f"{job}.webp").unlink(missing_ok=True)


def swept(place: Path, named: set[str]) -> int:
    """Remove whatever no job names; only while nothing is being written. How much that was."""
    left = [path for path in place.iterdir() if path.name not in named]
    for path in left:
        shutil.rmtree(path, ignore_errors=True)
        with suppress(OSError):
            path.unlink(missing_ok=True)
    return len(left)


def _written(folder: Path, clip: Clip, record: Mapping[str, Any]) -> dict[str, File]:
    """The variants: the clip (a picture if it has one frame), its first frame, all frames.

    Written and synced side by side, since whoever encodes or waits for the disk needs no other.
    """
    pictures = only(clip).uint8()[0]
    wanted = {
        "video": ("video.mp4" if len(pictures) > 1 else "picture.png", pictures, None),
        "thumbnail": ("thumbnail.webp", pictures[:1], STILL),
        "spritesheet": ("spritesheet.png", pictures, None),
    }

    def write(variant: str) -> File:
        name, shown, options = wanted[variant]
        path = folder / name
        codecs.write(path, shown, fps=clip.fps, record=record, options=options)
        return _file(path)

    with ThreadPoolExecutor(len(wanted) + 1, thread_name_prefix="write") as pool:
        noted = pool.submit(_noted, folder, record)
        files = dict(zip(wanted, pool.map(write, wanted), strict=True))
        noted.result()
    return files


def _outputs(folder: Path, fps: float) -> dict[str, codecs.Output]:
    """The variants of a film, open."""
    wanted = {
        "video": ("video.mp4", None),
        "thumbnail": ("thumbnail.webp", STILL),
        "spritesheet": ("spritesheet.png", None),
    }
    return {
        variant: codecs.Output(folder / name, fps=fps, options=options)
        for variant, (name, options) in wanted.items()
    }


def _stored(output: codecs.Output, record: Mapping[str, Any]) -> File:
    return _file(output.finish(record))


def _file(path: Path) -> File:
    synced(path)
    return File(name=path.name, type=TYPES[path.suffix], bytes=path.stat().st_size)


def _noted(folder: Path, record: Mapping[str, Any]) -> None:
    (folder / RECORD).write_text(json.dumps(dict(record)), encoding="utf-8")
    synced(folder / RECORD)


def _begun(results: Path, name: str) -> None:
    """An empty folder to write into."""
    for old in (results / f".{name}.part", results / name):
        shutil.rmtree(old, ignore_errors=True)
    (results / f".{name}.part").mkdir(mode=0o700)


def _ended(results: Path, name: str) -> None:
    """The folder under its name, whole."""
    draft = results / f".{name}.part"
    synced(draft)
    draft.rename(results / name)
    synced(results)


@contextmanager
def _storing(draft: Path) -> Iterator[None]:
    """Whatever goes wrong inside, as a StorageError; nothing is left of the draft then."""
    try:
        yield
    except (OSError, MutoscopeError) as error:
        shutil.rmtree(draft, ignore_errors=True)
        raise StorageError(
            "the result can't be stored, because the service's disk is full or can't be written;"
            " ask again when there is room"
        ) from error


def _job(path: Path) -> str:
    """The job that a folder, finished or not, belongs to."""
    return path.name.removeprefix(".").rpartition("-")[0]
