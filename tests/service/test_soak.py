"""The long ones, by `make soak`: kill -9 at random, fifty clients, bad disks, and PostgreSQL.

MUTOSCOPE_KILLS=50     how often something is killed
MUTOSCOPE_POSTGRES     the folder of PostgreSQL's programs, else the newest of Debian's
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
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import httpx2
import pytest
from einops import rearrange

from mutoscope import media
from mutoscope.clip import Clip
from mutoscope.request import Request
from tests.clips import psnr
from tests.service.served import QUICK, Server, ask, until

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("MUTOSCOPE_KILLS", "50"))
SEEDS = 4
STEPS, PAUSE = 8, 0.05
LIKE = 25.0
"""Decibels that each frame of an mp4 has beside the frame that was made."""


def programs() -> Path | None:
    """Where PostgreSQL's programs are: as told, else the newest version of Debian's."""
    if "MUTOSCOPE_POSTGRES" in os.environ:
        return Path(os.environ["MUTOSCOPE_POSTGRES"])
    found = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    versions = {tuple(map(int, path.parts[-3].split("."))): path.parent for path in found}
    return versions[max(versions)] if versions else None


def told(what: str, found: dict) -> None:
    """Keep what was found, for docs/service.md."""
    line = json.dumps({"what": what, **found})
    sys.stdout.write(f"{line}\n")
    if "MUTOSCOPE_FAULTS" in os.environ:
        with Path(os.environ["MUTOSCOPE_FAULTS"]).open("a") as file:
            file.write(f"{line}\n")


@cache
def made(seed: int, steps: int) -> Clip:
    """What a job of this seed must show."""
    import mutoscope_tiny

    asked = {"system": "tiny", "prompt": "a red ball", "seed": seed, "steps": steps}
    system = mutoscope_tiny.load()
    request = system.accepts().complete(asked)
    assert isinstance(request, Request)
    return system.make(request)


def frame(clip: Clip, index: int) -> Clip:
    """One frame of a clip."""
    return Clip(frames=clip.frames[:, :, index : index + 1], fps=clip.fps)


def cut(sheet: Clip, like: Clip) -> Clip:
    """The frames that a sheet lays out in reading order, the black ones after the last left out."""
    count, height, width = like.frames.shape[2:]
    tiles = rearrange(
        sheet.frames, "1 c 1 (rows H) (columns W) -> 1 c (rows columns) H W", H=height, W=width
    )
    return Clip(frames=tiles[:, :, :count], fps=like.fps)


def whole(client: httpx2.Client, folder: Path, job: dict) -> None:
    """The files of a completed job carry the record, and show what its seed gives, each frame."""
    must = made(job["request"]["seed"], job["request"]["steps"])
    assert job["frames_sha256"] == must.frames_sha256()
    shown: dict[str, Clip] = {}
    for variant, suffix in (("video", ".mp4"), ("thumbnail", ".webp"), ("spritesheet", ".png")):
        answer = client.get(f"/v1/jobs/{job['id']}/content", params={"variant": variant})
        assert answer.status_code == 200
        path = folder / f"file{suffix}"
        path.write_bytes(answer.content)
        shown[variant] = media.read(path)
        record = media.read_record(path)
        assert record["seed"] == job["request"]["seed"]
        held = frame(must, 0) if variant == "thumbnail" else must
        assert record["frames_sha256"] == held.frames_sha256()
    assert cut(shown["spritesheet"], must).frames_sha256() == must.frames_sha256()
    assert shown["thumbnail"].frames_sha256() == frame(must, 0).frames_sha256()
    video = shown["video"]
    assert video.frames.shape == must.frames.shape
    assert video.fps == pytest.approx(must.fps)
    likeness = [
        psnr(frame(video, index), frame(must, index)) for index in range(must.frames.shape[2])
    ]
    assert min(likeness) > LIKE, likeness


def every(client: httpx2.Client) -> list[dict]:
    """All jobs there are, page by page."""
    found: list[dict] = []
    while True:
        after = {"after": found[-1]["id"]} if found else {}
        page = client.get("/v1/jobs", params={"limit": 100, "order": "asc", **after}).json()
        found += page["data"]
        if not page["has_more"]:
            return found


def folders(server: Server) -> Counter[str]:
    """How many folders of results each job has, half-written ones too."""
    return Counter(
        path.name.removeprefix(".").rpartition("-")[0]
        for path in (server.home / "results").iterdir()
        if not path.name.startswith(".check-")
    )


class Crowd(threading.Thread):
    """A client that goes on asking, cancelling now and then, whatever happens to the server.

    Each job is asked for, with the same key, until there is an answer.
    """

    def __init__(self, server: Server, seed: int) -> None:
        super().__init__(daemon=True)
        self.server, self.dice, self.accepted = server, random.Random(seed), []
        self.cancelled, self.over = set(), threading.Event()
        self.asked = 0

    def run(self) -> None:
        while not self.over.wait(self.dice.uniform(0.1, 0.6)):
            try:
                self.once()
            except httpx2.HTTPError:
                continue

    def once(self) -> None:
        asked = {"seed": self.dice.randrange(SEEDS), "steps": STEPS, "settings": {"pause": PAUSE}}
        body, key = {"request": {**QUICK, **asked}}, f"k{self.dice.random()}"
        job = self.sure(body, key)
        self.accepted.append(job)
        if self.dice.random() < 0.2:
            time.sleep(self.dice.uniform(0, 0.5))
            self.cancelled.add(job)
            with self.server.client() as client:
                client.post(f"/v1/jobs/{job}/cancel")
        if self.dice.random() < 0.2:
            assert self.sure(body, key) == job

    def sure(self, body: dict, key: str) -> str:
        """The id of a job, asked for until there is an answer."""
        while True:
            self.asked += 1
            with suppress(httpx2.HTTPError), self.server.client() as client:
                answer = client.post("/v1/jobs", json=body, headers={"Idempotency-Key": key})
                if answer.status_code == 201:
                    return answer.json()["id"]
                assert answer.status_code in (429, 503), answer.text
            time.sleep(0.1)


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
    crowd, completed = Crowd(server, 1), []
    with server:
        crowd.start()
        done = killed(server, random.Random(2), kills)
        crowd.over.set()
        crowd.join(300)
        assert not crowd.is_alive()
        ends: Counter[str] = Counter()
        with server.client() as client:
            known = [job["id"] for job in every(client)]
            assert sorted(known) == sorted(crowd.accepted), "none lost, none doubled"
            for job in crowd.accepted:
                found = until(client, job, within=300)
                ends[found["state"]] += 1
                assert found["state"] in ("completed", "cancelled"), found
                assert found["state"] == "completed" or job in crowd.cancelled
                if found["state"] == "completed":
                    whole(client, folder, found)
                    completed.append(job)
        assert server.stop() == 0
        server.start()  # which removes what workers that were killed left behind
        assert server.stop() == 0
    assert folders(server) == Counter(completed), "a folder a completed job"
    accepted = {"accepted": len(crowd.accepted), "asked": crowd.asked}
    return {"killed": dict(done), **accepted, "ended": dict(ends)}


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
    place = programs()
    if place is None:
        pytest.skip("PostgreSQL isn't installed; on Debian or Ubuntu: apt install postgresql")
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
        str(place / "initdb"),
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
    control = [*as_other, str(place / "pg_ctl"), "-D", data, "-w"]
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


def test_the_contract_holds_in_long_histories():
    from hypothesis import settings
    from hypothesis.stateful import run_state_machine_as_test

    from tests.service import test_store

    long = settings(
        test_store.Contract.TestCase.settings, max_examples=1000, stateful_step_count=60
    )
    run_state_machine_as_test(test_store.Contract, settings=long)


def sure(client: httpx2.Client, dice: random.Random, **request: object) -> str:
    """The id of a new job; now and then the first answer is lost, or it is asked for twice."""
    said = {
        "json": {"request": {**QUICK, **request}},
        "headers": {"Idempotency-Key": uuid.uuid4().hex},
    }
    if dice.random() < 0.3:
        with suppress(httpx2.TimeoutException):
            hurry = httpx2.Timeout(300, read=dice.choice([0.001, 0.005, 0.02, 0.1]))
            client.post("/v1/jobs", **said, timeout=hurry)
    answers = [client.post("/v1/jobs", **said) for _ in range(2 if dice.random() < 0.3 else 1)]
    assert {answer.status_code for answer in answers} == {201}, answers[0].text
    (job,) = {answer.json()["id"] for answer in answers}
    return job


def one(client: httpx2.Client, dice: random.Random, folder: Path) -> tuple[str, str]:
    """One job from a client's point of view: its id and what became of it."""
    job = sure(client, dice, seed=dice.randrange(SEEDS))
    what = dice.choice(["wait", "wait", "cancel", "delete"])
    if what == "wait":
        found = until(client, job, within=400)
        assert found["state"] == "completed", found
        if dice.random() < 0.3:
            whole(client, folder, found)
        assert client.get(f"/v1/jobs/{job}/content").status_code == 200
        return job, "completed"
    if what == "cancel":
        status = client.post(f"/v1/jobs/{job}/cancel").status_code
        found = until(client, job, within=400)
        assert (status, found["state"]) in ((200, "cancelled"), (409, "completed")), found
        return job, found["state"]
    assert client.delete(f"/v1/jobs/{job}").status_code == 200
    assert client.get(f"/v1/jobs/{job}").status_code == 404
    return job, "deleted"


