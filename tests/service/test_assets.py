"""Uploads: what is sound is kept, whatever else comes is refused in a sentence, quickly."""

import struct
import time
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from mutoscope.clip import Clip
from mutoscope.errors import MediaError
from mutoscope.service import api
from mutoscope.service.assets import Assets
from mutoscope.service.desk import Desk
from mutoscope.service.settings import Settings
from tests.service.served import QUICK

MOST = 30_000_000
"""Bytes that a bomb really has inside."""


def picture(size: tuple[int, int] = (16, 16), kind: str = "png") -> bytes:
    found = BytesIO()
    Image.new("RGB", size, "red").save(found, kind)
    return found.getvalue()


def clip(path: Path, frames: int = 4, fps: float = 8.0, side: int = 16) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 255, (1, frames, side, side, 3), np.uint8)
    return Clip.from_uint8(pixels, fps=fps).save(path).read_bytes()


def bomb(width: int, height: int, *, colours: int = 1) -> bytes:
    """A png of kilobytes that says it is so large, and is as far as that goes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    type_ = {1: 0, 3: 2}[colours]
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, type_, 0, 0, 0))
    data = zlib.compress(bytes(min(height * (colours * width + 1), MOST)), 1)
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def gif(frames: int) -> bytes:
    """A gif of so many frames in some bytes each, a fiftieth of a second apart."""
    still = BytesIO()
    Image.new("L", (16, 16)).save(still, "gif")
    whole = still.getvalue()
    start = 13 + 3 * 2 ** ((whole[10] & 7) + 1)
    frame = bytes([0x21, 0xF9, 4, 0, 2, 0, 0, 0]) + whole[start:-1]
    return b"GIF89a" + whole[6:start] + frame * frames + b";"


def webp(frames: int) -> bytes:
    """A webp of so many frames in some bytes each, a hundredth of a second apart."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return kind + struct.pack("<I", len(body)) + body

    still = BytesIO()
    Image.new("RGB", (16, 16)).save(still, "webp", lossless=True)
    size, time_ = (15).to_bytes(3, "little") * 2, (10).to_bytes(3, "little")
    frame = chunk(b"ANMF", bytes(6) + size + time_ + b"\x02" + still.getvalue()[12:])
    head = chunk(b"VP8X", bytes([2, 0, 0, 0]) + size) + chunk(b"ANIM", b"\xff" * 4 + b"\0\0")
    return chunk(b"RIFF", b"WEBP" + head + frame * frames)


def upload(client: TestClient, content: bytes, name: str = "a.png"):
    return client.post("/v1/assets", files={"file": (name, content)})


def test_a_picture_and_a_clip_are_kept_without_loss(client: TestClient, desk: Desk, tmp_path: Path):
    asset = upload(client, picture()).json()
    assert (asset["width"], asset["height"], asset["frames"]) == (16, 16, 1)
    moving = upload(client, clip(tmp_path / "a.mp4"), "whatever.txt").json()
    assert (moving["frames"], moving["fps"]) == (4, 8.0)
    listed = client.get("/v1/assets").json()["data"]
    assert [one["id"] for one in listed] == [moving["id"], asset["id"]]
    assert "file" not in asset
    condition = {"kind": "first", "source": asset["id"]}
    asked = {"request": {**QUICK, "conditions": [condition]}}
    job = client.post("/v1/jobs", json=asked).json()["id"]
    refused = client.delete(f"/v1/assets/{asset['id']}")
    assert refused.status_code == 409
    assert "unfinished job names" in refused.json()["error"]["message"]
    client.post(f"/v1/jobs/{job}/cancel")
    assert client.delete(f"/v1/assets/{asset['id']}").status_code == 200
    assert client.post("/v1/jobs", json=asked).status_code == 404
    assert client.get(f"/v1/assets/{asset['id']}").status_code == 404
    assert not any(path.name.startswith(".") for path in desk.settings.uploads.iterdir())


