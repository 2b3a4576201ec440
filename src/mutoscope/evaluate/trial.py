"""A system tried: on held-out captions of the world, or on prompts that somebody gives.

Held-out captions have scenes, so that real renders of them ("truth") and the distance to other
real clips stand beside; of given prompts nobody knows what is right but the words that are read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mutoscope.clip import Clip, Frames
from mutoscope.evaluate import scores
from mutoscope.evaluate.commands import FEW, Generate, table
from mutoscope.evaluate.distribution import Traps
from mutoscope.evaluate.faithfulness import facts, marks
from mutoscope.evaluate.folder import LeftOut
from mutoscope.evaluate.measure import Measured, measured
from mutoscope.evaluate.prompted import Wanted
from mutoscope.evaluate.questions import Asked
from mutoscope.evaluate.report import Report
from mutoscope.evaluate.scores import Scored
from mutoscope.networks.readers import ClipReader

FEWEST = 128
"""Clips below which no distance is told: twice the numbers whose covariance is taken (ours)."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """Clips with their scores, tables by title, previews of real clips, what is left out."""

    clips: Sequence[Scored]
    tables: Mapping[str, Report]
    real: Mapping[str, str]
    left: Sequence[LeftOut]


def held_out(
    generate: Generate,
    asked: Asked,
    *,
    reader: ClipReader,
    twins: Mapping[str, Generate],
    others: Asked,
) -> Trial:
    """A system on held-out captions: all that `commands.table` says, and quality over time.

    `others` are scenes of which real clips are made for the distance; `twins` are asked the first
    few prompts.
    """
    enough = len(asked) >= FEWEST
    told = table(generate, asked, reader=reader, twins=twins, others=others if enough else None)
    mine = _all(generate(asked.prompts, _seeds(asked.prompts)), asked.fps, reader)
    real = _all(asked.real(), asked.fps, reader)
    few = asked.prompts[:FEW]
    beside = {name: _all(twin(few, _seeds(few)), asked.fps, reader) for name, twin in twins.items()}
    clips = [
        Scored(
            file=_name(k),
            prompt=prompt,
            measured=one,
            seed=k,
            wanted=Wanted(facts=facts(said), counted=True, left=()),
            marks=() if one.unread else marks([one.reading()], [said], reader),
        )
        for k, (prompt, said, one) in enumerate(zip(asked.prompts, asked.said, mine, strict=True))
    ]
    time = scores.in_time(mine, {"truth": real, **beside})
    faithful = told.get("faithfulness", {})
    rest = {name: rows for name, rows in told.items() if name != "faithfulness"}
    reason = f"needs {FEWEST} clips or more (got {len(asked)}); raise --count"
    return Trial(
        clips=clips,
        tables={"faithfulness": faithful, "over time": time, **rest},
        real={_name(k): one.preview for k, one in enumerate(real)},
        left=[] if enough else [LeftOut("the distance", reason)],
    )


def given(
    generate: Generate,
    prompts: Sequence[str],
    *,
    fps: float,
    reader: ClipReader,
    twins: Mapping[str, Generate],
) -> Trial:
    """A system on somebody's prompts: the words that the readers know, and quality over time."""
    clips = _scored(generate, prompts, fps, reader)
    beside = {name: _scored(twin, prompts[:FEW], fps, reader) for name, twin in twins.items()}
    numbers = {name: [clip.measured for clip in row] for name, row in beside.items()}
    return Trial(
        clips=clips,
        tables={
            "faithfulness": scores.faithful(clips, reader, beside),
            "over time": scores.in_time([clip.measured for clip in clips], numbers),
        },
        real={},
        left=[LeftOut("the distance", "needs real clips of what is asked; leave --prompts out")],
    )


def _scored(
    generate: Generate, prompts: Sequence[str], fps: float, reader: ClipReader
) -> list[Scored]:
    found = _all(generate(prompts, _seeds(prompts)), fps, reader)
    return [
        replace(scores.scored(_name(k), prompt, one, reader), seed=k)
        for k, (prompt, one) in enumerate(zip(prompts, found, strict=True))
    ]


def traps(n: int) -> Traps:
    """What the distance of a trial of n clips depends on, said with every value."""
    return Traps(
        n=n,
        rate="2 seconds at 4 frames a second",
        start="both from their start",
        resize="to 64x64 by means of areas",
        split="held-out scenes, real clips of other scenes than those asked",
        drawn="each scene once",
        features="the 64 numbers of our reader",
    )


def _all(clips: Frames, fps: float, reader: ClipReader) -> list[Measured]:
    return [measured(clip, reader) for clip in Clip(frames=clips, fps=fps).split()]


def _seeds(prompts: Sequence[str]) -> list[int]:
    return list(range(len(prompts)))


def _name(k: int) -> str:
    return f"clip {k}"
