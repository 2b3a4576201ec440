"""Uploaded pictures and clips: bounded, decoded by a child process, kept by an id.

Of a request only such ids are ever looked up; no path or URL in one is opened.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from mutoscope.checked import Number
from mutoscope.errors import MediaError, RequestError
from mutoscope.request import LITERALS, ConditionRequest, Request
from mutoscope.service.jobs import BusyError, Clock, NotFoundError, steady
from mutoscope.service.settings import Settings
from mutoscope.service.tables import Database, Row, assets

BROKEN = "the file can't be read as a picture or a video; send png, jpeg, webp, gif, mp4 or webm"


@dataclass(frozen=True, kw_only=True)
class Asset:
    """An uploaded picture or clip; `sha256` is of the file as it is kept."""

    id: str
    owner: str
    file: str
    sha256: str
    width: int
    height: int
    frames: int
    fps: Number
    bytes: int
    created_at: Number

    def to_json(self) -> dict[str, Any]:
        """The asset as the API shows it."""
        shown = {key: value for key, value in asdict(self).items() if key not in ("owner", "file")}
        return {"object": "asset", **shown}


class Assets:
    """All uploads, and the only way to one from a request."""

    def __init__(self, database: Database, settings: Settings, *, now: Clock | None = None) -> None:
        self.database, self.settings, self.now = database, settings, now or steady()

    def add(self, owner: str, source: Path) -> Asset:
        """Decode a file that was received, and keep it; refuses what is broken or too large."""
        self._check_room(owner)
        own = f"asset_{secrets.token_hex(12)}"
        draft = self.settings.uploads / f".{own}.part"
        draft.mkdir(mode=0o700)
        try:
            facts = self._decoded(source, draft)
            kept = draft / facts["file"]
            data = kept.read_bytes()
            final = self.settings.uploads / own
            draft.rename(final)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        asset = Asset(
            id=own,
            owner=owner,
            sha256=hashlib.sha256(data).hexdigest(),
            bytes=len(data),
            created_at=self.now(),
            **facts,
        )
        with self.database.writing() as connection:
            connection.execute(assets.insert().values(**asdict(asset)))
        return asset

    def get(self, asset: str, *, owner: str | None = None) -> Asset:
        """An asset of an owner, of anybody if None."""
        with self.database.reading() as connection:
            asked = sa.select(assets).where(assets.c.id == asset)
            row = connection.execute(asked).mappings().first()
        if row is None or owner not in (None, row["owner"]):
            raise NotFoundError("there is no such asset; upload it first: POST /v1/assets")
        return _asset(row)

    def listed(self, *, owner: str | None = None) -> list[Asset]:
        """All of an owner, newest first."""
        asked = sa.select(assets).order_by(assets.c.seq.desc())
        if owner is not None:
            asked = asked.where(assets.c.owner == owner)
        with self.database.reading() as connection:
            return [_asset(row) for row in connection.execute(asked).mappings()]

    def path(self, asset: Asset) -> Path:
        """Where its file lies."""
        return self.settings.uploads / asset.id / asset.file

    def delete(self, asset: str, *, owner: str | None = None) -> None:
        """Forget an asset; jobs that need it and haven't begun will fail."""
        found = self.get(asset, owner=owner)
        with self.database.writing() as connection:
            connection.execute(assets.delete().where(assets.c.id == found.id))
        shutil.rmtree(self.settings.uploads / found.id, ignore_errors=True)

    def check(self, request: Request, *, owner: str | None) -> None:
        """Refuse a request whose conditions name files that aren't the owner's assets."""
        for condition in _conditions(request):
            if condition.kind not in LITERALS:
                self.get(condition.source, owner=owner)

    def opened(self, request: Request) -> tuple[Request, dict[str, str]]:
        """The request as a system runs it, ids become paths; and each id's sha256."""
        sources: dict[str, str] = {}

        def local(conditions: Sequence[ConditionRequest]) -> list[ConditionRequest]:
            found = []
            for condition in conditions:
                if condition.kind not in LITERALS:
                    asset = self._kept(condition.source)
                    sources[asset.id] = asset.sha256
                    condition = replace(condition, source=str(self.path(asset)))
                found.append(condition)
            return found

        segments = [replace(part, conditions=local(part.conditions)) for part in request.segments]
        conditions = local(request.conditions)
        return replace(request, conditions=conditions, segments=segments), sources

    def _kept(self, asset: str) -> Asset:
        try:
            return self.get(asset)
        except NotFoundError:
            raise RequestError(
                "a file that the request names was deleted; upload it again"
            ) from None

    def _check_room(self, owner: str) -> None:
        if len(self.listed(owner=owner)) >= self.settings.assets:
            raise BusyError(
                f"{self.settings.assets} uploads are kept, as many as may be; delete one", wait=60
            )

    def _decoded(self, source: Path, folder: Path) -> dict[str, Any]:
        """The facts that the child process tells."""
        settings = self.settings
        limits = {
            "bytes": settings.upload,
            "pixels": settings.pixels,
            "held": max(settings.pixels, settings.decode_memory // 20),
            "frames": settings.frames,
            "length": float(settings.seconds),
            "memory": settings.decode_memory,
            "seconds": int(settings.decode_seconds),
            "written": 8 * settings.upload,
        }
        said = {"source": str(source), "folder": str(folder), "limits": limits}
        try:
            done = subprocess.run(
                [sys.executable, "-m", "mutoscope.service.decode"],
                input=json.dumps(said).encode(),
                capture_output=True,
                timeout=float(settings.decode_seconds),
                start_new_session=True,
                env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            )
            answer = json.loads(done.stdout)
        except subprocess.TimeoutExpired:
            raise MediaError("the file takes too long to decode; send a smaller one") from None
        except ValueError:
            raise MediaError(BROKEN) from None
        if "refused" in answer:
            raise MediaError(answer["refused"])
        return dict(answer)


def _conditions(request: Request) -> list[ConditionRequest]:
    more = [condition for part in request.segments for condition in part.conditions]
    return [*request.conditions, *more]


def _asset(row: Row) -> Asset:
    return Asset(**{key: value for key, value in row.items() if key != "seq"})
