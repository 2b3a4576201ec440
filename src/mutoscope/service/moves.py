"""The moves of a job inside a transaction, each one guarded UPDATE."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from mutoscope.checked import Number
from mutoscope.request import Request
from mutoscope.service.jobs import (
    MOVES,
    UNFINISHED,
    Clock,
    ConflictError,
    File,
    Job,
    Lease,
    State,
    sources,
)
from mutoscope.service.tables import Row, assets, deliveries, jobs

CANCELLED = ("cancelled", "the job was cancelled")
LOST = ("worker_lost", "the job ended {} workers, one after another; ask for less")


class Moves:
    """The moves, at a time of day; what ends is kept `keep` seconds, what was tuned for ever."""

    def __init__(self, now: Clock, keep: Number) -> None:
        self.now, self.keep = now, keep

    def stop(self, connection: Connection, job: Job) -> None:
        """Cancel what hasn't ended."""
        if job.state == "running":
            move(connection, job.id, "running", "cancelling", eta=None)
        elif job.state == "queued":
            self.end(connection, job.id, "queued", "cancelled", CANCELLED)

    def leave(
        self,
        connection: Connection,
        lease: Lease,
        to: State,
        why: tuple[str, str] | None = None,
        **values: object,
    ) -> bool:
        """The end of an attempt by the worker that holds it."""
        row = connection.execute(sa.select(jobs).where(*held(lease))).mappings().first()
        if row is None:
            return False
        if row["state"] == "cancelling":
            self.end(connection, lease.id, "cancelling", "cancelled", CANCELLED)
            return False
        self.end(connection, lease.id, "running", to, why, **values)
        return True

    def back(self, connection: Connection, row: Row, *, attempts: int | None) -> None:
        """What becomes of a job whose worker is gone."""
        lost = row["lost"] + (attempts is not None)
        if row["state"] == "cancelling":
            self.end(connection, row["id"], "cancelling", "cancelled", CANCELLED)
        elif attempts is not None and lost >= attempts:
            why = LOST[0], LOST[1].format(lost)
            self.end(connection, row["id"], "running", "failed", why, lost=lost)
        else:
            again = {"worker": None, "step": 0, "eta": None, "preview": 0, "lost": lost}
            move(connection, row["id"], "running", "queued", **again)

    def end(
        self,
        connection: Connection,
        job: str,
        was: State,
        to: State,
        why: tuple[str, str] | None = None,
        **values: object,
    ) -> None:
        """The last move of a job; whoever wants to be told will be."""
        row = connection.execute(sa.select(jobs).where(jobs.c.id == job)).mappings().one()
        now = self.after(row)
        lasts = not self.keep or (row["task"] == "tune" and to == "completed")
        expires = None if lasts else now + self.keep
        ended = {"ended_at": now, "expires_at": expires, "worker": None, "eta": None}
        told = {"error_code": why[0], "error": why[1]} if why else {}
        move(connection, job, was, to, **{**ended, **told, **values})
        touch(connection, sources(Request.from_json(row["request"])), now)
        if row["webhook"] and not row["deleted"]:
            what = "completed" if to == "completed" else "failed"
            body = event(job, f"{'tuning' if row['task'] == 'tune' else 'video'}.{what}", now)
            connection.execute(
                deliveries.insert().values(
                    id=body["id"],
                    owner=row["owner"],
                    url=row["webhook"],
                    body=json.dumps(body),
                    tries=0,
                    next_at=now,
                )
            )

    def after(self, row: Row) -> float:
        """Now, but never before what has happened to the job already."""
        return max(self.now(), row["created_at"], row["started_at"] or 0.0)


def touch(connection: Connection, named: set[str], now: float, *, uses: int = 0) -> int:
    """Say that assets are used now; how many of them there are."""
    if not named:
        return 0
    used = {"used_at": now, "uses": assets.c.uses + uses}
    return connection.execute(assets.update().where(assets.c.id.in_(named)).values(used)).rowcount


def needed(connection: Connection) -> set[str]:
    """Ids of the assets that unfinished jobs name."""
    asked = sa.select(jobs.c.request).where(jobs.c.state.in_(UNFINISHED))
    found = (sources(Request.from_json(text)) for text in connection.execute(asked).scalars())
    return set().union(*found)


def held(lease: Lease) -> tuple[sa.ColumnElement[bool], ...]:
    """Which row a lease is of, as long as nobody else has the job."""
    return (
        jobs.c.id == lease.id,
        jobs.c.worker == lease.worker,
        jobs.c.attempt == lease.attempt,
        jobs.c.state.in_(("running", "cancelling")),
    )


def move(connection: Connection, job: str, was: State, to: State, **values: object) -> None:
    """One move of one job, which is where it is said to be."""
    assert to in MOVES[was], f"{was} never becomes {to}"
    guarded = jobs.update().where(jobs.c.id == job, jobs.c.state == was)
    moved = connection.execute(guarded.values(state=to, **values)).rowcount
    if moved != 1:
        raise ConflictError(f"the job is no longer {was}; ask again")


def turns(connection: Connection) -> dict[str, int]:
    """The place of each waiting job, 1 for the next."""
    waiting = sa.select(jobs.c.id).where(jobs.c.state == "queued")
    turn = waiting.order_by(jobs.c.priority.desc(), jobs.c.seq)
    return {job: place for place, job in enumerate(connection.execute(turn).scalars(), 1)}


def read(row: Row, places: Mapping[str, int]) -> Job:
    """The job in a row."""
    alike = (
        "id", "owner", "state", "task", "priority", "created_at", "attempt", "step", "steps",
        "preview", "keeping", "source", "webhook", "started_at", "ended_at", "expires_at", "eta",
        "error_code", "error", "folder", "sha256",
    )  # fmt: skip
    files = json.loads(row["files"] or "{}")
    return Job(
        **{name: row[name] for name in alike},
        request=Request.from_json(row["request"]),
        files={name: File(**file) for name, file in files.items()},
        position=places.get(row["id"]),
    )


def event(job: str, what: str, now: float) -> dict[str, Any]:
    """A webhook's body, in OpenAI's form."""
    return {
        "id": f"evt_{secrets.token_hex(12)}",
        "object": "event",
        "type": what,
        "created_at": int(now),
        "data": {"id": job},
    }
