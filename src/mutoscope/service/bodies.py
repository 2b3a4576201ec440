"""Bodies of requests: JSON or multipart, nothing of them trusted."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi import Request as Http
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from typing_extensions import override

from mutoscope import checked
from mutoscope.errors import RequestError
from mutoscope.service.jobs import LONGEST_KEY, PRIORITY

FIELDS = 40
"""Fields of a multipart body."""

PART = 100_000
"""Bytes of one that is no file."""


@dataclass(frozen=True, kw_only=True)
class Body:
    """The fields of a body by name, and the files among them; `written` says that all is text."""

    fields: Mapping[str, Any]
    files: Mapping[str, UploadFile] = field(default_factory=dict)
    written: bool = False

    def number(self, name: str) -> Any:  # noqa: ANN401
        """A number, which multipart writes as text; checked by whoever takes it."""
        value = self.fields[name]
        return checked.literal(value) if self.written and isinstance(value, str) else value

    def table(self, name: str) -> Any:  # noqa: ANN401
        """An object, which multipart writes as JSON."""
        value = self.fields[name]
        return _parsed(value) if self.written and isinstance(value, str) else value


@asynccontextmanager
async def opened(http: Http) -> AsyncIterator[Body]:
    """The body, its files open for as long as the `with` lasts; its size was bounded before."""
    body = await _read(http)
    try:
        yield body
    finally:
        for file in body.files.values():
            await file.close()


async def _read(http: Http) -> Body:
    kind = http.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return await _multipart(http)
    if kind != "application/json":
        raise HTTPException(415, "the body must be application/json or multipart/form-data")
    found = _parsed(await http.body())
    if not isinstance(found, dict):
        raise RequestError(f"the body must be a JSON object (got {type(found).__name__})")
    return Body(fields=found)


def known(body: Body, names: Mapping[str, Any]) -> None:
    """Refuse fields that nobody would look at."""
    for name in (*body.fields, *body.files):
        checked.one_of("field", name[:100], names)


def idempotency(http: Http, body: Body) -> tuple[str | None, str]:
    """The client's key if it gives one, and a digest of what it says with it."""
    key = http.headers.get("idempotency-key")
    if key is None:
        return None, ""
    if not 1 <= len(key) <= LONGEST_KEY or not key.isprintable():
        raise RequestError(f"Idempotency-Key must be 1 to {LONGEST_KEY} printable characters")
    digest = hashlib.sha256(http.url.path.encode())
    digest.update(json.dumps(body.fields, sort_keys=True, default=str).encode())
    for name, file in sorted(body.files.items()):
        file.file.seek(0)
        digest.update(name.encode())
        digest.update(hashlib.file_digest(file.file, "sha256").digest())  # type: ignore[arg-type]
    return key, digest.hexdigest()


def priority(value: object) -> int:
    """A job's priority."""
    return checked.whole("priority", value, low=0, high=PRIORITY)


def webhook(body: Body) -> str | None:
    """Whom to tell, if anybody."""
    said = body.fields.get("webhook")
    if said is not None and not isinstance(said, str):
        raise RequestError("webhook must be a URL like https://example.com/done")
    return said


def prompt(body: Body) -> str:
    """The prompt, which must be there."""
    if "prompt" not in body.fields:
        raise RequestError("the prompt is missing; say what shall be seen")
    return checked.text("prompt", body.fields["prompt"])


@contextmanager
def received(folder: Path, file: UploadFile) -> Iterator[Path]:
    """An uploaded file in a file of our own name, for as long as its `with` lasts."""
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".upload-") as copy:
        file.file.seek(0)
        while piece := file.file.read(1 << 20):
            copy.write(piece)
        copy.flush()
        yield Path(copy.name)


@contextmanager
def unpacked(folder: Path, url: str) -> Iterator[Path]:
    """The file written out in a `data:` URL; no other URL is opened."""
    head, comma, data = url.partition(",")
    if not (comma and head.startswith("data:") and head.endswith(";base64")):
        raise RequestError("image_url must be a data: URL in base64; other URLs are never opened")
    try:
        content = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise RequestError("image_url is no base64; send the file as multipart") from None
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".upload-") as copy:
        copy.write(content)
        copy.flush()
        yield Path(copy.name)


async def _multipart(http: Http) -> Body:
    async with aclosing(http.stream()) as stream:
        parser = _Parser(http.headers, stream, max_files=1, max_fields=FIELDS, max_part_size=PART)
        try:
            form = await parser.parse()
        except MultiPartException as error:
            said = error.message.rstrip(".")
            raise RequestError(f"the body is no multipart form ({said}); mend it") from None
    fields: dict[str, Any] = {}
    files: dict[str, UploadFile] = {}
    for name, value in form.multi_items():
        if name in fields or name in files:
            await form.close()
            raise RequestError(f"field '{name[:100]}' is there twice; send it once")
        if isinstance(value, UploadFile):
            files[name] = value
        else:
            fields[name] = value
    return Body(fields=fields, files=files, written=True)


class _Parser(MultiPartParser):
    """Starlette's, but a body that was cut off is refused, and its file closed.

    Starlette takes what was whole of it, and leaves an upload without an end to the garbage
    collector.
    """

    _whole = False

    @override
    def on_end(self) -> None:
        self._whole = True

    @override
    async def parse(self) -> FormData:
        form = await super().parse()
        if not self._whole:
            for file in self._files_to_close_on_error:
                file.close()
            raise RequestError("the body ends before its last boundary does; send it again")
        return form


def _parsed(text: str | bytes) -> Any:  # noqa: ANN401
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise RequestError("the body is not valid JSON; mend it") from None
