"""Small clips of the world with what is true of every pixel, rendered once into mapped files.

A cache is a folder of chunks; a chunk depends on its own number and the recipe alone, so building
can be stopped anywhere and goes on where it was. Of a clip of T H W it holds `rgb`; `marks`, a byte
a pixel: the id below MARK, OCCLUDED and LINE; `depth` in metres as float16, the sky inf; `flow` of
each frame but the last as float16, in pixels of a side of `side`, clipped to that side. Scenes are
lines of JSON.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache as once
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Bool, Float, UInt8
from rich.progress import track
from torch import Tensor

from mutoscope.autoencoders import FrameAutoencoder
from mutoscope.data.rendered import halved
from mutoscope.world.render import Render, render
from mutoscope.world.sample import sample
from mutoscope.world.scene import VERSION, Scene
from mutoscope.zoo import load_part, sha256

CHUNK = 64
MARK, OCCLUDED, LINE = 16, 64, 128
"""Ids are below the first; the others are bits of `marks`."""
TITLE = "rendering clips and what is true of them"
FURTHEST = 6e4
"""Metres that float16 can hold."""
ARRAYS = ("rgb", "marks", "depth", "flow")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What a cache holds: `frames` instants at `fps`, `side` pixels square.

    With `fine` the pictures are rendered at twice the side and averaged down, which is how a reader
    sees a clip of the shipped size; with `coded` they go through the shipped autoencoder before.
    """

    seed: int
    split: Literal["train", "validation", "test"] = "train"
    tier: str = "core"
    frames: int = 15
    fps: float = 8.0
    side: int = 64
    fine: bool = False
    coded: bool = False

    def folder(self, cache: Path) -> Path:
        """Where such clips are kept under a cache folder."""
        kind = "fine" if self.fine else "plain"
        kind = f"coded-{sha256('autoencoder')[:8]}" if self.coded else kind
        shape = f"{self.frames}x{self.side}at{self.fps:g}"
        return cache / f"truths-{VERSION}" / f"{self.tier}-{self.split}-{self.seed}-{shape}-{kind}"

    def make(self, index: int) -> tuple[Scene, dict[str, np.ndarray]]:
        """Scene and arrays of one item."""
        scene = sample(self.seed, index, tier=self.tier, split=self.split)
        wanted = ("depth", "flow", "occluded", "sketch")
        size = (self.side, self.side)
        made = render(scene, frames=self.frames, size=size, fps=self.fps, truth=wanted)
        if not (self.fine or self.coded):
            return scene, _arrays(made, made.rgb)
        size = (2 * self.side, 2 * self.side)
        large = render(scene, frames=self.frames, size=size, fps=self.fps).rgb
        return scene, _arrays(made, halved(_round_trip(large) if self.coded else large))


@dataclass(frozen=True)
class Item:
    """Pixels of some clips and what is true of them, as `world.render` has it.

    ids: 0 = stage, k = thing k - 1. depth: metres, the sky inf. flow and occluded: of every frame
    but the last, to the next. lines: outlines and creases.
    """

    rgb: UInt8[np.ndarray, "b T H W 3"]
    ids: UInt8[np.ndarray, "b T H W"]
    lines: Bool[np.ndarray, "b T H W"]
    depth: Float[np.ndarray, "b T H W"]
    flow: Float[np.ndarray, "b pairs H W 2"]
    occluded: Bool[np.ndarray, "b pairs H W"]


