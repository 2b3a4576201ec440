"""A folder of clips against a folder of real ones: distances among their references, and IS.

Real clips are drawn apart into two halves, each clip once: from one the distance is taken, from the
other come the references (`frechet.LADDER`), so that "real" says how far two sets of real clips are
apart. All sets have the same number n of clips: that of the smallest of the three.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from mutoscope.evaluate.distribution import Traps, distances, inception_score
from mutoscope.evaluate.folder import VIDEOS, LeftOut, each
from mutoscope.evaluate.frechet import LADDER, ordered
from mutoscope.evaluate.looking import POSTERIORS, Eye, Rows, Seen, blocks, seen
from mutoscope.evaluate.report import Report

FEWEST = 32
"""Clips of each set below which nothing is told (ours)."""
SEED = 0
"""Of which real clips are in which half, and which clips are dropped of a larger set."""
TITLE = "the distance"


@dataclass(frozen=True, kw_only=True)
class Told:
    """A table, or none; facts that belong beside it; real clips that can't be used, and why."""

    table: Report
    facts: Mapping[str, str]
    left: Sequence[LeftOut]


def videos(folder: Path) -> list[Path]:
    """All videos in a folder and below, by name."""
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in VIDEOS and p.is_file())


def steps(made: Sequence[Path], real: Sequence[Path]) -> int:
    """How many blocks `distance` goes through."""
    real = _drawn(real)
    return sum(len(blocks(one)) for one in (_drawn(made), real[::2], real[1::2]))


def distance(
    made: Sequence[Path],
    real: Sequence[Path],
    *,
    by: Eye,
    keeping: Path,
    jobs: int = 1,
    progress: Callable[[int], None] = lambda _: None,
) -> Told:
    """Rows "frechet", "kernel" and, of what tells classes, "inception score".

    Fewer than FEWEST clips in any set have no table, but a reason; Fréchet's has no row for fewer
    than twice the width of the features (of frames: that many frames).
    """
    order = _drawn(real)
    sets = {"made": _drawn(made), "known": order[::2], "other": order[1::2]}
    kinds = {"made": ("real",), "known": ("real",), "other": LADDER}
    asked = {
        (name, k): (part, kinds[name])
        for name, paths in sets.items()
        for k, part in enumerate(blocks(paths))
    }
    found: dict[tuple[str, int], Seen] = {}
    one = partial(_seen, by=by, keeping=keeping)
    for done, (key, answer) in enumerate(each(one, asked, jobs), start=1):
        found[key] = answer
        progress(done)
    left = [
        LeftOut(Path(path).name, f"can't be compared: it {why}")
        for key in asked
        for path, why in found[key].left.items()
    ]
    rows = {name: _joined([found[key].rows for key in asked if key[0] == name]) for name in sets}
    counts = [len(row.get("real", ())) // by.per for row in rows.values()]
    if min(counts) < FEWEST:
        reason = (
            f"needs {FEWEST} clips and twice as many real ones that can be compared (got"
            f" {counts[0]} and {counts[1] + counts[2]})"
        )
        return Told(table={}, facts={}, left=[*left, LeftOut(TITLE, reason)])
    table = _table(rows, min(counts), by.per)
    facts = {"distance": traps(min(counts), by).said(), "ladder": ladder(table)}
    return Told(table=table, facts=facts, left=left)


def traps(n: int, by: Eye) -> Traps:
    """What a distance of n clips seen by a network depends on."""
    count, rate, side = by.form
    return Traps(
        n=n,
        rate=f"{count} frames at {rate:g} a second",
        start="both from their start",
        resize=f"middle square, to {side}x{side} by means of areas, bilinear where that is larger",
        split="real clips of the folder given, half of it, references of the other half",
        drawn="each clip once",
        features=by.said,
    )


def ladder(table: Report) -> str:
    """In words: the references of "frechet", else of "kernel", from near to far, and if as due.

    Taken is whichever of both has all of them, else "kernel", of which then no order is due.
    """
    whole = [name for name in ("frechet", "kernel") if name in table
             and set(LADDER) <= table[name].baselines.keys()]  # fmt: skip
    name = whole[0] if whole else "kernel"
    values = dict(table[name].baselines)
    near = sorted(values, key=lambda rung: values[rung])
    if not whole:
        lacks = ", ".join(rung for rung in LADDER if rung not in values)
        return f"{name}: {' < '.join(near)}; too few clips were seen together for {lacks}"
    due = "as it should be" if ordered(values) else "not as it should be: these clips or features"
    last = "" if ordered(values) else " don't tell real clips from spoilt ones well"
    return f"{name}: {' < '.join(near)}, {due}{last}"


def _table(sets: Mapping[str, Mapping[str, Rows]], n: int, per: int) -> Report:
    """All of n clips of so many rows."""
    cut = {name: {kind: row[: n * per] for kind, row in rows.items()}
           for name, rows in sets.items()}  # fmt: skip
    rungs = {kind: cut["other"][kind] for kind in LADDER if kind in cut["other"]}
    told = dict(distances(cut["known"]["real"], cut["made"]["real"], rungs, per))
    if POSTERIORS in cut["made"]:
        score = inception_score(cut["made"][POSTERIORS])
        real = inception_score(cut["known"][POSTERIORS]).value
        told["inception score"] = replace(score, n=n, baselines={"real": real})
    return told


def _drawn(paths: Sequence[Path]) -> list[Path]:
    """The same in an order of their own."""
    rng = np.random.default_rng(SEED)
    known = sorted(dict.fromkeys(paths))
    return [known[k] for k in rng.permutation(len(known))]


def _seen(asked: tuple[Sequence[Path], Sequence[str]], *, by: Eye, keeping: Path) -> Seen:
    return seen(asked[0], by=by, kinds=asked[1], keeping=keeping)


def _joined(parts: Sequence[Mapping[str, Rows]]) -> dict[str, Rows]:
    kinds = dict.fromkeys(kind for part in parts for kind in part)
    return {kind: np.concatenate([p[kind] for p in parts if kind in p]) for kind in kinds}
