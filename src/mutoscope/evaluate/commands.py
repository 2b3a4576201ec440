"""The tables of a text-to-video system: what is seen of what was asked, and how near to real.

A system is a callable from prompts and seeds to frames; this room knows no system by name.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mutoscope.clip import Clip, Frames
from mutoscope.evaluate import faithfulness, frechet, report, segmentation
from mutoscope.evaluate.distribution import Rows, distances, ours
from mutoscope.evaluate.faithfulness import Mark, by_word, disordered, marks, summary
from mutoscope.evaluate.questions import Asked
from mutoscope.evaluate.questions import Questions as Questions
from mutoscope.evaluate.reading import read
from mutoscope.evaluate.report import Report
from mutoscope.evaluate.stickers import Album, nearest
from mutoscope.networks.readers import ClipReader
from mutoscope.world.sample import held_out

Generate = Callable[[Sequence[str], Sequence[int]], Frames]

ANSWERS = ("answers", "answers by word")
"""Reports of what a reader can tell alone, for one that answers few questions."""
FEW = 50
"""Prompts asked of a twin, whose shares lie near chance."""


def table(
    generate: Generate,
    asked: Asked,
    *,
    reader: ClipReader,
    twins: Mapping[str, Generate] | None = None,
    others: Asked | None = None,
    groups: Mapping[str, Collection[int]] | None = None,
    seed: int = 7,
) -> Mapping[str, Report]:
    """Reports by name: "faithfulness", "words" (the same by word), "agreement" of both opinions.

    ANSWERS are of what the reader can tell alone.

    Always beside are real renders of the same scenes ("truth") and the clips against other captions
    ("chance"); where some scenes have pairs of words that training never saw, also those without
    ("seen pairs"). `twins` are other systems asked the first FEW prompts, an untrained one, say.
    `groups` name numbers of prompts that are told apart. With `others`, of which real clips are
    made, there is a "distance" (Fréchet's and the kernel's) too, and twins are asked all prompts:
    distances compare only between equally many clips.
    """
    clips, real = generate(asked.prompts, _seeds(asked)), asked.real()
    readings, true = (read(reader, frames, asked.fps) for frames in (clips, real))
    mine = marks(readings, asked.said, reader)
    beside = {
        "truth": marks(true, asked.said, reader),
        "chance": marks(readings, disordered(asked.said, seed), reader),
    }
    summed: dict[str, Rows] = {}
    for name, twin in (twins or {}).items():
        few = asked if others is not None else asked.first(FEW)
        answers = read(reader, twin(few.prompts, _seeds(few)), asked.fps)
        beside[name] = marks(answers, few.said, reader)
        summed[name] = frechet.features(answers)
    rare = {k for k, scene in enumerate(asked.scenes) if held_out(scene)}
    apart = dict(groups or {})
    if 0 < len(rare) < len(asked):
        apart["seen pairs"] = set(range(len(asked))) - rare
    parts: dict[str, Sequence[Mark]] = dict(beside)
    for name, rows in apart.items():
        parts[name] = [mark for mark in mine if mark.clip in rows]
    reports = {
        **dict(zip(ANSWERS, faithfulness.answers(mine, beside), strict=True)),
        "faithfulness": summary(mine, parts),
        "words": by_word(mine, beside),
        "agreement": segmentation.agreement(clips, readings, asked.fps),
    }
    if others is not None:
        known = ours(reader)(others.real(), others.fps)
        reports["distance"] = _distance(known, frechet.features(readings), asked, reader, summed)
    return reports


@dataclass(frozen=True, kw_only=True)
class Sought:
    """Prompts for stickers, the place of each one's sticker in an album, and real clips of them."""

    prompts: Sequence[str]
    wanted: Sequence[int]
    real: Frames


def recognised(
    generate: Generate,
    sought: Sought,
    candidates: Album,
    *,
    twins: Mapping[str, Generate] | None = None,
) -> Report:
    """The share of clips in which the sticker asked for is the nearest of all candidates.

    Beside it real clips ("truth"), the clips against other prompts ("chance"), and `twins`.
    """
    seeds = list(range(len(sought.prompts)))
    found = _stickers(generate(sought.prompts, seeds), candidates)
    beside = {
        "truth": _share(_stickers(sought.real, candidates), sought.wanted),
        "chance": _share(found, [*sought.wanted[1:], *sought.wanted[:1]]),
    }
    for name, twin in (twins or {}).items():
        answers = _stickers(twin(sought.prompts[:FEW], seeds[:FEW]), candidates)
        beside[name] = _share(answers, sought.wanted[:FEW])
    rights = (row == want for row, want in zip(found, sought.wanted, strict=True))
    return {"sticker": report.share(rights, beside)}


def _stickers(frames: Frames, candidates: Album) -> list[int]:
    return [nearest(clip, candidates) for clip in Clip(frames=frames, fps=1).uint8()]


def _share(found: Sequence[int], wanted: Sequence[int]) -> float:
    return float(np.mean([row == want for row, want in zip(found, wanted, strict=False)]))


def _distance(
    known: Rows, made: Rows, asked: Asked, reader: ClipReader, twins: Mapping[str, Rows]
) -> Report:
    """Both distances; beside them the ladder of real clips, and the twins."""
    real, extract = asked.real(), ours(reader)
    rungs = {kind: extract(frechet.spoilt(real, kind), asked.fps) for kind in frechet.LADDER}
    return distances(known, made, {**rungs, **twins})


def _seeds(asked: Asked) -> list[int]:
    return list(range(len(asked)))
