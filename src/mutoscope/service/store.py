"""The store of jobs: every move is one guarded UPDATE in a transaction of its own.

Nothing here trusts a clock. Jobs are in order by their number; a worker is alive as long as its
count of heartbeats moves, whoever looks judging by its own stopwatch; a late worker's writes don't
count, since each names the attempt it belongs to. Times are only told, and decide expiry.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from mutoscope.checked import Number
from mutoscope.errors import RequestError
from mutoscope.request import Request
from mutoscope.service.jobs import (
    ENDED,
    MISSING,
    UNFINISHED,
    Clock,
    ConflictError,
    File,
    Job,
    Lease,
    NotFoundError,
    Order,
    Pulse,
    Task,
    sources,
    steady,
)
from mutoscope.service.moves import Moves, held, move, read, touch, turns
from mutoscope.service.room import Room
from mutoscope.service.tables import Database, idempotency, jobs

REMEMBERED = 86400.0
"""Seconds that an idempotency key is remembered."""

HELD = ("running", "cancelling")
"""States in which a worker has a job."""

DIGITS = 10
"""Of a job's number in its id, which makes ids sort as jobs were accepted."""


class Store:
    """All jobs, and every way they change."""

    def __init__(self, database: Database, *, keep: Number = 0, now: Clock | None = None) -> None:
        self.database, self.now = database, now or steady()
        self._moves = Moves(self.now, keep)

    # Clients

    def create(
        self,
        order: Order,
        *,
        queue: int,
        active: int | None = None,
        tunings: int | None = None,
    ) -> Job:
        """Accept a job; when this returns it is on disk.

        Refuses with BusyError when `queue` jobs wait, or the owner has `active` unfinished ones or
        `tunings` tuned systems, and with NotFoundError when an asset that it names is gone.
        """
        room = Room(queue=queue, active=active, tunings=tunings)
        with self.database.writing() as connection:
            if order.key is not None:
                known = self._known(connection, order.owner, order.key, order.fingerprint)
                if known is not None:
                    return known
            room.check(connection, order)
            named = sources(order.request)
            if touch(connection, named, self.now(), uses=1) != len(named):
                raise NotFoundError(MISSING)
            row = {
                "id": secrets.token_hex(16),
                "owner": order.owner,
                "state": "queued",
                "task": order.task,
                "priority": order.priority,
                "system": order.request.system,
                "request": json.dumps(order.request.to_json()),
                "source": order.source,
                "webhook": order.webhook,
                "created_at": self.now(),
                "attempt": 0,
                "lost": 0,
                "beat": 0,
                "step": 0,
                "steps": order.request.steps,
                "watched": 0.0,
                "keeping": False,
                "preview": 0,
                "deleted": False,
            }
            new = jobs.insert().values(**row).returning(jobs.c.seq)
            number = connection.execute(new).scalar_one()
            own = f"job_{number:0{DIGITS}x}{secrets.token_hex(8)}"
            connection.execute(jobs.update().where(jobs.c.seq == number).values(id=own))
            if order.key is not None:
                connection.execute(
                    idempotency.insert().values(
                        owner=order.owner,
                        key=order.key,
                        fingerprint=order.fingerprint,
                        job=own,
                        created_at=self.now(),
                    )
                )
            return self._get(connection, own, None)

    def remembered(self, owner: str, key: str, fingerprint: str) -> Job | None:
        """The job that an idempotency key has made; refuses one used for another request."""
        with self.database.reading() as connection:
            return self._known(connection, owner, key, fingerprint)

    def get(self, job: str, *, owner: str | None = None) -> Job:
        """A job of an owner, of anybody if None."""
        with self.database.reading() as connection:
            return self._get(connection, job, owner)

    def listed(
        self,
        *,
        owner: str | None = None,
        after: str | None = None,
        limit: int = 20,
        newest_first: bool = True,
        states: Sequence[str] = (),
        system: str | None = None,
        task: Task | None = None,
    ) -> tuple[list[Job], bool]:
        """A page of jobs after the job of that id, and whether there are more behind it."""
        asked = sa.select(jobs).where(jobs.c.deleted.is_(False))
        if owner is not None:
            asked = asked.where(jobs.c.owner == owner)
        if states:
            asked = asked.where(jobs.c.state.in_(states))
        if system is not None:
            asked = asked.where(jobs.c.system == system)
        if task is not None:
            asked = asked.where(jobs.c.task == task)
        if after is not None:
            number = _number(after)
            asked = asked.where(jobs.c.seq < number if newest_first else jobs.c.seq > number)
        asked = asked.order_by(jobs.c.seq.desc() if newest_first else jobs.c.seq)
        with self.database.reading() as connection:
            rows = connection.execute(asked.limit(limit + 1)).mappings().all()
            places = turns(connection) if any(r["state"] == "queued" for r in rows) else {}
        return [read(row, places) for row in rows[:limit]], len(rows) > limit

    def cancel(self, job: str, *, owner: str | None = None) -> Job:
        """Stop a job: at once if it waits, within a step if it runs; refuses one that has ended."""
        with self.database.writing() as connection:
            found = self._get(connection, job, owner)
            if found.ended:
                raise ConflictError(f"the job is {found.state} already; there is nothing to cancel")
            self._moves.stop(connection, found)
            return self._get(connection, job, owner)

    def keep(self, job: str, *, owner: str | None = None) -> Job:
        """Let a tuning that runs end after its step and keep what it has learned."""
        with self.database.writing() as connection:
            found = self._get(connection, job, owner)
            if (found.task, found.state) != ("tune", "running"):
                what = "tuning" if found.task == "tune" else "job makes a clip and"
                raise ConflictError(
                    f"the {what} is {found.state}; only a tuning that runs can keep what it has"
                    " learned so far"
                )
            connection.execute(jobs.update().where(jobs.c.id == job).values(keeping=True))
            return self._get(connection, job, owner)

    def delete(self, job: str, *, owner: str | None = None) -> None:
        """Stop a job if it isn't over, and forget it: from now on nobody finds it."""
        with self.database.writing() as connection:
            found = self._get(connection, job, owner)
            connection.execute(jobs.update().where(jobs.c.id == job).values(deleted=True))
            if not found.ended:
                self._moves.stop(connection, found)

    def watch(self, job: str) -> None:
        """Say that somebody looks at a job, so that its worker makes previews for a while."""
        with self.database.noting() as connection:
            connection.execute(jobs.update().where(jobs.c.id == job).values(watched=self.now()))

    def counts(self) -> dict[str, int]:
        """How many jobs there are in each state."""
        asked = sa.select(jobs.c.state, sa.func.count()).where(jobs.c.deleted.is_(False))
        with self.database.reading() as connection:
            found = connection.execute(asked.group_by(jobs.c.state)).all()
        return {state: count for state, count in found}  # noqa: C416  (rows aren't pairs to mypy)

    # Workers

    def claim(self, worker: str, *, threads: int | None = None) -> Lease | None:
        """The next job, now this worker's; None when none waits.

        It is run with so many `threads`, or with as many as it was begun with: sums over other
        threads may be other bits.
        """
        waiting = jobs.c.state == "queued"
        turn = sa.select(jobs).where(waiting).order_by(jobs.c.priority.desc(), jobs.c.seq).limit(1)
        with self.database.reading() as connection:
            if connection.execute(turn).first() is None:
                return None
        with self.database.writing() as connection:
            row = connection.execute(turn).mappings().first()
            if row is None:
                return None
            attempt = row["attempt"] + 1
            started = {"worker": worker, "attempt": attempt, "started_at": self._moves.after(row)}
            fresh = {"step": 0, "eta": None, "preview": 0, "beat": row["beat"] + 1}
            threads = row["threads"] or threads
            fresh["threads"] = threads
            move(connection, row["id"], "queued", "running", **started, **fresh)
            request = Request.from_json(row["request"])
        return Lease(
            id=row["id"],
            worker=worker,
            attempt=attempt,
            request=request,
            owner=row["owner"],
            task=row["task"],
            threads=threads,
        )

    def beat(
        self, lease: Lease, *, step: int | None = None, steps: int = 0, eta: float | None = None
    ) -> Pulse:
        """Say how far a job is; what there is to hear."""
        values: dict[str, Any] = {"beat": jobs.c.beat + 1}
        if step is not None:
            values |= {"step": step, "steps": steps, "eta": eta}
        told = jobs.update().where(*held(lease)).values(**values)
        with self.database.noting() as connection:
            heard = told.returning(jobs.c.state, jobs.c.watched, jobs.c.keeping)
            row = connection.execute(heard).first()
        if row is None:
            return Pulse(None, watched=False, keeping=False)
        return Pulse(row[0], self.now() - row[1] < WATCHED, row[2])

    def previewed(self, lease: Lease, step: int) -> None:
        """Say that there is a new preview."""
        told = jobs.update().where(*held(lease)).values(preview=step)
        with self.database.noting() as connection:
            connection.execute(told)

    def complete(
        self, lease: Lease, *, folder: str, files: Mapping[str, File], sha256: str
    ) -> bool:
        """Running becomes completed; False if it was cancelled or taken away meanwhile."""
        listed = json.dumps({name: asdict(file) for name, file in files.items()})
        with self.database.writing() as connection:
            return self._moves.leave(
                connection, lease, "completed", folder=folder, files=listed, sha256=sha256
            )

    def fail(self, lease: Lease, code: str, reason: str) -> bool:
        """Running becomes failed."""
        with self.database.writing() as connection:
            return self._moves.leave(connection, lease, "failed", (code, reason))

    def release(self, lease: Lease) -> None:
        """Give a job back: it waits again, or ends if it was being cancelled."""
        with self.database.writing() as connection:
            row = connection.execute(sa.select(jobs).where(*held(lease))).mappings().first()
            if row is not None:
                self._moves.back(connection, row, attempts=None)

    # The supervisor

    def lost(self, worker: str, *, attempts: int | None) -> list[str]:
        """Take the jobs of a dead worker away; `worker` may end in % for all of a folder.

        A job that has lost `attempts` workers fails; None blames no job. Answers the jobs' ids.
        """
        theirs = jobs.c.worker.like(worker) if worker.endswith("%") else jobs.c.worker == worker
        held = sa.select(jobs).where(theirs, jobs.c.state.in_(HELD))
        with self.database.writing() as connection:
            rows = connection.execute(held).mappings().all()
            for row in rows:
                self._moves.back(connection, row, attempts=attempts)
        return [row["id"] for row in rows]

    def beats(self) -> dict[str, tuple[str, int]]:
        """The worker of each running job and its count of heartbeats."""
        asked = sa.select(jobs.c.id, jobs.c.worker, jobs.c.beat)
        with self.database.reading() as connection:
            held = jobs.c.state.in_(HELD)
            rows = connection.execute(asked.where(held)).all()
        return {row[0]: (row[1], row[2]) for row in rows}

    def alive(self, worker: str) -> None:
        """Count a heartbeat for a worker that is seen to compute."""
        held = jobs.update().where(jobs.c.worker == worker, jobs.c.state.in_(HELD))
        with self.database.noting() as connection:
            connection.execute(held.values(beat=jobs.c.beat + 1))

    def expire(self) -> int:
        """Forget what has been kept long enough; how many jobs that were."""
        now = self.now()
        with self.database.writing() as connection:
            over = (jobs.c.deleted.is_(False), jobs.c.state.in_(ENDED), jobs.c.expires_at <= now)
            gone = connection.execute(jobs.update().where(*over).values(deleted=True)).rowcount
            old = idempotency.c.created_at <= now - REMEMBERED
            connection.execute(idempotency.delete().where(old))
        return gone

    def forgotten(self) -> list[str]:
        """Ids of the jobs that were deleted and have stopped."""
        asked = sa.select(jobs.c.id).where(jobs.c.deleted.is_(True), jobs.c.state.in_(ENDED))
        with self.database.reading() as connection:
            return list(connection.execute(asked).scalars())

    def erase(self, ids: Sequence[str]) -> None:
        """Remove the rows of forgotten jobs, after their files."""
        with self.database.writing() as connection:
            connection.execute(jobs.delete().where(jobs.c.id.in_(ids), jobs.c.deleted.is_(True)))

    def unfinished(self) -> set[str]:
        """Ids of the jobs that haven't ended."""
        asked = sa.select(jobs.c.id).where(jobs.c.state.in_(UNFINISHED))
        with self.database.reading() as connection:
            return set(connection.execute(asked).scalars())

    def folders(self) -> set[str]:
        """The folders of all completed jobs."""
        asked = sa.select(jobs.c.folder).where(jobs.c.folder.is_not(None))
        with self.database.reading() as connection:
            return set(connection.execute(asked).scalars())

    # Inside a transaction

    def _known(self, connection: Connection, owner: str, key: str, fingerprint: str) -> Job | None:
        mine = (idempotency.c.owner == owner, idempotency.c.key == key)
        row = connection.execute(sa.select(idempotency).where(*mine)).mappings().first()
        if row is None:
            return None
        if row["fingerprint"] != fingerprint:
            raise ConflictError(
                "this idempotency key has made a job from another request; draw a new key"
            )
        try:
            return self._get(connection, row["job"], None)
        except NotFoundError:
            raise ConflictError(
                "this idempotency key has made a job that was deleted since; draw a new key"
            ) from None

    def _get(self, connection: Connection, job: str, owner: str | None) -> Job:
        asked = sa.select(jobs).where(jobs.c.id == job, jobs.c.deleted.is_(False))
        row = connection.execute(asked).mappings().first()
        if row is None or owner not in (None, row["owner"]):
            raise NotFoundError("there is no such job; it may have been deleted, or have expired")
        return read(row, turns(connection) if row["state"] == "queued" else {})


WATCHED = 5.0
"""Seconds for which somebody who looked at a job counts as looking."""


def _number(job: str) -> int:
    try:
        return int(job.removeprefix("job_")[:DIGITS], 16)
    except ValueError:
        raise RequestError("'after' must be the id of a job, such as a page's last_id") from None
