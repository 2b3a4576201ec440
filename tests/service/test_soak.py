"""The long ones, by `make soak`: kill -9 at random, fifty clients, bad disks, and PostgreSQL.

MUTOSCOPE_KILLS=50     how often something is killed
MUTOSCOPE_POSTGRES     the folder of PostgreSQL's programs; found by itself on Debian
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from mutoscope import media
from mutoscope.request import Request
from tests.service.served import QUICK, Server, ask, until

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("MUTOSCOPE_KILLS", "50"))
SEEDS = 4
STEPS, PAUSE = 8, 0.05
PROGRAMS = Path(os.environ.get("MUTOSCOPE_POSTGRES", "/usr/lib/postgresql/15/bin"))


def told(what: str, found: dict) -> None:
    """Keep what was found, for docs/service.md."""
    line = json.dumps({"what": what, **found})
    sys.stdout.write(f"{line}\n")
    if "MUTOSCOPE_FAULTS" in os.environ:
        with Path(os.environ["MUTOSCOPE_FAULTS"]).open("a") as file:
            file.write(f"{line}\n")


def expected(seed: int) -> str:
    """What a job of this seed must show."""
    import mutoscope_tiny

    asked = {"system": "tiny", "prompt": "a red ball", "seed": seed, "steps": STEPS}
    system = mutoscope_tiny.load()
    request = system.accepts().complete(asked)
    assert isinstance(request, Request)
    return system.make(request).frames_sha256()


def whole(client: httpx2.Client, folder: Path, job: dict) -> None:
    """The files of a completed job are there, carry the record, and show what they must."""
    for variant, suffix in (("video", ".mp4"), ("thumbnail", ".webp"), ("spritesheet", ".png")):
        answer = client.get(f"/v1/jobs/{job['id']}/content", params={"variant": variant})
        assert answer.status_code == 200
        path = folder / f"file{suffix}"
        path.write_bytes(answer.content)
        media.read(path)
        record = media.read_record(path)
        assert record["seed"] == job["request"]["seed"]
        if variant != "thumbnail":
            assert record["frames_sha256"] == job["frames_sha256"]
    assert job["frames_sha256"] == expected(job["request"]["seed"])


class Crowd(threading.Thread):
    """A client that goes on asking, cancelling now and then, whatever happens to the server."""

    def __init__(self, server: Server, seed: int) -> None:
        super().__init__(daemon=True)
        self.server, self.dice, self.accepted = server, random.Random(seed), []
        self.cancelled, self.over = set(), threading.Event()

    def run(self) -> None:
        while not self.over.wait(self.dice.uniform(0.1, 0.6)):
            try:
                self.once()
            except (httpx2.HTTPError, KeyError):
                continue

    def once(self) -> None:
        with self.server.client() as client:
            asked = {"seed": self.dice.randrange(SEEDS), "steps": STEPS}
            request = {"system": "tiny", "prompt": "a red ball", **asked}
            key = f"k{self.dice.random()}"
            body = {"request": {**request, "settings": {"pause": PAUSE}}}
            answer = client.post("/v1/jobs", json=body, headers={"Idempotency-Key": key})
            if answer.status_code != 201:
                return
            job = answer.json()["id"]
            self.accepted.append(job)
            if self.dice.random() < 0.2:
                time.sleep(self.dice.uniform(0, 0.5))
                self.cancelled.add(job)
                client.post(f"/v1/jobs/{job}/cancel")


def killed(server: Server, dice: random.Random, count: int) -> Counter[str]:
    """Kill so often, mostly while a job runs; what was hit."""
    done: Counter[str] = Counter()
    while sum(done.values()) < count:
        with server.client() as client:
            end = time.monotonic() + 30
            while time.monotonic() < end:
                found = client.get("/v1/jobs", params={"state": "running", "limit": 1}).json()
                if found["data"] or dice.random() < 0.01:
                    break
                time.sleep(0.05)
        time.sleep(dice.uniform(0, 0.6))
        if dice.random() < 0.2:
            server.stop(signal.SIGKILL)
            server.start()
            done["server"] += 1
            continue
        workers = server.workers()
        if workers:
            os.kill(dice.choice(workers), signal.SIGKILL)
            done["worker"] += 1
    return done


def survived(server: Server, folder: Path, kills: int) -> dict:
    """Kill, then look at every job that was accepted."""
    crowd = Crowd(server, 1)
    with server:
        crowd.start()
        done = killed(server, random.Random(2), kills)
        crowd.over.set()
        crowd.join()
        ends: Counter[str] = Counter()
        with server.client() as client:
            for job in crowd.accepted:
                found = until(client, job, within=300)
                ends[found["state"]] += 1
                assert found["state"] in ("completed", "cancelled"), found
                assert found["state"] == "completed" or job in crowd.cancelled
                if found["state"] == "completed":
                    whole(client, folder, found)
        assert server.stop() == 0
    folders = {path.name.rpartition("-")[0] for path in (server.home / "results").iterdir()}
    assert folders <= set(crowd.accepted)
    return {"killed": dict(done), "accepted": len(crowd.accepted), "ended": dict(ends)}


def test_nothing_is_lost_however_often_something_is_killed(tmp_path: Path):
    server = Server(tmp_path / "home", "--workers", "2", attempts=1000, queue=500)
    found = survived(server, tmp_path, KILLS)
    told("kill -9, SQLite", found)
    assert found["ended"]["completed"] > 0


def test_a_worker_that_hangs_is_replaced(tmp_path: Path):
    with Server(tmp_path / "home", stall=30) as server, server.client() as client:
        job = ask(client, steps=STEPS, settings={"pause": 0.5})
        until(client, job, "running")
        (worker,) = server.workers()
        os.kill(worker, signal.SIGSTOP)
        found = until(client, job, "completed", within=300)
        assert found["attempt"] == 2
        assert worker not in server.workers()
        whole(client, tmp_path, found)


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[str]:
    """A PostgreSQL of our own on a socket in a folder; its programs don't run as root."""
    if not (PROGRAMS / "initdb").exists():
        pytest.skip("PostgreSQL isn't installed; on Debian: apt install postgresql")
    folder = tmp_path / "postgres"
    folder.mkdir()
    root = os.geteuid() == 0
    as_other = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if root else []
    if root:
        for path in (tmp_path, *tmp_path.parents):
            if path.stat().st_mode & 0o005 != 0o005 and str(path).startswith("/tmp/"):
                path.chmod(path.stat().st_mode | 0o055)
        shutil.chown(folder, "postgres")
    data = str(folder / "data")
    run = [
        *as_other,
        str(PROGRAMS / "initdb"),
        "-D",
        data,
        "-A",
        "trust",
        "-U",
        "muto",
        "--no-sync",
    ]
    subprocess.run(run, check=True, capture_output=True)
    options = f"-k {folder} -h '' -c fsync=off"
    control = [*as_other, str(PROGRAMS / "pg_ctl"), "-D", data, "-w"]
    start = [*control, "-o", options, "-l", str(folder / "log"), "start"]
    subprocess.run(start, check=True, stdout=subprocess.DEVNULL)
    try:
        yield f"postgresql://muto@/postgres?host={folder}"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=True, capture_output=True)


