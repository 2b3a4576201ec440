"""Training of the dense reader: likelihood of its doubts, masks and lines, on degraded clips.

    L = r / b + 2 log b + r + 0.3 (sum of r of earlier guesses)          r = |flow error|, pixels
      + 20 e + 0.25 (e / c + log c)                                     e = |near error|
      + BCE + 1 - Dice of things + BCE of lines

b and c are the doubts. In plain b the well-seen pixels would drown the others, so r and e stand
beside. One batch in eight is of single frames. Clips are of both tiers, so of all looks; some have
been through the shipped autoencoder, as what our systems make has been. All weights ours.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from mutoscope.data.dense import flipped, some, targets
from mutoscope.data.truths import Recipe, Truths, built
from mutoscope.networks.dense import KINDS, RATE, SIDE, WITHIN, Dense, DenseReader
from mutoscope.training.publish import fresh, publish
from mutoscope.training.train import Batch, Config, Task, train
from mutoscope.zoo import FOLDER, load_part

if TYPE_CHECKING:
    from mutoscope.training.commands import Run

NAME = "dense-readers"
FRAMES = 8
STILLS = 8
"""One batch in so many is of single frames."""
SOFT = 0.01
"""Pixels below which the length of an error is nearly its square."""
RIGHT: Mapping[str, float] = {"flow": 0.95, "depth": 0.95, "mask": 0.99, "lines": 0.99}
"""What share of the pixels answered must be right on validation clips."""
LIKELY = 0.5
"""A pixel that isn't likelier right than wrong isn't told."""
NEVER = 2.0
"""The bar that no sureness reaches."""
WORST: Mapping[str, float] = {"flow": 0.3}
"""Mean error on validation clips above which a reading isn't used at all: P3's bar, in pixels."""
EVERY = 13
"""Of the pixels of validation clips one in so many is looked at."""
RECIPES: Sequence[tuple[Recipe, int]] = (
    (Recipe(seed=61), 1536),
    (Recipe(seed=62, fine=True), 1024),
    (Recipe(seed=63, tier="wide"), 1536),
    (Recipe(seed=64, tier="wide", fine=True), 1024),
    (Recipe(seed=65, coded=True), 192),
    (Recipe(seed=66, tier="wide", coded=True), 192),
)
"""What is learned from, and how many clips of each; both new readers share it."""
HELD: Sequence[tuple[Recipe, int]] = tuple(
    (Recipe(seed=seed, tier=tier, split="validation", fine=True), 128)
    for seed, tier in ((67, "core"), (68, "wide"))
)


def learn(run: Run) -> None:
    """Render clips of both tiers where they are missing and learn to read their maps."""
    found = clips(run, [*RECIPES, *HELD])
    data, held = found[: len(RECIPES)], found[len(RECIPES) :]
    torch.manual_seed(run.seed)
    reader = DenseReader() if run.init is None else load_part(DenseReader, NAME)
    config = Config(
        steps=run.steps, batch=8, rate=2e-3 if run.init is None else 1e-3, warmup=100, ema=0.995,
        seed=run.seed, init=run.init,
    )  # fmt: skip
    train(DenseTask(reader, data, held), config, run.out)


def clips(run: Run, kinds: Sequence[tuple[Recipe, int]]) -> list[Truths]:
    """The clips of some recipes, at most `run.items` of each."""
    return built(run.cache, [(recipe, min(count, run.items or count)) for recipe, count in kinds])


def ship(run: Path, *, folder: Path = FOLDER) -> Path:
    """Put the reader of a finished run into the zoo."""
    facts = {"side": SIDE, "rate": RATE}
    return publish(fresh(DenseReader, NAME, run), NAME, run, facts=facts, folder=folder)


class DenseTask(Task):
    """Learn to read maps; `held` sets heats, cuts and bars at the end."""

    def __init__(self, reader: DenseReader, data: Sequence[Truths], held: Sequence[Truths]) -> None:
        self.reader, self.data, self.held = reader, data, held

    def parts(self) -> Mapping[str, nn.Module]:
        """The reader alone."""
        return {NAME: self.reader}

    def batch(self, rng: np.random.Generator, size: int) -> Batch:
        """Degraded clips, half of them mirrored, with their maps."""
        sizes = np.array([len(part) for part in self.data])
        chosen = [self.data[k] for k in rng.choice(len(sizes), size, p=sizes / sizes.sum())]
        frames = 1 if rng.integers(STILLS) == 0 else FRAMES
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        found = []
        for part in chosen:
            start = int(rng.integers(len(part.chunks[0][0][0]) - frames + 1))
            (one,) = targets(part.pick([int(rng.integers(len(part)))], start, frames))
            found.append(some(flipped(one) if rng.integers(2) else one, generator))
        return {name: torch.stack([vars(one)[name] for one in found]) for name in vars(found[0])}

    def loss(self, batch: Batch, rng: torch.Generator) -> Mapping[str, Float[Tensor, ""]]:
        """The terms of the module's docstring, and plain mean errors."""
        said = self.reader(batch["frames"])
        terms = {
            **_flow_terms(said, batch["flow"]),
            **_near_terms(said, batch["near"]),
            "mask": _mask_loss(said.mask, batch["things"].float()),
            "lines": F.binary_cross_entropy_with_logits(said.lines, batch["lines"].float()),
        }
        loss = sum(value for name, value in terms.items() if not name.startswith("mean"))
        return {"loss": loss, **terms}  # type: ignore[dict-item]

    def finish(self, parts: Mapping[str, nn.Module]) -> None:
        """Set heats, cuts and bars on the held-out clips, half of them degraded."""
        reader = parts[NAME]
        assert isinstance(reader, DenseReader)
        rows: dict[str, list[tuple[Tensor, Tensor]]] = {name: [] for name in KINDS}
        for said, truth in answers(reader, self.held):
            for name, pair in _looked_at(said, truth).items():
                rows[name].append(pair)
        calibrate(reader, {name: _joined(pairs) for name, pairs in rows.items()})


