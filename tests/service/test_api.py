"""HTTP over a desk without workers: what is accepted, what is refused and how, and who may ask."""

import errno
import gc
import json
import tempfile
from pathlib import Path

import pytest
import sqlalchemy as sa
from fastapi.responses import HTMLResponse
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mutoscope.service import api
from mutoscope.service.desk import Desk
from mutoscope.service.settings import Settings
from tests.service.served import QUICK, ask

VIDEO = {"model": "tiny", "prompt": "a red ball"}


def sentence(answer) -> str:
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert "/tmp" not in error["message"]
    assert error["message"].count("\n") == 0
    return error["message"]


def test_a_video_is_a_job_in_another_shape(client: TestClient):
    made = client.post("/v1/videos", json={**VIDEO, "seconds": "2", "size": "16x16", "seed": 5})
    assert made.status_code == 200
    video = made.json()
    assert (video["status"], video["progress"], video["seconds"]) == ("queued", 0, "2")
    assert (video["model"], video["size"], video["error"]) == ("tiny", "16x16", None)
    job = client.get(f"/v1/jobs/{video['id']}").json()
    assert (job["state"], job["position"]) == ("queued", 1)
    assert job["request"]["frames"] == 16
    assert job["request"]["seed"] == 5
    listed = client.get("/v1/videos").json()
    assert [one["id"] for one in listed["data"]] == [video["id"]]
    assert int(client.get(f"/v1/videos/{video['id']}").headers["openai-poll-after-ms"]) >= 100


def test_seconds_left_out_are_the_systems_and_a_seed_is_drawn(client: TestClient):
    seeds = set()
    assert client.post("/v1/videos", data=VIDEO).status_code == 415
    for _ in range(2):
        video = client.post("/v1/videos", json=VIDEO).json()
        assert video["seconds"] == "0.5"
        seeds.add(client.get(f"/v1/jobs/{video['id']}").json()["request"]["seed"])
    assert len(seeds) == 2


def test_multipart_says_the_same_as_json(client: TestClient):
    fields = {**VIDEO, "seconds": "1", "seed": "3", "num_inference_steps": "7", "fps": "4"}
    made = client.post(
        "/v1/videos",
        files={name: (None, value) for name, value in fields.items()}
        | {"settings": (None, '{"pause": 0.5}')},
    )
    assert made.status_code == 200, made.text
    request = client.get(f"/v1/jobs/{made.json()['id']}").json()["request"]
    assert (request["frames"], request["seed"], request["steps"]) == (4, 3, 7)
    assert request["settings"] == {"pause": 0.5}


@pytest.mark.parametrize(
    ("said", "sentence_"),
    [
        ({"seconds": "9"}, "tiny makes clips of 0.125 to 4 seconds at 8 fps, 1 to 32 frames"),
        ({"seconds": "0.3"}, "use 0.25 or 0.375"),
        ({"seconds": "long"}, "seconds must be a number"),
        ({"seconds": 1, "num_frames": 8}, "say the same"),
        ({"num_frames": 8, "frames": 8}, "say the same"),
        ({"size": "720x1280"}, "tiny can't make 720x1280; the nearest that works is 16x16"),
        ({"size": "big"}, "size must be WIDTHxHEIGHT"),
        ({"model": "sora-2"}, "there is no system called 'sora-2'"),
        ({"model": 3}, "model must be text"),
        ({"prompt": " "}, "the prompt is empty"),
        ({"prompt": None}, "prompt must be text"),
        ({"prompt": "\ud800"}, "can't be stored"),
        ({"prompt": "x" * 10_001}, "10000 characters"),
        ({"promt": "x"}, "did you mean 'prompt'"),
        ({"seed": -1}, "seed must be a whole number"),
        ({"seed": 1e400}, "seed must be"),
        ({"settings": {"paws": 1}}, "did you mean 'pause'"),
        ({"settings": 3}, "settings must be an object"),
        ({"priority": 10}, "priority must be a whole number from 0 to 9"),
        ({"webhook": "https://example.com/x"}, "a host that this service may not tell"),
        ({"webhook": 3}, "webhook must be a URL"),
        ({"input_reference": {"image_url": "https://example.com/x.png"}}, "data: URL"),
        ({"input_reference": {"image_url": "file:///etc/passwd"}}, "data: URL"),
        ({"input_reference": "/etc/passwd"}, "input_reference must be a file"),
    ],
)
def test_what_can_not_be_made_is_a_sentence(client: TestClient, said: dict, sentence_: str):
    body = json.dumps({**VIDEO, **said})
    headers = {"content-type": "application/json"}
    answer = client.post("/v1/videos", content=body.encode(), headers=headers)
    assert answer.status_code == 400
    assert sentence_ in sentence(answer)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"3", b"\xff\xfe", b"[" * 100_000, b'{"prompt": ' + b"9" * 5000 + b"}"],
)
def test_what_is_no_json_object_is_refused(client: TestClient, body: bytes):
    headers = {"content-type": "application/json"}
    for path in ("/v1/videos", "/v1/jobs"):
        answer = client.post(path, content=body, headers=headers)
        assert answer.status_code == 400
        assert sentence(answer)