def mixed(server: Server, folder: Path, clients: int, rounds: int) -> dict:
    """So many clients at once, each making, cancelling, deleting and downloading in turn.

    Afterwards the service has the jobs that they were told of and no other, each in the state they
    saw it end in, and a folder for each completed one.
    """
    fates: list[tuple[str, str]] = []
    wrong: list[str] = []
    with server.client() as client:
        before = {job["id"] for job in every(client)}

    def client_of(number: int) -> None:
        dice = random.Random(number)
        own = folder / f"client{number}"
        own.mkdir()
        with server.client() as client:
            for _ in range(rounds):
                try:
                    fates.append(one(client, dice, own))
                except Exception as error:
                    wrong.append(repr(error))

    threads = [threading.Thread(target=client_of, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, wrong[:3]
    assert len(dict(fates)) == clients * rounds, "each job is told of once"
    with server.client() as client:
        found = [job for job in every(client) if job["id"] not in before]
    left = {job: end for job, end in fates if end != "deleted"}
    assert len(found) == len(left)
    assert {job["id"]: job["state"] for job in found} == left
    check_folders(server, dict(fates))
    return dict(Counter(end for _, end in fates))


def check_folders(server: Server, fates: dict[str, str], *, within: float = 60.0) -> None:
    """One folder for each completed job and none for the others, once the service has tidied up."""
    wanted = {job: 1 for job, end in fates.items() if end == "completed"}
    stop = time.monotonic() + within
    while time.monotonic() < stop:
        found = {job: count for job, count in folders(server).items() if job in fates}
        if found == wanted:
            return
        time.sleep(0.2)
    raise AssertionError(f"folders that are too many or missing: {found.items() ^ wanted.items()}")


def test_fifty_clients_at_once_lose_and_double_nothing(tmp_path: Path):
    with Server(tmp_path / "home", "--workers", "2", queue=1000, local_rate=10**6) as server:
        told("50 clients", mixed(server, tmp_path, 50, 6))


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
