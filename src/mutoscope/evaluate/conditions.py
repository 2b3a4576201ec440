"""How far clips obey what they were given besides a prompt: maps, masks, frames, motion, a camera.

    depth rank        Spearman's rho of the depth read and the depth asked, over a frame's pixels
    sketch F1         of the lines read and the lines asked, 1 pixel (of a side of 64) apart at most
    edge F1           of Canny's edges and the edges asked, as far apart at most
    flow error        |flow read - motion asked|, mean over pixels, in pixels of a side of 64
    outside-mask PSNR, first-frame PSNR, last-frame PSNR
                      10 log10(1 / mean square error) of frames in [0, 1], BEST at most
    first-frame SSIM, last-frame SSIM
                      see `structure.ssim`
    camera            see `ride`

Depth and lines are read by the dense reader (`dense`), edges found (`edges`) and flow searched by
opencv (`flow`) at the clip's own size, the camera from flow and depth, in the square middle at the
reader's size and rate.
`coverage` is the share of pixels that is told, and below FEWEST of it a clip can't be told. Of
flow only what is told counts; of depth and lines all: order holds on real renders wherever the
reader looks, and where lines run it is never sure. What the reader is never sure of at all (a bar
above 1) has no figure.

Sources: P3, P4 and P7 of the project's instruments.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor

from mutoscope.clip import Clip, Frames
from mutoscope.controls import dense, edges
from mutoscope.controls.dense import Maps
from mutoscope.controls.flow import CODEC, estimated, estimator
from mutoscope.errors import DataError
from mutoscope.evaluate import report, small, structure
from mutoscope.evaluate.faithfulness import disordered
from mutoscope.evaluate.measure import middle
from mutoscope.evaluate.reading import as_frames
from mutoscope.evaluate.report import Entry, Report
from mutoscope.evaluate.ride import Ride, ridden, rides
from mutoscope.networks.dense import KINDS, RATE, DenseReader, nearness
from mutoscope.world.camera import axes, ease
from mutoscope.world.render import render
from mutoscope.world.scene import Scene

VERSION = 2
"""Changes whenever the same clip would be said to obey otherwise."""
BETTER: Mapping[str, Literal["higher", "lower"]] = {
    "depth rank": "higher", "sketch F1": "higher", "edge F1": "higher", "flow error": "lower",
    "outside-mask PSNR": "higher", "first-frame PSNR": "higher", "last-frame PSNR": "higher",
    "first-frame SSIM": "higher", "last-frame SSIM": "higher",
}  # fmt: skip
"""Figures of one clip."""
SHUFFLED = "shuffled condition"
BEST = 60.0
"""Decibels from which frames of 256 levels are the same: rounding alone is 58.9."""
SEED = 0
"""Of whose conditions stand in for a clip's own."""
FEWEST = 0.05
"""The share of pixels, or of the motion asked, below which a reading says nothing (ours)."""
GROUPS = (
    ("near",), ("sketch",), ("edges",), ("flow",), ("mask", "source"), ("first",), ("last",),
    ("camera",),
)  # fmt: skip
"""Conditions that go together."""
Pixels = Float[Tensor, "3 T H W"]
Asked = Float[np.ndarray, "_T _H _W"]


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What one clip was to obey; None is not asked.

    Maps may have any size of the clip's shape, and fewer frames than the clip: then no more are
    asked. near: larger is nearer, only the order counts. flow: of each frame to the next, in its
    own pixels, x right, y down, nan where no motion is asked. mask: where the clip may differ from
    `source`. camera: of each frame to the next the speed along the six axes of the world's camera,
    in any unit. Frames are in [-1, 1]; they and edges have the clip's size.
    """

    near: Asked | None = None
    sketch: Bool[np.ndarray, "_T _H _W"] | None = None
    edges: Bool[np.ndarray, "_T _H _W"] | None = None
    flow: Float[np.ndarray, "_pairs _H _W 2"] | None = None
    mask: Bool[np.ndarray, "_T _H _W"] | None = None
    source: Float[Tensor, "3 _T _H _W"] | None = None
    first: Float[Tensor, "3 _H _W"] | None = None
    last: Float[Tensor, "3 _H _W"] | None = None
    camera: Float[np.ndarray, "_pairs 6"] | None = None

    def __post_init__(self) -> None:
        if (self.mask is None) != (self.source is None):
            lacks = "source" if self.source is None else "mask"
            raise DataError(f"what lies outside a mask needs mask and source; give the {lacks} too")


@dataclass(frozen=True)
class Score:
    """A figure of one clip, nan for "can't tell", and the share of what is asked that is told."""

    value: float
    coverage: float


@dataclass(frozen=True, kw_only=True)
class Obeyed:
    """What one clip scores by figure, its camera's way, and by figure why it has none."""

    scores: Mapping[str, Score]
    ride: Ride | None = None
    why: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Looked:
    """A clip as it is held against conditions: its pixels, and what was read of frames `rows`.

    `why` says of each of KINDS that isn't told why.
    """

    frames: Pixels
    rows: Sequence[int]
    maps: Maps | None
    why: Mapping[str, str]


