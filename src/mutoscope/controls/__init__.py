"""Conditions on the pixels of a clip: what each means, and how it is had and shown.

One file a condition, each as `controls.control.Control` says (a stroke and a camera path, which are
written out, as `Written` does), and a line in TABLE for the kinds of a request that it serves. A
module is imported when it is asked for. `dense` and `flow` are what the files read clips with.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, cast

from mutoscope import checked
from mutoscope.errors import RequestError

if TYPE_CHECKING:
    from mutoscope.controls.control import Control, Written

TABLE: Mapping[str, str] = {
    "camera": "camera",
    "depth": "depth",
    "edge": "edges",
    "first": "picture",
    "image": "picture",
    "last": "picture",
    "mask": "mask",
    "motion": "motion",
    "sketch": "sketch",
    "sketches": "sketch",
    "stroke": "stroke",
    "structure": "depth",
    "style": "picture",
}
"""Kinds of conditions, as in `request.KINDS`, and the file here that knows them."""

WRITTEN = ("camera", "stroke")
"""Files here whose source is a text."""


def names() -> tuple[str, ...]:
    """What can be read of a clip and is not the clip itself, in the order of the alphabet."""
    return tuple(sorted({*TABLE.values()} - {*WRITTEN, "picture"}))


def find(name: str) -> Control:
    """The control of a name, one of `names` or picture."""
    checked.one_of("control", name, (*names(), "picture"))
    return cast("Control", import_module(f"{__name__}.{name}"))


def of(kind: str) -> Control:
    """The control of a kind of condition that comes as a file."""
    name = TABLE.get(kind)
    if name is None or name in WRITTEN:
        raise RequestError(f"condition '{kind}' is no map of a clip; its system reads it itself")
    return find(name)


def writing(kind: str) -> Written:
    """The control of a kind of condition that is written out."""
    if TABLE.get(kind) not in WRITTEN:
        raise RequestError(f"condition '{kind}' is not written out; give a file")
    return cast("Written", import_module(f"{__name__}.{TABLE[kind]}"))
