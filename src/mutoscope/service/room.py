"""Whether there is room for one more job, inside the transaction that would accept it."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from mutoscope.service.jobs import UNFINISHED, BusyError, Order
from mutoscope.service.tables import jobs


@dataclass(frozen=True, kw_only=True)
class Room:
    """How many jobs may wait; how many an owner may have unfinished, and how many tuned systems.

    None is no limit.
    """

    queue: int
    active: int | None = None
    tunings: int | None = None

    def check(self, connection: Connection, order: Order) -> None:
        """Refuse an order with BusyError when it would be one too many."""
        count = sa.select(sa.func.count()).select_from(jobs)
        mine = count.where(jobs.c.owner == order.owner)
        if self.active is not None:
            unfinished = mine.where(jobs.c.state.in_(UNFINISHED))
            if connection.execute(unfinished).scalar_one() >= self.active:
                raise BusyError(
                    f"{self.active} unfinished jobs are as many as one client may have; wait for"
                    " one",
                    wait=_pace(connection),
                )
        if order.task == "tune" and self.tunings is not None:
            kept = mine.where(jobs.c.task == "tune", jobs.c.deleted.is_(False))
            kept = kept.where(jobs.c.state.not_in(("failed", "cancelled")))
            if connection.execute(kept).scalar_one() >= self.tunings:
                raise BusyError(
                    f"{self.tunings} tuned systems are kept, as many as may be; delete one", wait=60
                )
        if connection.execute(count.where(jobs.c.state == "queued")).scalar_one() >= self.queue:
            raise BusyError(
                f"the queue is full ({self.queue} jobs wait); try again later",
                wait=_pace(connection),
            )


def _pace(connection: Connection) -> int:
    """Whole seconds that the last clips took each, from 1 to 600."""
    done = sa.select(jobs.c.ended_at - jobs.c.started_at)
    done = done.where(jobs.c.state == "completed", jobs.c.task == "make")
    took = connection.execute(done.order_by(jobs.c.seq.desc()).limit(10)).scalars().all()
    return min(600, max(1, round(sum(took) / len(took)))) if took else 5
