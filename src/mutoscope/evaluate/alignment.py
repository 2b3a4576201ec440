"""How near clips are to what was said of them: cosines and R-precision with the aligner.

Cosines of different weights don't compare; R-precision does, being a rank among captions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mutoscope.clip import Frames
from mutoscope.core.condition import Condition
from mutoscope.errors import DataError
from mutoscope.evaluate.reading import prepared
from mutoscope.evaluate.similarity import competing
from mutoscope.machine import precision
from mutoscope.networks.alignment import Aligner, Sighted
from mutoscope.world.facts import Facts, agrees
from mutoscope.world.scene import Scene
from mutoscope.zoo import load_part

NAME = "alignment"
BATCH = 16
RIVALS = 99
"""Captions among which a clip's own is ranked, beside that one: Xu et al. (2018)."""

Vectors = Float[Tensor, "n e"]
Encode = Callable[[Sequence[str]], Condition]


def shipped() -> Aligner:
    """The aligner of the zoo, ready to look and listen."""
    aligner = load_part(Aligner, NAME).eval().requires_grad_(requires_grad=False)
    return aligner.to(memory_format=torch.channels_last)


@torch.inference_mode()
def seen(aligner: Aligner, frames: Frames, fps: float) -> Sighted:
    """Clips or pictures as unit vectors with their patches; frames as `reading.prepared` has them.

    `patches` are 64 a frame, row by row, of the first two seconds at 4 frames a second.
    """
    found = []
    for part in torch.split(prepared(frames, fps), BATCH):
        with torch.autocast("cpu", torch.bfloat16, enabled=precision() is torch.bfloat16):
            found.append(aligner.see(part))
    return Sighted(
        torch.cat([one.vector for one in found]), torch.cat([one.patches for one in found])
    )


@torch.inference_mode()
def heard(aligner: Aligner, prompts: Sequence[str], encode: Encode) -> Vectors:
    """Prompts as unit vectors; `encode` is the frozen sentence encoder (encoders.MiniLM)."""
    found = []
    for first in range(0, len(prompts), 4 * BATCH):
        read = encode(prompts[first : first + 4 * BATCH])
        assert read.text is not None
        assert read.text_mask is not None
        found.append(aligner.hear(read.text.float(), read.text_mask))
    return torch.cat(found)


def similarity(clips: Vectors, texts: Vectors) -> Float[np.ndarray, " n"]:
    """The cosine of each clip with its own text, in [-1, 1]; higher is better.

    Source: CLIPSIM, Wu et al. (2021). Departs: one vector a clip, not a mean over its frames, so
    that motion counts; our encoder. Print it beside that of other texts.
    """
    return (clips * texts).sum(-1).double().numpy()


def rivals(
    facts: Sequence[Facts], scenes: Sequence[Scene], seed: int, count: int = RIVALS
) -> list[list[int]]:
    """For each scene the numbers of `count` captions, by their facts, that aren't true of it."""
    rng = np.random.default_rng(seed)
    return [_rivals(facts, scene, k, rng, count) for k, scene in enumerate(scenes)]


def _rivals(
    facts: Sequence[Facts], scene: Scene, own: int, rng: np.random.Generator, count: int
) -> list[int]:
    every = range(len(facts))
    found = competing(own, every, lambda k: agrees(facts[k], scene), rng, count)
    if len(found) < count:
        raise DataError(
            f"R-precision needs {count} captions that aren't true of a clip (got {len(found)} "
            f"of {len(facts)}); give more clips"
        )
    return found
