"""Clips that were made once are kept: a table that was stopped goes on where it was."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.progress import track

from mutoscope.clip import Clip, Frames
from mutoscope.evaluate.commands import Generate
from mutoscope.evaluate.reading import as_frames
from mutoscope.evaluate.report import drafted


def kept(generate: Generate, folder: Path) -> Generate:
    """The same system, asked one prompt at a time, each clip in a file of its own as bytes."""

    def remembered(prompts: Sequence[str], seeds: Sequence[int]) -> Frames:
        folder.mkdir(parents=True, exist_ok=True)
        pairs = list(zip(prompts, seeds, strict=True))
        bar = track(pairs, folder.name, console=Console(stderr=True))
        return torch.cat([_one(generate, folder, *pair) for pair in bar])

    return remembered


def _one(generate: Generate, folder: Path, prompt: str, seed: int) -> Frames:
    path = folder / f"{hashlib.sha256(prompt.encode()).hexdigest()[:16]}-{seed}.npy"
    if not path.exists():
        made = Clip(frames=generate([prompt], [seed]), fps=1).uint8()
        drafted(path, partial(_save, made[0]))
    return as_frames(np.load(path)[None])


def _save(pixels: np.ndarray, path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, pixels)
