"""What can be turned at a system, as plain data: drawn from its Capabilities alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mutoscope.checked import Number, Span, Value
from mutoscope.errors import RequestError
from mutoscope.request import Capabilities, Request, Setting

FINE = 64
"""Positions that a slider may have before a number is typed instead; ours."""

Kind = Literal["slider", "number", "choice", "switch", "text"]


@dataclass(frozen=True, kw_only=True)
class Knob:
    """One control: what it is called, how it is drawn, what it stands at.

    `own` ones are settings of the system, the others keys of a Request. `whole` numbers have no
    fraction; `step` 0 is any number from `low` to `high`.
    """

    name: str
    label: str
    kind: Kind
    default: Value
    help: str = ""
    low: Number | None = None
    high: Number | None = None
    step: Number = 0
    whole: bool = False
    choices: Sequence[str] = ()
    own: bool = False

    def value(self, shown: Value | None) -> Value:
        """What the control shows, as a Request takes it; refuses an empty number."""
        if shown is None and self.kind in ("slider", "number"):
            least = f" from {self.low:g} to {self.high:g}" if self.high is not None else ""
            raise RequestError(f"{self.label.lower()} is empty; give a number{least}")
        if self.whole and isinstance(shown, float) and shown.is_integer():
            return int(shown)
        return "" if shown is None else shown


def knobs(can: Capabilities) -> tuple[Knob, ...]:
    """Every control of a system; what has one position only is no control."""
    request = Request.from_json(dict(can.defaults))
    found = [
        *_size(can, request),
        _number("frames", "Frames", can.frames, request.frames, "how long the clip is"),
        _number("fps", "Frames a second", can.fps, request.fps, "how fast it plays"),
        _number("steps", "Steps", can.steps, request.steps, "more are slower and finer"),
        _number("guidance", "Guidance", can.guidance, request.guidance, "1 is off"),
        _choice("sampler", "Sampler", can.samplers, request.sampler, "how noise is taken away"),
        *(_setting(setting) for setting in can.settings),
    ]  # fmt: skip
    return tuple(knob for knob in found if not _fixed(knob))


def asked(controls: Sequence[Knob], shown: Mapping[str, Value | None]) -> dict[str, Any]:
    """The keys of a Request that the controls stand for."""
    given: dict[str, Any] = {}
    settings: dict[str, Value] = {}
    for knob in controls:
        place = settings if knob.own else given
        place[knob.name] = knob.value(shown[knob.name])
    if "width" in given:
        given["size"] = (given.pop("width"), given.pop("height"))
    elif "size" in given:
        given["size"] = _sides(given["size"])
    return {**given, "settings": settings}


def standing(controls: Sequence[Knob], request: Request) -> dict[str, Value]:
    """What each control shows for a request: the inverse of `asked`."""
    width, height = request.size
    known = {**request.to_json(), "width": width, "height": height, "size": _pair(request.size)}
    return {
        knob.name: request.settings.get(knob.name, knob.default) if knob.own else known[knob.name]
        for knob in controls
    }


def summary(can: Capabilities) -> str:
    """What a system makes, in one line."""
    many = f"{can.frames} frames" if can.frames.high > 1 else "one frame"
    if can.sizes:
        sizes = " or ".join(_pair(size) for size in can.sizes)
    elif can.side.low == can.side.high:
        sizes = _pair((int(can.side.low), int(can.side.low)))
    else:
        sizes = f"sides of {can.side}"
    pace = f", {can.fps} a second" if can.frames.high > 1 else ""
    return f"{many}{pace}, {sizes} pixels"


def _fixed(knob: Knob) -> bool:
    if knob.kind == "choice":
        return len(knob.choices) < 2
    return knob.low is not None and knob.low == knob.high


def _size(can: Capabilities, request: Request) -> list[Knob]:
    if can.sizes:
        pairs = [_pair(size) for size in can.sizes]
        return [_choice("size", "Size", pairs, _pair(request.size), "width and height in pixels")]
    width, height = request.size
    return [
        _number("width", "Width", can.side, width, "in pixels"),
        _number("height", "Height", can.side, height, "in pixels"),
    ]


def _number(name: str, label: str, span: Span, default: Number, help: str) -> Knob:
    step = span.step or 0.5
    return Knob(
        name=name,
        label=label,
        kind="slider" if (span.high - span.low) / step <= FINE else "number",
        default=default,
        help=help,
        low=span.low,
        high=span.high,
        step=span.step,
        whole=bool(span.step) and float(span.step).is_integer() and float(span.low).is_integer(),
    )


def _choice(name: str, label: str, choices: Sequence[str], default: str, help: str) -> Knob:
    return Knob(
        name=name, label=label, kind="choice", default=default, help=help, choices=tuple(choices)
    )


_KINDS: Mapping[str, Kind] = {"switch": "switch", "choice": "choice", "text": "text"}


def _setting(setting: Setting) -> Knob:
    span = setting.range
    kind = _KINDS.get(setting.type)
    if kind is None:
        step = 0.0 if span is None else span.step or (span.high - span.low) / FINE
        short = span is not None and step > 0 and (span.high - span.low) / step <= FINE
        kind = "slider" if short else "number"
    return Knob(
        name=setting.name,
        label=setting.name.replace("_", " ").capitalize(),
        kind=kind,
        default=setting.default,
        help=setting.help,
        low=None if span is None else span.low,
        high=None if span is None else span.high,
        step=0 if span is None else span.step,
        whole=setting.type == "integer",
        choices=tuple(setting.choices),
        own=True,
    )


def _pair(size: Sequence[int]) -> str:
    return f"{size[0]}x{size[1]}"


def _sides(pair: str) -> tuple[int, int]:
    width, _, height = pair.partition("x")
    return int(width), int(height)
