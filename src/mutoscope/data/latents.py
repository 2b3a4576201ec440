"""Cached latents: world clips rendered, encoded and captioned once, then read from memory.

A cache is a folder of safetensors chunks; a chunk depends on its own number and the recipe of the
cache alone, so building can be stopped anywhere and goes on where it was. `latents` are
(n, c, t, h, w), `text` the token states of all captions end to end, `lengths` how many each.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, Int
from rich.progress import track
from safetensors.torch import load_file, save_file
from torch import Tensor

from mutoscope import world
from mutoscope.autoencoders import Autoencoder
from mutoscope.core.condition import Condition
from mutoscope.encoders import TextEncoder

CHUNK = 512
Tier = Literal["core", "wide"]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What a cache holds; `frames` 1 makes pictures at a random moment, with captions of stills."""

    frames: int
    fps: float = 8.0
    side: int = 128
    tier: Tier = "core"
    split: Literal["train", "validation", "test"] = "train"
    seed: int = 0

    def sample(self, index: int) -> tuple[np.ndarray, str]:
        """Frames (t, H, W, 3) uint8 and the caption of one item."""
        scene = world.sample(self.seed, index, tier=self.tier, split=self.split)
        rng = np.random.default_rng((self.seed, index, 7))
        start = float(rng.uniform(0, 2)) if self.frames == 1 else 0.0
        size = (self.side, self.side)
        made = world.render(scene, frames=self.frames, size=size, fps=self.fps, start=start)
        return made.rgb, world.caption(scene, rng, still=self.frames == 1)


@dataclass(frozen=True)
class Latents:
    """A cache in memory."""

    latents: Float[Tensor, "n c t h w"]
    text: Float[Tensor, "m d"]
    starts: Int[Tensor, " n1"]
    fps: float

    def __len__(self) -> int:
        return len(self.latents)

    def pick(self, rows: Sequence[int]) -> dict[str, Tensor]:
        """A batch: latents, padded text with its mask, frames per second."""
        spans = [(int(self.starts[i]), int(self.starts[i + 1])) for i in rows]
        longest = max(b - a for a, b in spans)
        text = self.text.new_zeros(len(rows), longest, self.text.shape[1])
        mask = torch.zeros(len(rows), longest, dtype=torch.bool)
        for row, (a, b) in enumerate(spans):
            text[row, : b - a], mask[row, : b - a] = self.text[a:b], True
        fps = torch.full((len(rows),), self.fps)
        return {"x0": self.latents[list(rows)], "text": text, "mask": mask, "fps": fps}


def build(
    folder: Path, recipe: Recipe, count: int, autoencoder: Autoencoder, encoder: TextEncoder
) -> None:
    """Make the chunks of `folder` that are missing, up to `count` items rounded up to a chunk."""
    folder.mkdir(parents=True, exist_ok=True)
    chunks = -(-count // CHUNK)
    missing = [k for k in range(chunks) if not _path(folder, k).exists()]
    # Spawned, not forked: torch's threads don't survive a fork.
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
        for k in track(missing, description=f"caching {folder.name}"):
            rows = range(k * CHUNK, (k + 1) * CHUNK)
            made = list(pool.map(recipe.sample, rows, chunksize=16))
            _save(_path(folder, k), made, autoencoder, encoder)


def load(folder: Path, recipe: Recipe, count: int) -> Latents:
    """The first `count` items of a cache that has been built."""
    chunks = [load_file(_path(folder, k)) for k in range(-(-count // CHUNK))]
    lengths = torch.cat([chunk["lengths"] for chunk in chunks])
    return Latents(
        torch.cat([chunk["latents"] for chunk in chunks]),
        torch.cat([chunk["text"] for chunk in chunks]),
        torch.cat([torch.zeros(1, dtype=torch.long), lengths.cumsum(0)]),
        recipe.fps,
    )


def condition(batch: dict[str, Tensor]) -> Condition:
    """The text and scalar doors of a picked batch."""
    scalars = {"fps": batch["fps"]}
    return Condition(text=batch["text"], text_mask=batch["mask"], scalars=scalars)


@torch.inference_mode()
def _save(
    path: Path,
    made: Sequence[tuple[np.ndarray, str]],
    autoencoder: Autoencoder,
    encoder: TextEncoder,
) -> None:
    latents, states, lengths = [], [], []
    for start in range(0, len(made), 32):
        rgb = torch.from_numpy(np.stack([frames for frames, _ in made[start : start + 32]]))
        frames = rearrange(rgb, "b t h w c -> b c t h w").float() / 127.5 - 1
        with torch.autocast("cpu", torch.bfloat16):
            latents.append(autoencoder.encode(frames).bfloat16())
    for start in range(0, len(made), 128):
        with torch.autocast("cpu", torch.bfloat16):
            read = encoder([caption for _, caption in made[start : start + 128]])
        assert read.text is not None
        assert read.text_mask is not None
        states.append(read.text[read.text_mask].bfloat16())
        lengths.append(read.text_mask.sum(1))
    part = path.with_suffix(".part")
    save_file(
        {
            "latents": torch.cat(latents).contiguous(),
            "text": torch.cat(states),
            "lengths": torch.cat(lengths),
        },
        part,
        metadata={str(i): caption for i, (_, caption) in enumerate(made)},
    )
    os.replace(part, path)


def _path(folder: Path, chunk: int) -> Path:
    return folder / f"{chunk:05d}.safetensors"
