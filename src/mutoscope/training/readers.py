"""Training of the reader: cross-entropy of every word, masks and middles, on degraded clips.

    L = CE of each head + 0.3 BCE of what is present + 4 (BCE + 1 - Dice)(mask) + 4 wBCE(middle)

A thing's anchor is read at a random spot near its middle in a random frame; words are read under
the true mask or, as often, under the one the network draws. One batch in eight is of single frames,
which say nothing of motion.
Half of the scenes come from streams that hold no pairs of words out: a reader that had never seen
wood under a pan to the left called it sand whenever the camera panned left, and how well a system
does with new pairs can't be measured with a reader to which they are new as well.
Temperatures and thresholds are set on validation clips at the end: at the threshold the answers
kept are at least RIGHT right. All weights ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from mutoscope.data import degrade
from mutoscope.data.rendered import Recipe, Rendered, build
from mutoscope.networks.readers import (
    CLIP_WORDS,
    HEADS,
    MOST,
    MOVING,
    PRESENT,
    THING_WORDS,
    WORDS,
    ClipReader,
    Masks,
    Told,
)
from mutoscope.training.publish import fresh, publish
from mutoscope.training.train import Batch, Config, Task, train
from mutoscope.world.facts import shown
from mutoscope.world.scene import Scene
from mutoscope.zoo import FOLDER, load_part

if TYPE_CHECKING:
    from mutoscope.training.commands import Run

STILLS = 8
"""One batch in so many is of single frames."""
RIGHT = 0.99
"""What share of the answers above a threshold must be right on validation clips."""
LIKELY = 0.5
"""A word that isn't likelier than all others together isn't said."""
COLDEST = 0.5
"""Lowest temperature: where no answer is wrong, none would be low enough."""
NEVER = 2.0
"""The threshold of a question that wasn't taught: no confidence reaches it."""


def labels(scene: Scene) -> Int[np.ndarray, "o1 heads"]:
    """What a reader should say: a row a thing, then one for the clip; -1 where nothing shows."""
    truth = shown(scene)
    rows = np.full((MOST + 1, len(HEADS)), -1)
    for row, thing in zip(rows, truth.things, strict=False):
        moving = thing.verb not in ("still", "appears", "vanishes")
        said = {**vars(thing), "speed": (thing.speed or "") if moving else None}
        for column, name in enumerate(HEADS):
            if said.get(name) in THING_WORDS.get(name, ()):
                row[column] = WORDS[name].index(said[name])
    clip = {**vars(truth), "fog": "fog" if truth.fog else "clear", "count": str(truth.count)}
    for column, name in enumerate(HEADS):
        if clip.get(name) in CLIP_WORDS.get(name, ()):
            rows[-1, column] = WORDS[name].index(clip[name])
    return rows


def learn(run: Run) -> None:
    """Render clips of the core tier where they are missing and learn to read them."""
    rare = Recipe(seed=54, split="validation", unseen=True)
    data = [
        build(run.cache, Recipe(seed=51), 4000),
        build(run.cache, Recipe(seed=52, fine=True), 2000),
        build(run.cache, Recipe(seed=53, split="validation"), run.items or 4000),
        build(run.cache, rare, 2000),
    ]
    held = build(run.cache, Recipe(seed=51, split="validation", fine=True), 2000)
    torch.manual_seed(run.seed)
    reader = ClipReader() if run.init is None else load_part(ClipReader, "readers")
    config = Config(steps=run.steps, batch=24, rate=2e-3, warmup=100, ema=0.995, seed=run.seed)
    train(ReaderTask(reader, data, held), config, run.out)


def ship(run: Path, name: str = "readers", *, folder: Path = FOLDER) -> Path:
    """Put the reader of a finished run into the zoo."""
    return publish(fresh(ClipReader, name, run), name, run, facts={}, folder=folder)