@torch.inference_mode()
def answers(
    reader: DenseReader, held: Sequence[Truths], size: int = 16
) -> Iterator[tuple[Dense, Mapping[str, Tensor]]]:
    """What the reader says of clips, every second one degraded, beside what is true."""
    for part in held:
        for first in range(0, len(part), size):
            rows = list(range(first, min(first + size, len(part))))
            clips = [
                some(one, torch.Generator().manual_seed(row)) if row % 2 else one
                for row, one in zip(rows, targets(part.pick(rows, 0, FRAMES)), strict=True)
            ]
            truth = {n: torch.stack([vars(one)[n] for one in clips]) for n in vars(clips[0])}
            yield reader(truth["frames"]), truth


def calibrate(reader: DenseReader, asked: Mapping[str, tuple[Float[Tensor, " n"], Tensor]]) -> None:
    """Set heats, cuts and bars from pairs: doubts and errors, or scores and what is true."""
    for k, name in enumerate(KINDS):
        told, truth = asked[name]
        if name in WITHIN:
            # The likeliest scale of exp(-r/b)/b^n, of which the mean of r is n b.
            heat = float((truth / told.exp()).mean()) / (2 if name == "flow" else 1)
            far = WITHIN[name] / (heat * told.exp())
            sure = 1 - (1 + far if name == "flow" else torch.ones_like(far)) * (-far).exp()
            right = truth <= WITHIN[name]
            if float(truth.mean()) > WORST.get(name, math.inf):
                right = torch.zeros_like(right)
        else:
            heat = coolest(told, truth.float())
            likely = (told / heat).sigmoid()
            cut = best_cut(likely, truth > 0)
            reader.cuts[k - len(WITHIN)] = cut
            said = likely >= cut
            sure, right = torch.where(said, likely, 1 - likely), said == (truth > 0)
        reader.heat[k] = heat
        reader.bars[k] = threshold(sure, right, RIGHT[name])


def coolest(scores: Float[Tensor, " n"], truth: Float[Tensor, " n"]) -> float:
    """The temperature of least binary cross-entropy."""
    heats = 0.5 * torch.logspace(0, 1.3, 40)
    losses = [float(F.binary_cross_entropy_with_logits(scores / heat, truth)) for heat in heats]
    return float(heats[int(np.argmin(losses))])


