"""Telling others that a job has ended: signed, tried again, and only where the settings allow.

Signed as Standard Webhooks are (and OpenAI's): HMAC-SHA256 of `id.timestamp.body`. What is to be
said is a row of the store, written in the transaction that ended the job, so none is lost; one may
come twice, with the same id. A host is resolved once, refused unless all its addresses are public,
and the connection goes to the address that was checked; redirects are not followed. A host that
takes too long keeps the others waiting once in a round.
"""

from __future__ import annotations

import base64
import hmac
import http.client
import ipaddress
import logging
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import time
from urllib.parse import SplitResult, urlsplit

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from typing_extensions import override

from mutoscope.errors import RequestError
from mutoscope.service.access import Keys
from mutoscope.service.jobs import Clock, steady
from mutoscope.service.tables import Database, Row, deliveries

log = logging.getLogger("mutoscope.service")

AGAIN = (5.0, 30.0, 120.0, 600.0, 3600.0, 21600.0)
"""Seconds until the next try, after each that failed; then it is given up."""

TIMEOUT = 10.0
"""Seconds that a try may take in all, however evenly the other side drips."""

LATE = "TimeoutError"
"""Why a try failed that took longer."""

LONGEST = 2000
"""Characters of a URL."""

Dial = Callable[[str, int], socket.socket]
"""A connection to a host and port, encrypted, to an address that may be talked to."""


class Webhooks:
    """Says what is to be said, in a thread of the server."""

    def __init__(
        self,
        database: Database,
        keys: Keys,
        hosts: Sequence[str],
        *,
        dial: Dial | None = None,
        now: Clock | None = None,
    ) -> None:
        self.database, self.keys, self.hosts = database, keys, frozenset(hosts)
        self.now, self._dial = now or steady(), dial or dialled
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)

    def check(self, url: object) -> str:
        """The URL itself; refuses what may not be told."""
        if not isinstance(url, str) or len(url) > LONGEST or not url.isprintable():
            raise RequestError(f"webhook must be a URL of at most {LONGEST} characters")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise RequestError("webhook must be a URL like https://example.com/done") from None
        if parts.scheme != "https" or not parts.hostname or parts.username is not None:
            raise RequestError("webhook must be a URL like https://example.com/done, with no user")
        if parts.hostname not in self.hosts or port == 0:
            raise RequestError(
                "webhook names a host that this service may not tell; its operator allows hosts"
                " with webhooks = [...] in service.toml"
            )
        return url

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; what wasn't said is said after the next start."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(2 * TIMEOUT)

    def deliver(self) -> int:
        """Say everything that is due once; how many arrived."""
        now, next_at = self.now(), deliveries.c.next_at
        # Later than any wait is long: the clock was set back while the service didn't run.
        due = sa.select(deliveries).where((next_at <= now) | (next_at > now + AGAIN[-1]))
        with self.database.reading() as connection:
            rows = connection.execute(due.order_by(deliveries.c.next_at)).mappings().all()
        arrived, slow = 0, set[str | None]()
        for row in rows:
            host = urlsplit(row["url"]).hostname
            if self._stop.is_set():
                break
            if host in slow:  # the others' turn comes first
                continue
            status, why = self._tried(row)
            if not status and why == LATE:
                slow.add(host)
            arrived += self._noted(row, status, why)
        return arrived

    def _run(self) -> None:
        while not self._stop.wait(1.0):
            try:
                self.deliver()
            except SQLAlchemyError as error:
                log.warning("webhooks", extra={"error": type(error).__name__})
            except Exception:  # whatever one row brings about, the next must be told
                log.exception("webhooks")

    def _tried(self, row: Row) -> tuple[int, str]:
        """One try, over after TIMEOUT seconds in all: the status that came back, and why."""
        try:
            parts = urlsplit(self.check(row["url"]))
        except RequestError as error:  # its host was taken out of the settings since
            return 0, type(error).__name__
        connection = _Connection(parts, self._dial)
        found: list[tuple[int, str]] = []

        def one() -> None:
            try:
                status = self._post(connection, parts, row)
                found.append((status, str(status)))
            except Exception as error:
                found.append((0, type(error).__name__))
            finally:
                connection.close()

        thread = threading.Thread(target=one, name="webhook", daemon=True)
        thread.start()
        thread.join(TIMEOUT)
        if found:
            return found[0]
        connection.cut()  # what the try says of it then, a cut answer may look whole, is not asked
        return 0, LATE

    def _noted(self, row: Row, status: int, why: str) -> bool:
        """What becomes of a row after a try; whether it has arrived."""
        done, tries = 200 <= status < 300, row["tries"] + 1
        over = done or tries > len(AGAIN)
        mine = deliveries.c.id == row["id"]
        with self.database.writing() as connection:
            if over:
                connection.execute(deliveries.delete().where(mine))
            else:
                wait = {"tries": tries, "next_at": self.now() + AGAIN[tries - 1]}
                connection.execute(deliveries.update().where(mine).values(**wait))
        if not done:
            log.warning("webhook", extra={"event": row["id"], "why": why, "given_up": over})
        return done

    def _post(self, connection: _Connection, parts: SplitResult, row: Row) -> int:
        """Say it; the status that came back."""
        body, stamp = row["body"].encode(), str(int(time()))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "mutoscope",
            "webhook-id": row["id"],
            "webhook-timestamp": stamp,
            "webhook-signature": signature(self.keys.secret(row["owner"]), row["id"], stamp, body),
        }
        connection.request("POST", _target(parts), body=body, headers=headers)
        return connection.getresponse().status


class _Connection(http.client.HTTPConnection):
    """A connection that is made by a `Dial`."""

    default_port = 443

    def __init__(self, parts: SplitResult, dial: Dial) -> None:
        self._host, self._wanted = str(parts.hostname), parts.port or 443
        super().__init__(self._host, self._wanted, timeout=TIMEOUT)
        self._dial, self._over = dial, False

    @override
    def connect(self) -> None:
        self.sock = self._dial(self._host, self._wanted)
        if self._over:
            raise TimeoutError

    def cut(self) -> None:
        """End what another thread waits for."""
        self._over = True  # first, for a dial that ends just now
        waiting = self.sock
        if waiting is not None:
            with suppress(OSError):
                waiting.shutdown(socket.SHUT_RDWR)


def signature(secret: str, event: str, stamp: str, body: bytes) -> str:
    """The `webhook-signature` of a body."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = hmac.digest(key, f"{event}.{stamp}.".encode() + body, "sha256")
    return f"v1,{base64.b64encode(signed).decode()}"


def dialled(host: str, port: int) -> socket.socket:
    """A TLS connection to a host all of whose addresses are public."""
    found = {str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    hidden = [address for address in found if not public(address)]
    if hidden or not found:
        raise OSError("the host has an address that is not public")
    plain = socket.create_connection((sorted(found)[0], port), timeout=TIMEOUT)
    try:
        return ssl.create_default_context().wrap_socket(plain, server_hostname=host)
    except BaseException:
        plain.close()
        raise


def public(address: str) -> bool:
    """Whether an address belongs to the open internet, also one written inside another."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour
        if inner is not None:
            return public(str(inner))
        if found.teredo is not None or found in ipaddress.ip_network("64:ff9b::/32"):
            return False
    return found.is_global and not found.is_multicast and not found.is_reserved


def _target(parts: SplitResult) -> str:
    path = parts.path or "/"
    return f"{path}?{parts.query}" if parts.query else path
