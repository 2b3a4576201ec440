"""Animated stickers with a motion of their own over plain grounds and stages of the world.

A shot is a pure function of (seed, index). Its vocabulary: the animated stickers whose Unicode name
is one name (no comma: not "man, artist palette"), eight motions in the plane of the picture, eight
plain grounds and the six stages of the core tier. One in ten of the pairs (sticker, motion) and
(sticker, ground) is held out of training.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from mutoscope.data.pictures import paste
from mutoscope.data.stickers import FPS, Stickers
from mutoscope.errors import DataError
from mutoscope.world.palette import PAINTS
from mutoscope.world.render import render
from mutoscope.world.sample import SPLITS, numbered, sample
from mutoscope.world.scene import CORE_STAGES, Camera

Frames = UInt8[np.ndarray, "T H W 3"]

MOTIONS = (
    "still", "slides left", "slides right", "rises", "sinks", "grows", "shrinks", "sways",
)  # fmt: skip
GROUNDS = ("red", "yellow", "green", "blue", "purple", "pink", "white", "grey")
STAGES = tuple(CORE_STAGES)
HELD_OUT = 0.1
"""Share of the pairs that training never sees."""

_OVER = {
    "checkerboard": "over a checkerboard floor", "grass": "over the grass",
    "sand": "over the sand", "snow": "over the snow", "wood": "over a wooden floor",
    "water": "over the water",
}  # fmt: skip
_SYNONYMS = {
    "still": ("stays where it is", "stands still", ""),
    "slides left": ("slides left", "moves to the left", "glides left"),
    "slides right": ("slides right", "moves to the right", "glides right"),
    "rises": ("rises", "goes up", "floats upwards"),
    "sinks": ("sinks", "goes down", "moves downwards"),
    "grows": ("grows", "gets bigger"),
    "shrinks": ("shrinks", "gets smaller"),
    "sways": ("sways", "swings from side to side"),
}
_SHAPES = (
    "an animated sticker of a {name} {does} {where}",
    "a {name} sticker {does} {where}",
    "{where}, a {name} sticker {does}",
    "a cartoon {name} {does} {where}",
    "an animated {name} {does} {where}",
)


@dataclass(frozen=True)
class Shot:
    """What a shot shows: the row of a sticker and its name, the motion, the ground, and where.

    `size` is a share of the picture's side, `x`, `y` the sticker's centre at the middle of the clip
    as shares of it, `phase` in [0, 1) where the sticker's own animation begins, `scene` the index
    of the stage's scene.
    """

    row: int
    name: str
    motion: str
    ground: str
    size: float
    x: float
    y: float
    phase: float
    scene: int


def vocabulary(stickers: Stickers) -> list[int]:
    """The rows of the stickers that are shown."""
    pairs = zip(stickers.names, stickers.animated, strict=True)
    return [i for i, (name, animated) in enumerate(pairs) if animated and "," not in name]


def shot(
    stickers: Stickers, seed: int, index: int, *, split: str = "train", unseen: bool = False
) -> Shot:
    """The shot of a number; training never sees a held-out pair, `unseen` draws only such."""
    if split not in SPLITS or (unseen and split == "train"):
        raise DataError(
            f"split must be train, validation or test, and unseen shots are never in train "
            f"(got {split!r}, unseen={unseen})"
        )
    numbered(seed, index)
    rng = np.random.default_rng(np.random.SeedSequence((seed, index, SPLITS[split], 5)))
    rows = vocabulary(stickers)
    while True:
        row = rows[rng.integers(len(rows))]
        motion = MOTIONS[rng.integers(len(MOTIONS))]
        plain = rng.random() < 0.5
        ground = str(rng.choice(GROUNDS if plain else STAGES))
        made = Shot(
            row, stickers.names[row], motion, ground,
            size=float(rng.uniform(0.48, 0.84)), x=float(rng.uniform(0.38, 0.62)),
            y=float(rng.uniform(0.42, 0.6)), phase=float(rng.random()),
            scene=int(rng.integers(1 << 30)),
        )  # fmt: skip
        if held_out(made) == unseen or not (unseen or split == "train"):
            return made


def held_out(made: Shot) -> bool:
    """Whether a shot has a pair that training never sees."""
    pairs = (f"{made.name}|{made.motion}", f"{made.name}|{made.ground}")
    return any(hashlib.sha256(p.encode()).digest()[0] < HELD_OUT * 256 for p in pairs)


def film(
    stickers: Stickers, made: Shot, *,
    frames: int = 16, fps: float = 8.0, side: int = 128, start: float = 0.0,
) -> Frames:  # fmt: skip
    """The clip of a shot from `start` seconds on, `side` pixels square."""
    ground = _ground(made, side)
    out = np.empty((frames, side, side, 3), np.uint8)
    total = stickers.frames.shape[1]
    for k, (x, y, scale) in enumerate(path(made, start + np.arange(frames) / fps)):
        now = int(made.phase * total + (start + k / fps) * FPS) % total
        pixels = max(4, round(made.size * scale * side))
        rgba = Image.fromarray(stickers.frames[made.row, now])
        small = np.asarray(rgba.resize((pixels, pixels), Image.Resampling.BOX))
        out[k] = paste(ground, small, *(round(v * side - pixels / 2) for v in (x, y)))
    return out


def path(made: Shot, times: Float[np.ndarray, " T"]) -> Iterator[tuple[float, float, float]]:
    """Centre and scale of the sticker at times in seconds; but for swaying, motions last two."""
    for seconds in times:
        u = min(seconds / 2.0, 1.0) - 0.5
        x, y, scale = made.x, made.y, 1.0
        if made.motion.startswith("slides"):
            x = 0.5 + (u if made.motion.endswith("right") else -u) * 0.62
        elif made.motion in ("rises", "sinks"):
            y = 0.5 + (u if made.motion == "sinks" else -u) * 0.62
        elif made.motion in ("grows", "shrinks"):
            scale = 0.95 * 2.2 ** (u if made.motion == "grows" else -u)
        elif made.motion == "sways":
            x += 0.16 * math.sin(2 * math.pi * (seconds / 1.6 + made.phase))
        yield x, y, scale


def tell(made: Shot, rng: np.random.Generator, *, still: bool = False) -> str:
    """A caption; that of a `still` says nothing of motion."""
    words = _SYNONYMS[made.motion]
    does = "" if still else str(words[rng.integers(len(words))])
    if made.ground in _OVER:
        where = _OVER[made.ground]
    else:
        where = str(rng.choice(["on a plain {} background", "on {}", "in front of a {} wall"]))
        where = where.format(made.ground)
    shape = str(rng.choice(_SHAPES))
    said = " ".join(shape.format(name=made.name, does=does, where=where).split())
    said = said.replace(" ,", ",")
    return re.sub(r"\ba (?=[aeiou])(?!uni)", "an ", said)


def words(stickers: Stickers) -> frozenset[str]:
    """Every word that a caption of a shot can contain, in lower case."""
    names = [stickers.names[i] for i in vocabulary(stickers)]
    spoken = [
        *names,
        *GROUNDS,
        *_OVER.values(),
        *_SHAPES,
        "on a plain background in front of a wall an",
    ]
    spoken += [phrase for row in _SYNONYMS.values() for phrase in row]
    return frozenset(re.findall(r"\w+", " ".join(spoken).lower())) - {"name", "does", "where"}


def _ground(made: Shot, side: int) -> UInt8[np.ndarray, "side side 3"]:
    if made.ground in CORE_STAGES:
        scene = sample(0, made.scene % 997, objects=1)
        stage = replace(scene.stage, floor=made.ground, sky=CORE_STAGES[made.ground][1])
        empty = replace(scene, things=(), stage=stage, camera=Camera())
        return render(empty, frames=1, size=(side, side)).rgb[0]
    plain = np.broadcast_to(np.array(PAINTS[made.ground], np.uint8), (side, side, 3))
    return np.ascontiguousarray(plain)
