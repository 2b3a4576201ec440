"""Uploaded pictures and clips: bounded, decoded by a child process, kept by an id.

Of a request only such ids are ever looked up; no path or URL in one is opened.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from mutoscope.checked import Number
from mutoscope.errors import MediaError, RequestError
from mutoscope.request import LITERALS, ConditionRequest, Request
from mutoscope.service.jobs import (
    MISSING,
    BusyError,
    Clock,
    ConflictError,
    NotFoundError,
    sources,
    steady,
)
from mutoscope.service.moves import needed, touch
from mutoscope.service.results import synced
from mutoscope.service.settings import Settings
from mutoscope.service.tables import Database, Row, assets

BROKEN = "the file can't be read as a picture or a video; send png, jpeg, webp, gif, mp4 or webm"

_DECODING = threading.BoundedSemaphore(2)
"""As many files are decoded at once, each with `decode_memory`."""

SLOW = "the file takes too long to decode; send a smaller one"


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
    """All uploads, and the only way to one from a request.

    The same file from the same owner is the same asset. One that no unfinished job names goes
    `keep` seconds after it was last used; earlier, if it came with a request and its owner has sent
    `assets` others since.
    """

    def __init__(self, database: Database, settings: Settings, *, now: Clock | None = None) -> None:
        self.database, self.settings, self.now = database, settings, now or steady()

    def add(self, owner: str, source: Path, *, lasting: bool = False) -> Asset:
        """Decode a file that was received, and keep it; refuses what is broken or too large.

        One that is `lasting` gives way to no other. Refuses with BusyError when there is no room.
        """
        with source.open("rb") as file:
            received = hashlib.file_digest(file, "sha256").hexdigest()
        with self.database.writing() as connection:
            known = self._known(connection, owner, received, lasting=lasting)
            if known is not None:
                return known
            self._surplus(connection, owner)
        own = f"asset_{secrets.token_hex(12)}"
        final = self.settings.uploads / own
        try:
            asset = self._stored(own, owner, source)
            uses = {"received": received, "lasting": lasting, "uses": 1}
            with self.database.writing() as connection:
                known = self._known(connection, owner, received, lasting=lasting)
                gone = [own] if known else self._surplus(connection, owner)
                if known is None:
                    row = {**asdict(asset), **uses, "used_at": asset.created_at}
                    connection.execute(assets.delete().where(assets.c.id.in_(gone)))
                    connection.execute(assets.insert().values(row))
        except BaseException:
            shutil.rmtree(final, ignore_errors=True)
            raise
        self._remove(gone)
        return known or asset

    def get(self, asset: str, *, owner: str | None = None) -> Asset:
        """An asset of an owner, of anybody if None."""
        with self.database.reading() as connection:
            asked = sa.select(assets).where(assets.c.id == asset)
            row = connection.execute(asked).mappings().first()
        if row is None or owner not in (None, row["owner"]):
            raise NotFoundError(MISSING)
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
        """Forget an asset; refuses with ConflictError while an unfinished job names it."""
        found = self.get(asset, owner=owner)
        with self.database.writing() as connection:
            if found.id in needed(connection):
                raise ConflictError(
                    "an unfinished job names this asset; cancel the job, or wait until it has ended"
                )
            connection.execute(assets.delete().where(assets.c.id == found.id))
        self._remove([found.id])

    def withdraw(self, named: Iterable[str]) -> None:
        """Forget those that came with a request which was refused, unless they served for more."""
        alone = (assets.c.id.in_([*named]), assets.c.uses == 1, assets.c.lasting.is_(False))
        with self.database.writing() as connection:
            gone = connection.execute(assets.delete().where(*alone).returning(assets.c.id))
            ids = list(gone.scalars())
        self._remove(ids)

    def expire(self) -> int:
        """Forget what has been kept long enough and no unfinished job names; how many that were."""
        if not self.settings.keep:
            return 0
        old = sa.select(assets.c.id).where(assets.c.used_at <= self.now() - self.settings.keep)
        with self.database.reading() as connection:
            if connection.execute(old).first() is None:
                return 0
        with self.database.writing() as connection:
            gone = set(connection.execute(old).scalars()) - needed(connection)
            connection.execute(assets.delete().where(assets.c.id.in_(gone)))
        self._remove(gone)
        return len(gone)

    def swept(self) -> int:
        """Remove whatever no asset names; only while nothing is received. How much that was."""
        with self.database.reading() as connection:
            named = set(connection.execute(sa.select(assets.c.id)).scalars())
        left = [path for path in self.settings.uploads.iterdir() if path.name not in named]
        for path in left:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                with suppress(OSError):
                    path.unlink()
        return len(left)

    def check(self, request: Request, *, owner: str | None) -> None:
        """Refuse a request whose conditions name files that aren't the owner's assets."""
        for asset in sources(request):
            self.get(asset, owner=owner)

    def opened(self, request: Request) -> tuple[Request, dict[str, str]]:
        """The request as a system runs it, ids become paths; and each id's sha256."""
        found: dict[str, str] = {}

        def local(conditions: Sequence[ConditionRequest]) -> list[ConditionRequest]:
            named = []
            for condition in conditions:
                if condition.kind not in LITERALS:
                    asset = self._kept(condition.source)
                    found[asset.id] = asset.sha256
                    condition = replace(condition, source=str(self.path(asset)))
                named.append(condition)
            return named

        segments = [replace(part, conditions=local(part.conditions)) for part in request.segments]
        conditions = local(request.conditions)
        return replace(request, conditions=conditions, segments=segments), found

    def _kept(self, asset: str) -> Asset:
        try:
            return self.get(asset)
        except NotFoundError:
            raise RequestError(
                "a file that the request names was deleted; upload it again"
            ) from None

    def _known(
        self, connection: Connection, owner: str, received: str, *, lasting: bool
    ) -> Asset | None:
        """What the same file became when the owner sent it before; used again now."""
        same = sa.select(assets).where(assets.c.owner == owner, assets.c.received == received)
        for row in connection.execute(same).mappings():
            found = _asset(row)
            if self.path(found).is_file():
                touch(connection, {found.id}, self.now(), uses=1)
                if lasting:
                    own = assets.update().where(assets.c.id == found.id)
                    connection.execute(own.values(lasting=True))
                return found
        return None

    def _surplus(self, connection: Connection, owner: str) -> list[str]:
        """Ids of those that give way to one more: what came with requests and was used longest ago.

        Refuses with BusyError if that isn't enough.
        """
        mine = assets.c.owner == owner
        count = sa.select(sa.func.count()).select_from(assets).where(mine)
        surplus = connection.execute(count).scalar_one() + 1 - self.settings.assets
        if surplus <= 0:
            return []
        asked = sa.select(assets.c.id).where(mine, assets.c.lasting.is_(False))
        ids = connection.execute(asked.order_by(assets.c.used_at, assets.c.seq)).scalars().all()
        held = needed(connection)
        free = [asset for asset in ids if asset not in held]
        if len(free) < surplus:
            raise BusyError(
                f"{self.settings.assets} uploads are kept, as many as may be; delete one", wait=60
            )
        return free[:surplus]

    def _stored(self, own: str, owner: str, source: Path) -> Asset:
        """An asset in its folder, there also after a power cut; nothing names it yet."""
        draft = self.settings.uploads / f".{own}.part"
        draft.mkdir(mode=0o700)
        try:
            facts = self._decoded(source, draft)
            kept = draft / facts["file"]
            data = kept.read_bytes()
            for path in (kept, draft):
                synced(path)
            draft.rename(self.settings.uploads / own)
            synced(self.settings.uploads)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        return Asset(
            id=own,
            owner=owner,
            sha256=hashlib.sha256(data).hexdigest(),
            bytes=len(data),
            created_at=self.now(),
            **facts,
        )

    def _remove(self, ids: Iterable[str]) -> None:
        """Remove the files of what nothing names any more."""
        for asset in ids:
            shutil.rmtree(self.settings.uploads / asset, ignore_errors=True)

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
        if not _DECODING.acquire(timeout=float(settings.decode_seconds)):
            raise BusyError("too many files are being decoded; send this one later", wait=5)
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
            raise MediaError(SLOW) from None
        except ValueError:
            spent = sys.platform != "win32" and done.returncode == -signal.SIGXCPU
            raise MediaError(SLOW if spent else BROKEN) from None
        finally:
            _DECODING.release()
        if "refused" in answer:
            raise MediaError(answer["refused"])
        return dict(answer)


def _asset(row: Row) -> Asset:
    return Asset(**{item.name: row[item.name] for item in fields(Asset)})
