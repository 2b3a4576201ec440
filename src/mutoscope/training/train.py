"""The training loop, one function: batch, loss, backward, clip, step, EMA, log, save.

What step k sees depends on (seed, rank, k) alone, so a run that was stopped and resumed is the run
that never stopped, bit for bit, on the same machine with the same number of threads.
"""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import takewhile
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from jaxtyping import Float, UInt8
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn

from mutoscope.training import checkpoint
from mutoscope.training.curve import Log
from mutoscope.training.ema import Ema

Batch = Mapping[str, Tensor]


class Task(ABC):
    """What is learned: the parts that change, where batches come from, and what is minimised."""

    @abstractmethod
    def parts(self) -> Mapping[str, nn.Module]:
        """The modules that are trained and saved, by name."""

    def begin(self, step: int) -> None:
        """Called before each step, by its number: which of the parts' weights learn may change."""
        return

    @abstractmethod
    def batch(self, rng: np.random.Generator, size: int) -> Batch:
        """A batch drawn with `rng` alone."""

    @abstractmethod
    def loss(self, batch: Batch, rng: torch.Generator) -> Mapping[str, Float[Tensor, ""]]:
        """Named terms, means over the batch; what is minimised is called "loss"."""

    def sheet(self, parts: Mapping[str, nn.Module]) -> UInt8[np.ndarray, "H W 3"] | None:
        """A picture of what the averaged `parts` do now, or None where there is nothing to see."""
        return None

    def finish(self, parts: Mapping[str, nn.Module]) -> None:
        """Called once with the averaged parts before they are saved for use."""
        return


@dataclass(frozen=True, kw_only=True)
class Config:
    """How long and how fast to learn; every number ours.

    The rate warms up linearly, stays, and falls linearly to zero over the last `cooldown` share of
    `steps`; `ema` is the decay of the averaged weights, which are the ones that ship; `init` names
    the weights it starts from, for the record. With `muon`, matrices are stepped by Muon (Jordan et
    al. 2024; Liu et al. 2025) at Adam's own size of step. A sample sheet is drawn every
    `sheet_steps` steps, or where that is 0 every `sheet_minutes`.
    """

    steps: int
    batch: int
    rate: float = 1e-3
    warmup: int = 200
    cooldown: float = 0.3
    decay: float = 0.01
    clip: float = 1.0
    ema: float = 0.999
    beta2: float = 0.98
    seed: int = 0
    save_minutes: float = 5.0
    sheet_minutes: float = 5.0
    sheet_steps: int = 0
    precision: str = "bf16"
    muon: bool = False
    init: str | None = None

    def rate_at(self, step: int) -> float:
        """Learning rate of a step, counted from 0."""
        rest = (self.steps - step) / max(1.0, self.cooldown * self.steps)
        return self.rate * min(1.0, (step + 1) / self.warmup, rest)

    def sheet_due(self, done: int, seconds: float) -> bool:
        """Whether a sheet is drawn after so many steps, so long after the last one."""
        if self.sheet_steps:
            return done % self.sheet_steps == 0
        return seconds > 60 * self.sheet_minutes