def test_what_systems_can_not_do_they_refuse(client: TestClient, desk: Desk):
    asked = {"prompt": "x", "input_reference": {"file_id": "asset_1"}}
    said = sentence(client.post("/v1/videos", json={**asked, "model": "image"}))
    assert said == "image can't start from a picture; use pixeldance, tiny"
    png = ("a.png", b"\x89PNG", "image/png")
    for path, what, others in (("edits", "edit", ""), ("extensions", "extend", "pixeldance, ")):
        fields = {"prompt": (None, "x"), "video": png}
        answer = client.post(f"/v1/videos/{path}", files=fields)
        assert answer.status_code == 400
        assert sentence(answer) == f"modelscope can't {what} a video; use {others}tiny"
    assert "give it" in sentence(client.post("/v1/videos/edits", json={"prompt": "x", "video": 3}))
    missing = client.post("/v1/videos/edits", json={"prompt": "x", "video": {"id": "job_1"}})
    assert missing.status_code == 404


def test_a_condition_names_an_asset_and_nothing_else(client: TestClient):
    condition = {"kind": "first", "source": "/etc/passwd"}
    answer = client.post("/v1/jobs", json={"request": {**QUICK, "conditions": [condition]}})
    assert answer.status_code == 404
    assert "no such asset" in sentence(answer)


def test_asking_twice_with_one_key_makes_one_job(client: TestClient):
    headers = {"Idempotency-Key": "once"}
    first, again = (
        client.post("/v1/videos", json=VIDEO, headers=headers).json()["id"] for _ in range(2)
    )
    assert first == again
    other = client.post("/v1/videos", json={**VIDEO, "prompt": "blue"}, headers=headers)
    assert other.status_code == 409
    assert "another request" in sentence(other)
    client.delete(f"/v1/videos/{first}")
    gone = client.post("/v1/videos", json=VIDEO, headers=headers)
    assert gone.status_code == 409
    assert "deleted" in sentence(gone)
    assert client.post("/v1/videos", json=VIDEO, headers={"Idempotency-Key": ""}).status_code == 400


def test_a_full_queue_says_when_to_come_back(client: TestClient):
    for _ in range(5):
        ask(client)
    answer = client.post("/v1/jobs", json={"request": QUICK})
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1
    assert "the queue is full (5 jobs wait)" in sentence(answer)


def test_priority_comes_first_and_positions_say_so(client: TestClient):
    low, high = (
        client.post("/v1/jobs", json={"request": QUICK, "priority": priority}).json()["id"]
        for priority in (0, 5)
    )
    assert client.get(f"/v1/jobs/{low}").json()["position"] == 2
    assert client.get(f"/v1/jobs/{high}").json()["position"] == 1


def test_pages_follow_each_other(client: TestClient):
    made = [ask(client) for _ in range(5)]
    page = client.get("/v1/jobs", params={"limit": 3, "order": "asc"}).json()
    assert [job["id"] for job in page["data"]] == made[:3]
    assert page["has_more"]
    rest = client.get(
        "/v1/jobs", params={"limit": 3, "order": "asc", "after": page["last_id"]}
    ).json()
    assert [job["id"] for job in rest["data"]] == made[3:]
    assert not rest["has_more"]
    assert client.get("/v1/jobs", params={"state": "running"}).json()["data"] == []
    assert len(client.get("/v1/jobs", params={"system": "tiny"}).json()["data"]) == 5
    for wrong in ({"limit": 0}, {"limit": "x"}, {"order": "up"}, {"state": "lost"}, {"after": "x"}):
        answer = client.get("/v1/jobs", params=wrong)
        assert answer.status_code == 400
        assert sentence(answer)


