"""A tuning as a job: asked for, followed, kept early, killed and gone on with, and then used."""

import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from fastapi.testclient import TestClient

from mutoscope import media, recipes, zoo
from mutoscope.clip import Clip
from mutoscope.errors import RequestError
from mutoscope.service import api, offers, tuner
from mutoscope.service.access import Caller
from mutoscope.service.desk import Desk
from mutoscope.service.jobs import BusyError, ConflictError, Job, NotFoundError
from mutoscope.service.settings import Settings
from mutoscope.service.worker import Worker
from mutoscope.training import tuning
from tests import tiny
from tests.service.served import Server, until

NAME, PROMPT = "tune_a_video", "a red ball"
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.folder(tmp_path_factory.mktemp("base"), "image")


@pytest.fixture
def desk(tmp_path: Path, base: Path) -> Iterator[Desk]:
    kept = Settings(
        home=tmp_path, weights=str(base), warm=(), queue=5, tunings=3, decode_seconds=120
    )
    with Desk.opened(kept, workers=False) as found:
        yield found


@pytest.fixture
def client(desk: Desk) -> Iterator[TestClient]:
    with TestClient(api.app(desk), base_url="http://127.0.0.1") as found:
        yield found


@pytest.fixture(scope="module")
def dance(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of six frames at 6 a second that somebody has."""
    drawn = torch.rand(1, 3, 6, 24, 40, generator=torch.Generator().manual_seed(0))
    path = tmp_path_factory.mktemp("clips") / "dance.webp"
    return media.write(Clip(frames=drawn * 2 - 1, fps=6), path)


def sent(desk: Desk, clip: Path, *, owner: str = "local") -> str:
    return desk.upload(clip, owner=owner).id


def ordered(desk: Desk, clip: Path, **given: object) -> Job:
    asked = {"clip": sent(desk, clip), "prompt": PROMPT, "frames": 4, "fps": 6, "steps": 3}
    return desk.submit(desk.lesson({**asked, **given}, owner="local"), task="tune")


def run(desk: Desk, name: str = "w") -> Worker:
    worker = Worker(desk.settings, name, desk.store)
    worker.run(desk.store.claim(name))
    return worker


def delta(desk: Desk, job: str) -> bytes:
    folder = desk.get(job).folder
    assert folder is not None
    return (desk.settings.tuned / folder / NAME / zoo.DELTA).read_bytes()


def runs(desk: Desk) -> list[str]:
    return [path.name for path in desk.settings.tuned.iterdir() if path.name.startswith(".")]


def test_a_clip_that_is_sent_becomes_a_system_that_makes_clips(client: TestClient, dance: Path):
    (able,) = client.get("/v1/tunings").json()["data"]
    assert able["system"] == NAME
    assert able["steps"]["default"] == recipes.find(NAME).PLAN.steps
    with dance.open("rb") as file:
        clip = client.post("/v1/assets", files={"file": file}).json()["id"]
    asked = {"clip": clip, "prompt": PROMPT, "preview": "a blue cube", "fps": 6, "steps": 3}
    answer = client.post("/v1/tunings", json=asked)
    assert answer.status_code == 201
    job = answer.json()
    assert (job["task"], job["tuned"], job["steps"]) == ("tune", None, 3)
    assert client.delete(f"/v1/assets/{clip}").status_code == 409, "it is needed"
    desk: Desk = client.app.state.desk
    run(desk)
    done = client.get(f"/v1/jobs/{job['id']}").json()
    assert (done["state"], done["step"], done["progress"]) == ("completed", 3, 100), done
    assert done["expires_at"] is None
    assert done["files"] == {"sheet": "image/png"}
    assert not runs(desk)
    name = done["tuned"]
    assert name == f"{NAME}:{job['id']}"
    sheet = client.get(f"/v1/jobs/{job['id']}/content", params={"variant": "sheet"})
    assert sheet.headers["content-type"] == "image/png"
    assert client.get(f"/v1/jobs/{job['id']}/content").status_code == 400
    record = client.get(f"/v1/jobs/{job['id']}/record").json()
    assert record["tuned"]["clip"]["frames_sha256"] == done["frames_sha256"]
    assert record["tuned"]["phases"][0]["step"] == 3

    (offer,) = (o for o in client.get("/v1/systems").json()["data"] if o["name"] == name)
    assert offer["tuned"] == {
        "job": job["id"], "steps": 3, "prompt": PROMPT, "frames": 6, "fps": 6.0,
    }  # fmt: skip
    assert offer["accepts"]["frames"] == {"low": 6, "high": 6, "step": 1}
    made = client.post(
        "/v1/videos", json={"model": name, "prompt": "a blue cube", "num_inference_steps": 2}
    ).json()
    run(desk)
    assert client.get(f"/v1/videos/{made['id']}").json()["status"] == "completed"
    kept = client.get(f"/v1/jobs/{made['id']}/record").json()
    assert kept["system"] == NAME, "what `verify --weights` knows"
    whole = desk.settings.tuned / str(desk.get(job["id"]).folder)
    again = recipes.find(NAME).load(whole)
    request = again.request("a blue cube", steps=2, seed=kept["seed"])
    assert kept["frames_sha256"] == again.make(request).frames_sha256()
    assert [one["id"] for one in client.get("/v1/videos").json()["data"]] == [made["id"]]
    assert client.get(f"/v1/videos/{job['id']}").status_code == 404

    assert client.delete(f"/v1/jobs/{job['id']}").status_code == 200
    assert client.get(f"/v1/systems/{name}").status_code == 404
    assert client.post("/v1/videos", json={"model": name, "prompt": "a"}).status_code == 400


def test_what_is_still_running_is_kept_early(desk: Desk, dance: Path, monkeypatch):
    short = ordered(desk, dance, steps=2)
    run(desk)
    job, beat = ordered(desk, dance, steps=9), desk.store.beat

    def heard(lease, **told):
        if told.get("step") == 2:
            assert desk.keep(job.id).keeping
        return beat(lease, **told)

    with pytest.raises(ConflictError, match="the tuning is queued"):
        desk.keep(job.id)
    monkeypatch.setattr(desk.store, "beat", heard)
    run(desk)
    kept = desk.get(job.id)
    assert (kept.state, kept.step, kept.steps) == ("completed", 2, 9)
    assert delta(desk, job.id) == delta(desk, short.id)
    with pytest.raises(ConflictError, match="is completed"):
        desk.keep(job.id)


class Killed(BaseException):
    """As `kill -9` would end it: nothing is told to anybody."""


def test_a_tuning_that_was_killed_goes_on_with_the_same_bits(desk: Desk, dance: Path, monkeypatch):
    whole = ordered(desk, dance, steps=4)
    run(desk)
    job, beat = ordered(desk, dance, steps=4), desk.store.beat
    seen: list[int] = []

    def dies(lease, **told):
        if told.get("step") == 2:
            raise Killed
        return beat(lease, **told)

    monkeypatch.setattr(desk.store, "beat", dies)
    with pytest.raises(Killed):
        run(desk, "lost")
    folder = desk.settings.tuned / tuner.run(job.id)
    assert json.loads((folder / "state" / "step.json").read_text()) == {"step": 2}
    assert desk.store.lost("lost", attempts=5) == [job.id]

    def follows(lease, **told):
        seen.append(told.get("step"))
        return beat(lease, **told)

    monkeypatch.setattr(desk.store, "beat", follows)
    run(desk)
    assert [step for step in seen if step is not None] == [2, 3, 4]
    done = desk.get(job.id)
    assert (done.state, done.attempt) == ("completed", 2)
    assert delta(desk, job.id) == delta(desk, whole.id)


@pytest.mark.parametrize("how", ["cancel", "delete"])
def test_one_that_is_stopped_ends_within_a_step_and_leaves_nothing(
    desk: Desk, dance: Path, monkeypatch, how: str
):
    job, beat, seen = ordered(desk, dance, steps=9), desk.store.beat, []

    def stops(lease, **told):
        seen.append(told.get("step"))
        if told.get("step") == 1:
            getattr(desk, how)(job.id)
        return beat(lease, **told)

    monkeypatch.setattr(desk.store, "beat", stops)
    run(desk)
    assert seen[-1] == 1
    assert not list(desk.settings.tuned.iterdir())
    if how == "cancel":
        assert desk.get(job.id).state == "cancelled"
        with pytest.raises(RequestError, match="no tuned system called"):
            desk.offer(f"{NAME}:{job.id}")


def test_a_worker_that_is_told_to_leave_gives_the_run_back(desk: Desk, dance: Path, monkeypatch):
    job, beat = ordered(desk, dance), desk.store.beat
    worker = Worker(desk.settings, "w", desk.store)

    def leaves(lease, **told):
        if told.get("step") == 1:
            worker.stop.set()
        return beat(lease, **told)

    monkeypatch.setattr(desk.store, "beat", leaves)
    worker.run(desk.store.claim("w"))
    assert desk.get(job.id).state == "queued"
    assert runs(desk) == [tuner.run(job.id)]
    monkeypatch.setattr(desk.store, "beat", beat)
    run(desk)
    assert desk.get(job.id).state == "completed"


def test_samples_are_shown_as_they_are_drawn(desk: Desk, dance: Path, monkeypatch):
    plain = tuning.config
    monkeypatch.setattr(
        tuning, "config", lambda *a, **given: replace(plain(*a, **given), sheet_steps=2)
    )
    job, shown = ordered(desk, dance, steps=4, preview="a blue cube"), []
    tell = desk.store.previewed

    def previewed(lease, step):
        shown.append((step, media.read(desk.settings.previews / f"{job.id}.webp").frames.shape))
        tell(lease, step)

    monkeypatch.setattr(desk.store, "previewed", previewed)
    run(desk)
    assert shown == [(2, (1, 3, 1, 3 * 32, 4 * 32))]
    assert not list(desk.settings.previews.iterdir())


@pytest.mark.slow
def test_kill_9_while_it_learns_changes_no_bit(base: Path, dance: Path, tmp_path: Path):
    deltas = []
    with (
        Server(tmp_path / "home", weights=str(base), warm=[], decode_seconds=120) as server,
        server.client() as client,
    ):
        clip = client.post("/v1/assets", files={"file": dance.read_bytes()}).json()["id"]
        asked = {"clip": clip, "prompt": PROMPT, "fps": 6, "steps": 200}
        for kill in (False, True):
            job = client.post("/v1/tunings", json=asked).json()["id"]
            while kill and client.get(f"/v1/jobs/{job}").json()["step"] < 120:
                time.sleep(0.05)
            for worker in server.workers() if kill else ():
                os.kill(worker, signal.SIGKILL)
            done = until(client, job, within=600)
            assert (done["state"], done["attempt"]) == ("completed", 1 + kill)
            (path,) = (server.home / "tuned").glob(f"{job}-*/{NAME}/{zoo.DELTA}")
            deltas.append(path.read_bytes())
        assert deltas[0] == deltas[1]


def test_two_workers_are_never_in_one_run(desk: Desk, tmp_path: Path):
    told = []

    def tell(**_):
        told.append(1)
        if len(told) == 3:
            raise Killed

    with tuner._alone(tmp_path, tell), pytest.raises(Killed), tuner._alone(tmp_path, tell):
        pytest.fail("the folder is held")
    with tuner._alone(tmp_path, tell):
        assert len(told) == 3


def test_others_neither_see_nor_use_what_was_tuned_for_somebody(desk: Desk, dance: Path):
    ann = Caller(name="ann")
    asked = {"clip": sent(desk, dance, owner="ann"), "prompt": PROMPT, "frames": 4, "steps": 1}
    job = desk.submit(desk.lesson(asked, owner="ann"), task="tune", caller=ann)
    run(desk)
    name = desk.get(job.id).tuned
    assert [offer.name for offer in desk.tuned(owner="ann")] == [name]
    assert desk.tuned(owner="bob") == []
    for ask in (
        lambda: desk.offer(name, owner="bob"),
        lambda: desk.request({"system": name, "prompt": "a"}, owner="bob"),
    ):
        with pytest.raises(RequestError, match="no tuned system called"):
            ask()
    with pytest.raises(NotFoundError):
        desk.keep(job.id, owner="bob")
    with pytest.raises(NotFoundError, match="no such asset"):
        desk.lesson(asked, owner="bob")


@pytest.mark.parametrize(
    "name",
    [
        f"{NAME}:", f"{NAME}:job_1", f"{NAME}:../../etc", f"{NAME}:/etc/passwd", ":", "../x:y",
        f"{NAME}:job_%", "tiny:job_1", f"{NAME}:\ud800",
    ],
)  # fmt: skip
def test_no_part_of_a_name_is_a_path(desk: Desk, client: TestClient, name: str):
    with pytest.raises(RequestError, match="no tuned system called"):
        desk.offer(name)
    body = json.dumps({"request": {"system": name, "prompt": "a"}}).encode()
    assert client.post("/v1/jobs", content=body, headers=JSON).status_code == 400


@pytest.mark.parametrize(
    "wrong",
    [
        {"clip": 3}, {"clip": ["a"]}, {"clip": "\ud800"}, {"prompt": None}, {"prompt": "a" * 10001},
        {"system": []}, {"system": "modelscope"}, {"frames": "x"}, {"fps": True}, {"steps": 1.5},
        {"preview": {}}, {"priority": 99}, {"conditions": []},
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_a_sentence(
    desk: Desk, client: TestClient, dance: Path, wrong: dict
):
    asked = {"clip": sent(desk, dance), "prompt": PROMPT, **wrong}
    answer = client.post("/v1/tunings", content=json.dumps(asked).encode(), headers=JSON)
    assert answer.status_code == 400
    assert str(desk.settings.home) not in answer.text


def test_a_disk_that_can_not_be_written_fails_a_tuning_in_a_sentence(desk: Desk, dance: Path):
    job = ordered(desk, dance)
    desk.settings.tuned.rmdir()
    desk.settings.tuned.write_text("here is no folder")
    run(desk)
    failed = desk.get(job.id)
    assert (failed.state, failed.error_code) == ("failed", "storage")
    assert str(failed.error).startswith("what is learned can't be stored")
    desk.settings.tuned.unlink()


def test_a_clip_in_place_of_a_tuning_is_no_system(desk: Desk):
    job = desk.submit(desk.request({"system": "tiny", "prompt": "a"}))
    run(desk)
    assert desk.get(job.id).tuned is None
    with pytest.raises(RequestError, match="no tuned system called"):
        desk.offer(f"tiny:{job.id}")
    with pytest.raises(ConflictError, match="makes a clip"):
        desk.keep(job.id)


def test_what_can_not_be_learned_is_refused_when_it_is_asked_for(desk: Desk, dance: Path, tmp_path):
    clip = sent(desk, dance)
    still = media.write(Clip(frames=torch.zeros(1, 3, 1, 8, 8), fps=1), tmp_path / "still.png")
    for given, said in (
        ({"prompt": " "}, "the prompt is empty"),
        ({"preview": " "}, "the prompt is empty"),
        ({"preview": 3}, "preview must be text"),
        ({"clip": sent(desk, still)}, "a picture doesn't move"),
        ({"frames": 9}, "the clip has 8 frames at 8 a second"),
        ({"frames": 0}, "frames must be a whole number"),
        ({"fps": 0}, "fps for tune_a_video must be"),
        ({"fps": 1e308}, "fps for tune_a_video must be"),
        ({"steps": 1001}, "steps for tune_a_video"),
        ({"system": "image"}, "system to tune 'image' is not known"),
        ({"guidance": 3}, "field of a tuning 'guidance'"),
    ):
        with pytest.raises(RequestError, match=said):
            desk.lesson({"clip": clip, "prompt": PROMPT, **given}, owner="local")
    for clip in ("asset_0", "../dance.webp"):
        with pytest.raises(NotFoundError, match="no such asset"):
            desk.lesson({"clip": clip, "prompt": PROMPT}, owner="local")
    assert desk.lesson({"clip": sent(desk, dance), "prompt": PROMPT}, owner="local").frames == 8


def test_an_owner_has_so_many_and_deletes_one_to_have_another(desk: Desk, dance: Path):
    one, *_ = (ordered(desk, dance) for _ in range(3))
    with pytest.raises(BusyError, match="3 tuned systems are kept"):
        ordered(desk, dance)
    desk.cancel(one.id)
    ordered(desk, dance)


def test_without_what_training_needs_nothing_is_offered(desk: Desk, dance: Path, monkeypatch):
    clip = sent(desk, dance)
    monkeypatch.setattr(offers, "find_spec", lambda package: None)
    assert desk.tunable() == {}
    with pytest.raises(RequestError, match=r"install mutoscope\[train\]"):
        desk.lesson({"clip": clip, "prompt": PROMPT}, owner="local")


def test_a_start_sweeps_what_no_job_goes_on_with(desk: Desk, dance: Path, tmp_path: Path):
    done = ordered(desk, dance, steps=1)
    run(desk)
    waits = ordered(desk, dance)
    kept = {str(desk.get(done.id).folder), tuner.run(waits.id)}
    for name in (*kept, tuner.run("job_gone"), "job_gone-1"):
        (desk.settings.tuned / name).mkdir(exist_ok=True)
    desk.stop()
    with Desk.opened(desk.settings.but(workers=0)):
        assert {path.name for path in desk.settings.tuned.iterdir()} == kept
    shutil.rmtree(desk.settings.tuned)
