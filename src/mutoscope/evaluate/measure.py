"""One clip in numbers, whatever its prompt: quality over time, and what the readers read in it.

Long, wide or fast clips are brought down first: the shorter side to SIDE pixels, flow to RATE
frames a second. The readers and the aligner see the middle square. Flow is estimated (`flow`).
"""

from __future__ import annotations

import base64
import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from mutoscope import media
from mutoscope.clip import Clip
from mutoscope.controls.flow import estimated
from mutoscope.errors import DataError, MediaError
from mutoscope.evaluate import alignment, identity, temporal
from mutoscope.evaluate.drift import drift, lost
from mutoscope.evaluate.reading import MOVES_FROM, Answer, Reading, ThingRead, read
from mutoscope.evaluate.tracks import Track
from mutoscope.networks.alignment import Aligner
from mutoscope.networks.readers import FPS, FRAMES, ClipReader

VERSION = 4
"""Changes whenever the same clip would be measured differently."""
SIDE = 256
"""Pixels of the shorter side from which a clip is brought down (ours)."""
RATE = 8.0
"""Frames a second at which flow is estimated: VBench's."""
LONG = 4.0
"""Seconds from which a clip's drift is told (ours)."""
LIMITS = media.Limits(held=40_000_000)
"""Pixels of a clip in memory, each 12 bytes and as much again while it is measured."""
SEED = 0
"""Of the order in which the frames of a shuffled clip stand."""
PREVIEW_SIDE, PREVIEW_FRAMES = 128, 16
"""How large and how long a preview is at most (ours)."""

NUMBERS: Mapping[str, Literal["higher", "lower"]] = {
    "flicker": "lower", "warp error": "lower", "smoothness": "higher", "repeated frames": "lower",
    "black frames": "lower", "frozen clips": "lower", "dynamic clips": "higher",
    "flow score": "higher", "identity kept": "higher", "seams": "lower",
    "colour drift": "lower", "contrast drift": "lower", "sharpness drift": "lower",
    "identity drift": "lower",
}  # fmt: skip
"""Every number of a clip, and in which direction it is better."""
YES_NO = ("frozen clips", "dynamic clips")
"""Of these a clip has 0 or 1."""

