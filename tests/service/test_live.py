"""A whole service: server and worker in processes of their own, and the clients people use."""

import json
import os
import signal
import time
from io import BytesIO
from pathlib import Path

import openai
import pytest
from openai import OpenAI
from PIL import Image

from mutoscope import media
from tests.service import test_soak as soak
from tests.service.served import Server, ask, until

VARIANTS = {"video": ".mp4", "thumbnail": ".webp", "spritesheet": ".png"}


@pytest.fixture
def client(server: Server):
    with server.client() as found:
        yield found


@pytest.fixture
def ai(server: Server):
    with OpenAI(api_key="unused", base_url=f"{server.url}/v1", max_retries=0) as found:
        yield found


@pytest.mark.filterwarnings("ignore:.*Sora.*:DeprecationWarning")
def test_openais_client_makes_lists_remixes_downloads_and_deletes(ai: OpenAI, tmp_path: Path):
    video = ai.videos.create_and_poll(
        model="tiny", prompt="a red ball", seconds="4", size="16x16", poll_interval_ms=50
    )
    assert (video.status, video.progress, video.seconds) == ("completed", 100, "4")
    assert video.completed_at >= video.created_at
    for variant, suffix in VARIANTS.items():
        path = tmp_path / f"file{suffix}"
        path.write_bytes(ai.videos.download_content(video.id, variant=variant).read())
        record = media.read_record(path)
        assert record["prompt"] == "a red ball"
        assert record["system"] == "tiny"
    assert media.read(tmp_path / "file.mp4").frames.shape == (1, 3, 32, 16, 16)
    remix = ai.videos.poll(ai.videos.remix(video.id, prompt="a blue ball").id, poll_interval_ms=50)
    assert remix.remixed_from_video_id == video.id
    assert (remix.status, remix.prompt, remix.seconds) == ("completed", "a blue ball", "4")
    assert [one.id for one in ai.videos.list(limit=1)][:2] == [remix.id, video.id]
    assert ai.videos.delete(video.id).deleted
    with pytest.raises(openai.NotFoundError):
        ai.videos.retrieve(video.id)
    with pytest.raises(openai.BadRequestError, match="seconds"):
        ai.videos.create(model="tiny", prompt="x", seconds="12")


@pytest.mark.filterwarnings("ignore:.*Sora.*:DeprecationWarning")
def test_openais_client_sends_pictures_edits_and_extends(ai: OpenAI, client, tmp_path: Path):
    picture = BytesIO()
    Image.new("RGB", (16, 16), "white").save(picture, "png")
    begun = ai.videos.create_and_poll(
        model="tiny", prompt="a", input_reference=("a.png", picture.getvalue()), poll_interval_ms=50
    )
    assert begun.status == "completed", begun.error
    (tmp_path / "begun.mp4").write_bytes(ai.videos.download_content(begun.id).read())
    record = media.read_record(tmp_path / "begun.mp4")
    (condition,) = record["conditions"]
    assert condition["kind"] == "first"
    assert condition["source"].startswith("asset_")
    assert set(record["sources"]) == {condition["source"]}
    clip = ("begun.mp4", (tmp_path / "begun.mp4").read_bytes())
    tiny = {"model": "tiny"}
    sent = [
        ai.videos.edit(prompt="b", video=clip, extra_body=tiny).id,
        ai.videos.extend(prompt="c", seconds="1", video=clip, extra_body=tiny).id,
        client.post("/v1/videos/edits", json={"prompt": "b", "video": {"id": begun.id}}).json()[
            "id"
        ],
    ]
    for video in sent:
        done = ai.videos.poll(video, poll_interval_ms=50)
        assert done.status == "completed", done.error
    assert done.remixed_from_video_id == begun.id


def test_events_tell_every_state_steps_and_previews(client, server: Server):
    job = ask(client, steps=8, settings={"pause": 0.15})
    states, steps, previews = [], [], []
    with client.stream("GET", f"/v1/jobs/{job}/events") as stream:
        name = ""
        for line in stream.iter_lines():
            kind, _, value = line.partition(": ")
            if kind == "event":
                name = value
            elif kind == "data" and name == "preview":
                previews.append(json.loads(value))
            elif kind == "data":
                found = json.loads(value)
                states.append(found["state"])
                steps.append(found["step"])
                if found["state"] == "running" and 0 < found["step"] < 8:
                    assert found["eta"] > 0
    assert states[-1] == "completed"
    assert steps == sorted(steps)
    assert previews
    assert previews[0]["image"].startswith("data:image/webp;base64,")
    assert client.get(f"/v1/jobs/{job}/preview").status_code == 404