def test_a_waiting_job_is_cancelled_at_once_and_only_once(client: TestClient):
    job = ask(client)
    assert client.post(f"/v1/jobs/{job}/cancel").json()["state"] == "cancelled"
    assert client.post(f"/v1/jobs/{job}/cancel").status_code == 409
    video = client.get(f"/v1/videos/{job}").json()
    assert (video["status"], video["error"]["code"]) == ("failed", "cancelled")
    assert client.get(f"/v1/jobs/{job}/content").status_code == 409
    assert client.get(f"/v1/jobs/{job}/record").status_code == 409
    assert client.get(f"/v1/jobs/{job}/preview").status_code == 404
    assert client.delete(f"/v1/videos/{job}").json() == {
        "id": job, "object": "video.deleted", "deleted": True,
    }  # fmt: skip
    for path in ("", "/content", "/record", "/preview", "/events"):
        assert client.get(f"/v1/jobs/{job}{path}").status_code == 404


def test_systems_are_told_as_the_command_line_knows_them(client: TestClient):
    found = client.get("/v1/systems/tiny").json()
    assert found["accepts"]["defaults"]["steps"] == 4
    assert found["accepts"]["frames"] == {"low": 1, "high": 32, "step": 1}
    assert client.get("/v1/systems/sora").status_code == 404


def test_everything_else_is_a_sentence_too(client: TestClient):
    for method, path, status in (
        ("GET", "/", 404),
        ("PUT", "/v1/jobs", 405),
        ("GET", "/v1/jobs/x", 404),
        ("GET", "/v1/jobs/%00", 404),
        ("GET", "/v1/jobs/..%2f..%2fetc", 404),
        ("GET", "/v1/jobs/x/content?variant=../secret", 400),
    ):
        answer = client.request(method, path)
        assert answer.status_code == status
        assert sentence(answer)


def test_health_metrics_and_headers(client: TestClient):
    job = ask(client)
    assert client.get("/health").json()["status"] == "ok"
    assert client.get("/ready").status_code == 200
    client.get(f"/v1/jobs/{job}")
    text = client.get("/metrics").text
    assert 'mutoscope_jobs{state="queued"} 1.0' in text
    assert 'route="/v1/jobs/{job}"' in text
    assert job not in text
    headers = client.get("/health").headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "access-control-allow-origin" not in headers
    assert "server" not in headers


def test_a_page_may_run_its_scripts_and_be_framed_by_nobody(desk: Desk):
    made = api.app(desk, pages=("/studio",))
    made.add_api_route("/studio/", lambda: HTMLResponse("<h1>Here</h1>"))
    with TestClient(made, base_url="http://127.0.0.1") as client:
        for path, status in (("/studio/", 200), ("/studio/nothing", 404)):
            answer = client.get(path)
            assert answer.status_code == status
            headers = answer.headers
            assert headers["x-frame-options"] == "DENY"
            assert "frame-ancestors 'none'" in headers["content-security-policy"]
            assert "default-src" not in headers["content-security-policy"]
            assert headers["referrer-policy"] == "same-origin"
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["cross-origin-opener-policy"] == "same-origin"
            assert "cache-control" not in headers
        assert "default-src 'none'" in client.get("/studios").headers["content-security-policy"]


def test_openapi_has_an_example_for_every_body(client: TestClient):
    page = client.get("/openapi.json").json()
    posts = {path: found["post"] for path, found in page["paths"].items() if "post" in found}
    bodies = {path: post["requestBody"] for path, post in posts.items() if "requestBody" in post}
    assert len(bodies) == 7
    for path, body in bodies.items():
        for kind, content in body["content"].items():
            assert "example" in content, (path, kind)
            assert set(content["schema"]["required"]) <= set(content["example"]), (path, kind)


# The door


