"""Training of the prior: what a picture would look like to the aligner, of what a sentence does.

    L = 1 - <prior(hear(words)), see(picture)>

Words and pictures are those of the cached clips that deltas learn from: each is told in one of
three ways, and seen in one of its frames. The aligner is frozen.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from mutoscope.data.exact import Exact
from mutoscope.data.latents import Latents
from mutoscope.encoders import MiniLM, minilm_sha256
from mutoscope.networks.alignment import Aligner
from mutoscope.networks.prior import Prior
from mutoscope.training import deltas
from mutoscope.training.publish import fresh, publish
from mutoscope.training.train import Batch, Config, Task, train
from mutoscope.zoo import FOLDER, load_part, sha256

if TYPE_CHECKING:
    from mutoscope.training.commands import Run

NAME, SEEING = "prior", "alignment"
CLIPS = 8_192
AT_ONCE = 512
"""Sentences that are heard together."""


def learn(run: Run) -> None:
    """Make the clips that are missing, hear all that is said of them, and learn."""
    cached, true = deltas.lessons(run.cache, run.items or CLIPS, MiniLM())
    torch.manual_seed(run.seed)
    prior = Prior() if run.init is None else load_part(Prior, NAME)
    told = heard(load_part(Aligner, SEEING).eval(), cached)
    config = Config(
        steps=run.steps, batch=256, rate=2e-3 if run.init is None else 1e-3, warmup=50, ema=0.99,
        seed=run.seed, init=run.init, precision="fp32",
    )  # fmt: skip
    train(PriorTask(prior, told, seen(true)), config, run.out)


def ship(run: Path, *, folder: Path = FOLDER) -> Path:
    """Put the prior of a finished run into the zoo."""
    facts = {"base": SEEING, "base_sha256": sha256(SEEING), "text_sha256": minilm_sha256()}
    return publish(fresh(Prior, NAME, run), NAME, run, facts=facts, folder=folder)


class PriorTask(Task):
    """Learn which vector a picture has, of the vectors of what is said of it."""

    def __init__(
        self, prior: Prior, told: Float[Tensor, "k n e"], shown: Float[Tensor, "n p e"]
    ) -> None:
        self.prior, self.told, self.shown = prior, told, shown

    def parts(self) -> Mapping[str, nn.Module]:
        """The prior."""
        return {NAME: self.prior}

    def batch(self, rng: np.random.Generator, size: int) -> Batch:
        """Clips, each by one telling and one of its pictures."""
        ways, clips = self.told.shape[:2]
        rows = rng.integers(0, min(clips, len(self.shown)), size)
        told = self.told[rng.integers(0, ways, size), rows]
        return {"told": told, "shown": self.shown[rows, rng.integers(0, self.shown.shape[1], size)]}

    def loss(self, batch: Batch, rng: torch.Generator) -> Mapping[str, Float[Tensor, ""]]:
        """One less the mean cosine, and the cosine of the words themselves."""
        shown = batch["shown"]
        near = (self.prior(batch["told"]) * shown).sum(-1).mean()
        return {"loss": 1 - near, "words": (batch["told"] * shown).sum(-1).mean()}


@torch.inference_mode()
def heard(aligner: Aligner, cached: Latents) -> Float[Tensor, "k n e"]:
    """The vectors of all that is said of cached clips, by telling."""
    every = []
    for telling in range(cached.tellings):
        for first in range(0, len(cached), AT_ONCE):
            rows = range(first, min(len(cached), first + AT_ONCE))
            batch = cached.pick(rows, [telling] * len(rows))
            every.append(aligner.hear(batch["text"].float(), batch["mask"]))
    return rearrange(torch.cat(every), "(k n) e -> k n e", k=cached.tellings)


def seen(true: Exact) -> Float[Tensor, "n p e"]:
    """The vectors of the pictures of cached clips."""
    return torch.cat([chunk["vectors"].float() for chunk in true.chunks])
