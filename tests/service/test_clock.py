"""Clocks that are set by a day while the service runs, and what ends by time: kept results."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from mutoscope.service.desk import Desk, Watch
from mutoscope.service.jobs import NotFoundError, elapsed, steady
from mutoscope.service.settings import Settings
from mutoscope.service.store import Store
from mutoscope.service.supervisor import Supervisor
from mutoscope.service.worker import Worker
from tests.service.served import QUICK

DAY = 86400.0

HOUR = 3600.0


class Clock:
    """A time of day that goes on, and is set when told."""

    def __init__(self) -> None:
        self.off = 0.0

    def __call__(self) -> float:
        return time.monotonic() + 1.7e9 + self.off


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def desk(tmp_path: Path, clock: Clock) -> Iterator[Desk]:
    kept = Settings(home=tmp_path / "home", warm=(), keep=2 * DAY, decode_seconds=120)
    with Desk.opened(kept, workers=False, now=clock) as found:
        yield found


def ask(desk: Desk, **extras: object) -> str:
    return desk.submit(desk.request({**QUICK, **extras})).id


def ran(desk: Desk, name: str = "w", store: Store | None = None) -> str:
    """One job by a worker; its id."""
    worker = Worker(desk.settings, name, store or desk.store)
    lease = worker.store.claim(name)
    assert lease is not None
    worker.run(lease)
    return lease.id


@pytest.mark.parametrize("jump", [DAY, -DAY])
def test_a_clock_set_by_a_day_takes_no_lease_result_or_turn_away(
    desk: Desk, clock: Clock, jump: float
):
    done = ask(desk)
    assert ran(desk) == done
    running, *waiting = (ask(desk) for _ in range(3))
    lease = desk.store.claim("w")
    supervisor = Supervisor(desk.settings, desk.store)
    clock.off += jump
    later = ask(desk)
    supervisor.tidy()
    assert desk.get(done).state == "completed"
    assert desk.file(desk.get(done), "video").is_file()
    beat = desk.store.beats()[running]
    assert desk.store.beat(lease, step=1, steps=4)[0] == "running"
    assert desk.store.beats()[running] != beat
    assert [desk.get(job).position for job in (*waiting, later)] == [1, 2, 3]
    desk.store.release(lease)
    assert [ran(desk) for _ in range(4)] == [running, *waiting, later]
    for job in (done, running, *waiting, later):
        found = desk.get(job)
        assert found.state == "completed"
        assert found.ended_at >= found.started_at >= found.created_at
        assert found.expires_at == pytest.approx(found.ended_at + 2 * DAY, abs=1e-3)


@pytest.mark.parametrize("wrong", [DAY, -DAY])
def test_the_clock_of_this_machine_is_looked_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: float
):
    """The store's own clock, and that of a worker which is started after the jump."""
    with Desk.opened(Settings(home=tmp_path, warm=(), keep=HOUR), workers=False) as desk:
        done = ask(desk)
        ran(desk)
        real = time.time
        monkeypatch.setattr("time.time", lambda: real() + wrong)
        desk.store.expire()
        assert desk.get(done).state == "completed", "a fresh result is kept"
        late = Store(desk.database, keep=HOUR, now=steady(desk.store.now() - elapsed()))
        job = ask(desk, steps=3)
        Watch(desk.store, job).look()
        lease = late.claim("late")
        assert late.beat(lease)[1], "the worker hears that somebody looks"
        late.release(lease)
        assert ran(desk, "late", late) == job
        assert 0 < desk.get(job).expires_at - desk.store.now() <= HOUR


def test_an_expired_result_loses_its_files_and_its_job_says_so(desk: Desk, clock: Clock):
    old = ask(desk)
    ran(desk)
    folder = desk.settings.results / desk.get(old).folder
    clock.off += DAY + HOUR
    fresh = ask(desk)
    ran(desk)
    assert desk.get(old).expires_at > clock()
    supervisor = Supervisor(desk.settings, desk.store)
    supervisor.tidy()
    assert (folder / "video.mp4").is_file(), "not before its time"
    clock.off += DAY
    supervisor.tidy()
    assert not folder.exists()
    with pytest.raises(NotFoundError, match="or have expired"):
        desk.get(old)
    assert [path.name for path in desk.settings.results.iterdir()] == [desk.get(fresh).folder]
    assert [job.id for job in desk.store.listed()[0]] == [fresh]


def test_an_upload_expires_with_the_last_job_that_named_it(
    desk: Desk, clock: Clock, tmp_path: Path
):
    pictures = []
    for name, side in (("a", 16), ("b", 17)):
        Image.new("RGB", (16, side)).save(tmp_path / f"{name}.png")
        pictures.append(desk.upload(tmp_path / f"{name}.png", owner="local", lasting=name == "b"))
    used, unused = pictures
    condition = {"kind": "first", "source": used.id}
    ask(desk, conditions=[condition])
    supervisor = Supervisor(desk.settings, desk.store)
    clock.off += 2 * DAY + HOUR
    supervisor.tidy()
    assert desk.assets.listed() == [used], "a job waits for it"
    job = ran(desk)
    assert desk.get(job).state == "completed"
    clock.off += DAY
    supervisor.tidy()
    assert desk.assets.listed() == [used], "whoever remixes that job needs it"
    assert desk.request(desk.get(job).request.to_json()).conditions[0].source == used.id
    clock.off += DAY
    supervisor.tidy()
    assert desk.assets.listed() == []
    assert list(desk.settings.uploads.iterdir()) == []
    for gone in (used, unused):
        with pytest.raises(NotFoundError, match="no such asset"):
            ask(desk, conditions=[{**condition, "source": gone.id}])


def test_a_job_is_refused_whose_upload_expires_before_it_is_kept(
    desk: Desk, clock: Clock, tmp_path
):
    Image.new("RGB", (16, 16)).save(tmp_path / "a.png")
    asset = desk.upload(tmp_path / "a.png", owner="local")
    wish = {**QUICK, "prompt": "", "conditions": [{"kind": "first", "source": asset.id}]}
    request = desk.request(wish)  # a picture says enough
    clock.off += 3 * DAY
    Supervisor(desk.settings, desk.store).tidy()
    with pytest.raises(NotFoundError, match="no such asset"):
        desk.submit(request)
    assert desk.store.listed() == ([], False)
