"""Training of a delta: a frozen base learns, in a few named tensors, to be told more than words.

    L = mean |F(x_t, t, c) - target|^2,   times as in `training.diffusion`, c as the system says

All clips are of the world's core tier, with what is exactly true of them; for a delta on an image
model they are pictures. A delta may ask for a share of batches of single frames of clips instead,
and for stages in which one part learns after another.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from safetensors.torch import load_file
from torch import Tensor, nn

from mutoscope import world, zoo
from mutoscope.core.condition import Condition
from mutoscope.data import exact, latents
from mutoscope.data.exact import Exact
from mutoscope.data.latents import Latents, condition
from mutoscope.encoders import TextEncoder
from mutoscope.networks.alignment import Aligner
from mutoscope.systems import shipped
from mutoscope.systems.steered import Delta, Steered
from mutoscope.training import commands
from mutoscope.training.diffusion import DiffusionTask, Pool
from mutoscope.training.publish import carded, described, finished
from mutoscope.training.train import Batch, Config, train
from mutoscope.training.tuning import fits, freed
from mutoscope.zoo import load_part

ALIGNER = "alignment"


class DeltaTask(DiffusionTask):
    """Teach the named tensors of a system's network to be told what the system says.

    Stages end at their shares of `steps`, by itself the delta's.
    """

    def __init__(
        self, system: Steered, cached: Latents, true: Exact, null: Condition, *,
        steps: int | None = None,
    ) -> None:  # fmt: skip
        pool = Pool(cached, 1.0, system.delta.batch)
        super().__init__(system.denoiser, [pool], null, drop=0.0)
        self.system, self.true, self.steps = system, true, steps or system.delta.steps
        network = system.denoiser.network
        for stage in system.delta.stages:
            freed(network, stage.learns)  # refuses a pattern that fits none
        self.learns = freed(network, system.delta.learns)

    def parts(self) -> Mapping[str, nn.Module]:
        """The network, in which all that ever learns is free to, whatever the stage was."""
        freed(self.system.denoiser.network, self.system.delta.learns)
        return super().parts()

    def begin(self, step: int) -> None:
        """What learns in the stage that the step is in."""
        if self.system.delta.stages:
            names = learning(self.system.delta, step / self.steps)
            weights = dict(self.system.denoiser.network.named_parameters())
            for name in self.learns:
                weights[name].requires_grad = fits(name, names)

    def batch(self, rng: np.random.Generator, size: int) -> Batch:
        """Clips with what is true of them, `size` times as many as the delta says; or stills."""
        (pool,) = self.pools
        rows = rng.integers(0, min(len(pool.latents), len(self.true)), size * pool.batch).tolist()
        tellings = rng.integers(0, pool.latents.tellings, len(rows)).tolist()
        true = self.true.pick(rows)
        found = {
            **pool.latents.pick(rows, tellings),
            **{name: true[name] for name in self.system.delta.reads},
        }
        return exact.stills(found) if rng.random() < self.system.delta.pictures else found

    def loss(self, batch: Batch, rng: torch.Generator) -> Mapping[str, Float[Tensor, ""]]:
        """One term, told of clips and of stills apart."""
        x0 = batch["x0"].float()
        null = Condition(text=self.null[None].to(x0), scalars={"fps": batch["fps"][:1]})
        told = condition({**batch, "text": batch["text"].float()})
        heard = {n: v for n, v in told.scalars.items() if n in self.system.scalars}
        told = replace(told, scalars=heard)
        length = max(told.text.shape[1], len(self.null))  # type: ignore[union-attr]
        told, null = _padded(told, length), _padded(null, length)
        with torch.no_grad():
            told = self.system.taught({**batch, "x0": x0}, told, null, rng)
        eps = torch.randn(x0.shape, generator=rng).to(x0)
        loss = self.denoiser.loss(x0, self.times(x0, rng), eps, told).mean()
        return {"loss": loss, "clip" if x0.shape[2] > 1 else "image": loss.detach()}


def learning(delta: Delta, done: float) -> Sequence[str]:
    """The patterns of what learns after a share of all steps, in [0, 1)."""
    end = 0.0
    for stage in delta.stages:
        end += stage.share
        if done < end - 1e-9:
            return stage.learns
    return delta.stages[-1].learns if delta.stages else delta.learns


def learn(system: Steered, out: Path, *, cache: Path, steps: int | None, init: str | None) -> None:
    """Make the clips that are missing and learn from them; resumes what `out` holds."""
    delta = system.delta
    cached, true = lessons(cache, delta.clips, system.text, frames=delta.frames)
    steps = steps or delta.steps
    task = DeltaTask(system, cached, true, system.text([""]), steps=steps)
    if init is not None:
        _warm(system)
    config = Config(
        steps=steps, batch=1, rate=delta.rate, warmup=50, ema=0.998, muon=True,
        init=init,
    )  # fmt: skip
    train(task, config, out)


def lessons(
    cache: Path, clips: int, encoder: TextEncoder, *, frames: int = 16
) -> tuple[Latents, Exact]:
    """So many clips and what is true of them, made where they are missing."""
    coder = commands.shipped_coder()
    recipe = latents.Recipe(frames=frames, seed=100 * frames, rates=commands.RATES[frames])
    folder = commands.latents_folder(cache, recipe, coder)
    latents.build(folder, recipe, clips, coder, encoder, cache)
    latents.retell(folder, recipe, clips, commands.TELLINGS, encoder, cache)
    exact.build(folder, recipe, clips, load_part(Aligner, ALIGNER).eval())
    return latents.load(folder, clips, commands.TELLINGS), exact.load(folder, clips)


def ship(system: Steered, out: Path, *, folder: Path = zoo.FOLDER) -> Path:
    """Put what the finished run in `out` learned into the zoo, as a delta on its base.

    The base may be that of `folder`, else it is the one that ships.
    """
    name, delta = system.card.name, system.delta
    network = system.denoiser.network
    network.load_state_dict(load_file(finished(name, out)))
    base = zoo.facts(delta.base, zoo.where(delta.base, folder))
    run = json.loads((out / "run.json").read_text())
    before = zoo.facts(name, folder).get("phases", []) if run.get("init") else []
    phases = [*before, described(run)]
    weights = dict(network.named_parameters())
    count = sum(weights[k].numel() for k in freed(network, delta.learns))
    facts = {
        "class": type(network).__name__,
        "world": world.VERSION,
        **{key: base[key] for key in (*shipped.TOLD, shipped.BASE, "words") if key in base},
        "learned": count,
        "phases": phases,
    }
    target = zoo.save_delta(network, name, delta.base, facts, folder)
    what = f"a delta of {count:,} parameters on `{delta.base}`"
    carded(out, target, what, phases)
    return target


def _warm(system: Steered) -> None:
    network = system.denoiser.network
    known = load_part(type(network), system.card.name)
    network.load_state_dict(known.state_dict())


def _padded(told: Condition, length: int) -> Condition:
    """The same words with room for so many."""
    assert told.text is not None
    b, had, width = told.text.shape
    text = told.text.new_zeros(b, length, width)
    text[:, :had] = told.text
    mask = torch.zeros(b, length, dtype=torch.bool)
    mask[:, :had] = True if told.text_mask is None else told.text_mask
    return Condition(text=text, text_mask=mask, scalars=told.scalars)