@dataclass(frozen=True)
class Truths:
    """A cache that can be read."""

    chunks: Sequence[Sequence[np.ndarray]]
    scenes: Sequence[Scene]

    def __len__(self) -> int:
        return len(self.scenes)

    def pick(self, rows: Sequence[int], start: int = 0, frames: int | None = None) -> Item:
        """Some items from frame `start` on, all of them or so many `frames`."""
        found = [self.chunks[row // CHUNK] for row in rows]
        end = len(found[0][0][0]) if frames is None else start + frames
        rgb, marks, depth = (
            np.stack([arrays[k][row % CHUNK][start:end] for arrays, row in _pairs(found, rows)])
            for k in range(3)
        )
        flow = np.stack([a[3][row % CHUNK][start : end - 1] for a, row in _pairs(found, rows)])
        return Item(
            rgb=rgb,
            ids=marks % MARK,
            lines=(marks & LINE) > 0,
            depth=depth.astype(np.float32),
            flow=flow.astype(np.float32),
            occluded=(marks[:, :-1] & OCCLUDED) > 0,
        )

    def pictures(self, rows: Sequence[int], every: int = 1) -> UInt8[np.ndarray, "b T H W 3"]:
        """Pixels alone, of every so many frames."""
        return np.stack([self.chunks[row // CHUNK][0][row % CHUNK][::every] for row in rows])


def build(cache: Path, recipe: Recipe, count: int, jobs: int | None = None) -> Truths:
    """The first `count` items (rounded up to whole chunks), rendered where they are missing."""
    return built(cache, [(recipe, count)], jobs)[0]


def built(
    cache: Path, kinds: Sequence[tuple[Recipe, int]], jobs: int | None = None
) -> list[Truths]:
    """The first so many items of each recipe, likewise.

    `jobs` processes render, by itself as many as there are cores; with 1 it is this one.
    """
    asked = [
        [(recipe.folder(cache) / f"{k:05d}", recipe, k) for k in range(-(-count // CHUNK))]
        for recipe, count in kinds
    ]
    missing = [one for row in asked for one in row if not one[0].exists()]
    jobs = min(jobs or os.cpu_count() or 1, len(missing))
    if jobs == 1:
        for one in track(missing, TITLE):
            _chunk(one)
    elif jobs:
        # Spawned, not forked: torch's threads don't survive a fork.
        with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
            list(track(pool.map(_chunk, missing), TITLE, len(missing)))
    return [_opened([path for path, _, _ in row]) for row in asked]


def held(items: Sequence[tuple[Scene, dict[str, np.ndarray]]]) -> Truths:
    """Items in memory, at most CHUNK of them."""
    assert len(items) <= CHUNK
    arrays = [np.stack([made[name] for _, made in items]) for name in ARRAYS]
    return Truths([arrays], [scene for scene, _ in items])


def _opened(chunks: Sequence[Path]) -> Truths:
    scenes = [
        Scene.from_json(line)
        for path in chunks
        for line in (path / "scenes.jsonl").read_text().splitlines()
    ]
    arrays = [[np.load(path / f"{n}.npy", mmap_mode="r") for n in ARRAYS] for path in chunks]
    return Truths(arrays, scenes)


def _chunk(asked: tuple[Path, Recipe, int]) -> None:
    path, recipe, number = asked
    torch.set_num_threads(1)
    items = [recipe.make(i) for i in range(number * CHUNK, (number + 1) * CHUNK)]
    part = path.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    for name in ARRAYS:
        np.save(part / f"{name}.npy", np.stack([made[name] for _, made in items]))
    (part / "scenes.jsonl").write_text("".join(f"{scene.to_json()}\n" for scene, _ in items))
    os.replace(part, path)


def _arrays(made: Render, rgb: UInt8[np.ndarray, "T H W 3"]) -> dict[str, np.ndarray]:
    assert made.flow is not None
    assert made.occluded is not None
    assert made.sketch is not None
    assert made.depth is not None
    side = made.ids.shape[-1]
    marks = made.ids | np.where(made.occluded, OCCLUDED, 0).astype(np.uint8)
    marks |= np.where(made.sketch > 0, LINE, 0).astype(np.uint8)
    flow = made.flow[:-1].clip(-side, side).astype(np.float16)
    depth = np.where(np.isinf(made.depth), np.inf, made.depth.clip(max=FURTHEST))
    return {"rgb": rgb, "marks": marks, "depth": depth.astype(np.float16), "flow": flow}


@torch.inference_mode()
def _round_trip(rgb: UInt8[np.ndarray, "T H W 3"]) -> UInt8[np.ndarray, "T H W 3"]:
    """What the shipped autoencoder makes of frames."""
    frames = rearrange(torch.from_numpy(rgb), "t h w c -> 1 c t h w").float() / 127.5 - 1
    with torch.autocast("cpu", torch.bfloat16):
        made: Tensor = _coder().decode(_coder().encode(frames))
    bytes_ = ((made.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return rearrange(bytes_, "1 c t h w -> t h w c").numpy()


@once
def _coder() -> FrameAutoencoder:
    return load_part(FrameAutoencoder, "autoencoder").eval().requires_grad_(requires_grad=False)


def _pairs(
    found: Sequence[Sequence[np.ndarray]], rows: Sequence[int]
) -> list[tuple[Sequence[np.ndarray], int]]:
    return list(zip(found, rows, strict=True))