def looked(frames: Frames, fps: float, reader: DenseReader | None) -> Looked:
    """Look at one clip; without a reader only pixels can be compared."""
    T = frames.shape[2]
    if reader is None:
        why = dict.fromkeys(
            KINDS, "has no reader here; train one with mutoscope train dense-readers"
        )
        return Looked(frames=frames[0], rows=(), maps=None, why=why)
    never = {name for name, bar in zip(KINDS, reader.bars.tolist(), strict=True) if bar > 1}
    reason = "isn't told: the reader misses its bar on real renders"
    try:
        (maps,) = dense.read(reader, middle(frames), fps)
    except DataError as error:
        return Looked(frames=frames[0], rows=(), maps=None, why=dict.fromkeys(KINDS, str(error)))
    rows, why = dense.rows(T, fps), dict.fromkeys(never - {"flow"}, reason)
    if estimator() == CODEC:
        why["flow"] = "needs opencv; pip install 'mutoscope[metrics]'"
    elif len(rows) > 1:
        flow = followed(middle(frames)[:, :, list(rows)])
        told = {**maps.told, "flow": np.isfinite(flow).all(-1)}
        maps = replace(maps, flow=np.nan_to_num(flow), told=told)
    return Looked(frames=frames[0], rows=rows, maps=maps, why=why)


def followed(frames: Frames) -> Float[np.ndarray, "pairs S S 2"]:
    """Flow from each frame of one square clip to the next, pixels of SIDE; nan: can't tell.

    Searched at the clip's own size; a pixel of SIDE is told where half of what it covers is.
    """
    motion = estimated(Clip(frames=frames, fps=RATE))
    flow = rearrange(motion.flow[0], "xy pairs H W -> pairs H W xy").numpy()
    known = motion.known[0, 0].numpy()[..., None]
    return small.flow(np.where(known, flow, np.nan), range(frames.shape[2]))


def obeyed(clip: Looked, wish: Conditions) -> Obeyed:
    """Hold one clip against its conditions; refuses frames of another size than the clip's."""
    scores: dict[str, Score] = {}
    why: dict[str, str] = {}
    for name, (kind, needed, score) in _FIGURES.items():
        if getattr(wish, needed) is None:
            continue
        reason = clip.why.get(kind)
        if reason is None:
            scores[name] = score(clip, wish)
        else:
            why[name] = reason
    unread = [clip.why[kind] for kind in ("flow", "mask") if kind in clip.why]
    if wish.camera is None:
        return Obeyed(scores=scores, why=why)
    if clip.maps is None or unread:
        return Obeyed(scores=scores, why={**why, "camera": unread[0]})
    return Obeyed(scores=scores, ride=ridden(clip.maps, clip.rows, wish.camera), why=why)


