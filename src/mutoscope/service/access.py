"""Who may ask: bearer keys, of which only hashes are kept, and how fast.

A key is 256 random bits, so a plain SHA-256 of it can't be searched for. On loopback everybody may
ask and is called `local`, unless the settings want keys there too.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import re
import secrets
import threading
from dataclasses import dataclass
from time import monotonic

import sqlalchemy as sa

from mutoscope import checked
from mutoscope.errors import RequestError
from mutoscope.service.jobs import PRIORITY, BusyError, NotFoundError, steady
from mutoscope.service.settings import Settings
from mutoscope.service.tables import Database, keys

LOCAL = "local"
"""The owner of what is asked without a key."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}")


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Somebody who asks: a name, and limits of which None is no limit."""

    name: str = LOCAL
    rate: int | None = None
    active: int | None = None
    priority: int = PRIORITY


class Keys:
    """The keys of a service."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self.database, self.settings = database, settings

    def add(
        self, name: str, *, rate: int | None = None, active: int | None = None, priority: int = 0
    ) -> str:
        """Make a key and answer it; it can't be shown again.

        `rate` is in requests a minute, `active` in unfinished jobs, `priority` the highest it may
        ask for.
        """
        if not _NAME.fullmatch(name) or name == LOCAL:
            raise RequestError(
                f"the name of a key is small letters, digits, '-', '_', '.' and not '{LOCAL}'"
                f" (got {name!r})"
            )
        checked.whole("--priority", priority, low=0, high=PRIORITY)
        key = f"mk_{secrets.token_urlsafe(32)}"
        row = {"name": name, "hash": _hash(key), "created_at": steady()()}
        limits = {"rate": rate, "active": active, "priority": priority}
        with self.database.writing() as connection:
            if connection.execute(sa.select(keys).where(keys.c.name == name)).first():
                raise RequestError(f"there is a key called {name} already; remove it first")
            connection.execute(keys.insert().values(**row, **limits))
        return key

    def remove(self, name: str) -> None:
        """Refuse a key from now on; its jobs stay."""
        with self.database.writing() as connection:
            if not connection.execute(keys.delete().where(keys.c.name == name)).rowcount:
                raise NotFoundError(f"there is no key called {name}; see: mutoscope keys list")

    def names(self) -> list[str]:
        """The name of every key."""
        with self.database.reading() as connection:
            return list(connection.execute(sa.select(keys.c.name).order_by(keys.c.name)).scalars())

    def caller(self, key: str) -> Caller | None:
        """Whose key this is, None if nobody's."""
        with self.database.reading() as connection:
            asked = sa.select(keys).where(keys.c.hash == _hash(key))
            row = connection.execute(asked).mappings().first()
        if row is None:
            return None
        return Caller(
            name=row["name"],
            rate=row["rate"] or self.settings.rate,
            active=row["active"] or self.settings.active,
            priority=row["priority"],
        )

    def secret(self, owner: str) -> str:
        """What an owner's webhooks are signed with, in the form of Standard Webhooks."""
        drawn = hmac.digest(self.settings.secret(), owner.encode(), "sha256")
        return f"whsec_{base64.b64encode(drawn).decode()}"


class Pace:
    """A bucket of requests for each name, filled evenly; in memory, by a stopwatch."""

    def __init__(self) -> None:
        self._left: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def take(self, name: str, rate: int) -> None:
        """Count one request of `rate` a minute; refuses with BusyError when it is too many."""
        now = monotonic()
        with self._lock:
            left, since = self._left.get(name, (float(rate), now))
            left = min(float(rate), left + (now - since) * rate / 60)
            self._left[name] = (max(left - 1, 0.0) if left >= 1 else left, now)
            if len(self._left) > 10_000:
                self._left = {name: self._left[name]}
        if left < 1:
            wait = max(1, round((1 - left) * 60 / rate))
            raise BusyError(f"more than {rate} requests a minute; slow down", wait=wait)


def loopback(host: str) -> bool:
    """Whether an address can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
