"""Whether clips show what any words say: similarities of frames and prompts by somebody's networks.

    classes   no download: names of an image classifier's likeliest classes, as a sentence encoder
              reads them, against the prompt as it reads that (`similarity.named`)
    else      a CLIP, by its folder or its name on the hub (`encoders.PublishedClip`)

LOOKS frames of a clip are seen, evenly spread, of a wide one the middle square. Values of other
networks don't compare; how far that of classes agrees with people stands in docs/evaluate.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from mutoscope.encoders import MiniLM, PublishedClip, minilm_sha256
from mutoscope.errors import MutoscopeError
from mutoscope.evaluate import measure, report, similarity
from mutoscope.evaluate.folder import inside, sha256
from mutoscope.evaluate.keeping import keyed, put, remembered
from mutoscope.evaluate.report import Report
from mutoscope.evaluate.similarity import Rows
from mutoscope.networks import classifier

Looks = Float[np.ndarray, "n e"]
Vector = Float[np.ndarray, " d"]

VERSION = 1
"""Changes whenever the same clip would be seen differently."""
CLASSES = "classes"
LOOKS = 8
"""Frames of a clip that are seen (ours)."""
OVER_TIME = {
    "neighbours": similarity.neighbours,
    "to the first": similarity.to_first,
    "consistency": similarity.consistency,
}
"""Of the frames' embeddings alone, whatever was asked for."""


@runtime_checkable
class Pair(Protocol):
    """Frames and sentences in one space."""

    @property
    def weights(self) -> str:
        """The hash of all weights."""
        ...

    def see(self, frames: Float[Tensor, "n 3 H W"]) -> tuple[Rows, Looks]:
        """Frames in [-1, 1] in the space of sentences, and as they look."""
        ...

    def hear(self, prompt: str) -> Vector:
        """A sentence; refuses one that is too long to be read whole."""
        ...


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A clip's frames in the space of sentences, and as they look."""

    words: Rows
    looks: Looks


class Classes:
    """The image classifier and the sentence encoder that come in packages; `names` of classes."""

    def __init__(self) -> None:
        self._look, self._text = classifier.shipped(), MiniLM()
        every = classifier.names()
        parts = [self._said(every[k : k + 100]) for k in range(0, len(every), 100)]
        self.names = np.concatenate(parts)

    @property
    def weights(self) -> str:
        """The hashes of both."""
        return f"{classifier.SHA256} {minilm_sha256()}"

    def see(self, frames: Float[Tensor, "n 3 H W"]) -> tuple[Rows, Looks]:
        """Names of likely classes by how likely they are, and 1280 features."""
        posteriors, features = (one.double().numpy() for one in self._look.see(frames))
        return similarity.named(posteriors, self.names), features

    def hear(self, prompt: str) -> Vector:
        """The mean over the sentence's word pieces."""
        return self._said([prompt])[0]

    def _said(self, prompts: Sequence[str]) -> Rows:
        told = self._text(prompts)
        assert told.text is not None
        assert told.text_mask is not None
        mask = told.text_mask[..., None].float()
        # The other half of each row is the word by itself.
        return ((told.text[..., :384] * mask).sum(1) / mask.sum(1)).double().numpy()


@cache
def pair(name: str) -> Pair:
    """CLASSES, or a CLIP by its folder or name; refuses what isn't there."""
    return Classes() if name == CLASSES else PublishedClip(name)


def shown(path: Path, *, name: str, weights: str, keeping: Path) -> Shown | str:
    """What a pair sees in a file, kept under its hash; or why it can't be read."""
    try:
        facts = [VERSION, measure.VERSION, weights, sha256(path)]
        place = keyed(keeping, facts, ".safetensors")
        before = remembered(place)
        if before is not None:
            return Shown(**before[0])
        clip, _ = measure.opened(path)
    except (MutoscopeError, OSError) as error:
        return inside(error, path.parent, path.name)
    T = clip.frames.shape[2]
    rows = sorted({round(k) for k in np.linspace(0, T - 1, LOOKS)})
    frames = rearrange(measure.middle(clip.frames[:, :, rows]), "1 c t h w -> t c h w")
    words, looks = pair(name).see(frames)
    return Shown(**put(place, {"words": words, "looks": looks}, {})[0])


def table(
    clips: Sequence[Shown], prompts: Sequence[str], texts: Mapping[str, Vector], name: str
) -> tuple[Report, list[dict[str, float]]]:
    """The summary, and of each clip its own numbers; `texts` holds a row for every prompt.

    R-precision ranks a clip's prompt among all other prompts given; it needs two of them.
    """
    known = list(dict.fromkeys(prompts))
    every = np.array([[similarity.clipsim(c.words, texts[p]) for p in known] for c in clips])
    right = [known.index(prompt) for prompt in prompts]
    title = "class similarity" if name == CLASSES else "CLIPSIM"
    own = every[np.arange(len(clips)), right]
    others = (every.sum(1) - own) / max(1, len(known) - 1)
    beside = {"chance": float(others.mean())} if len(known) > 1 else {}
    rows = {title: report.mean(own, better="higher", baselines=beside)}
    if len(known) > 1:
        firsts = similarity.r_precision(every, right)
        rows["R-precision"] = report.share(firsts, {"chance": 1 / len(known)})
    each = [{title: float(value)} for value in own]
    long = [k for k, clip in enumerate(clips) if len(clip.looks) > 1]
    for label, measured in OVER_TIME.items():
        values = [measured(clips[k].looks) for k in long]
        for k, value in zip(long, values, strict=True):
            each[k][label] = value
        if values:
            mixed = [measured(_disordered(clips[k].looks)) for k in long]
            beside = {"frozen": 1.0, "shuffled": float(np.mean(mixed))}
            rows[label] = report.mean(values, better="higher", baselines=beside)
    return rows, each


def _disordered(looks: Rows) -> Rows:
    return looks[np.random.default_rng(measure.SEED).permutation(len(looks))]
