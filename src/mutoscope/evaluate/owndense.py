"""What the dense reader gets wrong itself, on real renders of held-out scenes, look by look.

Every row is the mean over clips; beside it stand the bar that the instrument must reach, what says
the same of every clip (`trivial`: no motion, depth by height in the frame, everything a thing, the
edges of controls.edges.canny), and the same over what is told alone with the share that is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch

from mutoscope.controls.dense import Maps, read
from mutoscope.controls.edges import canny
from mutoscope.data import degrade
from mutoscope.data.dense import Target, spoilt, targets
from mutoscope.data.truths import Truths
from mutoscope.evaluate import report, structure
from mutoscope.evaluate.report import Report
from mutoscope.networks.dense import RATE, DenseReader

BETTER: Mapping[str, str] = {
    "flow error": "lower", "flow error of things": "lower", "depth rank": "higher",
    "mask overlap": "higher", "lines F1": "higher",
}  # fmt: skip
BARS: Mapping[str, float] = {"flow error": 0.3}
"""What P3 asks of real renders, in pixels of a side of 64; P4 names no figure."""
FRAMES = 8
HALF = 0.5
"""Severity at which degradations are measured one by one."""

Scores = Mapping[str, Mapping[str, float]]


def own_error(
    reader: DenseReader, held: Truths, rows: Sequence[int], *, spoil: str | None = None
) -> Report:
    """A row a reading: flow errors in pixels of a side of 64, the others in [0, 1] (rho: [-1, 1]).

    `spoil` names a degradation of data.degrade, applied to every clip at severity HALF.
    """
    found = [scores for _, scores in _scored(reader, held, rows, spoil)]
    return _report(found)


def by_look(reader: DenseReader, held: Truths, rows: Sequence[int]) -> Mapping[str, Report]:
    """The same by the look of the scene."""
    found: dict[str, list[Scores]] = {}
    for row, scores in _scored(reader, held, rows, None):
        found.setdefault(held.scenes[row].look, []).append(scores)
    return {look: _report(each) for look, each in sorted(found.items())}


def degraded(reader: DenseReader, held: Truths, rows: Sequence[int]) -> Mapping[str, Report]:
    """The same under each degradation, by name, and clean ("none")."""
    kinds: Sequence[str | None] = (None, *degrade.ALL)
    return {kind or "none": own_error(reader, held, rows, spoil=kind) for kind in kinds}


def score(maps: Maps, target: Target) -> Scores:
    """Each reading of a clip: its value, the `trivial` one, `told` and `coverage`."""
    flow, near = target.flow.numpy(), target.near.numpy()
    things, lines, told = target.things.numpy(), target.lines.numpy(), maps.told
    true = np.where(near > 0, 1 / near.clip(1e-6), np.inf)
    going = things[: len(flow)]
    height = np.broadcast_to(-np.arange(true.shape[1])[:, None], true.shape).astype(float)
    edges = canny(target.frames.permute(1, 2, 3, 0).numpy())
    ends, ranks = structure.endpoint_error, structure.rank_correlation
    none = np.zeros_like(flow)
    return {
        "flow error": {
            "value": ends(maps.flow, flow), "trivial": ends(none, flow),
            "told": ends(maps.flow, flow, told["flow"]), "coverage": told["flow"].mean(),
        },
        "flow error of things": {
            "value": ends(maps.flow, flow, going), "trivial": ends(none, flow, going),
            "told": ends(maps.flow, flow, going & told["flow"]),
            "coverage": _share(told["flow"], going),
        },
        "depth rank": {
            "value": ranks(maps.depth, true), "trivial": ranks(height, true),
            "told": ranks(maps.depth, true, told["depth"]), "coverage": told["depth"].mean(),
        },
        "mask overlap": {
            "value": structure.overlap(maps.things, things), "trivial": things.mean(),
            "told": structure.overlap(maps.things, things, told["mask"]),
            "coverage": told["mask"].mean(),
        },
        "lines F1": {
            "value": structure.line_f1(maps.lines, lines),
            "trivial": structure.line_f1(edges, lines),
            "told": structure.line_f1(maps.lines & told["lines"], lines & told["lines"]),
            "coverage": told["lines"].mean(),
        },
    }  # fmt: skip


def _scored(
    reader: DenseReader, held: Truths, rows: Sequence[int], spoil: str | None
) -> Iterator[tuple[int, Scores]]:
    for first in range(0, len(rows), 16):
        some = list(rows[first : first + 16])
        clips = [
            one if spoil is None else _spoilt(one, spoil, row)
            for row, one in zip(some, targets(held.pick(some, 0, FRAMES)), strict=True)
        ]
        maps = read(reader, torch.stack([one.frames for one in clips]), RATE, flow=True)
        for row, mine, one in zip(some, maps, clips, strict=True):
            yield row, score(mine, one)


def _spoilt(one: Target, kind: str, seed: int) -> Target:
    done = spoilt(one, kind, torch.Generator().manual_seed(seed), HALF)
    return replace(done, frames=done.frames.clamp(-1, 1))


def _report(found: Sequence[Scores]) -> Report:
    rows = {}
    for name, better in BETTER.items():
        columns = {
            key: _known([scores[name][key] for scores in found])
            for key in ("value", "trivial", "told", "coverage")
        }
        beside = {key: float(np.mean(v)) for key, v in columns.items() if key != "value" and v}
        if name in BARS:
            beside = {"bar": BARS[name], **beside}
        rows[name] = report.mean(
            columns["value"], better="lower" if better == "lower" else "higher", baselines=beside
        )
    return rows


def _known(values: Sequence[float]) -> list[float]:
    return [float(value) for value in values if math.isfinite(value)]


def _share(told: np.ndarray, where: np.ndarray) -> float:
    return float(told[where].mean()) if where.any() else math.nan
