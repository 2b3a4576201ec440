"""The record in a file: a JSON object, twice in a video's tags, once in a picture's.

mp4, webm: container tags `mutoscope` and `comment`; gif: comment extension; png: iTXt chunks
`mutoscope` and `Comment`; webp: XMP; folder of frames: `record.json`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import av

from mutoscope.codecs.trouble import plainly

OWN = "mutoscope"
"""The name of our own tag."""


def packed(record: Mapping[str, Any]) -> str:
    """The record as one line of JSON, the same text for the same record."""
    return json.dumps(record, sort_keys=True, ensure_ascii=False, allow_nan=False)


def unpacked(text: str) -> dict[str, Any]:
    """The record in a tag's text; empty when the text is somebody else's."""
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}


def read_record(path: Path) -> dict[str, Any]:
    """The record in a file; empty when the file carries none."""
    with plainly(f"{path} can't be read"), av.open(f"file:{path}") as container:
        found = {key.lower(): value for key, value in container.metadata.items()}
    return unpacked(found.get(OWN, "")) or unpacked(found.get("comment", ""))
