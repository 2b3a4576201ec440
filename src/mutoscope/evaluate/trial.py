"""A system tried: on held-out captions of the world, or on prompts that somebody gives.

Held-out captions have scenes, so that real renders of them ("truth") and the distance to other
real clips stand beside; of given prompts nobody knows what is right but the words that are read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from rich.console import Console
from rich.progress import track

from mutoscope.clip import Clip, Frames
from mutoscope.evaluate import matching, scores
from mutoscope.evaluate.commands import ANSWERS, FEW, Generate, table
from mutoscope.evaluate.distribution import Traps
from mutoscope.evaluate.faithfulness import facts, marks
from mutoscope.evaluate.folder import LeftOut
from mutoscope.evaluate.matching import Ear, Heard, Match
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
    """Clips with their scores, tables by title, what is left out.

    `beside` holds previews of other clips of the same prompts, by whose they are and by file.
    """

    clips: Sequence[Scored]
    tables: Mapping[str, Report]
    beside: Mapping[str, Mapping[str, str]]
    left: Sequence[LeftOut]


def held_out(
    generate: Generate,
    asked: Asked,
    *,
    reader: ClipReader,
    twins: Mapping[str, Generate],
    others: Asked,
    ear: Ear | None = None,
) -> Trial:
    """A system on held-out captions: all that `commands.table` says, and quality over time.

    `others` are scenes of which real clips are made for the distance; `twins` are asked the first
    few prompts. With an `ear` clips are held against their prompts as a whole too.
    """
    enough = len(asked) >= FEWEST
    told = table(generate, asked, reader=reader, twins=twins, others=others if enough else None)
    mine = _all(generate(asked.prompts, _seeds(asked.prompts)), asked.fps, reader, ear)
    few = asked.prompts[:FEW]
    beside = {
        "truth": _all(asked.real(), asked.fps, reader, ear),
        **{name: _all(twin(few, _seeds(few)), asked.fps, reader, ear)
           for name, twin in twins.items()},
    }  # fmt: skip
    heard = matching.heard(asked.prompts, ear, scenes=asked.scenes) if ear else None
    matches = _matches(heard, mine)
    clips = [
        Scored(
            file=_name(k),
            prompt=prompt,
            measured=one,
            seed=k,
            wanted=Wanted(facts=facts(said), counted=True, left=()),
            marks=() if one.unread else marks([one.reading()], [said], reader),
            match=matches[k],
        )
        for k, (prompt, said, one) in enumerate(zip(asked.prompts, asked.said, mine, strict=True))
    ]
    time = scores.in_time(mine, beside)
    near = matching.rows(matches, {name: _matches(heard, row) for name, row in beside.items()})
    faithful = {**told.get("faithfulness", {}), **near}
    rest = {name: rows for name, rows in told.items() if name not in ("faithfulness", *ANSWERS)}
    reason = f"needs {FEWEST} clips or more (got {len(asked)}); raise --count"
    return Trial(
        clips=clips,
        tables={"faithfulness": faithful, "over time": time, **rest},
        beside=_previews(beside),
        left=[*([] if enough else [LeftOut("the distance", reason)]), *_unheard(heard)],
    )


def given(
    generate: Generate,
    prompts: Sequence[str],
    *,
    fps: float,
    reader: ClipReader,
    twins: Mapping[str, Generate],
    ear: Ear | None = None,
) -> Trial:
    """A system on somebody's prompts: the words that the readers know, and quality over time."""
    heard = matching.heard(prompts, ear) if ear else None

    def tried(make: Generate, asked: Sequence[str]) -> list[Scored]:
        found = _all(make(asked, _seeds(asked)), fps, reader, ear)
        every = zip(asked, found, _matches(heard, found), strict=True)
        return [
            replace(scores.scored(_name(k), prompt, one, reader), seed=k, match=match)
            for k, (prompt, one, match) in enumerate(every)
        ]

    clips = tried(generate, prompts)
    beside = {name: tried(twin, prompts[:FEW]) for name, twin in twins.items()}
    numbers = {name: [clip.measured for clip in row] for name, row in beside.items()}
    near = matching.rows(
        [clip.match for clip in clips],
        {name: [clip.match for clip in row] for name, row in beside.items()},
    )
    reason = "needs real clips of what is asked; leave --prompts out"
    return Trial(
        clips=clips,
        tables={
            "faithfulness": {**scores.faithful(clips, reader, beside), **near},
            "over time": scores.in_time([clip.measured for clip in clips], numbers),
        },
        beside=_previews(numbers),
        left=[LeftOut("the distance", reason), *_unheard(heard)],
    )


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


def _all(clips: Frames, fps: float, reader: ClipReader, ear: Ear | None) -> list[Measured]:
    aligner = ear.aligner if ear else None
    split = Clip(frames=clips, fps=fps).split()
    bar = track(split, "measuring", total=len(clips), console=Console(stderr=True))
    return [measured(clip, reader, aligner=aligner) for clip in bar]


def _matches(heard: Heard | None, found: Sequence[Measured]) -> list[Match | None]:
    return heard.matches([one.vector for one in found]) if heard else [None] * len(found)


def _previews(beside: Mapping[str, Sequence[Measured]]) -> dict[str, dict[str, str]]:
    return {
        name: {_name(k): one.preview for k, one in enumerate(row)} for name, row in beside.items()
    }


def _unheard(heard: Heard | None) -> list[LeftOut]:
    return matching.unheard(heard) if heard else []


def _seeds(prompts: Sequence[str]) -> list[int]:
    return list(range(len(prompts)))


def _name(k: int) -> str:
    return f"clip {k}"
