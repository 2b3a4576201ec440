"""`mutoscope serve`: the server's process, from its first to its last breath."""

from __future__ import annotations

import logging
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import uvicorn
from fastapi import FastAPI
from sqlalchemy.exc import SQLAlchemyError

from mutoscope.errors import RequestError, WeightsError
from mutoscope.service import api, logs
from mutoscope.service.access import loopback
from mutoscope.service.desk import Desk
from mutoscope.service.settings import Settings

log = logging.getLogger("mutoscope.service")

Mount = Callable[[FastAPI, Desk], None]
"""Something that puts pages onto the application; see the studio."""

CONNECTIONS = 500
"""Connections at once; more are answered with 503."""


def run(
    settings: Settings,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    say: Callable[[str], None] = print,
    mount: Mount | None = None,
    pages: tuple[str, ...] = (),
) -> None:
    """Serve until SIGINT or SIGTERM; `say` is told the address once requests are answered.

    `mount` puts web pages onto the application under the prefixes `pages`. Refuses another address
    than loopback while there are no keys, a port that is taken, and a folder that is being served.
    """
    logs.begin(prompts=settings.prompts)
    with _bound(host, port) as bound:
        desk = Desk(settings)
        needed = settings.keys or not loopback(host)
        _open(desk, host, needed=needed)
        desk.start()
        try:
            application = api.app(desk, needed=needed, pages=pages)
            if mount is not None:
                mount(application, desk)
            threading.Thread(target=_know, args=(desk,), daemon=True).start()
            for ending in (signal.SIGINT, signal.SIGTERM):
                signal.signal(ending, _leave)
            say(_address(host, bound))  # whoever connects from now on is answered
            _serve(application, bound)
        finally:
            desk.stop()


def _leave(_signal: int, _frame: FrameType | None) -> None:
    """Being told to stop is a good end; uvicorn closes first, then raises the signal again."""
    raise SystemExit(0)


def _open(desk: Desk, host: str, *, needed: bool) -> None:
    """Open the store once, for an error to be a sentence, and ask for a key where one is needed."""
    try:
        desk.database.create()
        names = desk.keys.names()
    except SQLAlchemyError as error:
        raise RequestError(
            f"the store can't be opened ({type(error).__name__}); check that the folder"
            " MUTOSCOPE_HOME can be written, or the setting 'database'"
        ) from error
    if needed and not names:
        raise RequestError(
            f"{host} needs keys, and there are none yet; make one with: mutoscope keys add NAME"
        )


def _know(desk: Desk) -> None:
    """Look at all systems before anybody asks: their modules take seconds to import."""
    with suppress(WeightsError):
        desk.offers()


def _serve(application: FastAPI, bound: socket.socket) -> None:
    config = uvicorn.Config(
        application,
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=3,
        ws="none",
    )
    uvicorn.Server(config).run(sockets=[bound])


@contextmanager
def _bound(host: str, port: int) -> Iterator[socket.socket]:
    """A socket at an address."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError:
        raise RequestError(f"--host {host} is no address of this machine") from None
    with socket.socket(family, socket.SOCK_STREAM) as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind(address)
            bound.listen(512)
        except OSError as error:
            raise RequestError(
                f"{host}:{port} can't be used ({error.strerror}); choose another with --port"
            ) from None
        yield bound


def _address(host: str, bound: socket.socket) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{bound.getsockname()[1]}"
