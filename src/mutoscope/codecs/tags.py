"""The record of a file as text: one JSON object.

mp4, webm: container tags `mutoscope` and `comment`; gif: comment extension; png: iTXt chunks
`mutoscope` and `Comment`; webp: XMP; folder of frames: the file `record.json`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn
from xml.sax.saxutils import escape, unescape

from mutoscope.errors import MediaError

OWN = "mutoscope"
"""The name of our own tag."""

FOLDER = "record.json"
"""Where a folder of frames keeps its record."""

_XMP = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:mutoscope="urn:mutoscope:1">'
    "<mutoscope:record>{}</mutoscope:record>"
    '</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)
_RECORD = re.compile("<mutoscope:record>(.*?)</mutoscope:record>", re.DOTALL)


def packed(record: Mapping[str, Any]) -> str:
    """The record as one line of JSON, the same text for the same record."""
    try:
        text = json.dumps(dict(record), sort_keys=True, ensure_ascii=False, allow_nan=False)
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise MediaError(f"a record must be JSON, without NaN ({error})") from error
    return text


def unpacked(text: str) -> dict[str, Any]:
    """The record in a tag's text; empty when the text is somebody else's."""
    try:
        record = json.loads(text, parse_constant=_refused)
    except (ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}


def to_xmp(text: str) -> bytes:
    """The XMP packet that holds a record's text."""
    return _XMP.format(escape(text)).encode()


def from_xmp(packet: bytes) -> str:
    """The record's text in an XMP packet; empty when there is none."""
    # A pattern, not a parser: a stranger's XML may hold entities that blow up.
    found = _RECORD.search(packet.decode(errors="replace"))
    return unescape(found[1]) if found else ""


def _refused(constant: str) -> NoReturn:
    raise ValueError(constant)
