"""Training of a denoiser on cached latents: image batches and clip batches, in turn.

loss = mean over the batch of |F - target|^2, t = sigmoid(m + s n), n standard normal (Esser et al.
2024, section 3.1), with CLIP_TIMES for clips: their frames tell of one another, so where a thing
is gets settled at higher noise than in a picture; whether it turns in place, at less of it. The
text is replaced by that of the empty prompt with chance `drop`, for classifier-free guidance. A
word piece says only what it means in its sentence, not which word it is, with chance HIDDEN, so
that a word never read isn't all unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from mutoscope.core.condition import Condition
from mutoscope.core.denoiser import Denoiser
from mutoscope.core.shapes import Latent, Time
from mutoscope.data.latents import Latents, condition
from mutoscope.training.shown import WEIGHT, ShownHead
from mutoscope.training.train import Batch, Task

CLIP_TIMES = (1.3, 1.0)
"""Spread s and middle m of the times that clips are learned at (ours)."""
HIDDEN = 0.15
"""Share of word pieces of which the encoder's second half, the word itself, is zero (ours)."""


@dataclass(frozen=True)
class Pool:
    """A cache, the chance that a batch comes from it, and how many of its items fill one batch.

    `likely` says how likely each item is to be drawn; by itself all are alike.
    """

    latents: Latents
    chance: float
    batch: int
    likely: Float[np.ndarray, " n"] | None = None

    def draw(self, rng: np.random.Generator, count: int) -> list[int]:
        """Rows of `latents`, any of them more than once."""
        return rng.choice(len(self.latents), count, p=self.likely).tolist()


Draw = Callable[[nn.Module], UInt8[np.ndarray, "H W 3"]]


class DiffusionTask(Task):
    """Teach the network of `denoiser`; `null` is the Condition of the empty prompt."""

    def __init__(
        self, denoiser: Denoiser, pools: Sequence[Pool], null: Condition, *, drop: float = 0.1,
        draw: Draw | None = None, head: ShownHead | None = None,
    ) -> None:  # fmt: skip
        self.denoiser, self.pools, self.drop = denoiser, tuple(pools), drop
        self.head = head
        assert null.text is not None
        self.null, self.draw = null.text[0].bfloat16(), draw

    def parts(self) -> Mapping[str, nn.Module]:
        """The network, and the head that is thrown away."""
        network = {"network": self.denoiser.network}
        return network if self.head is None else {**network, "_head": self.head}

    def batch(self, rng: np.random.Generator, size: int) -> Batch:
        """A batch of one pool, `size` times as large as the pool says; text dropped here."""
        pool = self.pools[rng.choice(len(self.pools), p=[p.chance for p in self.pools])]
        rows = pool.draw(rng, size * pool.batch)
        tellings = rng.integers(0, pool.latents.tellings, len(rows))
        batch = pool.latents.pick(rows, tellings.tolist())
        hidden = torch.from_numpy(rng.random(batch["mask"].shape) < HIDDEN)
        batch["text"][..., batch["text"].shape[-1] // 2 :].masked_fill_(hidden[..., None], 0)
        dropped = torch.from_numpy(rng.random(size * pool.batch) < self.drop)
        length = min(len(self.null), batch["text"].shape[1])
        batch["text"][dropped] = 0
        batch["text"][dropped, :length] = self.null[:length]
        batch["mask"][dropped] = torch.arange(batch["mask"].shape[1]) < length
        return batch

    def loss(self, batch: Batch, rng: torch.Generator) -> Mapping[str, Float[Tensor, ""]]:
        """One term."""
        x0 = batch["x0"].float()
        eps = torch.randn(x0.shape, generator=rng).to(x0)
        t = self.times(x0, rng)
        loss = self.denoiser.loss(x0, t, eps, condition(dict(batch))).mean()
        kind = "clip" if x0.shape[2] > 1 else "image"
        if self.head is None:
            return {"loss": loss, kind: loss.detach()}
        shown = self.head.loss(batch["shown"])
        return {"loss": loss + WEIGHT * shown, kind: loss.detach(), f"{kind} shown": shown.detach()}

    @staticmethod
    def times(x0: Latent, rng: torch.Generator) -> Time:
        """When each item of a batch is learned."""
        spread, middle = CLIP_TIMES if x0.shape[2] > 1 else (1.0, 0.0)
        return (torch.randn(len(x0), generator=rng) * spread + middle).sigmoid().to(x0)

    def sheet(self, parts: Mapping[str, nn.Module]) -> UInt8[np.ndarray, "H W 3"] | None:
        """What `draw` makes with the averaged network."""
        return None if self.draw is None else self.draw(parts["network"])
