"""What scenes are called, in several ways, as token states of the frozen encoder, kept on disk.

Of each scene: its caption, two tellings of it in people's words, and one of a single frame, also in
people's words, that says nothing of motion. A file holds CHUNK scenes; `text` are the states of one
way after another end to end, `lengths` how many each telling has, the captions lie in the metadata.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from rich.progress import track
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from mutoscope.encoders import TextEncoder
from mutoscope.world.caption import caption
from mutoscope.world.scene import VERSION, Scene
from mutoscope.world.thesaurus import retell

CHUNK = 256
MOVING = 3
"""How many ways tell of motion; the last one, STILL, is of a single frame."""
STILL = MOVING
BATCH = 128


@dataclass(frozen=True)
class Told:
    """Tellings of scenes; `spans` are the rows of `text` in which a scene is told, by way."""

    text: Float[Tensor, "m d"]
    spans: Int[Tensor, "k n 2"]
    captions: Sequence[Sequence[str]]

    def __len__(self) -> int:
        return self.spans.shape[1]

    def pick(
        self, rows: Sequence[int], ways: Sequence[int]
    ) -> tuple[Float[Tensor, "b l d"], Bool[Tensor, "b l"]]:
        """Padded states of some scenes, each in one way, and which of them are there."""
        spans = self.spans[list(ways), list(rows)].tolist()
        longest = max(b - a for a, b in spans)
        text = self.text.new_zeros(len(spans), longest, self.text.shape[1])
        mask = torch.zeros(len(spans), longest, dtype=torch.bool)
        for row, (a, b) in enumerate(spans):
            text[row, : b - a], mask[row, : b - a] = self.text[a:b], True
        return text, mask


def ways(scene: Scene, seed: int) -> list[str]:
    """A scene in all ways; a function of the scene and the seed."""
    rng = np.random.default_rng((seed, 13))
    said = caption(scene, rng)
    still = caption(scene, rng, still=True)
    return [said, *(retell(said, rng) for _ in range(MOVING - 1)), retell(still, rng, still=True)]


def build(folder: Path, scenes: Sequence[Scene], encoder: TextEncoder) -> Told:
    """Tell scenes, reading what is on disk; the name of a file holds the hash of its scenes."""
    folder.mkdir(parents=True, exist_ok=True)
    groups = [scenes[k : k + CHUNK] for k in range(0, len(scenes), CHUNK)]
    paths = [folder / f"{_mark(group)}.safetensors" for group in groups]
    missing = [k for k, path in enumerate(paths) if not path.exists()]
    for k in track(missing, description="telling", disable=not missing):
        _save(paths[k], groups[k], k, encoder)
    return _joined([_opened(path) for path in paths])


def _mark(scenes: Sequence[Scene]) -> str:
    text = "\n".join([VERSION, *(scene.to_json() for scene in scenes)])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _save(path: Path, scenes: Sequence[Scene], number: int, encoder: TextEncoder) -> None:
    told = [ways(scene, number * CHUNK + k) for k, scene in enumerate(scenes)]
    captions = [row[way] for way in range(STILL + 1) for row in told]
    states: list[Tensor] = [torch.empty(0)] * len(captions)
    # Of like length together: what is padded is read in vain.
    order = sorted(range(len(captions)), key=lambda k: len(captions[k]))
    for first in range(0, len(order), BATCH):
        rows = order[first : first + BATCH]
        with torch.autocast("cpu", torch.bfloat16):
            read = encoder([captions[row] for row in rows])
        assert read.text is not None
        assert read.text_mask is not None
        for row, text, mask in zip(rows, read.text, read.text_mask, strict=True):
            states[row] = text[mask].bfloat16()
    part = path.with_suffix(".part")
    lengths = torch.tensor([len(one) for one in states])
    tensors = {"text": torch.cat(states), "lengths": lengths}
    save_file(tensors, part, metadata={str(k): said for k, said in enumerate(captions)})
    os.replace(part, path)


def _opened(path: Path) -> Told:
    held = load_file(path)
    with safe_open(path, "pt") as file:
        found: dict[str, str] = file.metadata()
    ends = held["lengths"].cumsum(0)
    spans = torch.stack([ends - held["lengths"], ends], dim=-1).reshape(STILL + 1, -1, 2)
    n = spans.shape[1]
    captions = [[found[str(way * n + k)] for k in range(n)] for way in range(STILL + 1)]
    return Told(held["text"], spans, captions)


def _joined(parts: Sequence[Told]) -> Told:
    offsets = np.cumsum([0, *(len(part.text) for part in parts)]).tolist()
    return Told(
        torch.cat([part.text for part in parts]),
        torch.cat([p.spans + k for p, k in zip(parts, offsets, strict=False)], dim=1),
        [[said for part in parts for said in part.captions[way]] for way in range(STILL + 1)],
    )
