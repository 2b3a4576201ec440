"""Values from outside, checked one by one: the value itself, or a RequestError of one sentence."""

from __future__ import annotations

import difflib
import inspect
import math
from abc import ABC
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from mutoscope.errors import RequestError

Value = str | int | float | bool
"""What a setting may be."""

Number = float | int
"""What type checkers mean by float; those that run take an 8 for no float."""

Check = Callable[[Any], Any]
"""Answers the value, perhaps in another type, or raises RequestError."""

LARGEST = 2**31 - 1
"""The largest count anybody may ask for."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """The numbers low, low + step, ... up to high; every number between them when step is 0."""

    low: Number
    high: Number
    step: Number = 0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and self.low <= self.high and self.step >= 0):
            raise RequestError(f"a span needs low <= high and step >= 0 (got {self})")

    def __contains__(self, value: object) -> bool:
        if not isinstance(value, int | float) or not self.low <= value <= self.high:
            return False
        steps = (value - self.low) / self.step if self.step else 0.0
        return abs(steps - round(steps)) < 1e-9

    def nearest(self, value: Number) -> tuple[Number, ...]:
        """The allowed numbers around this one, below and above; one alone at either end."""
        if not self.step:
            return (min(max(value, self.low), self.high),)
        most = math.floor((self.high - self.low) / self.step + 1e-9)
        steps = min(max((value - self.low) / self.step, 0), most)
        around = {math.floor(steps + 1e-9), math.ceil(steps - 1e-9)}
        return tuple(self.low + self.step * count for count in sorted(around))

    def __str__(self) -> str:
        if self.low == self.high:
            return f"{self.low:g}"
        steps = f" in steps of {self.step:g}" if self.step not in (0, 1) else ""
        return f"{self.low:g} to {self.high:g}{steps}"


def within(name: str, value: object, span: Span) -> float:
    """A number of the span."""
    found = number(name, value)
    if found not in span:
        use = " or ".join(f"{near:g}" for near in span.nearest(found))
        raise RequestError(f"{name} must be {span} (got {found:g}); use {use}")
    return found


def one_of(name: str, value: object, allowed: Iterable[str]) -> str:
    """One of the allowed words."""
    allowed = tuple(allowed)
    if value not in allowed:
        near = difflib.get_close_matches(str(value), allowed, n=1)
        use = f"did you mean '{near[0]}'?" if near else f"use one of: {', '.join(allowed)}"
        raise RequestError(f"{name} '{value}' is not known; {use}")
    return str(value)


def text(name: str, value: object) -> str:
    """Text that any file can hold: no NUL, no half of a character."""
    if not isinstance(value, str):
        raise RequestError(f"{name} must be text (got {value!r})")
    if any(letter == "\0" or "\ud800" <= letter <= "\udfff" for letter in value):
        raise RequestError(f"{name} holds characters that can't be stored (got {value!r})")
    return value


def said(name: str, value: object) -> str:
    """Text that is not empty."""
    if not text(name, value):
        raise RequestError(f"{name} is empty; give it")
    return str(value)


def whole(name: str, value: object, *, low: int, high: int = LARGEST) -> int:
    """A whole number from low to high."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        most = "" if high == LARGEST else f" to {high}"
        raise RequestError(f"{name} must be a whole number from {low}{most} (got {value!r})")
    return value


def optional_whole(name: str, value: object) -> int | None:
    """A whole number, negative ones counting from the end, or None."""
    return None if value is None else whole(name, value, low=-LARGEST)


def number(name: str, value: object, *, low: Number = -math.inf) -> float:
    """A finite number, at least low."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RequestError(f"{name} must be a number (got {value!r})")
    try:
        found = float(value)
    except OverflowError:
        found = math.inf
    if not math.isfinite(found):
        raise RequestError(f"{name} must be a finite number (got {value!r})")
    if found < low:
        raise RequestError(f"{name} must be {low:g} or more (got {found:g})")
    return found


def listed(name: str, value: object) -> Sequence[Any]:
    """A list."""
    if not isinstance(value, list | tuple):
        raise RequestError(f"{name} must be a list (got {value!r})")
    return value


def size(value: object) -> tuple[int, int]:
    """A width and a height in pixels."""
    sides = listed("size", value)
    if len(sides) != 2:
        raise RequestError(f"size must be [W, H] (got {value!r})")
    return whole("the width", sides[0], low=1), whole("the height", sides[1], low=1)


def values(name: str, value: object) -> dict[str, Value]:
    """An object of names with text, numbers, true or false."""
    if not isinstance(value, Mapping):
        raise RequestError(f"{name} must be an object of names and values (got {value!r})")
    for key, item in value.items():
        text(f"a name in {name}", key)
        if isinstance(item, str):
            text(f"'{key}' in {name}", item)
        elif not isinstance(item, bool):
            number(f"'{key}' in {name}", item)
    return dict(value)


def literal(written: str) -> Value:
    """What a word on a command line means: a number, true, false, or the word itself."""
    if written in ("true", "false"):
        return written == "true"
    for kind in (int, float):
        try:
            return kind(written)
        except ValueError:
            continue
    return written


Made = TypeVar("Made", bound="Plain")


class Plain(ABC):
    """Plain data whose every field is checked alike, whether made in Python or from JSON."""

    NAME: ClassVar[str]
    CHECKS: ClassVar[Mapping[str, Check]]

    def __post_init__(self) -> None:
        for name, check in self.CHECKS.items():
            object.__setattr__(self, name, check(getattr(self, name)))

    @classmethod
    def of(cls: type[Made], data: object) -> Made:
        """What a JSON object says; what is one already stays."""
        if isinstance(data, cls):
            return data
        if not isinstance(data, Mapping):
            raise RequestError(f"{cls.NAME} must be an object (got {data!r})")
        for key in data:
            one_of(f"the key of {cls.NAME}", key, cls.CHECKS)
        parameters = inspect.signature(cls).parameters
        for key, parameter in parameters.items():
            if key not in data and parameter.default is parameter.empty:
                raise RequestError(f"{cls.NAME} needs '{key}' (got {', '.join(data) or 'nothing'})")
        return cls(**{key: cls.CHECKS[key](value) for key, value in data.items()})
