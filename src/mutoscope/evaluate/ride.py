"""Whether a camera goes as it was asked to: r of speeds asked and read, and what else it does.

Of each frame read to the next a similarity is fitted to the flow of all that is no thing: right and
down in frame sides, growth as a share, turn clockwise in radians. Over the pieces of clips in which
one speed is asked, of an axis A:

    camera A Pearson     r of the speed asked and the part A shows in, where no other axis that
                         shows in the same part is asked
    camera A cross-talk  the largest mean size of the other parts, as a share of A's own, where
                         nothing but A is asked

Growth and turn count half, which is what they move at the frame's border.
Source: the project's check of Gen-2's camera (11 speeds, r >= 0.9, cross-talk <= 0.2).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float

from mutoscope.controls.dense import Maps
from mutoscope.evaluate.report import RESAMPLES, Entry, Report
from mutoscope.evaluate.segmentation import fitted
from mutoscope.world.scene import AXES

FEWEST = 0.05
"""The share of a frame that must be ground with sure flow for its camera to be told (ours)."""
CLIPS = 6
"""Clips below which nothing is said of an axis (ours)."""
SHOWS: Mapping[str, tuple[int, int]] = {
    "truck": (0, -1), "pedestal": (1, 1), "pan": (0, -1), "tilt": (1, 1), "zoom": (2, 1),
    "roll": (3, -1),
}  # fmt: skip
"""By axis the part (right, down, growth, turn) it shows in, and its sign there."""
EDGE = np.array([1.0, 1.0, 0.5, 0.5])
"""How far a pixel at the frame's border goes, in frame sides, by one unit of each part."""

Figure = Callable[[Sequence["Piece"]], float]


@dataclass(frozen=True)
class Ride:
    """Of each frame read to the next the speeds asked along AXES, and what was read.

    Read are right, down, growth and turn; nan: can't tell.
    """

    asked: Float[np.ndarray, "pairs 6"]
    seen: Float[np.ndarray, "pairs 4"]


@dataclass(frozen=True)
class Piece:
    """A piece of a clip in which one speed is asked: its clip, the speeds, the mean of the read."""

    clip: int
    asked: Float[np.ndarray, " 6"]
    seen: Float[np.ndarray, " 4"]


def ridden(maps: Maps, rows: Sequence[int], camera: Float[np.ndarray, "_pairs 6"]) -> Ride:
    """The camera's way in a clip of which frames `rows` were read; speeds are of all its frames."""
    steps = [(a, b) for a, b in pairwise(rows) if b <= len(camera)]
    ground = ~maps.things & maps.told["mask"]
    seen = [moved(maps.flow[k], ground[k] & maps.told["flow"][k]) for k in range(len(steps))]
    return Ride(
        asked=np.array([camera[a:b].sum(0) for a, b in steps]).reshape(-1, 6).astype(np.float64),
        seen=np.array(seen).reshape(-1, 4).astype(np.float64),
    )


def moved(
    flow: Float[np.ndarray, "H W 2"], where: Bool[np.ndarray, "H W"]
) -> Float[np.ndarray, " 4"]:
    """The similarity that explains a frame's flow best; nan where too little of it is told."""
    if where.mean() < FEWEST:
        return np.full(4, np.nan)
    H, W = where.shape
    y, x = np.nonzero(where)
    places = np.stack([x + 0.5 - W / 2, y + 0.5 - H / 2], axis=1)
    found = fitted(places, flow[where].astype(np.float64), np.ones(len(places)))
    return found / np.array([W, H, 1.0, 1.0])


def rides(own: Sequence[Ride], beside: Mapping[str, Sequence[Ride]]) -> Report:
    """By axis Pearson's r and cross-talk, where CLIPS or more are asked and told.

    Intervals are over clips drawn with replacement; "coverage" is the share of frames told.
    """
    if not own:
        return {}
    mine = list(pieces(own))
    others = {name: list(pieces(row)) for name, row in beside.items()}
    told = float(np.isfinite(np.concatenate([ride.seen[:, 0] for ride in own])).mean())
    rows: dict[str, Entry] = {}
    for axis in AXES:
        for name, (chosen, figure) in _figures(axis).items():
            kept = [piece for piece in mine if chosen(piece)]
            value = figure(kept)
            if len({piece.clip for piece in kept}) < CLIPS or not math.isfinite(value):
                continue
            known = {n: figure([p for p in row if chosen(p)]) for n, row in others.items()}
            rows[f"camera {axis} {name}"] = Entry(
                value=value,
                interval=_drawn(figure, kept),
                n=len(kept),
                better="higher" if name == "Pearson" else "lower",
                baselines={
                    **{n: v for n, v in known.items() if math.isfinite(v)}, "coverage": told
                },
            )  # fmt: skip
    return rows


def pieces(of: Sequence[Ride]) -> Iterator[Piece]:
    """Rides cut where the speeds asked change; pieces that can't be told are left out."""
    for clip, ride in enumerate(of):
        cuts = np.flatnonzero((np.diff(ride.asked, axis=0) != 0).any(1)) + 1
        for rows in np.split(np.arange(len(ride.asked)), cuts):
            told = ride.seen[rows][np.isfinite(ride.seen[rows]).all(1)]
            if len(told):
                yield Piece(clip, ride.asked[rows[0]], told.mean(0))


def _figures(axis: str) -> dict[str, tuple[Callable[[Piece], bool], Figure]]:
    """By name which pieces count and what is told of them."""
    column, (part, sign) = AXES.index(axis), SHOWS[axis]
    same = [AXES.index(other) for other in AXES if other != axis and SHOWS[other][0] == part]

    def pearson(kept: Sequence[Piece]) -> float:
        x = np.array([piece.asked[column] for piece in kept])
        y = np.array([sign * piece.seen[part] for piece in kept])
        known = len(kept) > 2 and np.ptp(x) > 0 and np.ptp(y) > 0
        return float(np.corrcoef(x, y)[0, 1]) if known else math.nan

    def cross(kept: Sequence[Piece]) -> float:
        if not kept:
            return math.nan
        sizes = np.mean([np.abs(piece.seen) * EDGE for piece in kept], axis=0)
        return float(np.delete(sizes, part).max() / sizes[part]) if sizes[part] > 0 else math.nan

    return {
        "Pearson": (lambda piece: not piece.asked[same].any(), pearson),
        "cross-talk": (
            lambda piece: bool(piece.asked[column]) and np.count_nonzero(piece.asked) == 1, cross
        ),
    }  # fmt: skip


def _drawn(figure: Figure, kept: Sequence[Piece]) -> tuple[float, float] | None:
    """95 % of the figure's values over draws of clips; None where half of the draws have none."""
    clips: dict[int, list[Piece]] = {}
    for piece in kept:
        clips.setdefault(piece.clip, []).append(piece)
    every = list(clips.values())
    drawn = np.random.default_rng(0).integers(0, len(every), (RESAMPLES, len(every)))
    values = [figure([piece for k in row for piece in every[k]]) for row in drawn]
    known = [value for value in values if math.isfinite(value)]
    if len(known) < RESAMPLES / 2:
        return None
    low, high = np.quantile(known, (0.025, 0.975)).tolist()
    return low, high
