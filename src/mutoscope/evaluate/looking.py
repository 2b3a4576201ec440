"""Files as rows of numbers: a few frames of each as one of several networks sees them, and kept.

    ours      the reader's 64 numbers, of 8 frames at 4 a second and 64 x 64
    classes   an image classifier's 1280 features a frame and its posteriors (networks.classifier)
    FILE      I3D's 400 Kinetics logits, of 16 frames at 8 a second (networks.i3d), by the
              safetensors file of its weights

Of a wide clip the middle square is seen, from its start; prompts have no part in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional as F

from mutoscope import zoo
from mutoscope.errors import MediaError, MutoscopeError
from mutoscope.evaluate import measure, reading
from mutoscope.evaluate.folder import inside, sha256
from mutoscope.evaluate.frechet import features, spoilt
from mutoscope.evaluate.keeping import Made, keyed, put, remembered
from mutoscope.networks import classifier, i3d

VERSION = 3
"""Changes whenever the same files would be seen or kept differently."""
BLOCK = 16
"""Clips seen together, at least: as many as frames of which an "independent" clip is made."""
POSTERIORS = "posteriors"
"""Of classes, beside the rows of the clips as they are, where the network has such."""

Rows = Float[np.ndarray, "_ _"]
Look = Callable[[Float[Tensor, "b 3 T S S"]], tuple[Rows, Rows | None]]


@dataclass(frozen=True, kw_only=True)
class Eye:
    """What looks, by name, so that other processes can look too.

    `form` is how many frames it sees, at what rate and side; `per` how many rows a clip has.
    """

    name: str
    said: str
    form: tuple[int, float, int]
    per: int
    weights: str


@dataclass(frozen=True, kw_only=True)
class Seen:
    """Rows by kind ("real", as the clips are; the other rungs; POSTERIORS); files that can't be."""

    rows: Mapping[str, Rows]
    left: Mapping[str, str]


def eye(name: str) -> Eye:
    """What looks by this name; refuses a file that isn't I3D's, and a package that is missing."""
    if name == "ours":
        said, form, per = "the 64 numbers of our reader", (8, 4.0, 64), 1
        weights = zoo.sha256("readers")
    elif name == "classes":
        classifier.shipped()
        said, form, per = "1280 of EfficientNet-Lite0", (8, 4.0, classifier.SIDE), 8
        weights = classifier.SHA256
    else:
        i3d.kinetics(Path(name))
        said, form, per = "I3D's 400 Kinetics logits", (16, 8.0, i3d.SIDE), 1
        weights = sha256(Path(name))
    return Eye(name=name, said=said, form=form, per=per, weights=weights)


def taken(path: Path, form: tuple[int, float, int]) -> UInt8[np.ndarray, "T S S 3"]:
    """So many frames of a file at a rate and a side; refuses a clip that is shorter or slower."""
    count, rate, side = form
    clip, _ = measure.opened(path)
    fps = float(clip.fps)
    rows = [round(k * fps / rate) for k in range(count)]
    if fps < rate:
        raise MediaError(f"{path} plays at {fps:g} frames a second where {rate:g} are needed")
    if rows[-1] >= clip.frames.shape[2]:
        raise MediaError(f"{path} is shorter than {count / rate:g} seconds")
    flat = rearrange(measure.middle(clip.frames[:, :, rows]), "1 c t h w -> t c h w")
    if flat.shape[-1] > side:
        small = F.adaptive_avg_pool2d(flat, side)
    else:
        small = F.interpolate(flat, size=(side, side), mode="bilinear", align_corners=False)
    pixels = ((small + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return rearrange(pixels, "t c h w -> t h w c").numpy()


def seen(paths: Sequence[Path], *, by: Eye, kinds: Sequence[str], keeping: Path) -> Seen:
    """A block of files, once for every kind of LADDER asked; kept under their hashes.

    "independent" is none of them where fewer files can be seen than a clip has frames: then some
    of its frames would have to come from one clip.
    """
    hashes = [_hash(path) for path in paths]
    facts = [VERSION, measure.VERSION, by.name, by.weights, list(kinds), hashes]
    place = keyed(keeping, facts, ".safetensors")
    rows, left = remembered(place) or put(place, *_looked(paths, by, kinds))
    return Seen(rows=rows, left={str(paths[int(k)]): why for k, why in left.items()})


def _looked(paths: Sequence[Path], by: Eye, kinds: Sequence[str]) -> Made:
    clips, left = [], {}
    for k, path in enumerate(paths):
        try:
            clips.append(taken(path, by.form))
        except (MutoscopeError, OSError) as error:
            left[str(k)] = inside(error, path.parent, path.name)
    able = [kind for kind in kinds if kind != "independent" or len(clips) >= by.form[0]]
    return _rows(clips, by, able) if clips else {}, left


def _hash(path: Path) -> str:
    try:
        return sha256(path)
    except OSError:
        return str(path)


def blocks(paths: Sequence[Path]) -> list[list[Path]]:
    """The same in blocks of BLOCK or more, as even as can be; one block of fewer than two."""
    ends = np.linspace(0, len(paths), max(1, len(paths) // BLOCK) + 1).round().astype(int)
    return [list(paths[a:b]) for a, b in pairwise(ends) if b > a]


def _rows(clips: Sequence[np.ndarray], by: Eye, kinds: Sequence[str]) -> dict[str, Rows]:
    frames = reading.as_frames(np.stack(clips))
    look = _look(by.name, by.form[1])
    found: dict[str, Rows] = {}
    for kind in kinds:
        rows, posteriors = look(spoilt(frames, kind))
        found[kind] = np.asarray(rows, np.float32)
        if kind == "real" and posteriors is not None:
            found[POSTERIORS] = np.asarray(posteriors, np.float32)
    return found


@cache
def _look(name: str, rate: float) -> Look:
    if name == "ours":
        reader = reading.shipped()
        return lambda frames: (features(reading.read(reader, frames, rate)), None)
    if name == "classes":
        return _classes
    network = i3d.kinetics(Path(name))

    def logits(frames: Float[Tensor, "b 3 T S S"]) -> tuple[Rows, Rows | None]:
        rows = network.extract(frames, rate)
        return rows, torch.from_numpy(rows).softmax(-1).numpy()

    return logits


def _classes(frames: Float[Tensor, "b 3 T S S"]) -> tuple[Rows, Rows | None]:
    look = classifier.shipped()
    told = [look.see(clip) for clip in rearrange(frames, "b c t h w -> b t c h w")]
    posteriors, rows = (torch.cat(part).numpy() for part in zip(*told, strict=True))
    return rows, posteriors