class ReaderTask(Task):
    """Learn to read world clips; `held` sets temperatures and thresholds at the end."""

    def __init__(self, reader: ClipReader, data: Sequence[Rendered], held: Rendered) -> None:
        self.reader, self.data, self.held = reader, data, held
        self.labels = [np.stack([labels(s) for s in part.scenes]) for part in data]

    def parts(self) -> Mapping[str, nn.Module]:
        """The reader alone."""
        return {"readers": self.reader}

    def batch(self, rng: np.random.Generator, size: int) -> Batch:
        """Degraded clips in [-1, 1], ids at half the size, labels."""
        sizes = np.array([len(part) for part in self.data])
        part = int(rng.choice(len(self.data), p=sizes / sizes.sum()))
        rows = rng.integers(0, sizes[part], size)
        rgb, ids, _ = self.data[part].pick(rows.tolist())
        told = self.labels[part][rows]
        if rng.integers(STILLS) == 0:
            moment = int(rng.integers(rgb.shape[1]))
            rgb, ids, told = rgb[:, moment : moment + 1], ids[:, moment : moment + 1], told.copy()
            told[..., [HEADS.index(name) for name in MOVING]] = -1
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        frames = torch.stack([degrade.some(shot, generator) for shot in as_frames(rgb)])
        return {
            "frames": frames,
            "ids": torch.from_numpy(ids[:, :, 1::2, 1::2].copy()),
            "labels": torch.from_numpy(told),
        }

    def loss(self, batch: Batch, rng: torch.Generator) -> Mapping[str, Float[Tensor, ""]]:
        """The terms of the module's docstring, and shares of right answers."""
        told, ids = batch["labels"], batch["ids"].long()
        most = int((told[:, :-1] >= 0).any(-1).sum(1).max())
        true = torch.stack([(ids == k + 1).float() for k in range(most)], dim=1)
        there = true.flatten(2).any(-1)
        target = middles(true)
        seen = self.reader.see(batch["frames"])
        scores = self.reader.masks(seen, _spots(target, rng))
        mixed = torch.rand(there.shape, generator=rng).to(true) < 0.5
        masks = torch.where(mixed[..., None, None, None], true, scores.sigmoid().detach())
        said = self.reader.tell(seen, masks, there)
        words = {name: _word(said, name, told) for name in HEADS}
        mask = _mask_loss(scores[there], true[there])
        wanted = target.amax(1)
        near = F.binary_cross_entropy_with_logits(seen.middle, wanted, reduction="none")
        middle = (near * (1 + 9 * wanted)).mean()
        present = sum(_present(said, name, told) for name in PRESENT)
        loss = sum(words.values()) + 0.3 * present + 4 * mask + 4 * middle
        rights = {f"right {n}": _right(said, n, told) for n in ("colour", "shape", "verb", "move")}
        return {"loss": loss, "mask": mask, "middle": middle, **words, **rights}

    def finish(self, parts: Mapping[str, nn.Module]) -> None:
        """Set temperatures and thresholds on the held-out clips, half of them degraded."""
        reader = parts["readers"]
        assert isinstance(reader, ClipReader)
        asked = ask(reader, self.held)
        for column, name in enumerate(HEADS):
            heat, bar = calibrated(asked[name].scores, asked[name].truth)
            reader.heat[column], reader.bars[column] = heat, bar


@dataclass(frozen=True)
class Asked:
    """Scores of one head and what is true."""

    scores: Float[Tensor, "m n"]
    truth: Int[Tensor, " m"]


@torch.inference_mode()
def ask(reader: ClipReader, held: Rendered, size: int = 25) -> dict[str, Asked]:
    """What the reader says of things it found (their truth being the thing below) and of clips."""
    rows: dict[str, list[tuple[Tensor, Tensor]]] = {name: [] for name in HEADS}
    for first in range(0, len(held), size):
        numbers = range(first, min(first + size, len(held)))
        rgb, ids, scenes = held.pick(numbers)
        frames = as_frames(rgb)
        for row, number in enumerate(numbers):
            if number % 2:
                frames[row] = degrade.some(frames[row], torch.Generator().manual_seed(number))
        told = torch.from_numpy(np.stack([labels(scene) for scene in scenes]))
        masks, there, said = reader(frames)
        below, share = underneath(masks, torch.from_numpy(ids))
        good = there & (share > 0.5)
        for column, name in enumerate(HEADS):
            if name in CLIP_WORDS:
                scores, truth = said.clip[name], told[:, -1, column]
            else:
                scores, truth = said.things[name][good], told[..., column].gather(1, below)[good]
            rows[name].append((scores[truth >= 0], truth[truth >= 0]))
    return {name: Asked(*map(torch.cat, zip(*pairs, strict=True))) for name, pairs in rows.items()}


