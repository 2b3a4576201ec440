"""The model that ships, end to end: a prompt over HTTP becomes the very clip that Python makes."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest
import torch
from openai import OpenAI

import mutoscope
from mutoscope import cli, media
from tests.service.served import Server, until

pytestmark = pytest.mark.slow

ASKED = {"system": "modelscope", "prompt": "a red ball bounces on the grass", "seed": 7}
SHORT = {"frames": 4, "steps": 2}


@pytest.fixture
def one_thread() -> Iterator[None]:
    """As many as the server's worker has: sums in another order are other bits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def ai(server: Server) -> Iterator[OpenAI]:
    with OpenAI(api_key="unused", base_url=f"{server.url}/v1", max_retries=0) as found:
        yield found


@pytest.mark.usefixtures("one_thread")
def test_a_prompt_over_http_is_the_clip_that_python_makes(server: Server, tmp_path: Path, capsys):
    with server.client() as client:
        made = client.post("/v1/jobs", json={"request": {**ASKED, **SHORT}})
        assert made.status_code == 201, made.text
        found = until(client, made.json()["id"], within=400)
        assert found["state"] == "completed", found["error"]
        path = tmp_path / "ball.mp4"
        path.write_bytes(client.get(f"/v1/jobs/{found['id']}/content").content)
    clip = mutoscope.load("modelscope").generate(ASKED["prompt"], seed=7, **SHORT)
    assert found["frames_sha256"] == clip.frames_sha256()
    assert media.read_record(path)["frames_sha256"] == clip.frames_sha256()
    assert cli.code(["verify", str(path)]) == 0
    assert "equal" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore:.*Sora.*:DeprecationWarning")
def test_openais_client_makes_downloads_and_deletes_without_naming_a_model(
    ai: OpenAI, tmp_path: Path
):
    few = {"num_inference_steps": 2, "num_frames": 4}
    video = ai.videos.create_and_poll(prompt=ASKED["prompt"], extra_body=few, poll_interval_ms=100)
    assert (video.status, video.progress, video.error) == ("completed", 100, None)
    assert (video.model, video.seconds) == ("modelscope", "0.5")
    path = tmp_path / "ball.mp4"
    path.write_bytes(ai.videos.download_content(video.id).read())
    assert media.read(path).frames.shape[2] == 4
    record = media.read_record(path)
    assert (record["system"], record["prompt"]) == ("modelscope", ASKED["prompt"])
    assert ai.videos.delete(video.id).deleted
    with pytest.raises(openai.NotFoundError):
        ai.videos.download_content(video.id)


@pytest.mark.filterwarnings("ignore:.*Sora.*:DeprecationWarning")
def test_four_seconds_are_32_frames_and_accepted(ai: OpenAI, server: Server):
    video = ai.videos.create(prompt=ASKED["prompt"], seconds="4")
    assert (video.model, video.seconds) == ("modelscope", "4")
    with server.client() as client:
        assert client.get(f"/v1/jobs/{video.id}").json()["request"]["frames"] == 32
    assert ai.videos.delete(video.id).deleted


def test_as_many_threads_make_the_same_clip_twice_and_how_many_is_no_matter():
    """The second is what docs/service.md says was seen, not what it promises."""
    before, made = torch.get_num_threads(), []
    system = mutoscope.load("modelscope")
    try:
        for threads in (2, 2, 1):
            torch.set_num_threads(threads)
            made.append(system.generate(ASKED["prompt"], seed=7, **SHORT).frames_sha256())
    finally:
        torch.set_num_threads(before)
    assert made[0] == made[1]
    assert made[1] == made[2]


def test_a_killed_job_gives_the_same_clip_though_neighbours_have_come(tmp_path: Path):
    """As `mutoscope serve` is run: its workers choose their threads themselves."""
    server = Server(tmp_path / "home", warm=["modelscope"])
    server.threads = ""
    asked = {"request": {**ASKED, "steps": 40}}
    with server, server.client() as client:
        quiet = until(client, client.post("/v1/jobs", json=asked).json()["id"], within=600)
        job = client.post("/v1/jobs", json=asked).json()["id"]
        until(client, job, "running", within=60)
        with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as neighbour:
            try:
                for worker in server.workers():
                    os.kill(worker, signal.SIGKILL)
                found = until(client, job, within=600)
            finally:
                neighbour.kill()
    assert (found["state"], found["attempt"]) == ("completed", 2)
    assert found["frames_sha256"] == quiet["frames_sha256"]