def test_the_same_on_postgresql(tmp_path: Path, postgres: str):
    home = tmp_path / "home"
    server = Server(home, "--workers", "2", attempts=1000, queue=500, database=postgres)
    told("kill -9, PostgreSQL", survived(server, tmp_path, max(4, KILLS // 5)))


def test_the_contract_holds_on_postgresql(postgres: str, monkeypatch: pytest.MonkeyPatch):
    from hypothesis.stateful import run_state_machine_as_test

    from mutoscope.service.store import Store
    from mutoscope.service.tables import Database, tables
    from tests.service import test_store

    def fresh(_path: Path, **given: object) -> Store:
        database = Database(postgres)
        tables.drop_all(database.engine)
        database.create()
        return Store(database, **given)

    monkeypatch.setattr(test_store, "opened", fresh)
    run_state_machine_as_test(test_store.Contract, settings=test_store.Contract.TestCase.settings)


def one(client: httpx2.Client, dice: random.Random) -> str:
    """One job from a client's point of view; what became of it."""
    job = ask(client, seed=dice.randrange(SEEDS))
    what = dice.choice(["wait", "wait", "cancel", "delete"])
    if what == "wait":
        found = until(client, job, within=400)
        assert found["state"] == "completed", found
        assert client.get(f"/v1/jobs/{job}/content").status_code == 200
        return "completed"
    if what == "cancel":
        status = client.post(f"/v1/jobs/{job}/cancel").status_code
        found = until(client, job, within=400)
        assert (status, found["state"]) in ((200, "cancelled"), (409, "completed")), found
        return found["state"]
    assert client.delete(f"/v1/jobs/{job}").status_code == 200
    assert client.get(f"/v1/jobs/{job}").status_code == 404
    return "deleted"


def mixed(server: Server, clients: int, rounds: int) -> dict:
    """So many clients at once, each making, cancelling, deleting and downloading in turn."""
    ends: Counter[str] = Counter()
    wrong: list[str] = []
    with server.client() as client:
        before = {job["id"] for job in client.get("/v1/jobs?limit=100").json()["data"]}

    def client_of(number: int) -> None:
        dice = random.Random(number)
        with server.client() as client:
            for _ in range(rounds):
                try:
                    ends[one(client, dice)] += 1
                except AssertionError as error:
                    wrong.append(str(error))

    threads = [threading.Thread(target=client_of, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, wrong[:3]
    assert sum(ends.values()) == clients * rounds
    with server.client() as client:
        data = client.get("/v1/jobs", params={"limit": 100}).json()["data"]
    states = {job["state"] for job in data if job["id"] not in before}
    assert states <= {"completed", "cancelled"}
    return dict(ends)


def test_fifty_clients_at_once_lose_and_double_nothing(tmp_path: Path):
    with Server(tmp_path / "home", "--workers", "2", queue=1000, local_rate=10**6) as server:
        told("50 clients", mixed(server, 50, 6))


def fill(path: Path) -> None:
    """Write until the disk is full."""
    with path.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)


@pytest.mark.skipif(os.geteuid() != 0, reason="a small disk of its own needs root")
def test_a_full_disk_fails_jobs_in_a_sentence_and_is_got_over(tmp_path: Path):
    home = tmp_path / "home"
    home.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(home)], check=True)
    server = Server(home)
    server.log = tmp_path / "log"
    try:
        with server, server.client() as client:
            until(client, ask(client))
            ballast = home / "ballast"
            with pytest.raises(OSError, match="No space"):
                fill(ballast)
            answer = client.post("/v1/jobs", json={"request": {"system": "tiny", "prompt": "x"}})
            assert answer.status_code in (201, 503)
            assert client.get("/health").status_code == 200
            time.sleep(2)
            ballast.unlink()
            if answer.status_code == 201:
                found = until(client, answer.json()["id"])
                assert found["state"] == "completed" or found["error"]["code"] == "storage"
            assert until(client, ask(client))["state"] == "completed"
    finally:
        server.stop(signal.SIGKILL)
        subprocess.run(["umount", "-l", str(home)], check=False)


@contextmanager
def unwritable(folder: Path) -> Iterator[None]:
    """A folder on a disk that is read-only for as long as the `with` lasts."""
    subprocess.run(["mount", "--bind", str(folder), str(folder)], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True)
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="making a disk read-only needs root")
@pytest.mark.parametrize("which", ["results", ""])
def test_a_read_only_disk_fails_jobs_in_a_sentence_and_is_got_over(tmp_path: Path, which: str):
    server = Server(tmp_path / "home")
    server.log = tmp_path / "log"
    try:
        with server, server.client() as client:
            until(client, ask(client))
            accepted = [ask(client, steps=STEPS, settings={"pause": 0.3})]
            until(client, accepted[0], "running")
            with unwritable(server.home / which):
                unready = client.get("/ready")
                assert unready.status_code == 503
                assert str(server.home) not in unready.text
                assert client.get("/health").status_code == 200
                answer = client.post("/v1/jobs", json={"request": QUICK})
                assert answer.status_code in (201, 503)
                if answer.status_code == 201:
                    accepted.append(answer.json()["id"])
                time.sleep(4)
            for job in accepted:
                found = until(client, job)
                assert found["state"] == "completed" or found["error"]["code"] == "storage"
            assert client.get("/ready").status_code == 200
            assert until(client, ask(client))["state"] == "completed"
    finally:
        server.stop(signal.SIGKILL)
