"""What the reader answers, in words: things with their tracks, and the clip; or "can't tell"."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional as F

from mutoscope.clip import Frames
from mutoscope.errors import DataError
from mutoscope.evaluate.tracks import Track, track
from mutoscope.machine import precision
from mutoscope.networks.readers import (
    CLIP_WORDS,
    FPS,
    FRAMES,
    HEADS,
    MOVING,
    SIDE,
    THING_WORDS,
    WORDS,
    ClipReader,
    Told,
)
from mutoscope.zoo import load_part

MOVES_FROM = 4
"""Frames below which nothing is said of motion."""
BATCH = 16


@dataclass(frozen=True)
class Answer:
    """A word, or None for "can't tell"; the likeliest word, and its calibrated probability."""

    word: str | None
    best: str
    sure: float


@dataclass(frozen=True)
class ThingRead:
    """A thing as it was read; masks are bools at half of SIDE."""

    words: Mapping[str, Answer]
    sure: float
    track: Track
    masks: np.ndarray


@dataclass(frozen=True)
class Reading:
    """All that was read in a clip, things from left to right where they are first seen."""

    things: tuple[ThingRead, ...]
    words: Mapping[str, Answer]
    feature: Float[np.ndarray, " d"]


def shipped(name: str = "readers") -> ClipReader:
    """A reader of the zoo, ready to read: "readers" (core tier) or "wide-readers" (all words)."""
    reader = load_part(ClipReader, name).eval().requires_grad_(requires_grad=False)
    return reader.to(memory_format=torch.channels_last)


def read(reader: ClipReader, frames: Frames, fps: float) -> list[Reading]:
    """Read clips one batch after another; frames in [-1, 1] as `prepared` takes them."""
    return [reading for part in torch.split(frames, BATCH) for reading in _read(reader, part, fps)]


def prepared(frames: Frames, fps: float) -> Float[Tensor, "b 3 t h w"]:
    """The first 2 seconds at 4 frames a second, each pixel the mean of those it covers.

    Refuses clips that aren't square or play at less than 4 frames a second.
    """
    T, H, W = frames.shape[2:]
    if H != W or H < SIDE // 2:
        raise DataError(
            f"a reader reads square clips of at least {SIDE // 2} pixels (got {W}x{H}); crop or pad"
        )
    if T > 1 and fps < FPS:
        raise DataError(f"a reader needs at least {FPS:g} frames a second (got {fps:g})")
    rows = sorted({round(k * fps / FPS) for k in range(FRAMES)})
    picked = frames[:, :, [row for row in rows if row < T]].float()
    if H == SIDE:
        return picked
    flat = rearrange(picked, "b c t h w -> (b t) c h w")
    if H > SIDE:
        small = F.adaptive_avg_pool2d(flat, SIDE)
    else:
        small = F.interpolate(flat, size=(SIDE, SIDE), mode="bilinear", align_corners=False)
    return rearrange(small, "(b t) c h w -> b c t h w", b=len(frames))


def as_frames(rgb: UInt8[np.ndarray, "b T H W 3"]) -> Frames:
    """Bytes as frames in [-1, 1]."""
    return rearrange(torch.from_numpy(rgb).float() / 127.5 - 1, "b t h w c -> b c t h w")


@torch.inference_mode()
def _ask(
    reader: ClipReader, frames: Float[Tensor, "b 3 t H W"]
) -> tuple[Float[Tensor, "b o t y x"], Float[Tensor, "b o"], Told]:
    with torch.autocast("cpu", torch.bfloat16, enabled=precision() is torch.bfloat16):
        seen = reader.see(frames)
        masks, sure = reader.find(seen)
        return masks, sure, reader.tell(seen, masks, sure > 0.5)


def _read(reader: ClipReader, frames: Frames, fps: float) -> Iterator[Reading]:
    x = prepared(frames, fps)
    masks, sure, told = _ask(reader, x)
    words = _answers(reader, told, moving=x.shape[2] >= MOVES_FROM)
    drawn = masks.float().numpy()
    for b in range(len(x)):
        things = [
            ThingRead(
                words={name: words[name][b][o] for name in THING_WORDS},
                sure=float(sure[b, o]),
                track=track(drawn[b, o], 1 / FPS),
                masks=drawn[b, o] > 0.5,
            )
            for o in range(drawn.shape[1])
            if sure[b, o] > 0.5
        ]
        clip = {name: words[name][b][0] for name in CLIP_WORDS}
        yield Reading(tuple(sorted(things, key=_place)), clip, told.feature[b].numpy().copy())


def _place(thing: ThingRead) -> float:
    seen = np.flatnonzero(thing.track.visible)
    return float(thing.track.middles[seen[0], 0]) if len(seen) else 2.0


def _answers(reader: ClipReader, told: Told, *, moving: bool) -> dict[str, list[Sequence[Answer]]]:
    found: dict[str, list[Sequence[Answer]]] = {}
    for column, name in enumerate(HEADS):
        scores = told.things[name] if name in THING_WORDS else told.clip[name][:, None]
        sure, best = (scores / reader.heat[column]).softmax(-1).max(-1)
        bar = float(reader.bars[column]) if moving or name not in MOVING else 2.0
        found[name] = [
            [_answer(WORDS[name][int(i)], float(p), bar) for i, p in zip(*row, strict=True)]
            for row in zip(best, sure, strict=True)
        ]
    return found


def _answer(best: str, sure: float, bar: float) -> Answer:
    return Answer(best if sure >= bar else None, best, sure)