def test_cancelling_stops_within_a_step(client):
    job = ask(client, steps=100, settings={"pause": 0.2})
    until(client, job, "running")
    time.sleep(0.5)
    answer = client.post(f"/v1/jobs/{job}/cancel").json()
    assert answer["state"] == "cancelling"
    ended = until(client, job)
    assert ended["state"] == "cancelled"
    assert ended["step"] <= answer["step"] + 1
    assert ended["error"]["code"] == "cancelled"


def test_deleting_stops_too_and_makes_way(client):
    job = ask(client, steps=100, settings={"pause": 0.2})
    until(client, job, "running")
    assert client.delete(f"/v1/jobs/{job}").status_code == 200
    assert client.get(f"/v1/jobs/{job}").status_code == 404
    assert until(client, ask(client))["state"] == "completed"


@pytest.mark.parametrize(
    ("fault", "code"),
    [("raise", "internal"), ("refuse", "refused"), ("memory", "out_of_memory")],
)
def test_a_job_that_fails_says_why_and_harms_no_other(client, fault: str, code: str):
    bad, good = ask(client, settings={"fault": fault}), ask(client)
    failed = until(client, bad)
    assert (failed["state"], failed["error"]["code"]) == ("failed", code)
    assert "/etc" not in json.dumps(failed)
    assert until(client, good)["state"] == "completed"


def test_parts_of_a_file_can_be_asked_for(client):
    job = ask(client)
    until(client, job)
    url = f"/v1/jobs/{job}/content"
    whole = client.get(url).content
    part = client.get(url, headers={"range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, whole[4:8])
    assert part.headers["content-range"] == f"bytes 4-7/{len(whole)}"
    assert client.get(url, headers={"range": "bytes=-4"}).content == whole[-4:]
    assert client.get(url, headers={"range": "bytes=9999999-"}).status_code == 416
    assert client.get(url, headers={"range": "lines=1-2"}).content == whole
    record = client.get(f"/v1/jobs/{job}/record").json()
    assert record["frames_sha256"] == client.get(f"/v1/jobs/{job}").json()["frames_sha256"]


def test_a_job_that_ends_its_workers_fails_in_the_end(tmp_path: Path):
    with Server(tmp_path / "home", attempts=2, prompts=True) as server, server.client() as client:
        failed = until(client, ask(client, settings={"fault": "exit"}))
        assert failed["error"]["code"] == "worker_lost"
        assert failed["attempt"] == 2
        assert until(client, ask(client, prompt="a xylophone"))["state"] == "completed"
    assert '"prompt": "a xylophone"' in server.log.read_text(), "its settings ask for it"


def test_the_log_of_a_service_holds_no_prompt(client, server: Server):
    ends = [
        until(client, ask(client, prompt="a xylophone", settings={"fault": fault}))["state"]
        for fault in ("none", "raise")
    ]
    assert ends == ["completed", "failed"]
    assert client.post("/v1/jobs", json={"request": {"prompt": "xylophone", "x": 1}}).is_error
    lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    assert {"job", "job failed", "request"} <= {line["what"] for line in lines}
    assert "xylophone" not in server.log.read_text()


def test_eight_clients_at_once_lose_and_double_nothing(server: Server, tmp_path: Path):
    soak.mixed(server, tmp_path, 8, 2)


def test_what_was_accepted_survives_kill_9_of_worker_and_server(tmp_path: Path):
    server = Server(tmp_path / "home").start()
    try:
        with server.client() as client:
            before = until(client, ask(client, seed=3, steps=6))["frames_sha256"]
            jobs = [ask(client, seed=3, steps=6, settings={"pause": 0.2}) for _ in range(3)]
            until(client, jobs[0], "running")
            (worker,) = server.workers()
            os.kill(worker, signal.SIGKILL)
            assert until(client, jobs[0])["attempt"] == 2
            until(client, jobs[1], "running")
        server.stop(signal.SIGKILL)
        server.start()
        with server.client() as client:
            for job in jobs:
                found = until(client, job)
                assert found["state"] == "completed"
                assert found["frames_sha256"] == before
        assert server.stop() == 0
    finally:
        server.stop(signal.SIGKILL)