Numbers = Mapping[str, float]
Pixels = Float[Tensor, "3 T H W"]


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What was measured: plain data, so that it can be kept as JSON.

    `size` is (W, H) as stored. `things` and `words` are answers (word, best, sure), `places` the
    things' middles in the first frame, empty where not seen; where nothing could be read `unread`
    says why. `moving`: whether enough frames were read to speak of motion.
    `beside` are the numbers of the clip spoilt; `changes` how much changes from frame to frame, for
    `seamed`; `preview` is a small picture as a data: address; `vector` is the clip as the aligner
    sees it, of length 1, empty where it doesn't or can't.
    """

    frames: int
    fps: float
    size: tuple[int, int]
    numbers: Numbers
    beside: Mapping[str, Numbers]
    drift: Mapping[str, Any]
    things: Sequence[Mapping[str, Sequence[Any]]]
    words: Mapping[str, Sequence[Any]]
    unread: str | None
    moving: bool
    preview: str
    vector: Sequence[float] = field(default_factory=list)
    changes: Sequence[float] = ()
    places: Sequence[Sequence[float]] = ()

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return asdict(self)

    def reading(self) -> Reading:
        """What was read, without masks, and of tracks where they begin."""
        none = np.zeros((1, 1, 1), bool)
        places = self.places or [()] * len(self.things)
        things = [
            ThingRead(_answers(words), 1.0, _beginning(place), none)
            for words, place in zip(self.things, places, strict=True)
        ]
        return Reading(tuple(things), _answers(self.words), np.zeros(1))


def opened(path: Path) -> tuple[Clip, tuple[int, int]]:
    """The clip in a file, its shorter side at most SIDE pixels, and its own size (W, H).

    Refuses one frame: nothing over time can be said of it.
    """
    size = media.probe(path).size
    scale = min(1.0, SIDE / min(size))
    small = (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))
    clip = media.read(
        path,
        size=None if small == size else small,
        fit="stretch",
        fps=RATE if path.is_dir() and not media.read_record(path) else None,
        limits=LIMITS,
    )
    if clip.frames.shape[2] < 2:
        raise MediaError(f"{path} holds one frame; give a clip of 2 or more")
    return clip, size


def measured(
    clip: Clip,
    reader: ClipReader,
    size: tuple[int, int] | None = None,
    *,
    aligner: Aligner | None = None,
) -> Measured:
    """Everything about one clip, stored as `size` (W, H); refuses frames that are no numbers."""
    frames, fps = clip.frames[0], float(clip.fps)
    T, H, W = frames.shape[1:]
    if temporal.broken(frames) > 0:
        raise MediaError("its frames hold NaN or infinity; make it again")
    told = _read(clip, reader)
    region, flowing = temporal.still(frames), _flowing(clip)
    beside = {name: _finite(in_time(spoilt, region)) for name, spoilt in _spoilt(frames).items()}
    row, times = _identity(clip, reader)
    slopes = {**drift(frames, fps), **lost(row, times)} if T / fps >= LONG else {}
    same = {} if np.isnan(row).all() else {"identity kept": float(np.nanmean(row))}
    rows = {round(k * fps / FPS) for k in range(FRAMES)}
    # Where nothing flows there is no error of warping and no motion: both are 0 of a frozen clip,
    # and what is told of one picture is told of all.
    still = {**dict.fromkeys(flowing, 0.0), **dict.fromkeys(same, 1.0)}
    return Measured(
        frames=T,
        fps=fps,
        size=size or (W, H),
        numbers=_finite({**in_time(frames, region), **flowing, **same, **_drifting(slopes)}),
        beside={**beside, "frozen": {**beside["frozen"], **still}},
        drift={name: asdict(found) for name, found in slopes.items()},
        **told,
        moving=sum(row < T for row in rows) >= MOVES_FROM,
        preview=preview(clip),
        vector=[] if told["unread"] or aligner is None else _seen(clip, aligner),
        changes=[round(value, 6) for value in temporal.changes(frames).tolist()],
    )


def seamed(found: Measured, starts: Sequence[int]) -> Measured:
    """The same with the number "seams", the mean over them, where each of `starts` is a seam.

    Beside it stands "elsewhere": the mean over all other pairs of frames.
    """
    if not starts:
        return found
    changes = torch.tensor(found.changes, dtype=torch.float64)
    inside = changes[[k for k in range(len(changes)) if k + 1 not in starts]]
    mean = _finite({"seams": float(temporal.seams(changes, starts).mean())})
    rest = {"seams": float((inside / inside.quantile(0.5)).mean())} if mean else {}
    return replace(
        found,
        numbers={**found.numbers, **mean},
        beside={**found.beside, "elsewhere": rest},
    )


def in_time(frames: Pixels, region: Bool[Tensor, "H W"]) -> dict[str, float]:
    """The numbers over time that need no flow, flicker of `region`; nan for too few frames."""
    same = float(temporal.repeated(frames))
    return {
        "flicker": float(temporal.flicker(frames, region)),
        "smoothness": float(temporal.smoothness(frames)),
        "repeated frames": same,
        "black frames": float(temporal.black(frames)),
        "frozen clips": math.nan if math.isnan(same) else float(same == 1),
    }


def middle(frames: Float[Tensor, "b 3 T H W"]) -> Float[Tensor, "b 3 T S S"]:
    """The square in the middle, as wide as the shorter side."""
    H, W = frames.shape[-2:]
    side = min(H, W)
    top, left = (H - side) // 2, (W - side) // 2
    return frames[..., top : top + side, left : left + side]


def preview(clip: Clip) -> str:
    """The first seconds of a clip as a small moving picture, a data: address."""
    step = max(1, round(clip.fps / RATE))
    frames = clip.frames[:, :, ::step][:, :, :PREVIEW_FRAMES]
    H, W = frames.shape[-2:]
    scale = min(1.0, PREVIEW_SIDE / max(H, W))
    size = (max(1, round(H * scale)), max(1, round(W * scale)))
    flat = F.interpolate(rearrange(frames, "b c t h w -> (b t) c h w"), size=size, mode="area")
    small = Clip(frames=rearrange(flat, "(b t) c h w -> b c t h w", b=1), fps=clip.fps / step)
    with tempfile.TemporaryDirectory() as folder:
        data = small.save(Path(folder, "clip.webp"), metadata=False).read_bytes()
    return f"data:image/webp;base64,{base64.b64encode(data).decode()}"


def _read(clip: Clip, reader: ClipReader) -> dict[str, Any]:
    try:
        (reading,) = read(reader, middle(clip.frames), float(clip.fps))
    except DataError as error:
        return {"things": [], "places": [], "words": {}, "unread": str(error)}
    begins = [thing.track.middles[0] for thing in reading.things]
    return {
        "things": [_plain(thing.words) for thing in reading.things],
        "places": [[round(v, 4) for v in one.tolist() if math.isfinite(v)] for one in begins],
        "words": _plain(reading.words),
        "unread": None,
    }


def _seen(clip: Clip, aligner: Aligner) -> list[float]:
    (vector,) = alignment.seen(aligner, middle(clip.frames), float(clip.fps)).vector.tolist()
    return [round(value, 6) for value in vector]


def _identity(clip: Clip, reader: ClipReader) -> tuple[np.ndarray, np.ndarray]:
    """By picture the share of things that are what they were, and the pictures' times."""
    try:
        pictures, times = identity.sights(reader, middle(clip.frames)[0], float(clip.fps))
    except DataError:
        return np.array([math.nan]), np.zeros(1)
    return identity.kept(pictures, times), times


def _plain(words: Mapping[str, Answer]) -> dict[str, list[Any]]:
    return {name: [a.word, a.best, round(a.sure, 4)] for name, a in words.items()}


def _beginning(place: Sequence[float]) -> Track:
    return Track(np.array([place or (math.nan, math.nan)]), np.zeros(1), 1 / FPS)


def _answers(words: Mapping[str, Sequence[Any]]) -> dict[str, Answer]:
    return {name: Answer(*row) for name, row in words.items()}


def _flowing(clip: Clip) -> dict[str, float]:
    step = max(1, round(clip.fps / RATE))
    frames = clip.frames[:, :, ::step]
    if frames.shape[2] < 2:
        return {}
    motion = estimated(Clip(frames=frames, fps=clip.fps / step))
    error = temporal.warp_error(frames, motion.flow, motion.known[:, 0])
    return {
        "warp error": float(error),
        "dynamic clips": float(temporal.dynamic(motion.flow)),
        "flow score": float(temporal.flow_score(motion.flow, clip.fps / step)),
    }


def _drifting(slopes: Mapping[str, Any]) -> dict[str, float]:
    return {f"{name} drift": abs(found.value) for name, found in slopes.items()}


def _spoilt(frames: Pixels) -> dict[str, Pixels]:
    T = frames.shape[1]
    order = torch.from_numpy(np.random.default_rng(SEED).permutation(T))
    return {"frozen": frames[:, :1].expand_as(frames), "shuffled": frames[:, order]}


def _finite(numbers: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in numbers.items() if math.isfinite(value)}
