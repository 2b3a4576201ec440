"""Training of the second reader, which knows all words of the world.

It starts from the reader of the core tier and is another network, because more words to choose from
make that one less sure.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from mutoscope.data.rendered import Recipe, build
from mutoscope.networks.readers import ClipReader
from mutoscope.training import readers
from mutoscope.training.readers import ReaderTask
from mutoscope.training.train import Config, train
from mutoscope.zoo import FOLDER, load_part

if TYPE_CHECKING:
    from mutoscope.training.commands import Run

NAME = "wide-readers"


def learn(run: Run) -> None:
    """Render clips of the wide tier where they are missing and learn to read them."""
    data = [
        build(run.cache, Recipe(seed=56, tier="wide"), run.items or 3000),
        build(run.cache, Recipe(seed=57, tier="wide", fine=True), run.items or 1000),
        build(run.cache, Recipe(seed=51), 2000),
    ]
    last = Recipe(seed=56, tier="wide", split="validation", fine=True)
    held = build(run.cache, last, run.items or 1000)
    torch.manual_seed(run.seed)
    reader = load_part(ClipReader, "readers" if run.init is None else NAME)
    config = Config(
        steps=run.steps, batch=24, rate=2e-3, warmup=100, ema=0.995, seed=run.seed, init=run.init
    )
    train(ReaderTask(reader, data, held), config, run.out)


def ship(run: Path, *, folder: Path = FOLDER) -> Path:
    """Put the reader of a finished run into the zoo."""
    return readers.ship(run, NAME, folder=folder)
