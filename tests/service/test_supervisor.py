"""Who counts as hung: a worker that is silent and doesn't compute, or computes without an end."""

import subprocess

import pytest

from mutoscope import machine
from mutoscope.service.desk import Desk
from mutoscope.service.supervisor import Supervisor
from tests.service.served import QUICK, Server, ask, until

STALL, STEP = 120.0, 600.0


@pytest.mark.parametrize(
    ("computes", "least", "most"),
    [("nothing", STALL, STALL + 10), ("always", STEP + 0.7 * STALL, STEP + 1.2 * STALL)],
)
def test_a_silent_worker_is_replaced_when_it_computes_no_more(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, computes: str, least: float, most: float
):
    now = 1000.0
    monkeypatch.setattr("mutoscope.service.supervisor.monotonic", lambda: now)
    share = {"nothing": 0.0, "always": 0.02}[computes]  # a machine that is busy otherwise
    monkeypatch.setattr(machine, "computed", lambda _process: 5.0 + share * now)
    supervisor = Supervisor(desk.settings.but(stall=STALL, step_seconds=STEP), desk.store)
    (slot,) = supervisor.slots
    slot.name = "node:w"
    desk.submit(desk.request(QUICK))
    lease = desk.store.claim(slot.name)
    with subprocess.Popen(["sleep", "600"]) as process:
        slot.process = process
        try:
            while process.poll() is None:
                supervisor.listen()
                now += 5.0
        finally:
            process.kill()
    assert least < now - 1000.0 <= most
    supervisor.store.lost(slot.name, attempts=2)
    assert desk.get(lease.id).state == "queued"


def test_a_step_that_takes_long_now_and_then_is_no_matter(desk: Desk, monkeypatch):
    """Silent for nearly `stall` seconds again and again, computing nothing."""
    now = 1000.0
    monkeypatch.setattr("mutoscope.service.supervisor.monotonic", lambda: now)
    monkeypatch.setattr(machine, "computed", lambda _process: None)
    supervisor = Supervisor(desk.settings.but(stall=STALL), desk.store)
    desk.submit(desk.request(QUICK))
    lease = desk.store.claim("elsewhere:w")
    for step in range(1, 5):
        for _ in range(11):
            supervisor.listen()
            now += 10.0
        assert desk.store.beat(lease, step=step, steps=9)[0] == "running"
    for _ in range(14):
        supervisor.listen()
        now += 10.0
    assert desk.store.beat(lease)[0] is None, "taken away from a worker of another server"


@pytest.mark.slow
def test_a_worker_that_computes_longer_than_a_stall_is_left_alone(tmp_path):
    with Server(tmp_path / "home", stall=4, attempts=2) as server, server.client() as client:
        found = until(client, ask(client, settings={"spin": 15.0}))
        assert (found["state"], found["attempt"]) == ("completed", 1)
        hung = until(client, ask(client, settings={"pause": 600.0}))
        assert (hung["state"], hung["error"]["code"]) == ("failed", "worker_lost")
