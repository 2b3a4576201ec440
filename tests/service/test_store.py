"""The job contract: a model of it beside the store, driven by hypothesis, and its corners."""

import json
import shutil
import sqlite3
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from mutoscope.errors import RequestError
from mutoscope.request import Request
from mutoscope.service.assets import Assets
from mutoscope.service.jobs import BusyError, ConflictError, File, NotFoundError, Order, steady
from mutoscope.service.settings import Settings
from mutoscope.service.store import Store
from mutoscope.service.tables import Database

ROOM = 4
ATTEMPTS = 2
FILES = {"video": File(name="video.mp4", type="video/mp4", bytes=1)}


def opened(path: Path, **given: object) -> Store:
    database = Database(f"sqlite:///{path / 'service.sqlite'}")
    database.create()
    return Store(database, **given)


def order(prompt: str = "a", **given: object) -> Order:
    return Order(**{"owner": "ann", "request": Request(prompt=prompt, steps=3), **given})


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return opened(tmp_path)


class Contract(RuleBasedStateMachine):
    """What clients, workers and the supervisor may do in any order, and what must come of it."""

    jobs = Bundle("jobs")
    leases = Bundle("leases")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.clock = 1000.0
        self.store = opened(self.folder, keep=50, now=lambda: self.clock)
        self.state: dict[str, str] = {}
        self.turn: dict[str, tuple[int, int]] = {}
        self.lost: dict[str, int] = {}
        self.holder: dict[str, object] = {}
        self.keys: dict[str, str] = {}
        self.ended_at: dict[str, float] = {}
        self.workers = 0

    def waiting(self) -> list[str]:
        found = [job for job, state in self.state.items() if state == "queued"]
        return sorted(found, key=self.turn.__getitem__)

    def end(self, job: str, state: str) -> None:
        self.state[job] = state
        self.ended_at[job] = self.clock
        self.holder.pop(job, None)

    @rule(target=jobs, priority=st.integers(0, 2), key=st.sampled_from([None, "k1", "k2"]))
    def create(self, priority: int, key: str | None) -> str:
        asked = order(priority=priority, key=key, fingerprint=str(priority))
        if key in self.keys:
            job, before = self.keys[key]
            if before != priority or job not in self.state:
                with pytest.raises(ConflictError):
                    self.store.create(asked, queue=ROOM)
                return job
            assert self.store.create(asked, queue=ROOM).id == job
            return job
        if len(self.waiting()) >= ROOM:
            with pytest.raises(BusyError):
                self.store.create(asked, queue=ROOM)
            return "job_0"
        job = self.store.create(asked, queue=ROOM).id
        self.state[job] = "queued"
        self.turn[job] = (-priority, len(self.turn))
        self.lost[job] = 0
        if key is not None:
            self.keys[key] = (job, priority)
        return job

    @rule(target=leases)
    def claim(self) -> object:
        self.workers += 1
        lease = self.store.claim(f"node:{self.workers}")
        waiting = self.waiting()
        assert (lease.id if lease else None) == (waiting[0] if waiting else None)
        if lease:
            self.state[lease.id] = "running"
            self.holder[lease.id] = lease
        return lease

    @rule(lease=leases, step=st.integers(1, 2))
    def beat(self, lease: object, step: int) -> None:
        if lease is None:
            return
        mine = self.holder.get(lease.id) == lease
        state = self.store.beat(lease, step=step, steps=3).state
        held = mine and lease.id in self.state and self.state[lease.id] in ("running", "cancelling")
        if held:
            assert state == self.state[lease.id]
        elif lease.id in self.state:
            assert state is None

    @rule(lease=consumes(leases), how=st.sampled_from(["complete", "fail", "release"]))
    def leave(self, lease: object, how: str) -> None:
        if lease is None:
            return
        if how == "complete":
            done = self.store.complete(lease, folder=lease.id, files=FILES, sha256="0")
        elif how == "fail":
            done = self.store.fail(lease, "internal", "it broke")
        else:
            self.store.release(lease)
        if self.holder.get(lease.id) != lease or lease.id not in self.state:
            return
        was = self.state[lease.id]
        if how == "release":
            if was == "cancelling":
                self.end(lease.id, "cancelled")
            else:
                self.state[lease.id] = "queued"
                self.holder.pop(lease.id)
            return
        assert done == (was == "running")
        to = {"complete": "completed", "fail": "failed"}[how]
        self.end(lease.id, to if done else "cancelled")

    @rule(lease=leases, blamed=st.booleans())
    def lose(self, lease: object, *, blamed: bool) -> None:
        if lease is None:
            return
        self.store.lost(lease.worker, attempts=ATTEMPTS if blamed else None)
        if self.holder.get(lease.id) != lease or lease.id not in self.state:
            return
        self.lost[lease.id] += blamed
        if self.state[lease.id] == "cancelling":
            self.end(lease.id, "cancelled")
        elif blamed and self.lost[lease.id] >= ATTEMPTS:
            self.end(lease.id, "failed")
        else:
            self.state[lease.id] = "queued"
            self.holder.pop(lease.id)

    @rule(job=jobs)
    def cancel(self, job: str) -> None:
        state = self.state.get(job)
        if state is None:
            with pytest.raises(NotFoundError):
                self.store.cancel(job)
        elif state in ("completed", "failed", "cancelled"):
            with pytest.raises(ConflictError):
                self.store.cancel(job)
        elif state == "queued":
            assert self.store.cancel(job).state == "cancelled"
            self.end(job, "cancelled")
        else:
            assert self.store.cancel(job).state == "cancelling"
            self.state[job] = "cancelling"

    @rule(job=jobs)
    def delete(self, job: str) -> None:
        if job not in self.state:
            with pytest.raises(NotFoundError):
                self.store.delete(job)
            return
        self.store.delete(job)
        del self.state[job]
        with pytest.raises(NotFoundError):
            self.store.get(job)

    @rule(seconds=st.sampled_from([-500.0, -1.0, 1.0, 30.0]))
    def jump(self, seconds: float) -> None:
        self.clock += seconds

    @rule()
    def expire(self) -> None:
        self.store.expire()
        listed = {job.id for job in self.store.listed(limit=100)[0]}
        for job in set(self.state) - listed:
            assert self.state[job] in ("completed", "failed", "cancelled"), "only what has ended"
            assert self.clock >= self.ended_at[job] + 50
            del self.state[job]
        self.store.erase(self.store.forgotten())

    @invariant()
    def the_store_is_as_the_model(self) -> None:
        found, more = self.store.listed(limit=100, newest_first=False)
        assert not more
        assert {job.id: job.state for job in found} == self.state
        assert [job.id for job in found] == sorted(self.state)
        places = {job.id: job.position for job in found if job.position}
        assert places == {job: place for place, job in enumerate(self.waiting(), 1)}
        for job in found:
            assert (job.progress == 100) == (job.state == "completed")
            assert bool(job.files) == (job.state == "completed")
            assert (job.error is not None) == (job.state in ("failed", "cancelled"))
            if job.ended:
                assert job.ended_at >= job.created_at

    def teardown(self) -> None:
        self.store.database.close()
        shutil.rmtree(self.folder)