HOSTILE = {
    "empty": b"",
    "text": b"hello",
    "playlist": b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
    "concat": b"ffconcat version 1.0\nfile '/etc/passwd'\n",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
    "cut png": picture((64, 64))[:-20],
    "cut jpeg": picture((64, 64), "jpeg")[:-200],
    "png of 50000 x 50000": bomb(50_000, 50_000),
    "png of 2 GB": bomb(2**31 - 1, 2**31 - 1),
    "png without size": bomb(0, 0),
    "gif without frames": b"GIF89a\x10\x00\x10\x00\x00\x00\x00;",
    "broken mp4": b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + b"\xff" * 400,
    "riff of nothing": b"RIFF\xff\xff\xff\xffWEBPVP8 ",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_media_is_refused_in_a_sentence(client: TestClient, desk: Desk, name: str):
    start = time.monotonic()
    answer = upload(client, HOSTILE[name])
    assert answer.status_code == 400, answer.text
    message = answer.json()["error"]["message"]
    assert str(desk.settings.home) not in message
    assert "passwd" not in message
    assert "/" not in message.replace("image/", "")
    assert time.monotonic() - start < 25
    assert list(desk.settings.uploads.iterdir()) == []


def test_limits_are_kept(tmp_path: Path):
    settings = Settings(
        home=tmp_path / "home", warm=(), pixels=1000, frames=6, seconds=1, assets=1, upload=30_000
    )
    with (
        Desk.opened(settings, workers=False) as desk,
        TestClient(api.app(desk), base_url="http://127.0.0.1") as client,
    ):
        said = [
            upload(client, picture((100, 100))),
            upload(client, clip(tmp_path / "wide.mp4", side=34)),
            upload(client, clip(tmp_path / "long.gif", frames=5, fps=2.0)),
            upload(client, clip(tmp_path / "many.gif", frames=8, fps=20.0)),
            upload(client, picture() + b"\0" * 40_000),
        ]
        assert [answer.status_code for answer in said] == [400] * 5
        words = ("1000 pixels", "1000 pixels", "longer than 1", "limit of 6 frames", "30000")
        for answer, word in zip(said, words, strict=True):
            assert word in answer.json()["error"]["message"]
        assert upload(client, picture() + b"\0" * 400_000).status_code == 413
        kept = [upload(client, picture()) for _ in range(2)]
        assert [answer.status_code for answer in kept] == [201, 201]
        assert kept[0].json() == kept[1].json(), "the same file is the same asset"
        assert upload(client, picture(kind="gif")).status_code == 429


@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".webp", ".gif"])
def test_a_clip_cut_short_is_refused_as_such(
    client: TestClient, desk: Desk, tmp_path: Path, suffix: str
):
    whole = clip(tmp_path / f"whole{suffix}")
    for end in (len(whole) // 2, len(whole) - 3):
        answer = upload(client, whole[:end])
        assert answer.status_code == 400
        assert "it was cut short" in answer.json()["error"]["message"]
    assert list(desk.settings.uploads.iterdir()) == []


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("gif", "more than the limit of 1000 frames"),
        ("webp", "more than the limit of 1000 frames"),
        ("mp4", "more than the limit of 1000 frames"),
        ("long mp4", "longer than 60"),
    ],
)
def test_a_clip_with_far_too_many_frames_or_seconds_is_refused(
    client: TestClient, desk: Desk, tmp_path: Path, kind: str, says: str
):
    content = {
        "gif": lambda: gif(2500),
        "webp": lambda: webp(5000),
        "mp4": lambda: clip(tmp_path / "many.mp4", frames=1002, fps=24.0),
        "long mp4": lambda: clip(tmp_path / "long.mp4", frames=3, fps=0.04),
    }[kind]()
    assert len(content) < desk.settings.upload
    answer = upload(client, content)
    assert answer.status_code == 400
    assert says in answer.json()["error"]["message"]


def test_decoding_that_takes_too_much_memory_is_ended(desk: Desk, tmp_path: Path):
    tight = desk.settings.but(pixels=900_000_000, decode_memory=700_000_000)
    huge, small = tmp_path / "huge.png", tmp_path / "small.png"
    huge.write_bytes(bomb(13_000, 13_000, colours=3))  # as many pixels as Pillow opens
    small.write_bytes(picture())
    assets = Assets(desk.database, tight)
    with pytest.raises(MediaError, match="needs too much memory"):
        assets.add("ann", huge)
    assert assets.add("ann", small).width == 16, "it is the picture, and not the process"


