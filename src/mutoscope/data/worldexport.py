"""Clips of the world as files: a folder of samples, or shards that WebDataset reads.

A sample is `000000.mp4` (the clip, its scene and caption in its metadata), `.txt` (the caption),
`.json` (scene and rendering) and `.npz` (rgb and the truths asked for). Sample k of an order is a
pure function of the order and k, so any stretch of it can be written anywhere.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mutoscope import checked, codecs
from mutoscope.errors import DataError
from mutoscope.world.caption import caption
from mutoscope.world.render import TRUTHS, Render, render
from mutoscope.world.sample import known, numbered, sample
from mutoscope.world.scene import VERSION, Scene

CHEAP = ("ids", "boxes", "centres", "pose", "fov")
"""Truths that come with every render."""
KEYS = (*CHEAP, *TRUTHS)
RATES = checked.Span(low=0.01, high=1000)
"""Frames a second that an mp4 can have."""
MOST_PIXELS = 2**27
"""Pixels of the longest clip, about a minute of 512x512 at 8 fps; its truths fill 3 GB. Ours."""
_CAPTIONS = 7
"""Keeps the random numbers of captions apart from those of scenes."""


def truths(text: str) -> tuple[str, ...]:
    """The truths meant by "all", "none" or names parted by commas."""
    if text in ("all", "none"):
        return KEYS if text == "all" else ()
    names = tuple(dict.fromkeys(text.split(",")))
    unknown = [name for name in names if name not in KEYS]
    if unknown:
        raise DataError(f"no truth {unknown[0]!r}; use all, none or some of {', '.join(KEYS)}")
    return names


@dataclass(frozen=True, kw_only=True)
class Order:
    """What to export: which scenes, how many, how rendered, with which truths of KEYS.

    Sizes are even, as mp4 needs them. What can't be rendered is refused here, before any file is
    made.
    """

    seed: int
    count: int
    tier: str = "core"
    split: str = "train"
    size: tuple[int, int] = (128, 128)
    frames: int = 16
    fps: float | int = 8.0
    truth: tuple[str, ...] = KEYS

    def __post_init__(self) -> None:
        if self.count < 1:
            raise DataError(f"count must be at least 1 (got {self.count})")
        numbered(self.seed, self.count - 1)
        known(self.tier, self.split)
        checked.within("fps", self.fps, RATES)
        width, height = self.size
        if width < 8 or height < 8 or width % 2 or height % 2:
            raise DataError(f"size must be even and at least 8x8 (got {width}x{height})")
        if not 1 <= self.frames <= MOST_PIXELS // (width * height):
            raise DataError(
                f"a clip has at least 1 frame and at most {MOST_PIXELS} pixels in all "
                f"(got {self.frames} frames of {width}x{height}); make it shorter or smaller"
            )
        truths(",".join(self.truth) or "none")

    def scene(self, index: int) -> tuple[Scene, str]:
        """Scene and caption of a sample."""
        scene = sample(self.seed, index, tier=self.tier, split=self.split)
        numbers = np.random.SeedSequence((self.seed, index, _CAPTIONS))
        return scene, caption(scene, np.random.default_rng(numbers))

    def render(self, scene: Scene) -> Render:
        """A sample's clip with the truths asked for."""
        wanted = tuple(name for name in self.truth if name in TRUTHS)
        return render(scene, frames=self.frames, size=self.size, fps=self.fps, truth=wanted)


Progress = Callable[[int], None]
"""Told the number of samples written so far."""


def write_folder(order: Order, folder: Path, *, progress: Progress | None = None) -> list[Path]:
    """Write each sample as files of one stem; returns the clips' paths.

    Files are renamed into place when whole; a sample's clip comes last, so a clip that is there has
    all its companions.
    """
    made = []
    with _claimed(folder):
        for index in range(order.count):
            members = _members(order, index)
            for name, data in members:
                _part(folder / name).write_bytes(data)
            for name, _ in members:
                os.replace(_part(folder / name), folder / name)
            made.append(folder / f"{index:06d}.mp4")
            if progress is not None:
                progress(index + 1)
    return made


def write_shards(
    order: Order, folder: Path, *, per_shard: int = 1000, progress: Progress | None = None
) -> list[Path]:
    """Write tar files `world-000000.tar` ... of `per_shard` samples each; returns their paths."""
    if per_shard < 1:
        raise DataError(f"a shard holds at least 1 sample (got {per_shard})")
    made = []
    with _claimed(folder):
        for start in range(0, order.count, per_shard):
            path = folder / f"world-{start // per_shard:06d}.tar"
            with tarfile.open(_part(path), "w") as shard:
                for index in range(start, min(start + per_shard, order.count)):
                    for name, data in _members(order, index):
                        entry = tarfile.TarInfo(name)
                        entry.size = len(data)
                        shard.addfile(entry, io.BytesIO(data))
                    if progress is not None:
                        progress(index + 1)
            os.replace(_part(path), path)
            made.append(path)
    return made


def can_hold(folder: Path) -> None:
    """Refuse a folder that can't be made, because it or one above it is a file."""
    found = next(path for path in (folder, *folder.parents, Path("/")) if path.exists())
    if not found.is_dir():
        raise DataError(f"{found} is a file; name a folder to export the world into")


@contextmanager
def _claimed(folder: Path) -> Iterator[None]:
    """The folder is there inside; what stops the work takes drafts and folders left empty away."""
    can_hold(folder)
    new = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        for draft in folder.glob(".*.part"):
            draft.unlink()
        with suppress(OSError):
            for path in new:
                path.rmdir()
        raise


def _part(path: Path) -> Path:
    """Where a file is written until it is whole."""
    return path.with_name(f".{path.name}.part")


def _members(order: Order, index: int) -> list[tuple[str, bytes]]:
    """Names and contents of a sample's files, the clip last."""
    scene, text = order.scene(index)
    clip = order.render(scene)
    facts = {
        "world": VERSION,
        "index": index,
        "caption": text,
        "scene": json.loads(scene.to_json()),
        "order": asdict(order),
    }
    stem = f"{index:06d}"
    files = [
        (f"{stem}.txt", f"{text}\n".encode()),
        (f"{stem}.json", json.dumps(facts, indent=1, sort_keys=True).encode()),
    ]
    if order.truth:
        files.append((f"{stem}.npz", _packed(clip, order.truth)))
    said = ("seed", "tier", "split", "size", "frames", "fps")
    asked = {name: getattr(order, name) for name in said}
    record = {"prompt": text, "world": VERSION, "index": index, **asked, "scene": facts["scene"]}
    return [*files, (f"{stem}.mp4", _filmed(clip.rgb, order.fps, record))]


def _packed(clip: Render, names: tuple[str, ...]) -> bytes:
    """An npz of the clip and its truths, byte for byte the same every time."""
    file = io.BytesIO()
    np.savez_compressed(file, rgb=clip.rgb, **{name: getattr(clip, name) for name in names})
    return file.getvalue()


def _filmed(rgb: NDArray[np.uint8], fps: float | int, record: dict[str, object]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return codecs.write(
            Path(folder) / "clip.mp4", rgb, fps=float(fps), record=record
        ).read_bytes()
