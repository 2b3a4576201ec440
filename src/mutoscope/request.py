"""What is asked of a system, as plain data: the Request, what a system can do, a training batch.

A Request is the same JSON in a file's metadata, a job, `--json` and a story file. Whatever is wrong
with one is said in one sentence, by RequestError, before anything is computed.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, ClassVar, Literal

from torch import Tensor

from mutoscope import checked
from mutoscope.checked import Check, Number, Plain, Span, Value
from mutoscope.clip import Frames
from mutoscope.errors import IgnoredError, RequestError

__all__ = [
    "KINDS",
    "LITERALS",
    "Capabilities",
    "ConditionRequest",
    "Example",
    "Request",
    "Segment",
    "Setting",
    "Span",
    "Value",
]

KINDS = (
    "first", "last", "image", "sketch", "sketches", "style", "depth", "structure", "motion",
    "stroke", "mask", "camera", "fps", "pose", "edge", "task",
)  # fmt: skip
"""Every kind of condition a request may name."""

LITERALS = ("camera", "stroke", "fps", "task")
"""Kinds whose source is a value written out, not a file."""

_TAIL = re.compile(r":(?=[A-Za-z_]\w*=)")


@dataclass(frozen=True, kw_only=True)
class ConditionRequest(Plain):
    """A condition as asked for: its kind and the path, asset id or literal it comes from.

    `frame` is the one of its source that is meant (None: the kind decides), `strength` scales it
    (1 = as trained), `set` holds whatever else its kind understands.
    """

    NAME: ClassVar[str] = "a condition"
    CHECKS: ClassVar[Mapping[str, Check]] = {
        "kind": partial(checked.one_of, "condition", allowed=KINDS),
        "source": partial(checked.said, "the source of a condition"),
        "frame": partial(checked.optional_whole, "the frame of a condition"),
        "strength": partial(checked.number, "the strength of a condition", low=0),
        "set": partial(checked.values, "the keys of a condition"),
    }

    kind: str
    source: str
    frame: int | None = None
    strength: Number = 1.0
    set: Mapping[str, Value] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> ConditionRequest:
        """The condition in `KIND=SOURCE[:key=value,...]`, as the command line writes it."""
        kind, equals, rest = text.partition("=")
        if not equals:
            raise RequestError(f"a condition is KIND=SOURCE[:key=value,...] (got '{text}')")
        source, *tail = _TAIL.split(rest, maxsplit=1)
        given: dict[str, Any] = {}
        for item in tail[0].split(",") if tail else ():
            key, equals, value = item.partition("=")
            if not equals:
                raise RequestError(f"'{item}' in condition '{text}' must be key=value")
            given[key] = checked.literal(value)
        own = {key: given.pop(key) for key in [*given] if key in ("frame", "strength")}
        return cls.of({**own, "kind": kind, "source": source, "set": given})

    def to_json(self) -> dict[str, Any]:
        """The condition as a JSON object, every key present."""
        return {
            "kind": self.kind,
            "source": self.source,
            "frame": self.frame,
            "strength": self.strength,
            "set": dict(self.set),
        }


def _conditions(value: object) -> tuple[ConditionRequest, ...]:
    return tuple(ConditionRequest.of(item) for item in checked.listed("conditions", value))


@dataclass(frozen=True, kw_only=True)
class Segment(Plain):
    """A piece of a story: what happens next, and for how many frames.

    It begins with the frame that the piece before ended on, which is shown once, unless `first` is
    among its conditions: then there is a cut.
    """

    NAME: ClassVar[str] = "a segment"
    CHECKS: ClassVar[Mapping[str, Check]] = {
        "prompt": partial(checked.text, "the prompt of a segment"),
        "frames": partial(checked.whole, "frames of a segment", low=1),
        "conditions": _conditions,
    }

    prompt: str
    frames: int
    conditions: Sequence[ConditionRequest] = ()

    def to_json(self) -> dict[str, Any]:
        """The segment as a JSON object, every key present."""
        conditions = [condition.to_json() for condition in self.conditions]
        return {"prompt": self.prompt, "frames": self.frames, "conditions": conditions}


def _segments(value: object) -> tuple[Segment, ...]:
    return tuple(Segment.of(item) for item in checked.listed("segments", value))


@dataclass(frozen=True, kw_only=True)
class Request(Plain):
    """One clip as asked for: everything that decides its pixels, but the weights.

    `size` is (W, H); `guidance` 1 is off; `settings` are the knobs of the system; `segments`, if
    any, tell a story piece by piece and replace `prompt` and `frames`. The defaults are ours; a
    system's own stand in `Capabilities.defaults`.
    """

    NAME: ClassVar[str] = "a request"
    CHECKS: ClassVar[Mapping[str, Check]] = {
        "system": partial(checked.said, "system"),
        "prompt": partial(checked.text, "prompt"),
        "negative": partial(checked.text, "negative"),
        "frames": partial(checked.whole, "frames", low=1),
        "fps": partial(checked.number, "fps", low=0.01),
        "size": checked.size,
        "steps": partial(checked.whole, "steps", low=1),
        "guidance": partial(checked.number, "guidance"),
        "sampler": partial(checked.said, "sampler"),
        "seed": partial(checked.whole, "seed", low=0, high=2**63 - 1),
        "conditions": _conditions,
        "settings": partial(checked.values, "settings"),
        "segments": _segments,
    }

    system: str = "modelscope"
    prompt: str = ""
    negative: str = ""
    frames: int = 16
    fps: Number = 8.0
    size: tuple[int, int] = (128, 128)
    steps: int = 30
    guidance: Number = 7.5
    sampler: str = "ddim"
    seed: int = 0
    conditions: Sequence[ConditionRequest] = ()
    settings: Mapping[str, Value] = field(default_factory=dict)
    segments: Sequence[Segment] = ()

    @property
    def prompts(self) -> tuple[str, ...]:
        """What shall be seen, one after another: a story's pieces, else the prompt alone."""
        return tuple(part.prompt for part in self.segments) or (self.prompt,)

    @property
    def speaks(self) -> bool:
        """Whether it says what shall be made: in words, or by conditions; a story in words."""
        return all(one.strip() for one in self.prompts) or bool(
            self.conditions and not self.segments
        )

    @property
    def length(self) -> int:
        """How many frames come of it: a story's pieces share the frame in which they meet."""
        joined = [all(one.kind != "first" for one in part.conditions) for part in self.segments[1:]]
        return sum(part.frames for part in self.segments) - sum(joined) or self.frames

    def given(self) -> list[ConditionRequest]:
        """Its conditions, those of its segments among them."""
        return [*self.conditions, *(one for part in self.segments for one in part.conditions)]

    def to_json(self) -> dict[str, Any]:
        """The request as a JSON object, every key present."""
        return {
            **{name: getattr(self, name) for name in self.CHECKS},
            "size": list(self.size),
            "conditions": [condition.to_json() for condition in self.conditions],
            "settings": dict(self.settings),
            "segments": [segment.to_json() for segment in self.segments],
        }

    @classmethod
    def from_json(cls, data: str | Mapping[str, Any]) -> Request:
        """The request in a JSON object or its text; a key left out takes its default."""
        if isinstance(data, str):
            try:
                data = json.loads(data)
            except (ValueError, RecursionError) as error:
                raise RequestError(f"the request is not JSON ({error})") from error
        return cls.of(data)