Contract.TestCase.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
TestContract = Contract.TestCase


def test_a_page_ends_where_the_next_begins_also_after_deletions(store: Store):
    made = [store.create(order(), queue=10).id for _ in range(5)]
    first, more = store.listed(limit=2)
    assert ([job.id for job in first], more) == (made[:2:-1], True)
    store.delete(first[-1].id)
    rest, more = store.listed(limit=5, after=first[-1].id)
    assert ([job.id for job in rest], more) == (made[2::-1], False)
    with pytest.raises(RequestError, match="'after' must be the id"):
        store.listed(after="nonsense")


def test_owners_do_not_see_each_other(store: Store):
    job = store.create(order(), queue=9).id
    for ask in (store.get, store.cancel, store.delete):
        with pytest.raises(NotFoundError):
            ask(job, owner="bob")
    assert store.listed(owner="bob") == ([], False)
    assert store.get(job, owner="ann").id == job


def test_an_owner_may_have_so_many_unfinished_jobs(store: Store):
    store.create(order(), queue=9, active=1)
    with pytest.raises(BusyError, match="1 unfinished") as caught:
        store.create(order(), queue=9, active=1)
    assert caught.value.wait >= 1
    store.create(order(owner="bob"), queue=9, active=1)


def test_a_deleted_running_job_is_stopped_and_its_files_are_no_ones(store: Store):
    store.create(order(), queue=9)
    lease = store.claim("w")
    store.delete(lease.id)
    assert store.beat(lease)[0] == "cancelling"
    assert not store.complete(lease, folder="f", files=FILES, sha256="0")
    assert store.forgotten() == [lease.id]
    assert store.folders() == set()
    store.erase([lease.id])
    assert store.forgotten() == []


