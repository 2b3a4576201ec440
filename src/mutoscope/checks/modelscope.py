"""ModelScopeT2V works when it says what captions say, at other lengths too.

Captions: colour and shape of at least 90 %, motion of at least 80 % of things, on pairs of words
that training never saw. Lengths: of the same captions, at half and at one and a half times the
usual length no more than 5 points fewer words are seen; the readers see two seconds at most, and
beside it stands what real renders lose.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from mutoscope.checks import Check, Subject
from mutoscope.clip import Frames
from mutoscope.evaluate.commands import table
from mutoscope.evaluate.faithfulness import BOTH, Mark, marks
from mutoscope.evaluate.folder import LeftOut
from mutoscope.evaluate.paired import difference
from mutoscope.evaluate.questions import Asked, Questions
from mutoscope.evaluate.reading import read

SEED = 11
"""Of the captions (ours)."""
USUAL, LENGTHS = 16, (8, 24)
WORDS: Mapping[str, float] = {"colour": 0.9, "shape": 0.9, "verb": 0.8}
"""Shares from which on words are shown well enough, by title."""
POINTS = 0.05


def run(of: Subject) -> Iterator[Check]:
    """The rows; lengths ask half as many captions."""
    yield from _captions(of)
    yield from _lengths(of)


def unchecked() -> list[LeftOut]:
    """Those that need another training, or what this system doesn't do."""
    training = "needs trainings of its own"
    return [
        LeftOut("zero-init", "is of a network before training; see tests/nn/test_inflate.py"),
        LeftOut("order only from convolutions", "is not so here: attention sees all places"),
        LeftOut("mixed training", training),
        LeftOut("ablation", training),
        LeftOut("captions: speed", "the readers weren't taught to tell speeds"),
        LeftOut("vid2vid", "the system takes no clip"),
    ]


def _captions(of: Subject) -> Iterator[Check]:
    asked = Questions(
        n=of.count, seed=SEED, unseen=True, frames=USUAL, fps=of.fps, side=of.side
    ).asked()
    twins = {"untrained": of.twin(USUAL)}
    rows = table(of.make(USUAL), asked, reader=of.reader, twins=twins)["faithfulness"]
    for title, threshold in WORDS.items():
        if title in rows:
            entry = rows[title]
            yield Check(
                id=f"captions: {title}",
                value=entry.value,
                interval=entry.interval,
                n=entry.n,
                threshold=threshold,
                baselines=entry.baselines,
            )


def _lengths(of: Subject) -> Iterator[Check]:
    asked = {
        frames: Questions(
            n=-(-of.count // 2), seed=SEED, frames=frames, fps=of.fps, side=of.side
        ).asked()
        for frames in (USUAL, *LENGTHS)
    }
    made, real = {}, {}
    for frames, one in asked.items():
        clips = of.make(frames)(one.prompts, list(range(len(one))))
        made[frames], real[frames] = _right(clips, one, of), _right(one.real(), one, of)
    for frames in LENGTHS:
        prompts = asked[frames].prompts
        told, true = (
            difference(*_common(row[USUAL], row[frames]), prompts, better="higher")
            for row in (made, real)
        )
        yield Check(
            id=f"lengths: {frames} frames",
            value=told.value,
            interval=told.interval,
            n=told.n,
            threshold=-POINTS,
            baselines={"truth": true.value, f"at {USUAL}": told.first},
        )


def _right(clips: Frames, asked: Asked, of: Subject) -> Sequence[Counter[bool]]:
    """Of each clip how many words were seen, and how many not."""
    found: list[Counter[bool]] = [Counter() for _ in range(len(asked))]
    rows: list[Mark] = marks(read(of.reader, clips, asked.fps), asked.said, of.reader)
    for mark in rows:
        if mark.title != BOTH:
            found[mark.clip][mark.right] += 1
    return found


def _common(
    first: Sequence[Counter[bool]], other: Sequence[Counter[bool]]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Words seen in each of both, and words asked, which are the same for both."""
    mine, yours = (np.array([float(one[True]) for one in row]) for row in (first, other))
    return mine, yours, np.array([float(one.total()) for one in first])
