"""Whether what is drawn after maps obeys them: rows that systems told of maps share.

Depth is read in the order asked (rank correlation), lines and edges where they were asked (F1);
and each is at least half of the way from another's map to the truth: in this world another's depth
is nearly right, and of real renders too lines are read at .59. Maps are exact ones of held-out
scenes, given as files; words say what a still picture of the scene shows. "Shuffled condition"
holds a clip against another's map, "absent" are clips of the same words and seeds without maps,
"truth" the real renders: what the instruments can say at best.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from mutoscope.checked import Value
from mutoscope.checks import Check, Obeyed, Subject
from mutoscope.clip import Frames
from mutoscope.controls import dense
from mutoscope.errors import DataError
from mutoscope.evaluate import report
from mutoscope.evaluate.conditions import SHUFFLED, Looked, looked, obeyed, swapped
from mutoscope.evaluate.filed import Case, filed
from mutoscope.evaluate.paired import bootstrap
from mutoscope.evaluate.questions import Questions
from mutoscope.networks.dense import DenseReader
from mutoscope.world.caption import caption

SEED, FRAMES, STEPS = 31, 8, 10
"""Of the scenes, and of every clip that is longer than a picture (ours)."""
FIGURES: Mapping[str, tuple[str, float]] = {
    "depth": ("depth rank", 0.9),
    "sketch": ("sketch F1", 0.5),
    "sketches": ("sketch F1", 0.5),
    "edge": ("edge F1", 0.6),
}
"""By condition the figure that tells, and what it must reach (ours)."""
HALF = 0.5
"""The least share of the way from another's map to the truth (ours)."""

Row = Float[np.ndarray, " n"]


@dataclass(frozen=True, kw_only=True)
class Trial:
    """The system, what it is asked in clips of so many frames, and what looks at them."""

    of: Subject
    cases: Sequence[Case]
    prompts: Sequence[str]
    frames: int
    reader: DenseReader

    def made(self, kind: str | None, settings: Mapping[str, Value] | None = None) -> Frames:
        """A clip a case, after its map of a kind or after none."""
        clips = []
        for k, (case, prompt) in enumerate(zip(self.cases, self.prompts, strict=True)):
            given = case.given(kind) if kind else []
            whole = {**self.of.settings, **(settings or {})}
            asked = {"frames": self.frames, "steps": STEPS, "settings": whole, "conditions": given}
            clips.append(self.of.ask(asked)([prompt], [k]))  # type: ignore[arg-type]
        return torch.cat(clips)

    def seen(self, clips: Frames) -> list[Looked]:
        """Each clip looked at once, to be held against several wishes."""
        return [looked(one, self.of.fps, self.reader) for one in torch.split(clips, 1)]

    def told(self, clips: Sequence[Looked], kind: str, *, shuffled: bool = False) -> Row:
        """The figure of a condition of each clip, nan for "can't tell"."""
        name, wishes = FIGURES[kind][0], [case.asks(kind) for case in self.cases]
        wishes = swapped(wishes) if shuffled else wishes
        found = [obeyed(clip, wish).scores for clip, wish in zip(clips, wishes, strict=True)]
        return np.array([one[name].value if name in one else math.nan for one in found])


def lines(kinds: Sequence[str]) -> tuple[Obeyed, ...]:
    """The lines of the table of what systems obey."""
    return tuple(
        Obeyed(condition=f"{kind}: {FIGURES[kind][0]}", row=_name(kind), shuffled=SHUFFLED)
        for kind in kinds
    )


def trial(of: Subject, count: int, frames: int) -> Trial:
    """So many held-out scenes, their maps as files in the subject's folder."""
    if of.folder is None:
        raise DataError("conditions are given as files; name a folder for them")
    asked = Questions(n=count, seed=SEED, frames=FRAMES, fps=of.fps, side=of.side).asked()
    prompts = [
        caption(scene, np.random.default_rng((SEED, k)), still=True, detail="full")
        for k, scene in enumerate(asked.scenes)
    ]
    cases = filed(asked, of.folder)
    return Trial(of=of, cases=cases, prompts=prompts, frames=frames, reader=dense.shipped())


def obeying(on: Trial, kinds: Sequence[str]) -> Iterator[Check]:
    """Two rows a kind: its figure of clips after its map, and where that lies between baselines."""
    absent = on.seen(on.made(None))
    real = on.seen(torch.cat([case.real[:, :, : on.frames] for case in on.cases]))
    for kind in kinds:
        _, least = FIGURES[kind]
        clips = on.seen(on.made(kind))
        mine = on.told(clips, kind)
        others, true = on.told(clips, kind, shuffled=True), on.told(real, kind)
        beside = {SHUFFLED: others, "absent": on.told(absent, kind), "truth": true}
        entry = report.mean(mine[np.isfinite(mine)], better="higher")
        yield Check(
            id=_name(kind), value=entry.value if entry.n else 0.0,
            interval=entry.interval, n=entry.n, threshold=least,
            baselines={name: mean(row) for name, row in beside.items()},
        )  # fmt: skip
        way, interval = share(mine - others, true - others)
        yield Check(
            id=f"control: {kind}, from {SHUFFLED} to truth", value=way, interval=interval,
            n=entry.n, threshold=HALF,
            baselines={"absent": share(beside["absent"] - others, true - others)[0]},
        )  # fmt: skip


def _name(kind: str) -> str:
    return f"control: {kind}, {FIGURES[kind][0]}"


def mean(row: Row) -> float:
    """Of what is told, nan where nothing is."""
    return float(np.nanmean(row)) if np.isfinite(row).any() else math.nan


def share(row: Row, of: Row) -> tuple[float, tuple[float, float] | None]:
    """The sum of one row over another's where both are told, and its interval."""
    both = np.isfinite(row) & np.isfinite(of)
    mine, whole = row[both], of[both]
    if not both.any() or whole.sum() <= 0:
        return 0.0, None
    sure = both.sum() > 1 and (whole > 0).all()
    return float(mine.sum() / whole.sum()), bootstrap(mine, whole) if sure else None