def test_many_writers_take_turns_and_none_is_lost(tmp_path: Path):
    stores = [opened(tmp_path) for _ in range(4)]
    taken: list[str] = []

    def work(mine: Store) -> None:
        for _ in range(10):
            mine.create(order(), queue=1000)
            lease = mine.claim(f"node:{id(mine)}")
            taken.append(lease.id)
            assert mine.complete(lease, folder=lease.id, files=FILES, sha256="0")

    threads = [threading.Thread(target=work, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == len(set(taken)) == 40
    assert stores[0].counts() == {"completed": 40}


def test_time_goes_on_evenly_however_the_clock_is_set(monkeypatch: pytest.MonkeyPatch):
    now = steady()
    before = now()
    for wrong in (0.0, 1e12):
        monkeypatch.setattr("time.time", lambda wrong=wrong: wrong)
        assert 0 <= now() - before < 60


def test_states_wait_for_the_disk_and_progress_does_not(store: Store, monkeypatch):
    for opened_, synced in ((store.database.writing, 2), (store.database.noting, 1)):
        with opened_() as connection:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == synced
    job = store.create(order(), queue=9).id
    with monkeypatch.context() as only:
        only.setattr(store.database, "noting", pytest.fail)
        lease = store.claim("w")
    with monkeypatch.context() as only:
        only.setattr(store.database, "writing", pytest.fail)
        store.watch(job)
        assert store.beat(lease, step=1, steps=3) == ("running", True, False)
        store.previewed(lease, 1)
        store.alive("w")
    found = store.get(job)
    assert (found.step, found.preview) == (1, 1)
    assert store.beats() == {job: ("w", 3)}
    with monkeypatch.context() as only:
        only.setattr(store.database, "noting", pytest.fail)
        store.cancel(job)
        assert not store.complete(lease, folder="f", files=FILES, sha256="0")
        store.delete(job)


OLD = """
CREATE TABLE mutoscope_meta (version INTEGER NOT NULL);
INSERT INTO mutoscope_meta VALUES (1);
CREATE TABLE mutoscope_jobs (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
  owner TEXT NOT NULL, state TEXT NOT NULL, priority INTEGER NOT NULL, system TEXT NOT NULL,
  request TEXT NOT NULL, source TEXT, webhook TEXT, created_at FLOAT NOT NULL, started_at FLOAT,
  ended_at FLOAT, expires_at FLOAT, attempt INTEGER NOT NULL, lost INTEGER NOT NULL, worker TEXT,
  beat INTEGER NOT NULL, step INTEGER NOT NULL, steps INTEGER NOT NULL, eta FLOAT,
  watched FLOAT NOT NULL, preview INTEGER NOT NULL, error_code TEXT, error TEXT, folder TEXT,
  files TEXT, sha256 TEXT, deleted BOOLEAN NOT NULL);
CREATE TABLE mutoscope_assets (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
  owner TEXT NOT NULL, file TEXT NOT NULL, sha256 TEXT NOT NULL, width INTEGER NOT NULL,
  height INTEGER NOT NULL, frames INTEGER NOT NULL, fps FLOAT NOT NULL, bytes INTEGER NOT NULL,
  created_at FLOAT NOT NULL);
INSERT INTO mutoscope_assets VALUES (1, 'asset_1', 'ann', 'a.png', '0', 1, 1, 1, 1.0, 9, 5.0);
"""
"""What version 1 wrote."""


def test_a_store_of_version_1_is_taken_over(tmp_path: Path):
    with sqlite3.connect(tmp_path / "service.sqlite") as before:
        before.executescript(OLD)
        asked = json.dumps(Request(prompt="a").to_json())
        before.execute(
            "INSERT INTO mutoscope_jobs (id, owner, state, priority, system, request, created_at,"
            " attempt, lost, beat, step, steps, watched, preview, deleted)"
            " VALUES ('job_1', 'ann', 'queued', 0, 'tiny', ?, 1, 0, 0, 0, 0, 3, 0, 0, 0)",
            (asked,),
        )
    before.close()
    for _ in range(2):
        store = opened(tmp_path)
    assert store.claim("w").id == "job_1"
    home = Settings(home=tmp_path, keep=10)
    assets = Assets(store.database, home, now=lambda: 14.0)
    home.make()
    assert [asset.id for asset in assets.listed(owner="ann")] == ["asset_1"]
    assert assets.expire() == 0
    assets.now = lambda: 15.0
    assert assets.expire() == 1


def test_a_store_of_version_2_is_taken_over(tmp_path: Path):
    job = opened(tmp_path).create(order(), queue=9).id
    with sqlite3.connect(tmp_path / "service.sqlite") as before:
        for column in ("task", "keeping"):  # what version 3 has besides
            before.execute(f"ALTER TABLE mutoscope_jobs DROP COLUMN {column}")
        before.execute("UPDATE mutoscope_meta SET version = 2")
    before.close()
    store = opened(tmp_path)
    assert (store.get(job).task, store.get(job).keeping) == ("make", False)
    assert store.claim("w").task == "make"


def test_a_webhook_says_whether_a_clip_or_a_system_is_there(store: Store):
    for task in ("make", "tune"):
        store.create(order(task=task, webhook="https://example.com"), queue=9)
        lease = store.claim("w")
        assert store.complete(lease, folder=lease.id, files=FILES, sha256="0")
    with store.database.reading() as connection:
        bodies = connection.exec_driver_sql("SELECT body FROM mutoscope_deliveries").scalars()
        said = [json.loads(body)["type"] for body in bodies]
    assert said == ["video.completed", "tuning.completed"]


def test_what_was_tuned_outlasts_what_was_made(tmp_path: Path):
    store = opened(tmp_path, keep=10, now=lambda: 100.0)
    ends = {}
    for task, end in (("make", "complete"), ("tune", "complete"), ("tune", "fail")):
        store.create(order(task=task), queue=9)
        lease = store.claim("w")
        said = {"folder": lease.id, "files": FILES, "sha256": "0"} if end == "complete" else {}
        getattr(store, end)(lease, *(() if said else ("internal", "it broke")), **said)
        ends[task, end] = store.get(lease.id).expires_at
    assert ends == {("make", "complete"): 110, ("tune", "complete"): None, ("tune", "fail"): 110}


def test_a_store_of_another_version_is_refused(tmp_path: Path):
    database = opened(tmp_path).database
    with database.writing() as connection:
        connection.exec_driver_sql("UPDATE mutoscope_meta SET version = 99")
    with pytest.raises(RequestError, match="version 99"):
        database.create()
    with pytest.raises(RequestError, match="SQLAlchemy URL"):
        Database("nonsense")
