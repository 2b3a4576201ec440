"""What was made or seen once is kept: a table that was stopped goes on where it was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from mutoscope.clip import Clip, Frames
from mutoscope.evaluate.commands import Generate
from mutoscope.evaluate.reading import as_frames
from mutoscope.evaluate.report import drafted
from mutoscope.systems.system import Asked, System

Arrays = Mapping[str, np.ndarray]
Made = tuple[Arrays, Mapping[str, str]]
"""Arrays and words, each under its name."""


def keyed(folder: Path, facts: Sequence[object], suffix: str) -> Path:
    """The file of what depends on these facts, as JSON has them, and on nothing else."""
    return folder / f"{hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]}{suffix}"


def remembered(place: Path) -> Made | None:
    """What a safetensors file holds, or None where none can be read."""
    try:
        with safe_open(place, "np") as file:
            found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return found, file.metadata() or {}
    except (OSError, SafetensorError):
        return None


def put(place: Path, arrays: Arrays, words: Mapping[str, str]) -> Made:
    """The same, put there."""
    whole = {name: np.ascontiguousarray(one) for name, one in arrays.items()}
    drafted(place, partial(save_file, whole, metadata=dict(words)))
    return whole, words


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
