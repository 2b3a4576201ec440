"""Training of the aligner: which caption is of which clip, among those of a batch.

    L = (CE of each clip's caption + CE of each caption's clip) / 2 + WORDS BCE of the clip's words

Scores are scaled cosines. The eye begins as the shipped reader's. Each clip is degraded as the
readers' are and told in one of three ways, two of them in people's words; one batch in six is of
single frames with captions that say nothing of motion. A linear head says from the clip's vector
which words of the world's vocabulary hold of it, and is thrown away afterwards: with so few clips
a batch, captions alone teach slowly. All weights ours.

Source: Radford et al. (2021), figure 3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from mutoscope.data import degrade, told
from mutoscope.data.told import Told
from mutoscope.data.truths import Truths
from mutoscope.encoders import MiniLM, minilm_sha256
from mutoscope.networks.alignment import EYE, Aligner
from mutoscope.networks.readers import CLIP_WORDS, HEADS, MOVING, WORDS, ClipReader
from mutoscope.training.dense import RECIPES, clips
from mutoscope.training.publish import fresh, publish
from mutoscope.training.readers import as_frames, labels
from mutoscope.training.train import Batch, Config, Task, train
from mutoscope.world.scene import Scene
from mutoscope.zoo import FOLDER, load_part, sha256

if TYPE_CHECKING:
    from mutoscope.training.commands import Run

NAME = "alignment"
WORDS_WEIGHT = 1.0
STILLS = 6
"""One batch in so many is of single frames."""
EVERY = 2
"""Of frames kept at 8 a second every second one: 4 a second, as the reader sees."""
COUNT = sum(map(len, WORDS.values()))


def learn(run: Run) -> None:
    """Render and tell clips where they are missing and learn which belong together."""
    data = clips(run, RECIPES)
    texts = [told.build(run.cache / "told", part.scenes, MiniLM()) for part in data]
    torch.manual_seed(run.seed)
    aligner = seeing(Aligner()) if run.init is None else load_part(Aligner, NAME)
    config = Config(
        steps=run.steps, batch=64, rate=1.5e-3 if run.init is None else 8e-4, warmup=50, ema=0.99,
        seed=run.seed, init=run.init,
    )  # fmt: skip
    train(AlignmentTask(aligner, data, texts), config, run.out)


def ship(run: Path, *, folder: Path = FOLDER) -> Path:
    """Put the aligner of a finished run into the zoo."""
    facts = {"base": "readers", "base_sha256": sha256("readers"), "text_sha256": minilm_sha256()}
    return publish(fresh(Aligner, NAME, run), NAME, run, facts=facts, folder=folder)


def seeing(aligner: Aligner) -> Aligner:
    """The aligner, its eye being the shipped reader's."""
    state = load_part(ClipReader, "readers").state_dict()
    eye = {name: value for name, value in state.items() if name.split(".")[0] in EYE}
    aligner.load_state_dict(eye, strict=False)
    return aligner


class AlignmentTask(Task):
    """Learn which of a batch's captions is of which clip."""

    def __init__(self, aligner: Aligner, data: Sequence[Truths], texts: Sequence[Told]) -> None:
        self.aligner, self.data, self.texts = aligner, data, texts
        self.say = nn.Linear(aligner.config["out"], COUNT)
        self.hold = [np.stack([held(scene) for scene in part.scenes]) for part in data]

    def parts(self) -> Mapping[str, nn.Module]:
        """The aligner, and the head that is thrown away."""
        return {NAME: self.aligner, "_say": self.say}

    def batch(self, rng: np.random.Generator, size: int) -> Batch:
        """Degraded clips in [-1, 1], token states of a telling of each, and which words hold."""
        parts = rng.choice(len(self.data), size, p=_shares(self.data))
        rows = [int(rng.integers(len(self.data[part]))) for part in parts]
        still = rng.integers(STILLS) == 0
        rgb = np.concatenate(
            [self.data[p].pictures([r], EVERY) for p, r in zip(parts, rows, strict=True)]
        )
        if still:
            moment = int(rng.integers(rgb.shape[1]))
            rgb = rgb[:, moment : moment + 1]
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        frames = torch.stack([degrade.some(shot, generator) for shot in as_frames(rgb)])
        ways = [told.STILL if still else int(rng.integers(told.MOVING)) for _ in rows]
        text, mask = _told(self.texts, parts.tolist(), rows, ways)
        words = torch.from_numpy(
            np.stack([self.hold[p][r] for p, r in zip(parts, rows, strict=True)])
        )
        if still:
            words[:, moving()] = -1
        return {"frames": frames, "text": text, "mask": mask, "words": words}

    def loss(self, batch: Batch, rng: torch.Generator) -> Mapping[str, Float[Tensor, ""]]:
        """The terms of the module's docstring, and the share of clips whose caption is nearest."""
        clip = self.aligner.see(batch["frames"]).vector
        text = self.aligner.hear(batch["text"].float(), batch["mask"])
        scores = self.aligner.scale * clip @ text.T
        own = torch.arange(len(scores), device=scores.device)
        both = (F.cross_entropy(scores, own) + F.cross_entropy(scores.T, own)) / 2
        words, known = batch["words"], batch["words"] >= 0
        said = self.say(len(clip[0]) ** 0.5 * clip).float()
        each = F.binary_cross_entropy_with_logits(
            said, words.clamp(min=0).float(), reduction="none"
        )
        holds = COUNT * (each * known).sum() / known.sum().clamp(min=1)
        right = (scores.argmax(1) == own).float().mean()
        loss = both + WORDS_WEIGHT * holds / len(WORDS)
        return {"loss": loss, "pairs": both, "words": holds, "right": right}


def held(scene: Scene) -> np.ndarray:
    """Which words of WORDS, kind by kind, hold of a scene: 1, 0, or -1 where nothing shows."""
    rows = labels(scene)
    found = []
    for column, name in enumerate(HEADS):
        said = rows[-1:, column] if name in CLIP_WORDS else rows[:-1, column]
        known = said[said >= 0]
        part = np.full(len(WORDS[name]), 0 if len(known) else -1)
        part[known] = 1
        found.append(part)
    return np.concatenate(found).astype(np.int64)


def moving() -> list[int]:
    """Columns of `held` that tell of motion."""
    names = [name for name in HEADS for _ in WORDS[name]]
    return [k for k, name in enumerate(names) if name in MOVING]


def _shares(data: Sequence[Truths]) -> np.ndarray:
    sizes = np.array([len(part) for part in data])
    return sizes / sizes.sum()


def _told(
    texts: Sequence[Told], parts: Sequence[int], rows: Sequence[int], ways: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """One telling of each, whichever part it is of, padded to the longest."""
    found = [
        texts[part].pick([row], [way]) for part, row, way in zip(parts, rows, ways, strict=True)
    ]
    longest = max(text.shape[1] for text, _ in found)
    text = torch.cat([F.pad(t, (0, 0, 0, longest - t.shape[1])) for t, _ in found])
    mask = torch.cat([F.pad(m, (0, longest - m.shape[1])) for _, m in found])
    return text, mask
