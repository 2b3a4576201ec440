"""Cached latents: world clips rendered, encoded and captioned once, then read from memory.

A cache is a folder of safetensors chunks; a chunk depends on its own number and the recipe of the
cache alone, so building can be stopped anywhere and goes on where it was. `latents` are
(n, c, t, h, w), `text` the token states of all captions end to end, `lengths` how many each, `fps`
frames per second, and `shown` what the world shows at each place of a 16 x 16 grid. Beside a chunk
lie its tellings, `text` and `lengths` of the same items told in other words.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache as once
from itertools import repeat
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Bool, Float, Int, UInt8
from rich.progress import track
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from mutoscope import world
from mutoscope.autoencoders import Autoencoder
from mutoscope.core.condition import Condition
from mutoscope.data import stickers
from mutoscope.data import stickershots as shots
from mutoscope.encoders import TextEncoder
from mutoscope.world import thesaurus
from mutoscope.world.scene import COLOURS, SHAPES, VERBS

CHUNK = 512
SOME = 256
"""Items whose things are counted at once, which bounds the memory (ours)."""
Domain = Literal["core", "wide", "sticker"]
GRID = 16
"""Side of the grid on which a cache says what is shown where."""
IGNORED = 255
"""The word of a place nothing is known of."""
KINDS: Mapping[str, Sequence[str]] = {"shape": SHAPES, "colour": COLOURS, "verb": VERBS}
"""What is said of the thing shown at a place: 0 is the stage, k the word k - 1."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What a cache holds; `frames` 1 makes pictures at a random moment, with captions of stills.

    Each item draws its own rate from `rates` (frames per second).
    """

    frames: int
    rates: tuple[float, ...] = (8.0,)
    side: int = 128
    domain: Domain = "core"
    split: Literal["train", "validation", "test"] = "train"
    seed: int = 0

    def sample(self, index: int, cache: Path) -> Item:
        """An item; stickers are read from `cache`."""
        rng, fps, start = self.when(index)
        if self.domain == "sticker":
            found = _stickers(cache)
            shot = shots.shot(found, self.seed, index, split=self.split)
            rgb = shots.film(found, shot, frames=self.frames, fps=fps, side=self.side, start=start)
            said = shots.tell(shot, rng, still=self.frames == 1)
            shown = np.full((len(KINDS), self.frames, GRID, GRID), IGNORED, np.uint8)
            return Item(rgb, said, fps, shown)
        scene = world.sample(self.seed, index, tier=self.domain, split=self.split)
        size = (self.side, self.side)
        made = world.render(scene, frames=self.frames, size=size, fps=fps, start=start)
        said = world.caption(scene, rng, still=self.frames == 1)
        return Item(made.rgb, said, fps, shown_by(scene, made.ids))

    def when(self, index: int) -> tuple[np.random.Generator, float, float]:
        """Frames per second of an item, the second it begins at, and the chances left to draw."""
        rng = np.random.default_rng((self.seed, index, 7))
        fps = float(rng.choice(self.rates))
        return rng, fps, float(rng.uniform(0, 2)) if self.frames == 1 else 0.0

    def retell(self, index: int, said: str, telling: int, cache: Path) -> str:
        """The caption `said` of an item in other words; those of people, if it is a scene."""
        rng = np.random.default_rng((self.seed, index, 11, telling))
        still = self.frames == 1
        if self.domain == "sticker":
            found = _stickers(cache)
            return shots.tell(
                shots.shot(found, self.seed, index, split=self.split), rng, still=still
            )
        return thesaurus.retell(said, rng, still=still)


@dataclass(frozen=True)
class Item:
    """Frames (t, H, W, 3), their caption, frames per second, and what is shown where."""

    rgb: UInt8[np.ndarray, "t H W 3"]
    caption: str
    fps: float
    shown: UInt8[np.ndarray, "kind t g g"]


def shown_by(
    scene: world.Scene, ids: UInt8[np.ndarray, "t H W"]
) -> UInt8[np.ndarray, "kind t g g"]:
    """The words of KINDS at the middle of each cell of a grid; colours that don't show: IGNORED."""
    step = ids.shape[1] // GRID
    cells = ids[:, step // 2 :: step, step // 2 :: step]
    table = np.zeros((len(KINDS), len(scene.things) + 1), np.uint8)
    for i, thing in enumerate(scene.things):
        words = {"shape": thing.shape, "colour": thing.colour, "verb": thing.motion.verb}
        for k, (kind, known) in enumerate(KINDS.items()):
            unsure = kind == "colour" and (scene.look != "plain" or thing.motion.colour is not None)
            table[k, i + 1] = IGNORED if unsure else 1 + known.index(words[kind])
    return table[:, cells]


@dataclass(frozen=True)
class Latents:
    """A cache in memory; `spans` are the rows of `text` in which an item is told, by telling."""

    latents: Float[Tensor, "n c t h w"]
    text: Float[Tensor, "m d"]
    spans: Int[Tensor, "k n 2"]
    fps: Float[Tensor, " n"]
    shown: UInt8[Tensor, "n kind t g g"]

    def __len__(self) -> int:
        return len(self.latents)

    @property
    def tellings(self) -> int:
        """In how many ways each item is told."""
        return len(self.spans)

    def things(self) -> Int[np.ndarray, " n"]:
        """How many things that differ in a word of KINDS show in each item; 1 if IGNORED."""
        parts = torch.split(self.shown, SOME)
        return np.concatenate([_things(part.flatten(2).numpy()) for part in parts])

    def says(self, words: Sequence[str]) -> Bool[np.ndarray, " n"]:
        """Which items show a thing that does one of these (VERBS) in any frame."""
        known = KINDS["verb"]
        wanted = torch.tensor([1 + known.index(word) for word in words], dtype=torch.uint8)
        parts = torch.split(self.shown[:, list(KINDS).index("verb")], SOME)
        return np.concatenate([torch.isin(p.flatten(1), wanted).any(1).numpy() for p in parts])

    def pick(self, rows: Sequence[int], tellings: Sequence[int] | None = None) -> dict[str, Tensor]:
        """A batch: latents, padded text with its mask, frames per second, what is shown.

        `tellings` says for each row in which way it is told, by itself the first.
        """
        spans = self.spans[list(tellings or [0] * len(rows)), list(rows)].tolist()
        longest = max(b - a for a, b in spans)
        text = self.text.new_zeros(len(rows), longest, self.text.shape[1])
        mask = torch.zeros(len(rows), longest, dtype=torch.bool)
        for row, (a, b) in enumerate(spans):
            text[row, : b - a], mask[row, : b - a] = self.text[a:b], True
        chosen = list(rows)
        return {
            "x0": self.latents[chosen], "text": text, "mask": mask,
            "fps": self.fps[chosen], "shown": self.shown[chosen],
        }  # fmt: skip


def joined(parts: Sequence[Latents]) -> Latents:
    """Several caches of clips of one length as one; a single one is itself, not a copy."""
    if len(parts) == 1:
        return parts[0]
    offsets = np.cumsum([0, *(len(part.text) for part in parts)]).tolist()
    spans = [part.spans + k for part, k in zip(parts, offsets, strict=False)]
    return Latents(
        torch.cat([part.latents for part in parts]),
        torch.cat([part.text for part in parts]),
        torch.cat(spans, dim=1),
        torch.cat([part.fps for part in parts]),
        torch.cat([part.shown for part in parts]),
    )


def build(
    folder: Path,
    recipe: Recipe,
    count: int,
    autoencoder: Autoencoder,
    encoder: TextEncoder,
    cache: Path,
) -> None:
    """Make the chunks of `folder` that are missing, up to `count` items rounded up to a chunk.

    Stickers, where the recipe wants them, are read from (fetched once into) `cache`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if recipe.domain == "sticker":
        _stickers(cache)
    chunks = -(-count // CHUNK)
    missing = [k for k in range(chunks) if not _path(folder, k).exists()]
    # Spawned, not forked: torch's threads don't survive a fork.
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
        for k in track(missing, description=f"caching {folder.name}"):
            rows = range(k * CHUNK, (k + 1) * CHUNK)
            made = list(pool.map(recipe.sample, rows, repeat(cache), chunksize=16))
            _save(_path(folder, k), made, autoencoder, encoder)


def retell(
    folder: Path, recipe: Recipe, count: int, tellings: int, encoder: TextEncoder, cache: Path
) -> None:
    """Tell the first `count` items of a cache that has been built in `tellings` further ways."""
    chunks = range(-(-count // CHUNK))
    made = [(k, j) for j in range(tellings) for k in chunks]
    missing = [(k, j) for k, j in made if not _told(folder, k, j).exists()]
    for k, j in track(missing, description=f"retelling {folder.name}"):
        with safe_open(_path(folder, k), "pt") as file:
            captions: dict[str, str] = file.metadata()
        said = [
            recipe.retell(k * CHUNK + i, captions[str(i)], j, cache) for i in range(len(captions))
        ]
        text, lengths = _read(said, encoder)
        _write(_told(folder, k, j), {"text": text, "lengths": lengths}, said)


def load(folder: Path, count: int, tellings: int = 0) -> Latents:
    """The first `count` items of a cache that has been built, and so many of its tellings."""
    chunks = [load_file(_path(folder, k)) for k in range(-(-count // CHUNK))]
    said = [chunks]
    said += [[load_file(_told(folder, k, j)) for k in range(len(chunks))] for j in range(tellings)]
    ends = torch.cat([chunk["lengths"] for told in said for chunk in told]).cumsum(0)
    spans = torch.stack([torch.cat([torch.zeros(1, dtype=torch.long), ends[:-1]]), ends], dim=-1)
    return Latents(
        torch.cat([chunk["latents"] for chunk in chunks]),
        torch.cat([chunk["text"] for told in said for chunk in told]),
        spans.reshape(len(said), -1, 2),
        torch.cat([chunk["fps"] for chunk in chunks]),
        torch.cat([chunk["shown"] for chunk in chunks]),
    )


def condition(batch: dict[str, Tensor]) -> Condition:
    """The text and scalar doors of a picked batch."""
    scalars = {"fps": batch["fps"]}
    return Condition(text=batch["text"], text_mask=batch["mask"], scalars=scalars)


def _things(shown: UInt8[np.ndarray, "n kind cells"]) -> Int[np.ndarray, " n"]:
    if shown.min() == IGNORED:
        return np.ones(len(shown), np.int64)
    rows, cells = np.nonzero(shown[:, 0])
    shape, colour, verb = shown[rows, :, cells].astype(np.int64).T
    every = np.unique(rows << 24 | shape << 16 | colour << 8 | verb)
    return np.bincount(every >> 24, minlength=len(shown))


@torch.inference_mode()
def _save(
    path: Path,
    made: Sequence[Item],
    autoencoder: Autoencoder,
    encoder: TextEncoder,
) -> None:
    latents = []
    for start in range(0, len(made), 32):
        rgb = torch.from_numpy(np.stack([item.rgb for item in made[start : start + 32]]))
        frames = rearrange(rgb, "b t h w c -> b c t h w").float() / 127.5 - 1
        with torch.autocast("cpu", torch.bfloat16):
            latents.append(autoencoder.encode(frames).bfloat16())
    captions = [item.caption for item in made]
    text, lengths = _read(captions, encoder)
    tensors = {
        "latents": torch.cat(latents).contiguous(),
        "text": text,
        "lengths": lengths,
        "fps": torch.tensor([item.fps for item in made]),
        "shown": torch.from_numpy(np.stack([item.shown for item in made])),
    }
    _write(path, tensors, captions)


@torch.inference_mode()
def _read(
    captions: Sequence[str], encoder: TextEncoder
) -> tuple[Float[Tensor, "m d"], Int[Tensor, " n"]]:
    """The token states of captions end to end, and how many each has."""
    states, lengths = [], []
    for start in range(0, len(captions), 128):
        with torch.autocast("cpu", torch.bfloat16):
            read = encoder(captions[start : start + 128])
        assert read.text is not None
        assert read.text_mask is not None
        states.append(read.text[read.text_mask].bfloat16())
        lengths.append(read.text_mask.sum(1))
    return torch.cat(states), torch.cat(lengths)


def _write(path: Path, tensors: dict[str, Tensor], captions: Sequence[str]) -> None:
    part = path.with_suffix(".part")
    save_file(tensors, part, metadata={str(i): said for i, said in enumerate(captions)})
    os.replace(part, path)


@once
def _stickers(cache: Path) -> stickers.Stickers:
    return stickers.load(cache)


def _path(folder: Path, chunk: int) -> Path:
    return folder / f"{chunk:05d}.safetensors"


def _told(folder: Path, chunk: int, telling: int) -> Path:
    return folder / f"{chunk:05d}-told-{telling}.safetensors"
