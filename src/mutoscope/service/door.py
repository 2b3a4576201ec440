"""What every HTTP request passes: who asks, from where, how much and how long; and what is logged.

Refused here, before anything is parsed: a missing or wrong key, too many requests, a body that is
too large or doesn't come, and, on loopback, a page of somebody else's that a browser has open.
"""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mutoscope.service.access import LOCAL, Caller, Keys, Pace, loopback
from mutoscope.service.jobs import BusyError
from mutoscope.service.metrics import Metrics
from mutoscope.service.settings import Settings

log = logging.getLogger("mutoscope.service")

OPEN = ("/health", "/ready")
"""Paths for which no key is needed."""

LARGE = ("/v1/videos", "/v1/videos/edits", "/v1/videos/extensions", "/v1/assets")
"""Paths that take a file."""

OVERHEAD = 200_000
"""Bytes of a body beside its file."""

PATIENCE = 30.0
"""Seconds that a client may leave us waiting for the next piece of its body."""

GUESSES = 60
"""Wrong keys a minute from one address."""

DISK = (errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EDQUOT, errno.EIO)
"""What a disk says that is full, read-only or broken: no fault of whoever asks."""

SAFE = ("GET", "HEAD", "OPTIONS")

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "Cache-Control": "no-store",
}
"""Sent with every answer of the API."""

PAGES = {
    **{name: HEADERS[name] for name in [*HEADERS] if not name.startswith(("Content-", "Cache-"))},
    "Referrer-Policy": "same-origin",  # without any, a page's own posts would have no Origin
    "Content-Security-Policy": "frame-ancestors 'none'; object-src 'none'",
}
"""Sent with every answer of a web page: nobody frames it, no other site hears of it."""


