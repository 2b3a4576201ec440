"""Webhooks: signed as OpenAI's client verifies, tried again, and only to public addresses."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import sqlalchemy as sa
from openai import OpenAI

from mutoscope.errors import RequestError
from mutoscope.request import Request
from mutoscope.service.desk import Desk, Extras
from mutoscope.service.jobs import Order
from mutoscope.service.settings import Settings
from mutoscope.service.tables import deliveries
from mutoscope.service.webhooks import AGAIN, Webhooks, dialled, public
from tests.service.served import QUICK

URL = "https://hooks.example/done?x=1"


class Heard(HTTPServer):
    """Another company's server on loopback, which answers as it is told."""

    statuses: list[int]
    got: list[tuple[str, dict, bytes]]


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.got.append((self.path, dict(self.headers), body))
        self.send_response(self.server.statuses.pop(0))
        self.send_header("Location", "http://127.0.0.1:1/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def heard() -> Iterator[Heard]:
    with Heard(("127.0.0.1", 0), Handler) as server:
        server.statuses, server.got = [], []
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def hooks(desk: Desk, heard: Heard) -> Webhooks:
    dial = lambda host, port: socket.create_connection(heard.server_address)  # noqa: E731
    found = Webhooks(
        desk.database, desk.keys, ("hooks.example",), dial=dial, now=lambda: found.clock
    )
    found.clock = desk.store.now() + 1e4
    return found


def ended(desk: Desk, how: str, url: str = URL) -> str:
    """A job of ann's that has ended."""
    request = Request(system="tiny", prompt="a", steps=1)
    job = desk.store.create(Order(owner="ann", request=request, webhook=url), queue=9).id
    if how == "cancelled":
        desk.cancel(job)
        return job
    lease = desk.store.claim("w")
    if how == "completed":
        desk.store.complete(lease, folder="f", files={}, sha256="0")
    else:
        desk.store.fail(lease, "internal", "it broke")
    return job


@pytest.mark.parametrize(
    ("how", "kind"),
    [("completed", "video.completed"), ("failed", "video.failed"), ("cancelled", "video.failed")],
)
def test_a_webhook_is_signed_as_openais_client_verifies(desk, hooks, heard, how: str, kind: str):
    job = ended(desk, how)
    heard.statuses = [200]
    assert hooks.deliver() == 1
    ((path, headers, body),) = heard.got
    assert path == "/done?x=1"
    assert headers["Host"] == "hooks.example"
    said = json.loads(body)
    assert (said["type"], said["data"]) == (kind, {"id": job})
    with OpenAI(api_key="unused", webhook_secret=desk.keys.secret("ann")) as client:
        client.webhooks.verify_signature(body, headers)
        with pytest.raises(ValueError, match="signature"):
            client.webhooks.verify_signature(body + b" ", headers)
    assert desk.keys.secret("ann") != desk.keys.secret("bob")
    assert hooks.deliver() == 0


def test_what_does_not_arrive_is_tried_again_and_given_up_in_the_end(desk, hooks, heard):
    ended(desk, "completed")
    heard.statuses = [302, 500, *([404] * len(AGAIN))]
    assert hooks.deliver() == 0
    assert hooks.deliver() == 0, "not before its time"
    for wait in AGAIN:
        hooks.clock += wait
        hooks.deliver()
    assert len(heard.got) == 1 + len(AGAIN)
    assert len({headers["webhook-id"] for _, headers, _ in heard.got}) == 1
    hooks.clock += 1e6
    hooks.deliver()
    assert len(heard.got) == 1 + len(AGAIN)


def test_one_that_did_not_arrive_at_first_does_later(desk, hooks, heard):
    ended(desk, "failed")
    heard.statuses = [503, 204]
    hooks.deliver()
    hooks.clock += AGAIN[0]
    assert hooks.deliver() == 1


def test_a_host_taken_out_of_the_settings_hears_nothing_and_stops_nobody(desk, hooks, heard):
    ended(desk, "completed")
    hooks.hosts = ()
    assert hooks.deliver() == 0
    assert heard.got == []


def drip(other: socket.socket) -> None:
    """An answer that never ends, a letter now and then."""
    with other, suppress(OSError):
        other.send(b"HTTP/1.1 200 OK\r\nX-Name: ")
        while other.send(b"a"):
            time.sleep(0.05)


def test_a_host_that_drips_is_given_up_and_keeps_nobody_waiting(
    desk: Desk, hooks, heard, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("mutoscope.service.webhooks.TIMEOUT", 3.0)
    dial, threads = hooks._dial, []

    def dialled_(host: str, port: int) -> socket.socket:
        if host != "slow.example":
            return dial(host, port)
        ours, theirs = socket.socketpair()
        threads.append(threading.Thread(target=drip, args=(theirs,)))
        threads[-1].start()
        return ours

    hooks._dial, hooks.hosts = dialled_, {"hooks.example", "slow.example"}
    for url in ("https://slow.example/a", "https://slow.example/b", URL):
        ended(desk, "completed", url)
    heard.statuses = [204]
    assert hooks.deliver() == 1
    assert len(heard.got) == 1
    with desk.database.reading() as connection:
        tried = connection.execute(sa.select(deliveries.c.tries)).scalars().all()
    assert sorted(tried) == [0, 1], "the second of that host waits for the next round"
    (thread,) = threads
    thread.join(30)
    assert not thread.is_alive(), "its connection was cut"


def test_a_service_tells_by_itself_and_goes_on_whatever_a_row_brings_about(
    tmp_path, heard, monkeypatch: pytest.MonkeyPatch
):
    desk = Desk(Settings(home=tmp_path, warm=(), workers=0, webhooks=("hooks.example",)))
    desk.webhooks._dial = lambda host, port: socket.create_connection(heard.server_address)
    heard.statuses = [204, 204]
    real, broken = desk.webhooks.deliver, threading.Event()

    def deliver() -> int:
        if not broken.is_set():
            broken.set()
            raise KeyError("odd")
        return real()

    monkeypatch.setattr(desk.webhooks, "deliver", deliver)
    desk.start()
    try:
        assert broken.wait(30)
        for _ in range(2):
            extras = Extras(webhook=URL)
            desk.cancel(desk.submit(desk.request(QUICK), extras=extras).id)
        end = time.monotonic() + 60
        while len(heard.got) < 2 and time.monotonic() < end:
            time.sleep(0.05)
    finally:
        desk.stop()
    assert {json.loads(body)["type"] for _, _, body in heard.got} == {"video.failed"}
    assert len(heard.got) == 2


def test_a_clock_that_was_set_back_delays_nothing(desk, hooks, heard):
    ended(desk, "completed")
    hooks.clock -= 86400.0 + 1e4
    heard.statuses = [204]
    assert hooks.deliver() == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example/", "https://other.example/", "https://hooks.example@evil.example/",
        "https://evil.example#hooks.example", "https://hooks.example:99999/", "https:///x",
        "https://user@hooks.example/", "file:///etc/passwd", "https://[::1", "x" * 3000, "a\nb", "",
    ],
)  # fmt: skip
def test_only_hosts_that_are_allowed_are_told(hooks, url: str):
    with pytest.raises(RequestError, match="webhook"):
        hooks.check(url)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "192.168.0.1", "169.254.169.254", "0.0.0.0", "100.64.0.1",
        "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fc00::1", "ff02::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1",
        "2001:0:0:0:0:0:80ff:fffe", "localhost", "",
    ],
)  # fmt: skip
def test_an_address_that_is_not_public_is_never_told(address: str):
    assert not public(address)


def test_a_name_that_leads_to_this_machine_is_not_connected_to():
    with pytest.raises(OSError, match="not public"):
        dialled("localhost", 1)
    assert public("93.184.215.14")
    assert public("2606:2800:21f:cb07:6820:80da:af6b:8b2c")
