"""Small clips of the world with their truth, rendered once into memory-mapped files.

A cache is a folder of chunks; a chunk depends on its own number and the recipe alone, so building
can be stopped anywhere and goes on where it was. Clips are T H W 3 bytes; `ids` says what each
pixel shows (0 = stage, k = thing k - 1); scenes are lines of JSON, so labels never go stale.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import UInt8
from rich.progress import track

from mutoscope.world.render import render
from mutoscope.world.sample import sample
from mutoscope.world.scene import VERSION, Scene

CHUNK = 500


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What a cache holds: `frames` instants at `fps`, `side` pixels square.

    With `fine` the clip is rendered at twice the side and averaged down, which is how a reader sees
    a clip of the shipped size. With `unseen` all have a pair of words that the train split lacks.
    """

    seed: int
    split: Literal["train", "validation", "test"] = "train"
    tier: str = "core"
    frames: int = 8
    fps: float = 4.0
    side: int = 64
    fine: bool = False
    unseen: bool = False

    def folder(self, cache: Path) -> Path:
        """Where such clips are kept under a cache folder."""
        kind = ("fine" if self.fine else "plain") + ("-unseen" if self.unseen else "")
        shape = f"{self.frames}x{self.side}at{self.fps:g}"
        name = f"{self.tier}-{self.split}-{self.seed}-{shape}-{kind}"
        return cache / f"readers-{VERSION}" / name

    def make(self, index: int) -> tuple[Scene, UInt8[np.ndarray, "T H W 3"], np.ndarray]:
        """Scene, frames and ids of one item."""
        scene = sample(self.seed, index, tier=self.tier, split=self.split, unseen=self.unseen)
        side = self.side * (2 if self.fine else 1)
        made = render(scene, frames=self.frames, size=(side, side), fps=self.fps)
        if not self.fine:
            return scene, made.rgb, made.ids
        return scene, halved(made.rgb), made.ids[:, 1::2, 1::2]


@dataclass(frozen=True)
class Rendered:
    """A cache that can be read."""

    rgb: Sequence[UInt8[np.ndarray, "n T H W 3"]]
    ids: Sequence[UInt8[np.ndarray, "n T H W"]]
    scenes: Sequence[Scene]

    def __len__(self) -> int:
        return len(self.scenes)

    def pick(
        self, rows: Sequence[int]
    ) -> tuple[UInt8[np.ndarray, "b T H W 3"], UInt8[np.ndarray, "b T H W"], list[Scene]]:
        """Clips, ids and scenes of some items."""
        rgb = np.stack([self.rgb[i // CHUNK][i % CHUNK] for i in rows])
        ids = np.stack([self.ids[i // CHUNK][i % CHUNK] for i in rows])
        return rgb, ids, [self.scenes[i] for i in rows]


def halved(rgb: UInt8[np.ndarray, "T H W 3"]) -> UInt8[np.ndarray, "T h w 3"]:
    """Frames at half the size, each pixel the mean of four."""
    t, h, w, _ = rgb.shape
    blocks = rgb.reshape(t, h // 2, 2, w // 2, 2, 3)
    return (blocks.mean((2, 4)) + 0.5).astype(np.uint8)


def build(cache: Path, recipe: Recipe, count: int) -> Rendered:
    """The first `count` items (rounded up to whole chunks), rendered where they are missing."""
    folder = recipe.folder(cache)
    chunks = [folder / f"{k:05d}" for k in range(-(-count // CHUNK))]
    missing = [k for k, path in enumerate(chunks) if not path.exists()]
    for k in track(missing, description=f"rendering {folder.name}", disable=not missing):
        _chunk(chunks[k], recipe, k)
    scenes = [
        Scene.from_json(line)
        for path in chunks
        for line in (path / "scenes.jsonl").read_text().splitlines()
    ]
    rgb, ids = (
        [np.load(path / f"{name}.npy", mmap_mode="r") for path in chunks] for name in ("rgb", "ids")
    )
    return Rendered(rgb, ids, scenes)


def _chunk(path: Path, recipe: Recipe, number: int) -> None:
    items = [recipe.make(i) for i in range(number * CHUNK, (number + 1) * CHUNK)]
    part = path.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    np.save(part / "rgb.npy", np.stack([rgb for _, rgb, _ in items]))
    np.save(part / "ids.npy", np.stack([ids for _, _, ids in items]))
    (part / "scenes.jsonl").write_text("".join(f"{s.to_json()}\n" for s, _, _ in items))
    os.replace(part, path)