def faithful(
    clips: Frames,
    fps: float,
    wishes: Sequence[Conditions],
    *,
    reader: DenseReader | None,
    beside: Mapping[str, Frames] | None = None,
    seed: int = 0,
) -> Report:
    """How far clips obey their conditions, beside SHUFFLED: the same clips against others' ones.

    `beside` are other clips of the same conditions: real renders as "truth", an untrained twin's as
    "untrained". `seed` draws whose conditions stand in.
    """
    others = swapped(wishes, seed)
    mine, shuffled = [], []
    for clip, wish, other in zip(torch.split(clips, 1), wishes, others, strict=True):
        seen = looked(clip, fps, reader)
        mine.append(obeyed(seen, wish))
        shuffled.append(obeyed(seen, other))
    rows = {
        name: [
            obeyed(looked(clip, fps, reader), wish)
            for clip, wish in zip(torch.split(row, 1), wishes, strict=False)
        ]
        for name, row in (beside or {}).items()
    }
    return summary(mine, {**rows, SHUFFLED: shuffled})


def summary(own: Sequence[Obeyed], beside: Mapping[str, Sequence[Obeyed]]) -> Report:
    """A row a figure that some clip has; "coverage" beside it is over all clips it was asked of."""
    rows: dict[str, Entry] = {}
    for name, better in BETTER.items():
        told = [one.scores[name] for one in own if name in one.scores]
        values = _known(told)
        if not values:
            continue
        others = {n: _known([one.scores[name] for one in row if name in one.scores])
                  for n, row in beside.items()}  # fmt: skip
        known = {n: float(np.mean(row)) for n, row in others.items() if row}
        covered = {"coverage": float(np.mean([score.coverage for score in told]))}
        rows[name] = report.mean(values, better=better, baselines={**known, **covered})
    return {**rows, **rides(_rides(own), {name: _rides(row) for name, row in beside.items()})}


def swapped(wishes: Sequence[Conditions], seed: int = 0) -> list[Conditions]:
    """Every condition moved to another clip that has one of its kind and size; else it is None."""
    moved = [Conditions() for _ in wishes]
    for names in GROUPS:
        have = [k for k, wish in enumerate(wishes) if getattr(wish, names[0]) is not None]
        for mine, other in zip(have, disordered(have, seed), strict=True):
            given = {name: getattr(wishes[other], name) for name in names}
            alike = all(given[n].shape[-3:] == getattr(wishes[mine], n).shape[-3:] for n in given)
            if mine != other and alike:
                moved[mine] = replace(moved[mine], **given)
    return moved


def of_scene(scene: Scene, *, frames: int, size: tuple[int, int], fps: float) -> Conditions:
    """All that a scene of the world tells, but no mask: what is hidden next asks for no flow."""
    wanted = ("depth", "flow", "occluded", "sketch")
    made = render(scene, frames=frames, size=size, fps=fps, truth=wanted)
    assert made.depth is not None
    assert made.flow is not None
    assert made.occluded is not None
    assert made.sketch is not None
    rgb = as_frames(made.rgb[None])[0]
    way = ease(np.arange(frames) / fps / 2, 1.15, 0.15)
    return Conditions(
        near=nearness(torch.from_numpy(made.depth)).numpy(),
        sketch=made.sketch > 0,
        flow=np.where(made.occluded[..., None], np.nan, made.flow)[:-1].astype(np.float32),
        first=rgb[:, 0],
        last=rgb[:, -1],
        camera=np.round(np.outer(np.diff(way) * 2 * fps, axes(scene.camera)), 6),
    )


def psnr(
    frames: Float[Tensor, "3 ..."], true: Float[Tensor, "3 ..."], where: Tensor | None = None
) -> float:
    """The peak signal-to-noise ratio of frames in [-1, 1], in decibels; higher is better.

    BEST at most; nan where there is no pixel to compare. Source: P7 of the project's instruments.
    """
    error = ((frames.double() - true.double()) / 2).square().mean(0)
    kept = error if where is None else error[where]
    if not kept.numel():
        return math.nan
    mean = float(kept.mean())
    return BEST if mean <= 10 ** (-BEST / 10) else -10 * math.log10(mean)


def _depth(clip: Looked, wish: Conditions) -> Score:
    assert clip.maps is not None
    assert wish.near is not None
    true = small.maps(wish.near, clip.rows)
    n = len(true)
    told = clip.maps.told["depth"][:n]
    value = structure.rank_correlation(clip.maps.depth[:n], -true)
    return _score(value, float(told.mean()))