def train(
    task: Task,
    config: Config,
    folder: Path,
    *,
    until: int | None = None,
    stop: Callable[[int], bool] | None = None,
    quiet: bool = False,
) -> None:
    """Train until `config.steps` (or `until`, to be resumed later), keeping all state in `folder`.

    Resumes from `folder` when there is something in it; stops cleanly, state saved, on Ctrl-C.
    `stop` is asked before each step, by its number; when it agrees the run ends well, with what was
    learned so far. So does one that has taken more steps than it is now asked for. A `quiet` one
    writes nothing to the terminal.
    """
    device = Accelerator(mixed_precision="no" if config.precision == "fp32" else config.precision)
    parts = nn.ModuleDict(dict(task.parts()))
    weights = [p for p in parts.parameters() if p.requires_grad]
    optimizers = [device.prepare(o) for o in _optimizers(weights, config)]
    inner = device.unwrap_model(device.prepare(parts))
    ema = Ema(inner, config.ema)
    first = checkpoint.resume(folder, inner, optimizers, ema)
    log = Log(folder, config=asdict(config), first=first, quiet=not device.is_main_process)
    last = min(config.steps, until or config.steps)
    saved = sheeted = time.monotonic()

    def draw(step: int) -> Batch:
        seed = (config.seed, device.process_index, step)
        return task.batch(np.random.default_rng(seed), config.batch)

    with _progress(quiet=quiet) as progress, ThreadPoolExecutor(1) as ahead:
        bar = progress.add_task("training", total=last, completed=first, note="")
        coming = ahead.submit(draw, first)
        done = first
        try:
            for step in _steps(first, last, stop):
                batch = {k: v.to(device.device) for k, v in coming.result().items()}
                coming = ahead.submit(draw, min(step + 1, last - 1))
                task.begin(step)
                for group in (g for o in optimizers for g in o.param_groups):
                    group["lr"] = config.rate_at(step)
                with device.autocast():
                    terms = task.loss(batch, _generator(config.seed, device.process_index, step))
                device.backward(terms["loss"])
                norm = device.clip_grad_norm_(weights, config.clip)
                for optimizer in optimizers:
                    optimizer.step()
                    optimizer.zero_grad(set_to_none=True)
                ema.update(inner, step)
                done = step + 1
                log.add(step, {**terms, "norm": norm}, rate=config.rate_at(step))
                progress.update(bar, completed=done, note=log.note)
                if time.monotonic() - saved > 60 * config.save_minutes:
                    checkpoint.save(folder, inner, optimizers, ema, done)
                    saved = time.monotonic()
                if config.sheet_due(done, time.monotonic() - sheeted):
                    log.sheet(done, task.sheet(ema.parts(inner)))
                    sheeted = time.monotonic()
        finally:
            if device.is_main_process:
                checkpoint.save(folder, inner, optimizers, ema, done)
                log.close()
    averaged = ema.parts(inner)
    task.finish(averaged)
    log.sheet(done, task.sheet(averaged))
    checkpoint.publish(folder, averaged, {"step": done, **asdict(config)})


def _steps(first: int, last: int, stop: Callable[[int], bool] | None) -> Iterator[int]:
    return takewhile(lambda step: stop is None or not stop(step), range(first, last))


def _optimizers(weights: Sequence[nn.Parameter], config: Config) -> list[torch.optim.Optimizer]:
    matrices = [p for p in weights if config.muon and p.ndim == 2 and min(p.shape) > 32]
    taken = {id(p) for p in matrices}
    rest = [p for p in weights if id(p) not in taken]
    groups = [
        {"params": [p for p in rest if p.ndim > 1], "weight_decay": config.decay},
        {"params": [p for p in rest if p.ndim <= 1], "weight_decay": 0.0},
    ]
    adam = torch.optim.AdamW(groups, lr=config.rate, betas=(0.9, config.beta2))
    if not matrices:
        return [adam]
    muon = torch.optim.Muon(
        matrices, lr=config.rate, weight_decay=config.decay, adjust_lr_fn="match_rms_adamw"
    )
    return [adam, muon]


def _generator(*key: int) -> torch.Generator:
    seed = int(np.random.SeedSequence((*key, 1)).generate_state(1, np.uint64)[0] >> 1)
    return torch.Generator().manual_seed(seed)


def _progress(*, quiet: bool) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        refresh_per_second=1,
        console=Console(stderr=True),
        disable=quiet,
    )


def config_of(folder: Path) -> Mapping[str, object] | None:
    """The configuration that a training folder was made with, or None when it is empty."""
    path = folder / "config.json"
    return json.loads(path.read_text()) if path.exists() else None
