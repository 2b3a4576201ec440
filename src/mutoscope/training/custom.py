"""Customisation: a system that was taught learns one subject from a few pictures of it.

    half of the batches   the pictures, each a clip of one frame, and what is read off them
    the other half        clips it was taught with, so that all else stays as it is

Nearness is read by the dense reader, vectors and patches by the aligner. The same tensors learn as
before, at a constant rate. Source: Esser et al. (2023), customisation, with 15 to 30 pictures.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from safetensors.torch import load_file, save_file
from torch import Tensor

from mutoscope import zoo
from mutoscope.clip import Clip
from mutoscope.controls import depth
from mutoscope.controls.control import pooled
from mutoscope.core.condition import Condition
from mutoscope.data.exact import FINE, Exact
from mutoscope.data.latents import Latents
from mutoscope.errors import RequestError, WeightsError
from mutoscope.networks.dense import nearness
from mutoscope.networks.small3d import DEFAULT_FPS
from mutoscope.systems import content, shipped
from mutoscope.systems.steered import Shown, Steered
from mutoscope.training import deltas, tuning
from mutoscope.training.deltas import DeltaTask
from mutoscope.training.train import Batch, train

KEPT = "pictures.safetensors"
"""The file of a run that holds what was read off the pictures."""
MOST = 64
READ = ("depth", "patches", "vectors")
"""What can be read off a picture, of all that systems learn from."""
STEPS, RATE, SHARE = 200, 3e-4, 0.5
"""Ours, but the share of batches that are pictures."""
CLIPS, BATCH = 512, 8
"""Clips that keep all else as it is, and how many of them, or of the pictures thrice, a batch."""


def taught(system: Steered, folder: Path = zoo.FOLDER) -> Steered:
    """The system with the weights that ship, or a folder's, ready to learn more."""
    network = system.denoiser.network
    network.load_state_dict(zoo.load_part(type(network), system.card.name, folder).state_dict())
    return system


@torch.inference_mode()
def read(system: Steered, pictures: Float[Tensor, "n 3 1 H W"]) -> dict[str, Tensor]:
    """What is true of pictures of a system's size, as far as they show it; refuses too many.

    Refuses systems that learn from what pictures don't show.
    """
    name, lacks = system.card.name, sorted({*system.delta.reads} - {*READ})
    if lacks:
        raise RequestError(f"{name} learns from {lacks[0]}, which pictures don't show")
    if not 1 <= len(pictures) <= MOST:
        raise RequestError(
            f"{name} learns a subject from 1 to {MOST} pictures (got {len(pictures)}); 15 to 30 do"
        )
    side = min(FINE, pictures.shape[-1])
    far = depth.from_clip(Clip(frames=pictures, fps=DEFAULT_FPS))
    seen = content.Content.begun().sighted(pictures)
    found = {
        "depth": pooled(nearness(far), (1, side, side)),
        "patches": seen.patches,
        "vectors": seen.vector[:, None],
    }
    wanted = {key: value.contiguous() for key, value in found.items() if key in system.delta.reads}
    return {"x0": system.coded(pictures).contiguous(), **wanted}


def begin(system: Steered, pictures: Float[Tensor, "n 3 1 H W"], out: Path) -> None:
    """Put what pictures show into a folder, for `learn`; refuses a folder with a run."""
    if (out / "state").exists():
        raise RequestError(f"{out} holds a run already; go on with it, or name another folder")
    found = read(system, pictures)
    out.mkdir(parents=True, exist_ok=True)
    draft = (out / KEPT).with_suffix(".part")
    save_file(found, draft)
    os.replace(draft, out / KEPT)


class CustomTask(DeltaTask):
    """Teach a system pictures of a subject beside what it was taught."""

    def __init__(
        self, system: Steered, cached: Latents, true: Exact, null: Condition, *, pictures: Shown
    ) -> None:
        super().__init__(system, cached, true, null)
        self.pictures = pictures

    def batch(self, rng: np.random.Generator, size: int) -> Batch:
        """Pictures, some of them more than once, or clips."""
        if rng.random() >= SHARE:
            return super().batch(rng, size)
        rows = rng.integers(0, len(self.pictures["x0"]), size * 3 * BATCH)
        words = self.null.expand(len(rows), -1, -1)
        return {
            **{name: value[rows] for name, value in self.pictures.items()},
            "text": words,
            "mask": torch.ones(words.shape[:2], dtype=torch.bool),
            "fps": torch.full((len(rows),), DEFAULT_FPS),
        }


def learn(system: Steered, out: Path, *, cache: Path, steps: int | None = None) -> Path:
    """Learn the pictures that `out` holds and save what is new as a delta there; its folder.

    Goes on where it was stopped; clips are made where they are missing.
    """
    if not (out / KEPT).exists():
        raise WeightsError(f"{out} holds no pictures that were being learned; give --clip FOLDER")
    system.delta = replace(system.delta, batch=BATCH, stages=())
    cached, true = deltas.lessons(cache, CLIPS, system.text, frames=system.delta.frames)
    pictures = load_file(out / KEPT)
    task = CustomTask(system, cached, true, system.text([""]), pictures=pictures)
    train(task, tuning.config(steps or STEPS, RATE, batch=1), out)
    network, base = system.denoiser.network, system.delta.base
    network.load_state_dict(load_file(out / "parts" / "network" / "weights.safetensors"))
    return zoo.save_delta(network, system.card.name, base, _facts(task, out), out)


def _facts(task: CustomTask, out: Path) -> Mapping[str, object]:
    system, network = task.system, task.denoiser.network
    weights = dict(network.named_parameters())
    base = zoo.facts(system.delta.base, zoo.where(system.delta.base, out))
    run = json.loads((out / "run.json").read_text())
    return {
        "class": type(network).__name__,
        **{key: base[key] for key in (*shipped.TOLD, shipped.BASE, "words") if key in base},
        "pictures": len(task.pictures["x0"]),
        "learned": sum(weights[name].numel() for name in task.learns),
        "phases": [{key: run[key] for key in ("step", "batch", "rate", "seed")}],
    }
