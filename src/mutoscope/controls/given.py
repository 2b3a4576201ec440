"""A condition as it was asked for, as the map it stands for: files are read, texts understood.

A file is the clip (or picture) that the map is read of, unless it is the map itself: then it says
so by its record, as those that `mutoscope extract` writes do, or the condition does, `map=true`. A
single picture given for one of DRAWN is the map too, unless `map=false` has it read. Motion is read
by `flow.estimated`, or with `codec=mpeg4` by that video codec alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast, get_args

from einops import rearrange
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from mutoscope import checked, controls, media
from mutoscope.clip import Clip, Frames
from mutoscope.codecs import Codec, Facts, Fit
from mutoscope.controls.control import Control, Map
from mutoscope.errors import RequestError
from mutoscope.request import LITERALS, ConditionRequest, Request

STILL: Mapping[str, int] = {"first": 0, "image": 0, "last": -1, "sketch": 0, "style": 0}
"""Kinds of a single frame, and which of a clip it is unless `frame` says another."""
DRAWN = ("mask", "sketch", "sketches")
"""Kinds for which a single picture is a painting or a drawing, not what one is read of."""
THIN = ("edges", "sketch")
"""Controls whose lines would fade if a map were made smaller by means."""
EXTRACTED = "extracted"
"""The key of a record under which a file says of which control it is a map."""
KEYS, MOVING = ("map",), ("map", "codec")
"""What the `set` of a condition that comes as a file may hold; that of motion."""


def check(request: Request) -> None:
    """Refuse, before anything is loaded, sources that are no files or no such texts."""
    for asked in request.given():
        if asked.kind not in LITERALS:
            media.probe(asked.source)
            if asked.kind in controls.TABLE:
                _checked(asked)
        elif asked.kind in controls.TABLE:
            _written(asked, request, request.frames)


def given(asked: ConditionRequest, request: Request, *, frames: int | None = None) -> Map:
    """The map of a condition for a clip of the request's size, rate and `frames` (else its own).

    A clip is cut to the request's shape about its middle, taken at its rate, and must be long
    enough; a picture stands for all frames. Kinds in STILL are one frame. `strength` is left to the
    system.
    """
    count = request.frames if frames is None else frames
    if asked.kind in LITERALS:
        return _written(asked, request, count)
    control, name = controls.of(asked.kind), controls.TABLE[asked.kind]
    _checked(asked)
    facts = media.probe(asked.source)
    if not _is_map(asked, facts, name):
        values = _from_clip(control, asked, _read(asked, request, count, facts, size=request.size))
    elif name in THIN:
        drawn = control.from_shown(_read(asked, request, count, facts).frames)
        values = _thinned(drawn, request.size)
    else:
        values = control.from_shown(_read(asked, request, count, facts, size=request.size).frames)
    if asked.kind in STILL or values.shape[2] == count:
        return values
    return values.expand(-1, -1, count, -1, -1)


def whole(asked: ConditionRequest) -> ConditionRequest:
    """A condition that is there or not; refuses one with a strength."""
    if asked.strength != 1:
        raise RequestError(
            f"condition '{asked.kind}' takes no strength here (got {asked.strength:g});"
            " leave it out"
        )
    return asked


def is_map(asked: ConditionRequest) -> bool:
    """Whether the file of a condition is its map, not a clip or picture that the map is read of."""
    _checked(asked)
    return _is_map(asked, media.probe(asked.source), controls.TABLE[asked.kind])


def clip(asked: ConditionRequest, request: Request) -> Frames:
    """The clip that a condition comes from, itself: of the request's size, rate and length.

    A picture stands for all frames.
    """
    facts = media.probe(asked.source)
    frames = _read(asked, request, request.frames, facts, size=request.size).frames
    return frames.expand(-1, -1, request.frames, -1, -1)


def _from_clip(control: Control, asked: ConditionRequest, source: Clip) -> Map:
    codec = asked.set.get("codec")
    if codec is None:
        return control.from_clip(source)
    return cast("Any", control).from_clip(source, codec=codec)  # only motion's takes that key


def _read(
    asked: ConditionRequest,
    request: Request,
    count: int,
    facts: Facts,
    *,
    size: tuple[int, int] | None = None,
) -> Clip:
    """What a file shows: the one frame that is meant, all that are needed, or its only one.

    Without `size` as large as it is.
    """
    path = Path(asked.source)
    fit: Fit | None = "crop" if size else None
    if asked.kind in STILL:
        clip = media.read(path, size=size, fit=fit)
        total = clip.frames.shape[2]
        frame = STILL[asked.kind] if asked.frame is None else asked.frame
        if not -total <= frame < total:
            raise RequestError(
                f"{path} has {total} frames and no frame {frame}; name one from 0 to {total - 1},"
                " or from the end from -1"
            )
        at = frame % total
        return Clip(frames=clip.frames[:, :, at : at + 1], fps=clip.fps, record=clip.record)
    if facts.frames == 1:
        return media.read(path, size=size, fit=fit)
    return media.read(path, size=size, fit=fit, fps=request.fps, frames=count)


def _thinned(values: Map, size: tuple[int, int]) -> Float[Tensor, "b c t h w"]:
    """The middle of a map of lines, cut to the shape of (W, H) and brought there, no line lost."""
    (W, H), (height, width) = size, values.shape[3:]
    scale = min(height / H, width / W)
    h, w = max(1, round(H * scale)), max(1, round(W * scale))
    top, left = (height - h) // 2, (width - w) // 2
    flat = rearrange(values[..., top : top + h, left : left + w], "b c t h w -> (b t) c h w")
    whole = F.adaptive_max_pool2d(flat, (H, W)) if h >= H else F.interpolate(flat, (H, W))
    return rearrange(whole, "(b t) c H W -> b c t H W", b=len(values))


def _checked(asked: ConditionRequest) -> None:
    for key in asked.set:
        keys = MOVING if asked.kind == "motion" else KEYS
        checked.one_of(f"the key of condition '{asked.kind}'", key, keys)
    if "codec" in asked.set:
        checked.one_of("the codec of condition 'motion'", asked.set["codec"], get_args(Codec))
    if not isinstance(asked.set.get("map", False), bool):
        raise RequestError(f"map of condition '{asked.kind}' must be true or false")
    if asked.frame is not None and asked.kind not in STILL:
        raise RequestError(
            f"condition '{asked.kind}' is of every frame and takes no frame= (got {asked.frame})"
        )


def _is_map(asked: ConditionRequest, facts: Facts, name: str) -> bool:
    """Whether a file is the map already; refuses one of another control."""
    said = facts.record.get(EXTRACTED)
    if "map" in asked.set:
        return bool(asked.set["map"])
    if said not in (None, name):
        raise RequestError(
            f"{asked.source} holds {said}, not {name}; give the clip itself, or {name} of it"
        )
    return said == name or (facts.frames == 1 and asked.kind in DRAWN)


def _written(asked: ConditionRequest, request: Request, count: int) -> Map:
    if asked.set:
        raise RequestError(
            f"condition '{asked.kind}' takes no keys (got {', '.join(asked.set)}); leave them out"
        )
    control = controls.writing(asked.kind)
    return control.from_text(asked.source, frames=count, size=request.size, fps=request.fps)
