"""Identity: whether a thing keeps its colour and its shape, picture by picture, by the reader.

Each picture is read by itself, so that what one doesn't show isn't filled in from the others. From
picture to picture a thing is followed by place alone, so that words may change: nearest pairs
first, never farther than REACH frame sides a second, nor after LOST seconds unseen. With w the
words that were first told of a thing:

    identity kept   share of later sights of which no word differs from w, of all that have a word
                    told before; 1 is best, nan where nothing is told twice

Source: ours, after EvalCrafter (Liu et al., 2023), which compares faces with the first.
What leaps farther than REACH counts as another thing; the reader's own slips count against a clip,
so look at real renders beside.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from mutoscope.evaluate.reading import Reading, read
from mutoscope.networks.readers import FPS, ClipReader

KINDS = ("colour", "shape")
"""What is said of a thing that must not change."""
REACH, LOST = 1.0, 1.0
"""Frame sides a second that a thing may move, and seconds that it may be unseen (ours)."""


@dataclass(frozen=True)
class Sight:
    """A thing in one picture: its middle in [0, 1], and of KINDS the word or None (can't tell)."""

    middle: tuple[float, float]
    words: tuple[str | None, ...]


Chain = Sequence[tuple[int, Sight]]
"""One thing: the pictures in which it is seen, in their order."""


def sights(
    reader: ClipReader, frames: Float[Tensor, "3 T H W"], fps: float
) -> tuple[list[list[Sight]], Float[np.ndarray, " n"]]:
    """What is seen in single pictures, at most FPS a second, and their times in seconds.

    Refuses what the reader refuses of a picture: not square, or too small.
    """
    T = frames.shape[1]
    step = max(1.0, fps / FPS)
    rows = [k for k in sorted({round(i * step) for i in range(T)}) if k < T]
    pictures = rearrange(frames[:, rows], "c t h w -> t c 1 h w")
    return [list(_sights(one)) for one in read(reader, pictures, fps)], np.array(rows) / fps


def followed(pictures: Sequence[Sequence[Sight]], times: Float[np.ndarray, " n"]) -> list[Chain]:
    """Things by place; of two that are equally near a place the one found earlier takes it."""
    chains: list[list[tuple[int, Sight]]] = []
    for k, seen in enumerate(pictures):
        pairs = sorted(
            (away, j, i)
            for j, chain in enumerate(chains)
            for last, before in [chain[-1]]
            for i, sight in enumerate(seen)
            for away, since in [(math.dist(before.middle, sight.middle), times[k] - times[last])]
            if since <= LOST and away <= REACH * since
        )
        taken: set[int] = set()
        grown: set[int] = set()
        for _, j, i in pairs:
            if j not in grown and i not in taken:
                chains[j].append((k, seen[i]))
                grown.add(j)
                taken.add(i)
        chains += [[(k, sight)] for i, sight in enumerate(seen) if i not in taken]
    return list(chains)


def kept(pictures: Sequence[Sequence[Sight]], times: Float[np.ndarray, " n"]) -> np.ndarray:
    """Of each picture the share of things that are what was first told of them; nan: none to ask.

    Its mean over pictures is the clip's identity, its slope over time how fast that is lost.
    """
    rights: list[list[bool]] = [[] for _ in pictures]
    for chain in followed(pictures, times):
        first: list[str | None] = [None] * len(KINDS)
        for k, sight in chain:
            again = [(w, f) for w, f in zip(sight.words, first, strict=True) if w and f]
            if again:
                rights[k].append(all(word == known for word, known in again))
            first = [f or w for w, f in zip(sight.words, first, strict=True)]
    return np.array([np.mean(row) if row else math.nan for row in rights])


def _sights(reading: Reading) -> Iterator[Sight]:
    for thing in reading.things:
        x, y = thing.track.middles[0].tolist()
        if math.isfinite(x):
            yield Sight((x, y), tuple(thing.words[name].word for name in KINDS))
