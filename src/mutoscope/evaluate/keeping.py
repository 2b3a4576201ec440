"""Clips that were made once are kept: a table that was stopped goes on where it was."""

from __future__ import annotations

import hashlib
import json
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
from mutoscope.systems.system import Asked, System


def kept(generate: Generate, folder: Path) -> Generate:
    """The same system, asked one prompt at a time, each clip in a file of its own as bytes."""

    def remembered(prompts: Sequence[str], seeds: Sequence[int]) -> Frames:
        folder.mkdir(parents=True, exist_ok=True)
        pairs = list(zip(prompts, seeds, strict=True))
        bar = track(pairs, folder.name, console=Console(stderr=True))
        return torch.cat([_one(generate, folder, *pair) for pair in bar])

    return remembered


def each(system: System, folder: Path, prompts: Sequence[str], wishes: Sequence[Asked]) -> Frames:
    """Clips that are each asked something of their own, kept under all that they depend on.

    The k-th has seed k; a file that a condition names must always hold the same. They lie beside
    `folder`, under its name and a number that stands for it all.
    """
    whole: list[Asked] = [{**wish, "seed": k} for k, wish in enumerate(wishes)]
    told = [system.request(p, **one).to_json() for p, one in zip(prompts, whole, strict=True)]
    known = json.dumps([told, dict(system.weights)], sort_keys=True)
    key = hashlib.sha256(known.encode()).hexdigest()[:12]

    def generate(asked: Sequence[str], seeds: Sequence[int]) -> Frames:
        pairs = zip(asked, seeds, strict=True)
        return torch.cat([system.generate(prompt, **whole[k]).frames for prompt, k in pairs])

    return kept(generate, folder.with_name(f"{folder.name}-{key}"))(prompts, range(len(prompts)))


def _one(generate: Generate, folder: Path, prompt: str, seed: int) -> Frames:
    path = folder / f"{hashlib.sha256(prompt.encode()).hexdigest()[:16]}-{seed}.npy"
    if not path.exists():
        made = Clip(frames=generate([prompt], [seed]), fps=1).uint8()
        drafted(path, partial(_save, made[0]))
    return as_frames(np.load(path)[None])


def _save(pixels: np.ndarray, path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, pixels)