def test_decoding_that_takes_too_long_is_ended(desk: Desk, tmp_path: Path):
    hasty = desk.settings.but(decode_seconds=3, frames=10**7, seconds=10**7)
    path = tmp_path / "endless.gif"
    path.write_bytes(gif(300_000))
    start = time.monotonic()
    with pytest.raises(MediaError, match="takes too long"):
        Assets(desk.database, hasty).add("ann", path)
    assert time.monotonic() - start < 60
    assert list(desk.settings.uploads.iterdir()) == []


def begun(client: TestClient, content: bytes, **fields: str):
    """A video that begins with a picture."""
    said = {"model": "tiny", "prompt": "a red ball", **fields}
    files = {name: (None, value) for name, value in said.items()}
    return client.post("/v1/videos", files={**files, "input_reference": ("a.png", content)})


def named(client: TestClient, video: str) -> str:
    """The asset that a job's one condition names."""
    (condition,) = client.get(f"/v1/jobs/{video}").json()["request"]["conditions"]
    return condition["source"]


def test_a_hundred_and_one_videos_of_one_picture_need_one_upload(tmp_path: Path):
    settings = Settings(home=tmp_path, warm=(), queue=200, local_active=200, decode_seconds=120)
    with (
        Desk.opened(settings, workers=False) as desk,
        TestClient(api.app(desk), base_url="http://127.0.0.1") as client,
    ):
        videos = [begun(client, picture()).json()["id"] for _ in range(101)]
        assert len(set(videos)) == 101
        (asset,) = desk.assets.listed()
        assert {named(client, video) for video in (videos[0], videos[-1])} == {asset.id}
        assert [path.name for path in settings.uploads.iterdir()] == [asset.id]


def test_what_came_with_a_request_gives_way_to_what_comes_with_the_next(tmp_path: Path):
    settings = Settings(home=tmp_path, warm=(), assets=2, decode_seconds=120)
    pictures = [picture((16, side)) for side in (17, 18, 19, 20)]
    with (
        Desk.opened(settings, workers=False) as desk,
        TestClient(api.app(desk), base_url="http://127.0.0.1") as client,
    ):
        first, second = (begun(client, content).json()["id"] for content in pictures[:2])
        full = begun(client, pictures[2])
        assert full.status_code == 429, "both are needed"
        assert int(full.headers["retry-after"]) >= 1
        assert begun(client, pictures[0], prompt="b").status_code == 200
        for job in (first, second):
            client.post(f"/v1/jobs/{job}/cancel")
        third = begun(client, pictures[2])
        assert third.status_code == 200
        left = {asset.id for asset in desk.assets.listed()}
        assert left == {named(client, first), named(client, third.json()["id"])}, "one is needed"
        assert {path.name for path in settings.uploads.iterdir()} == left
        client.post(f"/v1/jobs/{third.json()['id']}/cancel")
        lasting = upload(client, pictures[2]).json()["id"]
        assert begun(client, pictures[3]).status_code == 429, "what was uploaded by itself stays"
        assert {asset.id for asset in desk.assets.listed()} == left
        assert lasting in left


def test_a_refused_request_leaves_no_upload_behind_but_what_served_before(client, desk: Desk):
    assert begun(client, picture(), size="32x32").status_code == 400
    assert begun(client, picture(), priority="nine").status_code == 400
    assert list(desk.settings.uploads.iterdir()) == []
    kept = [begun(client, picture()).json()["id"] for _ in range(5)]
    assert begun(client, picture((16, 20))).status_code == 429
    assert begun(client, picture()).status_code == 429
    (asset,) = desk.assets.listed()
    assert asset.id == named(client, kept[0])
    assert [path.name for path in desk.settings.uploads.iterdir()] == [asset.id]


def test_what_a_killed_server_left_of_uploads_is_swept(client, desk: Desk):
    kept = upload(client, picture()).json()["id"]
    folder = desk.settings.uploads
    for name in (".asset_1.part", "asset_2"):
        (folder / name).mkdir()
        (folder / name / "picture.png").write_bytes(b"x")
    (folder / ".upload-3").write_bytes(b"x")
    assert desk.assets.swept() == 3
    assert [path.name for path in folder.iterdir()] == [kept]
    assert desk.assets.path(desk.assets.get(kept)).is_file()
