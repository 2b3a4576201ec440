"""Whatever is handed in, reading ends soon: with all of the clip or with one sentence."""

import struct
import zlib

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mutoscope import media
from mutoscope.clip import Clip
from mutoscope.errors import MediaError
from mutoscope.media import Limits
from tests.clips import counting, waves

STARTS = [
    b"", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\x40\0\0\0WEBP", b"\xff\xd8\xff",
    b"\0\0\0\x18ftypmp42", b"\x1a\x45\xdf\xa3\x93", b"RIFF\x40\0\0\0AVI ",
]  # fmt: skip
FORMATS = ["mp4", "webm", "gif", "webp", "png", "jpg"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> dict[str, bytes]:
    """The bytes of a small file of each format."""
    folder = tmp_path_factory.mktemp("whole")
    clip = waves(record={"prompt": "a ball"})
    paths = {suffix: clip.save(folder / f"a.{suffix}") for suffix in FORMATS[:-1]}
    paths["jpg"] = folder / "a.jpg"
    Image.fromarray(clip.uint8()[0, 0]).save(paths["jpg"])
    return {suffix: path.read_bytes() for suffix, path in paths.items()}


def sentence(path, **given) -> str | None:
    """What reading says: None for a clip, else its one sentence."""
    try:
        media.read(path, **given)
    except MediaError as error:
        said = str(error)
        assert said
        assert "\n" not in said
        assert len(said) < 400
        return said
    return None


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_file_cut_short_anywhere_is_refused_or_read_whole(tmp_path, whole, suffix):
    data, path = whole[suffix], tmp_path / f"a.{suffix}"
    path.write_bytes(data)
    full = media.read(path)
    length = len(data)
    cuts = {*range(1, min(64, length), 7), *range(length - 40, length, 9), length - 1}
    cuts |= {length * k // 23 for k in range(1, 23)}
    for cut in sorted(cuts):
        path.write_bytes(data[:cut])
        if sentence(path) is None:
            assert media.read(path).frames_sha256() == full.frames_sha256()
        else:
            assert suffix == "jpg" or cut < length


@pytest.mark.parametrize("suffix", ["mp4", "webm", "gif", "webp", "png"])
def test_a_file_without_its_last_byte_is_said_to_be_cut_short(tmp_path, whole, suffix):
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(whole[suffix][: len(whole[suffix]) * 3 // 4])
    assert "cut short" in (sentence(path) or "")


@pytest.mark.parametrize("suffix", FORMATS)
@given(spots=st.lists(st.tuples(st.floats(0, 0.9999), st.integers(0, 255)), min_size=1, max_size=8))
@settings(deadline=None, derandomize=True, max_examples=40)
def test_damage_never_ends_in_anything_but_a_sentence(tmp_path_factory, whole, suffix, spots):
    spoiled = bytearray(whole[suffix])
    for place, byte in spots:
        spoiled[int(place * len(spoiled))] = byte
    path = tmp_path_factory.mktemp("damage") / f"a.{suffix}"
    path.write_bytes(spoiled)
    sentence(path, limits=Limits(pixels=100_000, held=1_000_000, frames=100))
    try:
        media.read_record(path)
        media.probe(path)
    except MediaError:
        pass


@given(start=st.sampled_from(STARTS), rest=st.binary(max_size=200))
@settings(deadline=None, derandomize=True, max_examples=120)
def test_noise_is_no_video(tmp_path_factory, start, rest):
    path = tmp_path_factory.mktemp("noise") / "a.mp4"
    path.write_bytes(start + rest)
    assert sentence(path) is not None


def test_an_empty_file_a_folder_and_nothing_at_all(tmp_path):
    (tmp_path / "a.mp4").touch()
    assert "is empty (0 bytes)" in (sentence(tmp_path / "a.mp4") or "")
    assert "does not exist" in (sentence(tmp_path / "b.mp4") or "")
    (tmp_path / "folder").mkdir()
    assert "without png or jpg" in (sentence(tmp_path / "folder") or "")


def test_sound_without_pictures_is_refused(tmp_path):
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert "holds sound but no pictures" in (sentence(path) or "")


def test_a_video_without_frames_is_refused(tmp_path):
    path = tmp_path / "a.webm"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libvpx-vp9", rate=8)
        stream.width = stream.height = 16
        stream.pix_fmt = "yuv420p"
        container.start_encoding()
    assert "holds no frames" in (sentence(path) or "")


def test_a_codec_nobody_knows_is_refused(tmp_path):
    path = tmp_path / "a.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=8)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        frame = av.VideoFrame.from_ndarray(waves(count=1).uint8()[0, 0], format="rgb24")
        container.mux(stream.encode(frame.reformat(format="yuv420p")))
        container.mux(stream.encode(None))
    assert sentence(path) is None
    path.write_bytes(path.read_bytes().replace(b"FMP4", b"\1\2\3\4"))
    assert "uses a codec that is not known here" in (sentence(path) or "")


def test_a_playlist_opens_nothing_else(tmp_path):
    counting().save(tmp_path / "secret.mp4")
    (tmp_path / "a.ffconcat").write_text("ffconcat version 1.0\nfile secret.mp4\n")
    (tmp_path / "a.m3u8").write_text("#EXTM3U\n#EXTINF:1,\nsecret.mp4\n#EXT-X-ENDLIST\n")
    for name in ("a.ffconcat", "a.m3u8"):
        assert "can't be read as a video" in (sentence(tmp_path / name) or "")


def test_a_name_is_never_taken_for_a_protocol(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    counting().save(tmp_path / "a.mp4").rename(tmp_path / "concat:a.mp4")
    assert sentence("concat:a.mp4") is None


@pytest.mark.parametrize("side", [8_000, 10_000, 60_000])
def test_a_huge_picture_is_refused_before_it_is_decoded(tmp_path, side):
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    path = tmp_path / "a.png"
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
            for name, body in chunks
        )
    )
    assert sentence(path) is not None
    with pytest.raises(MediaError):
        media.probe(path)


@pytest.mark.parametrize("suffix", ["mp4", "webm", "gif", "webp"])
@pytest.mark.parametrize(
    ("limits", "says"),
    [
        (Limits(pixels=100), "pictures of 48x32, more than the limit of 100 pixels"),
        (Limits(held=48 * 32 * 4), "more than the limit of 6144 pixels in memory"),
        (Limits(frames=5), "more than the limit of 5 frames"),
        (Limits(size=10), "more than the limit of 10;"),
    ],
)
def test_limits_hold(tmp_path, whole, suffix, limits, says):
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(whole[suffix])
    assert says in (sentence(path, limits=limits) or "")


def test_a_limit_counts_what_is_kept_not_what_is_stored(tmp_path, whole):
    path = tmp_path / "a.mp4"
    path.write_bytes(whole["mp4"])
    assert sentence(path, limits=Limits(frames=3), frames=3) is None
    assert sentence(path, limits=Limits(held=6 * 12 * 8), size=(12, 8)) is None


def test_frames_of_several_sizes_need_one(tmp_path):
    for k, side in enumerate((8, 16)):
        Image.new("RGB", (side, side)).save(tmp_path / f"{k}.png")
    assert "changes its size to 16x16" in (sentence(tmp_path, fps=8.0) or "")
    assert sentence(tmp_path, fps=8.0, size=(8, 8)) is None


def test_a_full_disk_is_one_sentence(tmp_path, monkeypatch):
    path = tmp_path / "a.mp4"
    clip = Clip(frames=waves().frames, fps=8.0)
    monkeypatch.setattr("mutoscope.codecs.video._copy", _full)
    with pytest.raises(MediaError, match=r"can't be written .No space left"):
        clip.save(path)
    assert not list(tmp_path.iterdir())


def _full(*_, **__):
    raise OSError(28, "No space left on device")
