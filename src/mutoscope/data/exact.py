"""What is true of cached clips beside their latents: maps of every frame, and what pictures say.

Chunks lie beside those of `latents`, one for one; a clip is rendered once more, the same to the
bit. `near` is nearness as `controls.depth` has it, in 255ths, at FINE; `lines` bits of every pixel;
`ids` at COARSE (0 the stage, k thing k - 1); `motion` the vector of each block, and whether it is
known; `patches` and `vectors` what the aligner sees in the frames PLACES, each as a picture. Of
pictures, clips of one frame, `edges` are kept too, as lines are.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from einops import rearrange
from rich.progress import track
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from mutoscope import world
from mutoscope.controls import depth, edges, motion
from mutoscope.controls.control import pooled
from mutoscope.data.latents import CHUNK, Recipe
from mutoscope.networks.alignment import Aligner
from mutoscope.networks.dense import nearness
from mutoscope.networks.small3d import DEFAULT_FPS

FINE, COARSE = 64, 32
"""Pixels of a side of `near` and of `ids`."""
PLACES = (0, 5, 10, 15)
"""Frames that are seen as pictures."""
TRUTHS = ("depth", "flow", "occluded", "sketch")

TIMED: Mapping[str, int] = {"x0": 2, "shown": 2, "depth": 2, "lines": 2, "motion": 2, "ids": 1}
"""Which dimension of what a batch of clips may hold is time."""
DRAWN = ("lines", "edges")
"""Bits of every pixel, eight to a byte."""
SEEN = ("patches", "vectors")
"""What it has of the frames PLACES alone."""

Rows = Mapping[str, Tensor]


@dataclass(frozen=True)
class Exact:
    """A cache that can be read, chunk by chunk: files are mapped, not held."""

    chunks: Sequence[Rows]

    def __len__(self) -> int:
        return sum(len(chunk["near"]) for chunk in self.chunks)

    def pick(self, rows: Sequence[int]) -> dict[str, Tensor]:
        """Some clips: `depth` (b 1 t FINE FINE) in [0, 1], `lines` (b 1 t H W), `ids` (b t h w),
        `motion` (b 3 t h w) as `controls.motion.encoded` has it, a cell a block, `patches`
        (b place n e) and `vectors` (b place e); of pictures `edges` (b 1 t H W).
        """  # noqa: D205
        size = len(self.chunks[0]["near"])
        found = [{k: v[row % size] for k, v in self.chunks[row // size].items()} for row in rows]
        one = {name: torch.stack([item[name] for item in found]) for name in found[0]}
        drawn = {name: _unpacked(one.pop(name)) for name in DRAWN if name in one}
        return {
            "depth": one.pop("near")[:, None].float() / 255,
            "motion": one.pop("motion").float(),
            **drawn,
            **one,
        }


def build(folder: Path, recipe: Recipe, count: int, aligner: Aligner) -> None:
    """Make the chunks of `folder` that are missing, up to `count` clips rounded up to a chunk.

    `folder` is that of the latents of the same recipe, which is of the world's clips.
    """
    folder.mkdir(parents=True, exist_ok=True)
    missing = [k for k in range(-(-count // CHUNK)) if not _path(folder, k).exists()]
    # Spawned, not forked: torch's threads don't survive a fork.
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
        for k in track(missing, description=f"what is true of {folder.name}"):
            rows = range(k * CHUNK, (k + 1) * CHUNK)
            made = list(pool.map(_Making(recipe), rows, chunksize=16))
            tensors = {name: torch.stack([item[name] for item in made]) for name in made[0]}
            tensors |= seen(aligner, tensors.pop("pictures"))
            part = _path(folder, k).with_suffix(".part")
            save_file(tensors, part)
            os.replace(part, _path(folder, k))


def load(folder: Path, count: int) -> Exact:
    """The chunks of the first `count` clips of a cache that has been built."""
    paths = [_path(folder, k) for k in range(-(-count // CHUNK))]
    return Exact([load_file(path) for path in paths])


def holds(folder: Path) -> int:
    """How many clips of a cache have been built, from the first on without a gap."""
    k = 0
    while _path(folder, k).exists():
        k += 1
    if k == 0:
        return 0
    with safe_open(_path(folder, 0), "pt") as file:
        return k * int(file.get_slice("near").get_shape()[0])


def stills(batch: Rows) -> dict[str, Tensor]:
    """Those frames of a batch of clips that are seen as pictures, each an item of one frame.

    A picture has no motion that is known, and the rate that networks take for no rate.
    """
    places = torch.tensor([place for place in PLACES if place < batch["x0"].shape[2]])
    found = {}
    for name, value in batch.items():
        if name in TIMED:
            each = value.index_select(TIMED[name], places).movedim(TIMED[name], 1)
            found[name] = each.flatten(0, 1).unsqueeze(TIMED[name])
        elif name in SEEN:
            found[name] = value.flatten(0, 1).unsqueeze(1)
        else:
            found[name] = value.repeat_interleave(len(places), 0)
    still = {"motion": torch.zeros_like(found["motion"])} if "motion" in found else {}
    return {**found, **still, "fps": torch.full_like(found["fps"], DEFAULT_FPS)}


@torch.inference_mode()
def seen(aligner: Aligner, pictures: Tensor) -> dict[str, Tensor]:
    """Patches and vectors of pictures (n, place, 3, 64, 64) in [-1, 1], in half precision."""
    flat = rearrange(pictures.float(), "n p c h w -> (n p) c 1 h w")
    found = [aligner.see(part) for part in torch.split(flat, 256)]
    places = pictures.shape[1]
    patches = torch.cat([one.patches[:, 0] for one in found]).half()
    vectors = torch.cat([one.vector for one in found]).half()
    return {
        "patches": rearrange(patches, "(n p) m e -> n p m e", p=places).contiguous(),
        "vectors": rearrange(vectors, "(n p) e -> n p e", p=places).contiguous(),
    }


@dataclass(frozen=True)
class _Making:
    recipe: Recipe

    def __call__(self, index: int) -> dict[str, Tensor]:
        """What is kept of one clip, and its pictures small, for the aligner."""
        torch.set_num_threads(1)
        asked = self.recipe
        _, fps, start = asked.when(index)
        scene = world.sample(asked.seed, index, tier=asked.domain, split=asked.split)
        size = (asked.side, asked.side)
        made = world.render(
            scene, frames=asked.frames, size=size, fps=fps, start=start, truth=TRUTHS
        )
        assert made.sketch is not None
        frames, block = asked.frames, motion.BLOCK
        near = pooled(nearness(depth.from_truth(made)), (frames, FINE, FINE))[0, 0]
        places = [place for place in PLACES if place < frames]
        rgb = torch.from_numpy(made.rgb[places]).float() / 127.5 - 1
        rgb = rearrange(rgb, "t h w c -> 1 c t h w")
        grid = (frames, asked.side // block, asked.side // block)
        step = asked.side // COARSE
        drawn = {"lines": made.sketch > 0}
        if frames == 1:
            drawn["edges"] = edges.from_truth(made)[0, 0].numpy() > 0
        return {
            "near": (near * 255).round().to(torch.uint8),
            **{name: torch.from_numpy(np.packbits(bits, axis=-1)) for name, bits in drawn.items()},
            "ids": torch.from_numpy(made.ids[:, step // 2 :: step, step // 2 :: step].copy()),
            "motion": motion.encoded(motion.from_truth(made), grid)[0].half(),
            "pictures": rearrange(pooled(rgb, (len(places), 64, 64)), "1 c t h w -> t c h w"),
        }


def _unpacked(bits: Tensor) -> Tensor:
    return torch.from_numpy(np.unpackbits(bits.numpy(), axis=-1))[:, None].float()


def _path(folder: Path, chunk: int) -> Path:
    return folder / f"{chunk:05d}-exact.safetensors"