def test_pages_of_others_may_not_ask(client: TestClient):
    foreign = {"origin": "https://evil.example", "content-type": "application/json"}
    assert client.post("/v1/jobs", json={}, headers=foreign).status_code == 403
    assert (
        client.post("/v1/jobs", json={}, headers={"sec-fetch-site": "cross-site"}).status_code
        == 403
    )
    own = {"origin": "http://127.0.0.1"}
    assert client.post("/v1/jobs", json={"request": QUICK}, headers=own).status_code == 201
    rebound = client.get("/v1/jobs", headers={"host": "evil.example:8000"})
    assert rebound.status_code == 403
    assert "localhost" in sentence(rebound)
    assert client.options("/v1/jobs", headers=foreign).status_code == 405


def test_a_body_is_bounded_before_it_is_parsed(client: TestClient):
    kind = {"content-type": "application/json"}
    declared = client.post("/v1/jobs", content=b"x" * 1_000_001, headers=kind)
    assert declared.status_code == 413
    pieces = (b"x" * 100_000 for _ in range(20))
    assert client.post("/v1/jobs", content=pieces, headers=kind).status_code == 413
    assert "1000000 bytes" in sentence(declared)


@pytest.mark.parametrize("length", ["-1", "ten", "\xb2", "1 0", ""])
def test_a_length_that_is_none_is_refused(client: TestClient, length: str):
    headers = {"content-type": "application/json", "content-length": length.encode("latin-1")}
    answer = client.post("/v1/jobs", content=b"{}", headers=headers)
    assert answer.status_code == 400
    assert "Content-Length must be a number" in sentence(answer)
    assert client.post("/v1/jobs", headers={"content-length": "9" * 5000}).status_code == 413


@pytest.fixture
def guarded(tmp_path: Path):
    settings = Settings(home=tmp_path, rate=30)
    with (
        Desk.opened(settings, workers=False) as desk,
        TestClient(api.app(desk, needed=True), base_url="http://videos.example") as client,
    ):
        yield desk, client