class RefusedError(Exception):
    """An answer given at the door."""

    def __init__(self, status: int, code: str, sentence: str, **headers: str) -> None:
        super().__init__(sentence)
        self.status, self.code = status, code
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Who may come in.

    `needed` says that a key is; `pages` are prefixes of web pages, which have scripts of their own
    and take files.
    """

    settings: Settings
    needed: bool
    pages: tuple[str, ...] = ()


class Door:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp, *, rules: Rules, keys: Keys, metrics: Metrics) -> None:
        self.app, self.rules, self.keys, self.metrics = app, rules, keys, metrics
        self.pace, self.guesses = Pace(), Pace()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start, answer = perf_counter(), _Answer(send, page=self._page(scope["path"]))
        try:
            scope.setdefault("state", {})["caller"] = await self._caller(scope)
            await self.app(scope, self._bounded(scope, receive), answer)
        except Exception as error:
            await answer.refuse(_refusal(error))
        finally:
            self._tell(scope, answer, perf_counter() - start)

    def _page(self, path: str) -> bool:
        return any(path == page or path.startswith(f"{page}/") for page in self.rules.pages)

    async def _caller(self, scope: Scope) -> Caller:
        """Who asks."""
        headers, path = Headers(scope=scope), scope["path"]
        if not self.rules.needed:
            _check_origin(scope["method"], headers)
        if path in OPEN:
            return Caller()
        kind, _, key = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and key.startswith("mk_"):
            caller = await run_in_threadpool(self.keys.caller, key.strip())
            if caller is not None:
                self._check_pace(self.pace, caller.name, caller.rate or self.rules.settings.rate)
                return caller
        if self.rules.needed:
            address = (scope.get("client") or ("", 0))[0]
            self._check_pace(self.guesses, address, GUESSES)
            sentence = "a key is needed: Authorization: Bearer KEY; make one with: mutoscope keys"
            raise RefusedError(401, "unauthorized", sentence, WWW_Authenticate="Bearer")
        local = self.rules.settings.local_rate
        if not self._page(path):  # a page asks for hundreds of files of its own at once
            self._check_pace(self.pace, LOCAL, local)
        return Caller(rate=local, active=self.rules.settings.local_active)

    def _check_pace(self, pace: Pace, name: str, rate: int) -> None:
        try:
            pace.take(name, rate)
        except BusyError as error:
            raise RefusedError(429, "busy", str(error), Retry_After=str(error.wait)) from None

    def _bounded(self, scope: Scope, receive: Receive) -> Receive:
        """The body, refused as soon as it is too large or stops coming."""
        settings = self.rules.settings
        most = settings.upload + OVERHEAD if scope["path"] in LARGE else settings.body
        if self._page(scope["path"]):
            most = settings.upload + OVERHEAD
        too_large = RefusedError(413, "too_large", f"a body may have {most} bytes here; send less")
        said = Headers(scope=scope).get("content-length", "0")
        if not (said.isdecimal() and said.isascii()):
            raise RefusedError(400, "invalid_request", "Content-Length must be a number of bytes")
        if len(said) > 18 or int(said) > most:
            raise too_large
        got, done = 0, False

        async def next_piece() -> Message:
            nonlocal got, done
            if done:
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), PATIENCE)
            except TimeoutError:
                raise RefusedError(
                    408, "timeout", "the body stopped coming; send it again"
                ) from None
            got += len(message.get("body", b""))
            done = not message.get("more_body", False)
            if got > most:
                raise too_large
            return message

        return next_piece

    def _tell(self, scope: Scope, answer: _Answer, seconds: float) -> None:
        """Count and log a request, by its route: its path may hold an id."""
        route = getattr(scope.get("route"), "path", "other")
        self.metrics.request(scope["method"], route, answer.status, seconds)
        caller = scope["state"].get("caller") if "state" in scope else None
        told = {
            "id": answer.id,
            "method": scope["method"],
            "route": route,
            "status": answer.status,
            "seconds": round(seconds, 4),
            "caller": getattr(caller, "name", None),
        }
        log.info("request", extra=told)


class _Answer:
    """What goes out, with the headers that everything has."""

    def __init__(self, send: Send, *, page: bool) -> None:
        self._send, self._page, self.status, self.id = send, page, 0, secrets.token_hex(8)

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-Id"] = self.id
            for name, value in (PAGES if self._page else HEADERS).items():
                headers.setdefault(name, value)
        await self._send(message)

    async def refuse(self, error: RefusedError) -> None:
        """Say so, unless an answer has begun already."""
        if self.status:
            return
        body = problem(error.code, str(error))
        text = json.dumps(body).encode()
        head = {"content-type": "application/json", "content-length": str(len(text))}
        if error.status in (408, 413):
            head["connection"] = "close"  # what is left of the body isn't read
        headers = [(k.lower().encode(), v.encode()) for k, v in {**head, **error.headers}.items()]
        await self({"type": "http.response.start", "status": error.status, "headers": headers})
        await self._send({"type": "http.response.body", "body": text})


def problem(code: str, sentence: str, *, param: str | None = None) -> Mapping[str, Any]:
    """An error in OpenAI's form."""
    kind = "server_error" if code in ("internal", "unavailable") else "invalid_request_error"
    return {"error": {"message": sentence, "type": kind, "param": param, "code": code}}


def _refusal(error: Exception) -> RefusedError:
    """What is said of an error that nobody below has answered."""
    if isinstance(error, RefusedError):
        return error
    disk = isinstance(error, OSError) and error.errno in DISK
    if disk or isinstance(error, SQLAlchemyError):
        log.error("store", extra={"error": type(error).__name__})
        sentence = "the service can't store anything just now; try again later"
        return RefusedError(503, "unavailable", sentence, Retry_After="5")
    log.exception("unexpected", exc_info=error)
    sentence = "the service met an unexpected error; its log says more under this id"
    return RefusedError(500, "internal", sentence)


def _check_origin(method: str, headers: Headers) -> None:
    """Refuse what a browser sends here for a page of somebody else's.

    Any site may give itself a name that leads to this machine, and post to it.
    """
    host = headers.get("host", "")
    name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
    if host and not loopback(name.strip("[]")):
        raise RefusedError(
            403, "forbidden", "without keys this service answers to localhost and 127.0.0.1 only"
        )
    if method in SAFE:
        return
    origin = headers.get("origin")
    foreign = origin is not None and origin.partition("://")[2] != host
    if foreign or headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        raise RefusedError(403, "forbidden", "pages of other sites may not ask this service")
