"""Stickers with Unicode names, 734 of 1,871 animated, read from four MIT npm packages.

Source: Microsoft Fluent Emoji as packaged in `@lobehub/fluent-emoji-anim-{1..4}` 1.0.0 (MIT).
The packages (730 MB) are fetched once by `npm pack` into the cache folder and decoded once into one
memory-mapped array: (sticker, frame, height, width, RGBA), 24 frames at 8 per second.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, UInt8
from PIL import Image

from mutoscope.errors import DataError

PACKAGES = tuple(f"@lobehub/fluent-emoji-anim-{i}@1.0.0" for i in (1, 2, 3, 4))
SIDE, FRAMES, FPS = 128, 24, 8.0
SKIN_TONES = frozenset(f"1f3f{i}" for i in "bcdef")


MISSING = "the stickers (730 MB) are fetched by npm, which isn't installed; install npm"


@dataclass(frozen=True)
class Stickers:
    """All stickers: their names, and RGBA frames that are read from disk as they are used."""

    names: tuple[str, ...]
    frames: UInt8[np.ndarray, "sticker time side side 4"]
    animated: Bool[np.ndarray, " sticker"]


def load(cache: Path) -> Stickers:
    """The stickers, fetched and decoded into `cache` first if they aren't there yet."""
    folder = cache / "stickers-128"
    if not (folder / "names.txt").exists():
        _decode(cache, folder)
    names = tuple((folder / "names.txt").read_text().splitlines())
    frames = np.load(folder / "frames.npy", mmap_mode="r")
    return Stickers(names, frames, np.load(folder / "animated.npy"))


def obtainable(cache: Path) -> bool:
    """Whether `load` will do: they are in `cache`, or npm is here to fetch them."""
    here = (cache / "stickers-128" / "names.txt").exists()
    return here or shutil.which("npm") is not None or not _lacking(cache)


def name_of(stem: str) -> str:
    """The Unicode name of a file stem such as `1f468-200d-1f33e`: "man, sheaf of rice"."""
    points = [int(p, 16) for p in _points(stem)]
    words = [unicodedata.name(chr(p), "").lower() for p in points if p not in (0x200D, 0xFE0F)]
    return ", ".join(word for word in words if word) or stem


def _points(stem: str) -> list[str]:
    return stem.replace("_", "-").split("-")


def _decode(cache: Path, folder: Path) -> None:
    members = [m for archive in _archives(cache) for m in _members(archive)]
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    shape = (len(members), FRAMES, SIDE, SIDE, 4)
    out = np.lib.format.open_memmap(part / "frames.npy", mode="w+", dtype=np.uint8, shape=shape)
    animated = np.zeros(len(members), np.bool_)
    for i, (_, data) in enumerate(members):
        out[i], animated[i] = _frames(data)
    out.flush()
    np.save(part / "animated.npy", animated)
    (part / "names.txt").write_text("\n".join(name_of(stem) for stem, _ in members) + "\n")
    os.replace(part, folder)


def _archives(cache: Path) -> list[Path]:
    folder = cache / "npm"
    folder.mkdir(parents=True, exist_ok=True)
    npm = shutil.which("npm")
    for package, path in _lacking(cache).items():
        if npm is None:
            raise DataError(f"{MISSING}, or put {package} at {path}", failed=True)
        subprocess.run([npm, "pack", package, "--silent"], cwd=folder, check=True)
    return list(_places(cache).values())


def _places(cache: Path) -> dict[str, Path]:
    names = {p: p[1:].replace("/", "-").replace("@", "-") + ".tgz" for p in PACKAGES}
    return {package: cache / "npm" / name for package, name in names.items()}


def _lacking(cache: Path) -> dict[str, Path]:
    return {package: path for package, path in _places(cache).items() if not path.exists()}


def _members(archive: Path) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(archive) as tar:
        for member in sorted(tar.getmembers(), key=lambda m: m.name):
            stem, suffix = os.path.splitext(os.path.basename(member.name))
            stream = tar.extractfile(member) if suffix == ".webp" else None
            if stream is not None and not SKIN_TONES & set(_points(stem)):
                yield stem, stream.read()


def _frames(data: bytes) -> tuple[UInt8[np.ndarray, "time side side 4"], bool]:
    with Image.open(io.BytesIO(data)) as image:
        total = getattr(image, "n_frames", 1)
        out = np.empty((FRAMES, SIDE, SIDE, 4), np.uint8)
        for k in range(FRAMES):
            image.seek(k * total // FRAMES)
            small = image.convert("RGBA").resize((SIDE, SIDE), Image.Resampling.BOX)
            out[k] = np.asarray(small)
    return out, total > 1