def test_keys_are_needed_kept_as_hashes_and_limit_their_owner(guarded):
    desk, client = guarded
    assert client.get("/health").status_code == 200
    for wrong in (None, "Bearer", "Bearer mk_x", "Basic mk_x", "bearer \x80"):
        headers = {} if wrong is None else {"authorization": wrong.encode("latin-1")}
        answer = client.get("/v1/jobs", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
    key = desk.keys.add("ann", active=1)
    ann = {"authorization": f"Bearer {key}"}
    bob = {"authorization": f"Bearer {desk.keys.add('bob', priority=9)}"}
    with desk.database.reading() as connection:
        assert key not in str(connection.execute(sa.text("SELECT * FROM mutoscope_keys")).all())
    job = client.post("/v1/jobs", json={"request": QUICK}, headers=ann).json()["id"]
    assert client.get(f"/v1/jobs/{job}", headers=bob).status_code == 404
    assert client.get("/v1/jobs", headers=bob).json()["data"] == []
    second = client.post("/v1/jobs", json={"request": QUICK}, headers=ann)
    assert second.status_code == 429
    assert "1 unfinished" in sentence(second)
    urgent = {"request": QUICK, "priority": 1}
    assert client.post("/v1/jobs", json=urgent, headers=ann).status_code == 400
    assert client.post("/v1/jobs", json=urgent, headers=bob).status_code == 201
    statuses = {client.get("/v1/jobs", headers=ann).status_code for _ in range(40)}
    assert statuses == {200, 429}
    assert client.get("/v1/jobs", headers=bob).status_code == 200
    desk.keys.remove("ann")
    assert client.get("/v1/jobs", headers=ann).status_code == 401


def test_who_needs_no_key_has_limits_too_but_not_for_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("mutoscope.service.access.monotonic", lambda: 0.0)
    few = Settings(home=tmp_path, warm=(), local_rate=10, local_active=1)
    with (
        Desk.opened(few, workers=False) as desk,
        TestClient(api.app(desk, pages=("/studio",)), base_url="http://127.0.0.1") as client,
    ):
        job = ask(client)
        second = client.post("/v1/jobs", json={"request": QUICK})
        assert second.status_code == 429
        assert int(second.headers["retry-after"]) >= 1
        assert "1 unfinished jobs" in sentence(second)
        desk.submit(desk.request(QUICK))  # as the studio's page does
        client.post(f"/v1/jobs/{job}/cancel")
        statuses = [client.get("/v1/jobs").status_code for _ in range(9)]
        assert statuses == [200] * 7 + [429] * 2
        assert "10 requests a minute" in sentence(client.get("/v1/jobs"))
        assert client.get("/health").status_code == 200
        assert {client.get("/studio/x").status_code for _ in range(20)} == {404}


def test_guessing_keys_is_slowed(guarded, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("mutoscope.service.access.monotonic", lambda: 0.0)
    _, client = guarded
    headers = {"authorization": "Bearer mk_guess"}
    statuses = [client.get("/v1/jobs", headers=headers).status_code for _ in range(70)]
    assert statuses[0] == 401
    assert statuses[-1] == 429


def test_a_store_that_can_not_be_written_is_said_and_gets_over_it(client: TestClient, desk: Desk):
    job = ask(client)

    def full(connection, _record, _proxy):
        connection.execute("PRAGMA max_page_count = 1")

    desk.database.engine.dispose()
    sa.event.listen(desk.database.engine, "checkout", full)
    answer = client.post("/v1/jobs", json={"request": {**QUICK, "prompt": "x" * 9000}})
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert sentence(answer)
    assert client.get(f"/v1/jobs/{job}").status_code == 200
    sa.event.remove(desk.database.engine, "checkout", full)
    desk.database.engine.dispose()
    assert ask(client)


def test_a_folder_that_can_not_be_written_makes_the_service_unready(
    client: TestClient, desk: Desk, monkeypatch: pytest.MonkeyPatch
):
    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", "/tmp/secret")

    for name in ("NamedTemporaryFile", "TemporaryFile"):
        monkeypatch.setattr(f"tempfile.{name}", refused)
    answer = client.get("/ready")
    assert answer.status_code == 503
    assert "full or can't be written" in sentence(answer)
    upload = client.post("/v1/assets", files={"file": ("a.png", b"x")})
    assert upload.status_code == 503
    assert "can't store anything just now" in sentence(upload)
    assert client.get("/health").status_code == 200
    assert ask(client)


texts = st.text(st.characters(codec="utf-8"), max_size=30)


def test_an_upload_that_is_cut_off_is_refused_and_closed(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
):
    spooled: list[tempfile.SpooledTemporaryFile] = []

    def kept(**given: object) -> tempfile.SpooledTemporaryFile:
        spooled.append(tempfile.SpooledTemporaryFile(**given))  # noqa: SIM115
        return spooled[-1]

    monkeypatch.setattr("starlette.formparsers.SpooledTemporaryFile", kept)
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x.png"\r\n\r\n'
    whole = head + b"x" * 2_000_000 + b"\r\n--b--\r\n"
    kind = {"content-type": "multipart/form-data; boundary=b"}
    for cut in (1_000_000, 10, 5, 3):
        answer = client.post("/v1/assets", content=whole[:-cut], headers=kind)
        assert answer.status_code == 400
        assert "before its last boundary" in sentence(answer)
        assert spooled[-1].closed
    answer = client.post("/v1/assets", content=whole, headers=kind)
    assert "can't be read" in sentence(answer)
    assert len(spooled) == 5
    assert all(file.closed for file in spooled)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    fields=st.dictionaries(st.sampled_from(["prompt", "seconds", "size", "seed", "x", ""]), texts),
    file=st.none() | st.binary(max_size=200),
    boundary=st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=20),
    cut=st.integers(0, 40),
)
def test_no_multipart_body_is_more_than_a_sentence(
    client: TestClient, fields: dict, file: bytes | None, boundary: str, cut: int
):
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="model"\r\n\r\ntiny\r\n'.encode()
    ]
    for name, value in fields.items():
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
        parts.append(head.encode() + value.encode() + b"\r\n")
    if file is not None:
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="y"; filename="/etc/x"\r\n\r\n'
        )
        parts.append(head.encode() + file + b"\r\n")
    parts.append(f"--{boundary}--\r\n".encode())
    body = b"".join(parts)
    kind = {"content-type": f"multipart/form-data; boundary={boundary}"}
    answer = client.post("/v1/videos", content=body[: len(body) - cut], headers=kind)
    assert answer.status_code in (200, 400, 429)
    if answer.status_code != 200:
        assert sentence(answer)
    gc.collect()