def underneath(masks: Masks, ids: Tensor) -> tuple[Int[Tensor, "b o"], Float[Tensor, "b o"]]:
    """The thing that each mask overlaps best, counted from 0, and their overlap (IoU)."""
    step = ids.shape[-1] // masks.shape[-1]
    ids = ids[..., step // 2 :: step, step // 2 :: step]
    mine = (masks > 0.5).float()
    shares = []
    for k in range(MOST):
        true = (ids == k + 1).float()[:, None]
        both = (mine * true).sum((-1, -2, -3))
        either = torch.maximum(mine, true).sum((-1, -2, -3))
        shares.append(both / either.clamp(min=1))
    share, below = torch.stack(shares, dim=-1).max(-1)
    return below, share


def calibrated(scores: Float[Tensor, "m n"], truth: Int[Tensor, " m"]) -> tuple[float, float]:
    """Temperature of least cross-entropy, and the lowest threshold with RIGHT answers above it."""
    if len(set(truth.tolist())) < 2:
        return 1.0, NEVER
    heats = COLDEST * torch.logspace(0, 1.3, 40)
    losses = [float(F.cross_entropy(scores / heat, truth)) for heat in heats]
    heat = float(heats[int(np.argmin(losses))])
    sure, best = (scores / heat).softmax(-1).max(-1)
    order = sure.argsort(descending=True)
    right = (best == truth)[order].float()
    kept = right.cumsum(0) / torch.arange(1, len(right) + 1)
    good = (kept >= RIGHT).nonzero().flatten()
    if len(good) == 0:
        return heat, NEVER
    last = int(good[-1])
    return heat, LIKELY if last == len(right) - 1 else max(LIKELY, float(sure[order[last]]))


def as_frames(rgb: np.ndarray) -> Float[Tensor, "b 3 T H W"]:
    """Bytes b T H W 3 as frames in [-1, 1]."""
    return rearrange(torch.from_numpy(rgb).float() / 127.5 - 1, "b t h w c -> b c t h w").clone()


def middles(true: Masks) -> Masks:
    """For each thing a bump of height 1 at the middle of what is visible, as wide as the thing."""
    H, W = true.shape[-2:]
    y, x = torch.arange(H).float(), torch.arange(W).float()
    area = true.sum((-1, -2))
    some = area.clamp(min=1)
    my = torch.einsum("bothw,h->bot", true, y) / some
    mx = torch.einsum("bothw,w->bot", true, x) / some
    away = (y - my[..., None]).square()[..., None] + (x - mx[..., None]).square()[..., None, :]
    spread = (0.12 * some).clamp(min=0.5)[..., None, None]
    return torch.exp(-0.5 * away / spread) * (area > 0)[..., None, None]


def _spots(target: Masks, rng: torch.Generator) -> Int[Tensor, "b o"]:
    """A random spot near the middle of each thing in a random frame."""
    luck = torch.rand(target.shape, generator=rng)
    return ((target > 0.6) * luck).flatten(2).argmax(-1)


def _mask_loss(scores: Float[Tensor, "m t h w"], true: Float[Tensor, "m t h w"]) -> Tensor:
    bce = F.binary_cross_entropy_with_logits(scores, true)
    mine = scores.sigmoid().flatten(1)
    both, total = (mine * true.flatten(1)).sum(1), mine.sum(1) + true.flatten(1).sum(1)
    return bce + 1 - ((2 * both + 1) / (total + 1)).mean()


def _pair(said: Told, name: str, told: Tensor) -> tuple[Tensor, Tensor]:
    column = HEADS.index(name)
    if name in CLIP_WORDS:
        return said.clip[name], told[:, -1, column]
    scores = said.things[name]
    return scores.flatten(0, 1), told[:, : scores.shape[1], column].flatten()


def _word(said: Told, name: str, told: Tensor) -> Float[Tensor, ""]:
    scores, truth = _pair(said, name, told)
    return F.cross_entropy(scores, truth, ignore_index=-1, reduction="sum") / (
        (truth >= 0).sum().clamp(min=1)
    )


def _right(said: Told, name: str, told: Tensor) -> Float[Tensor, ""]:
    scores, truth = _pair(said, name, told)
    right = (scores.argmax(-1) == truth)[truth >= 0]
    return right.float().mean() if len(right) else torch.ones(())


def _present(said: Told, name: str, told: Tensor) -> Float[Tensor, ""]:
    found = told[:, :-1, HEADS.index(name)]
    known = (found >= 0).any(-1)
    hot = F.one_hot(found + 1, len(WORDS[name]) + 1)[..., 1:].amax(1).float()
    each = F.binary_cross_entropy_with_logits(said.present[name], hot, reduction="none").sum(-1)
    return (each * known).sum() / known.sum().clamp(min=1)