def _sketch(clip: Looked, wish: Conditions) -> Score:
    assert clip.maps is not None
    assert wish.sketch is not None
    true = small.maps(wish.sketch, clip.rows, thin=True) > 0.5
    n = len(true)
    told = clip.maps.told["lines"][:n]
    value = structure.line_f1(clip.maps.lines[:n], true)
    return _score(value, float(told.mean()))


def _edges(clip: Looked, wish: Conditions) -> Score:
    assert wish.edges is not None
    _check_size(clip, wish.edges.shape, "map of edges")
    n = min(clip.frames.shape[1], len(wish.edges))
    drawn = edges.canny(rearrange(clip.frames[:, :n], "c T H W -> T H W c").numpy())
    return Score(structure.line_f1(drawn, wish.edges[:n]), 1.0)


def _flow(clip: Looked, wish: Conditions) -> Score:
    assert clip.maps is not None
    assert wish.flow is not None
    true = small.flow(wish.flow, clip.rows)
    asked = np.isfinite(true).all(-1)
    told = asked & clip.maps.told["flow"][: len(true)]
    value = structure.endpoint_error(clip.maps.flow[: len(true)], np.nan_to_num(true), told)
    return _score(value, float(told.sum() / max(1, asked.sum())))


def _outside(clip: Looked, wish: Conditions) -> Score:
    assert wish.mask is not None
    assert wish.source is not None
    _check_size(clip, wish.source.shape, "source")
    _check_size(clip, wish.mask.shape, "mask")
    n = min(clip.frames.shape[1], wish.source.shape[1], len(wish.mask))
    kept = ~torch.tensor(wish.mask[:n])
    return Score(psnr(clip.frames[:, :n], wish.source[:, :n], kept), 1.0)


Picture = Float[Tensor, "3 H W"]


def _first(alike: Callable[[Picture, Picture], float], clip: Looked, wish: Conditions) -> Score:
    assert wish.first is not None
    _check_size(clip, wish.first.shape, "first frame")
    return Score(alike(clip.frames[:, 0], wish.first), 1.0)


def _last(alike: Callable[[Picture, Picture], float], clip: Looked, wish: Conditions) -> Score:
    assert wish.last is not None
    _check_size(clip, wish.last.shape, "last frame")
    return Score(alike(clip.frames[:, -1], wish.last), 1.0)


def _ssim(frame: Picture, true: Picture) -> float:
    return structure.ssim((frame / 2 + 0.5).numpy(), (true / 2 + 0.5).numpy())


_FIGURES: Mapping[str, tuple[str, str, Callable[[Looked, Conditions], Score]]] = {
    "depth rank": ("depth", "near", _depth),
    "sketch F1": ("lines", "sketch", _sketch),
    "edge F1": ("", "edges", _edges),
    "flow error": ("flow", "flow", _flow),
    "outside-mask PSNR": ("", "mask", _outside),
    "first-frame PSNR": ("", "first", partial(_first, psnr)),
    "last-frame PSNR": ("", "last", partial(_last, psnr)),
    "first-frame SSIM": ("", "first", partial(_first, _ssim)),
    "last-frame SSIM": ("", "last", partial(_last, _ssim)),
}
"""By figure which of KINDS is read for it, the condition that asks for it, and how it is told."""


def _score(value: float, coverage: float) -> Score:
    return Score(value if coverage >= FEWEST else math.nan, coverage)


def _known(scores: Sequence[Score]) -> list[float]:
    return [score.value for score in scores if math.isfinite(score.value)]


def _check_size(clip: Looked, shape: Sequence[int], name: str) -> None:
    H, W = clip.frames.shape[-2:]
    if tuple(shape[-2:]) != (H, W):
        raise DataError(
            f"the {name} is {shape[-1]}x{shape[-2]} where the clip is {W}x{H};"
            " bring both to one size"
        )


def _rides(found: Sequence[Obeyed]) -> list[Ride]:
    return [one.ride for one in found if one.ride is not None]
