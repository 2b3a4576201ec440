"""The model that ships, end to end: a prompt over HTTP becomes the very clip that Python makes."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

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
