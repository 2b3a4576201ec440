"""What clips score: each by itself, all together with what stands beside, and as one JSON file."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from mutoscope.evaluate import report
from mutoscope.evaluate.faithfulness import BOTH, Mark, disordered, summary
from mutoscope.evaluate.folder import LeftOut
from mutoscope.evaluate.given import Given
from mutoscope.evaluate.matching import PRECISE, SIMILAR, Match
from mutoscope.evaluate.measure import NUMBERS, YES_NO, Measured, Numbers
from mutoscope.evaluate.prompted import Wanted, asked, wanted
from mutoscope.evaluate.report import Entry, Report
from mutoscope.networks.readers import ClipReader

SEED = 0
"""Of which prompt each clip is held against for chance."""
ALL = "all words"
FAITHFUL, TIME, GIVEN = "faithfulness", "over time", "conditions"
"""Tables whose rows keep their names in a summary."""
OPEN, DISTANCE = "open vocabulary", "distance"
"""Tables whose rows stand after their title there."""
BESIDE = ("frozen", "shuffled", "elsewhere")
"""The same clip spoilt, and of its seams the other pairs of frames."""
PREVIEWS = "previews.json"
"""Beside scores.json: a picture of every clip, in their order, for pages that compare."""


@dataclass(frozen=True, kw_only=True)
class Scored:
    """A clip, what was asked for and what was measured; `marks` are the questions about it.

    `seed` is what a system was asked with; `match` says how near clip and prompt are, `given` how
    far the clip obeys what it was given besides, `open` are numbers of any words (`vocabulary`).
    """

    file: str
    prompt: str
    measured: Measured
    wanted: Wanted
    marks: Sequence[Mark]
    seed: int | None = None
    match: Match | None = None
    given: Given | None = None
    open: Mapping[str, float] = field(default_factory=dict)

    @property
    def right(self) -> float | None:
        """The share of words asked for that are seen, or None when none could be asked."""
        rights = [mark.right for mark in self.marks if mark.title != BOTH]
        return float(np.mean(rights)) if rights else None

    def to_json(self) -> dict[str, Any]:
        """The clip as scores.json holds it."""
        found = self.measured
        return {
            "file": self.file,
            "prompt": self.prompt,
            **({} if self.seed is None else {"seed": self.seed}),
            "frames": found.frames,
            "fps": found.fps,
            "size": list(found.size),
            "right": self.right,
            "asked": [
                {"title": m.title, "word": m.word, "right": m.right, "told": m.told}
                for m in self.marks
            ],
            "not asked": list(self.wanted.left),
            "unread": found.unread,
            SIMILAR: None if self.match is None else self.match.similarity,
            PRECISE: None if self.match is None else self.match.first,
            **({} if self.given is None else {"conditions": self.given.to_json()}),
            "numbers": dict(found.numbers),
            **({"open vocabulary": dict(self.open)} if self.open else {}),
            "drift": dict(found.drift),
        }


def scored(file: str, prompt: str, measured: Measured, reader: ClipReader) -> Scored:
    """A clip against its own prompt."""
    wish = wanted(prompt, reader, moving=measured.moving)
    marks = () if measured.unread else asked([measured.reading()], [wish], reader)
    return Scored(file=file, prompt=prompt, measured=measured, wanted=wish, marks=marks)


def faithful(
    clips: Sequence[Scored], reader: ClipReader, beside: Mapping[str, Sequence[Scored]]
) -> Report:
    """A row a kind of word, and ALL; beside each, chance: the clips against others' prompts.

    `beside` are other clips of the same prompts. A clip that another one's prompt is the same of
    has no part in chance; a row that nothing stands for has no value there.
    """
    found = [mark for clip in clips for mark in clip.marks]
    if not found:
        return {}
    others = {"chance": _chance(clips, reader)}
    others |= {name: [m for clip in row for m in clip.marks] for name, row in beside.items()}
    others = {name: row for name, row in others.items() if row}
    rows = {ALL: [mark for mark in found if mark.title != BOTH]}
    whole = {name: _share([m for m in row if m.title != BOTH]) for name, row in others.items()}
    return {ALL: report.share((m.right for m in rows[ALL]), whole), **summary(found, others)}


def in_time(clips: Sequence[Measured], beside: Mapping[str, Sequence[Measured]]) -> Report:
    """A row a number over time; beside it the same clips frozen and in disorder, and others."""
    rows: dict[str, Entry] = {}
    spoilt = {name: [clip.beside.get(name, {}) for clip in clips] for name in BESIDE}
    others: dict[str, list[Numbers]] = {
        **spoilt,
        **{name: [clip.numbers for clip in row] for name, row in beside.items()},
    }
    for name, better in NUMBERS.items():
        mine = [clip.numbers[name] for clip in clips if name in clip.numbers]
        if not mine:
            continue
        values = {
            other: float(np.mean([numbers[name] for numbers in row if name in numbers]))
            for other, row in others.items()
            if any(name in numbers for numbers in row)
        }
        if name in YES_NO:
            share = report.share((bool(value) for value in mine), values)
            rows[name] = replace(share, better=better)
        else:
            rows[name] = report.mean(mine, better=better, baselines=values)
    return rows


def whole(tables: Mapping[str, Report]) -> Report:
    """All tables as one, the rows of the further ones after their title."""
    return {
        name if title in (FAITHFUL, TIME, GIVEN) else f"{title}: {name}": entry
        for title, table in tables.items()
        for name, entry in table.items()
    }


def ranked(clips: Sequence[Scored]) -> list[Scored]:
    """From best to worst: by the share of words seen, then by flicker.

    Clips of which no word was asked are left aside, unless that is all of them.
    """
    known = [clip for clip in clips if clip.right is not None] or clips
    return sorted(known, key=lambda clip: (-(clip.right or 0.0), _flicker(clip)))


def _flicker(clip: Scored) -> float:
    return clip.measured.numbers.get("flicker", math.inf)


def document(
    clips: Sequence[Scored], summed: Report, left: Sequence[LeftOut], facts: Mapping[str, Any]
) -> dict[str, Any]:
    """scores.json: `facts` first, then what was left out, the summary and the clips."""
    return {
        **facts,
        "n": len(clips),
        "left out": [
            {
                "file": one.file,
                "reason": one.reason,
                **({"prompt": one.prompt} if one.prompt else {}),
            }
            for one in left
        ],
        "summary": {name: _plain(entry.to_json()) for name, entry in summed.items()},
        "clips": [_plain(clip.to_json()) for clip in clips],
    }


def save(path: Path, data: Mapping[str, Any]) -> Path:
    """Write it whole, as strict JSON."""
    return report.written(path, json.dumps(data, indent=1, allow_nan=False) + "\n")


def _chance(clips: Sequence[Scored], reader: ClipReader) -> list[Mark]:
    able = [clip for clip in clips if clip.measured.unread is None]
    if len(able) < 2:
        return []
    order = disordered(range(len(able)), SEED)
    pairs = [
        (able[k], able[other])
        for k, other in enumerate(order)
        if able[k].prompt != able[other].prompt
    ]
    wishes = [wanted(other.prompt, reader, moving=clip.measured.moving) for clip, other in pairs]
    return asked([clip.measured.reading() for clip, _ in pairs], wishes, reader)


def _share(found: Sequence[Mark]) -> float:
    return float(np.mean([mark.right for mark in found])) if found else math.nan


def _plain(value: Any) -> Any:  # noqa: ANN401
    """The same without nan, which JSON has no word for: null, and no baseline at all."""
    if isinstance(value, dict):
        kept = {name: _plain(inner) for name, inner in value.items()}
        if "baselines" in kept:
            known = {n: v for n, v in kept["baselines"].items() if v is not None}
            return {**kept, "baselines": known}
        return kept
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