def best_cut(likely: Float[Tensor, " n"], truth: Bool[Tensor, " n"]) -> float:
    """The probability from which on a yes gives the best F1; half where nothing is true."""
    cuts = torch.linspace(0.05, 0.95, 19)
    rights = [2 * float((truth & (likely >= cut)).sum()) for cut in cuts]
    alls = [float(truth.sum() + (likely >= cut).sum()) for cut in cuts]
    scores = [right / max(1.0, every) for right, every in zip(rights, alls, strict=True)]
    return float(cuts[int(np.argmax(scores))]) if bool(truth.any()) else 0.5


def threshold(sure: Float[Tensor, " n"], right: Bool[Tensor, " n"], share: float) -> float:
    """The lowest sureness above which a `share` is right, LIKELY at least; NEVER if none is."""
    order = sure.argsort(descending=True)
    kept = right[order].double().cumsum(0) / torch.arange(1, len(right) + 1)
    good = (kept >= share).nonzero().flatten()
    if len(good) == 0:
        return NEVER
    last = int(good[-1])
    return LIKELY if last == len(right) - 1 else max(LIKELY, float(sure[order[last]]))


def length(error: Float[Tensor, "*n 2"]) -> Float[Tensor, "*n"]:
    """The length of each vector, smooth at 0."""
    return (error.square().sum(-1) + SOFT**2).sqrt()


def _flow_terms(said: Dense, flow: Float[Tensor, "b pairs H W 2"]) -> dict[str, Tensor]:
    if flow.shape[1] == 0:
        return {}
    away = length(said.flow - flow)
    likely = away / said.flow_doubt.exp() + 2 * said.flow_doubt
    before = torch.stack([_coarse(path, flow) for path in said.paths]).sum()
    return {
        "flow": likely.mean() + away.mean(),
        "flow before": 0.3 * before,
        "mean flow error": away.detach().mean(),
    }


def _coarse(path: Float[Tensor, "b t h w 2"], flow: Float[Tensor, "b t H W 2"]) -> Tensor:
    """The error of an earlier guess against the flow averaged over each of its cells."""
    b, _, h, w, _ = path.shape
    flat = F.adaptive_avg_pool2d(rearrange(flow, "b t h w k -> (b t) k h w"), (h, w))
    return length(path - rearrange(flat, "(b t) k h w -> b t h w k", b=b)).mean()


def _near_terms(said: Dense, near: Float[Tensor, "b t H W"]) -> dict[str, Tensor]:
    away = (said.near - near).abs()
    likely = away / said.near_doubt.exp() + said.near_doubt
    return {
        "near": 20 * away.mean() + 0.25 * likely.mean(),
        "mean near error": away.detach().mean(),
    }


def _mask_loss(scores: Float[Tensor, "b t H W"], true: Float[Tensor, "b t H W"]) -> Tensor:
    mine = scores.sigmoid()
    both, either = (mine * true).flatten(1).sum(1), (mine + true).flatten(1).sum(1)
    dice = ((2 * both + 1) / (either + 1)).mean()
    return F.binary_cross_entropy_with_logits(scores, true) + 1 - dice


def _looked_at(said: Dense, truth: Mapping[str, Tensor]) -> dict[str, tuple[Tensor, Tensor]]:
    """By KINDS doubts and errors, or scores and what is true, of one pixel in EVERY."""
    rows = {
        "flow": (said.flow_doubt, (said.flow - truth["flow"]).norm(dim=-1)),
        "depth": (said.near_doubt, (said.near - truth["near"]).abs()),
        "mask": (said.mask, truth["things"].float()),
        "lines": (said.lines, truth["lines"].float()),
    }
    return {name: (a.flatten()[::EVERY], b.flatten()[::EVERY]) for name, (a, b) in rows.items()}


def _joined(pairs: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    one, two = zip(*pairs, strict=True)
    return torch.cat(one), torch.cat(two)
