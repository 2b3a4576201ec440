"""Where a clip's thing is in every frame, each read by itself, and what that says of its way.

Places are the middle of the surest thing of a frame, in frame sides, x to the right and y down; nan
where none is read. What asks how far takes half a frame where nothing is read.
"""

from __future__ import annotations

import numpy as np
from einops import rearrange
from jaxtyping import Float

from mutoscope.clip import Frames
from mutoscope.evaluate.reading import ThingRead, read
from mutoscope.networks.readers import FPS, SIDE, ClipReader

LOST = 0.5
"""Frame sides that a thing is off where none is read (ours)."""

Places = Float[np.ndarray, "n _ 2"]
"""Of clips of however many frames."""
Row = Float[np.ndarray, " n"]


def surest(reader: ClipReader, frames: Frames) -> list[ThingRead | None]:
    """The surest thing of every frame by itself, clip after clip."""
    flat = read(reader, rearrange(frames, "b c t h w -> (b t) c 1 h w"), FPS)
    return [max(one.things, key=lambda thing: thing.sure, default=None) for one in flat]


def places(reader: ClipReader, frames: Frames) -> Places:
    """Where it is in every frame of clips."""
    lost = np.full(2, np.nan)
    rows = [lost if one is None else one.track.middles[0] for one in surest(reader, frames)]
    return np.stack(rows).reshape(len(frames), -1, 2)


def colours(reader: ClipReader, frames: Frames) -> list[str | None]:
    """The likeliest colour of the surest thing of every frame, clip after clip."""
    seen = surest(reader, frames)
    return [None if one is None else one.words["colour"].best for one in seen]


def off(seen: Places, true: Places) -> Row:
    """How far the thing is in the last frame from where it was to be, in pixels of SIDE."""
    return SIDE * np.nan_to_num(np.linalg.norm(seen[:, -1] - true[:, -1], axis=1), nan=LOST)


def degrees(seen: Places, true: Places) -> Row:
    """Between the way from the first frame to the last and the true one; 90 where there is none."""
    one, other = (np.nan_to_num(way[:, -1] - way[:, 0]) for way in (seen, true))
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    cosines = (one * other).sum(1) / np.where(lengths > 1e-6, lengths, np.inf)
    return np.degrees(np.arccos(cosines.clip(-1, 1)))


def bends(seen: Places) -> tuple[Row, Row]:
    """Lengths of the second difference at the last step of each clip, and their mean elsewhere."""
    second = seen[:, 2:] - 2 * seen[:, 1:-1] + seen[:, :-2]
    lengths = np.nan_to_num(np.linalg.norm(second, axis=2), nan=LOST)
    return lengths[:, -1], lengths[:, :-1].mean(1)
