"""`mutoscope generate --story FILE`: what happens piece after piece.

A text has a prompt a line. JSON has more: a list of segments, or an object with "segments", each an
object as a Request holds it; one without "frames" has as many as all others. Paths in it are told
from where the file lies.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from mutoscope import checked
from mutoscope.errors import RequestError
from mutoscope.request import LITERALS, Segment


def read(path: Path, *, frames: int) -> list[Segment]:
    """The pieces a file tells; refuses one that tells none, or one without words."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RequestError(f"the story {path} can't be read ({error}); give a text file") from error
    told = _parsed(path, text) if path.suffix.lower() == ".json" else _lines(text)
    found = [_placed(Segment.of(_filled(one, frames)), path.parent) for one in told]
    empty = [k for k, part in enumerate(found, 1) if not part.prompt.strip()]
    if empty or not found:
        where = f"segment {empty[0]} has no prompt" if empty else "it has no segment"
        raise RequestError(f"the story {path} says nothing: {where}; say what shall be seen")
    return found


def _lines(text: str) -> list[object]:
    return [{"prompt": line.strip()} for line in text.splitlines() if line.strip()]


def _parsed(path: Path, text: str) -> list[object]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RequestError(f"the story {path} is not JSON ({error})") from error
    if isinstance(data, Mapping):
        for key in data:
            checked.one_of(f"the key of the story {path}", key, ("segments",))
        data = data.get("segments")
    return list(checked.listed(f"the segments of the story {path}", data))


def _filled(segment: object, frames: int) -> object:
    return {"frames": frames, **segment} if isinstance(segment, Mapping) else segment


def _placed(segment: Segment, folder: Path) -> Segment:
    found = [
        one if one.kind in LITERALS else replace(one, source=str(folder / one.source))
        for one in segment.conditions
    ]
    return replace(segment, conditions=found)