@dataclass(frozen=True, kw_only=True)
class Example:
    """A training batch: clips in [-1, 1] with a prompt each, an image being a clip of one frame.

    `truths` holds what else is known for the same pixels (depth, flow, ids ...), by name.
    """

    frames: Frames
    prompts: Sequence[str]
    fps: Number = 8.0
    truths: Mapping[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.prompts) != self.frames.shape[0]:
            raise RequestError(
                f"an example needs a prompt a clip (got {len(self.prompts)} prompts,"
                f" {self.frames.shape[0]} clips)"
            )


STEPS = Span(low=1, high=1000, step=1)
GUIDANCE = Span(low=0, high=50)

Type = Literal["number", "integer", "switch", "choice", "text"]


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A knob of one system: its name, type, default, and the range or choices it accepts."""

    name: str
    type: Type
    default: Value
    help: str
    range: Span | None = None
    choices: Sequence[str] = ()

    def __post_init__(self) -> None:
        self.check(self.default)

    def parse(self, text: str) -> Value:
        """The value in `--set name=text`, refused if this knob can't take it."""
        value = text if self.type in ("choice", "text") else checked.literal(text)
        return self.check(value)

    def check(self, value: Value) -> Value:
        """The value itself, refused if this knob can't take it."""
        name = f"setting '{self.name}'"
        if self.type == "switch" and not isinstance(value, bool):
            raise RequestError(f"{name} must be true or false (got {value!r})")
        if self.type in ("choice", "text"):
            checked.text(name, value)
        if self.type == "choice":
            checked.one_of(name, str(value), self.choices)
        if self.type == "integer":
            checked.whole(name, value, low=-checked.LARGEST)
        if self.type == "number":
            checked.number(name, value)
        if self.range is not None:
            checked.within(name, value, self.range)
        return value


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """What a system can be asked for: the command line, service and studio are drawn from it.

    `needs` are conditions it can't do without. `sizes`, if any, are the only ones; else width and
    height lie in `side`. `segments` above 1 means it can tell a story. `defaults` override those of
    Request.
    """

    frames: Span
    fps: Span
    side: Span
    sizes: Sequence[tuple[int, int]] = ()
    steps: Span = STEPS
    guidance: Span = GUIDANCE
    samplers: Sequence[str] = ("ddim",)
    conditions: Sequence[str] = ()
    needs: Sequence[str] = ()
    segments: int = 1
    settings: Sequence[Setting] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)

    def complete(self, given: Mapping[str, Any]) -> Request:
        """The request that has the given keys and this system's defaults for the rest; checked."""
        request = Request.from_json({**self.defaults, **given})
        self.check(request)
        return request

    def values(self, request: Request) -> dict[str, Value]:
        """Every setting of the system: as requested, else its default."""
        return {knob.name: request.settings.get(knob.name, knob.default) for knob in self.settings}

    def check(self, request: Request) -> None:
        """Refuse what the system can't do, naming the nearest that works."""
        checked.within(f"fps for {request.system}", request.fps, self.fps)
        checked.within(f"steps for {request.system}", request.steps, self.steps)
        checked.within(f"guidance for {request.system}", request.guidance, self.guidance)
        checked.one_of(f"sampler of {request.system}", request.sampler, self.samplers)
        self._check_size(request)
        self._check_pieces(request)
        self._check_settings(request)

    def _check_size(self, request: Request) -> None:
        width, height = request.size
        if self.sizes:
            if (width, height) not in self.sizes:
                best = min(self.sizes, key=lambda size: _apart(size, request.size))
                raise RequestError(
                    f"{request.system} can't make {width}x{height}; the nearest that works is"
                    f" {best[0]}x{best[1]}"
                )
            return
        near = [_closest(self.side, side) for side in request.size]
        if near != [width, height]:
            raise RequestError(
                f"{request.system} makes sides of {self.side} (got {width}x{height}); the nearest"
                f" that works is {near[0]:g}x{near[1]:g}"
            )

    def _check_pieces(self, request: Request) -> None:
        if len(request.segments) > 1 and len(request.segments) > self.segments:
            can = f"{self.segments} segments at most" if self.segments > 1 else "no story"
            raise RequestError(
                f"{request.system} can tell {can} (got {len(request.segments)} segments)"
            )
        counts = [segment.frames for segment in request.segments] or [request.frames]
        for frames in counts:
            checked.within(f"frames for {request.system}", frames, self.frames)
        asked = request.given()
        for condition in asked:
            if condition.kind not in self.conditions:
                can = ", ".join(self.conditions) or "none"
                sentence = (
                    f"{request.system} can't use condition '{condition.kind}'; it takes {can}"
                )
                raise IgnoredError(sentence, kind=condition.kind)
        for kind in self.needs:
            if kind not in {condition.kind for condition in asked}:
                raise RequestError(f"{request.system} needs condition '{kind}'; give {kind}=SOURCE")

    def _check_settings(self, request: Request) -> None:
        knobs = {knob.name: knob for knob in self.settings}
        for name, value in request.settings.items():
            if not knobs:
                raise RequestError(f"{request.system} has no settings (got '{name}')")
            checked.one_of(f"setting of {request.system}", name, tuple(knobs))
            knobs[name].check(value)

    def to_json(self) -> dict[str, Any]:
        """What the service and studio are told."""
        return json.loads(json.dumps(asdict(self)))


def _apart(one: tuple[int, int], other: tuple[int, int]) -> float:
    return abs(math.log(one[0] / other[0])) + abs(math.log(one[1] / other[1]))


def _closest(span: Span, value: Number) -> Number:
    return min(span.nearest(value), key=lambda number: abs(number - value))
