import json
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mutoscope import codecs, media
from mutoscope.clip import Clip
from mutoscope.errors import MediaError
from mutoscope.media import Options

from .clips import counting, hidden, numbers, psnr, sliding, waves

RECORD = {"prompt": 'a "red" ball & <b>ü</b> 球\n', "seed": 7, "settings": {"tau": 0.5}}
MOVING = ["mp4", "webm", "gif", "webp"]
LOSSLESS = Options(lossless=True)


@pytest.mark.parametrize(
    ("name", "least"), [("a.mp4", 38), ("a.webm", 38), ("a.gif", 25), ("a.webp", 36), ("a", 99)]
)
@pytest.mark.parametrize("fps", [8.0, 24.0, 12.5])
def test_a_clip_comes_back_from_a_file(tmp_path, name, least, fps):
    clip = waves(fps=fps, record=RECORD)
    path = clip.save(tmp_path / name)
    back = media.read(path)
    assert back.frames.shape == clip.frames.shape
    assert back.fps == pytest.approx(fps, rel=0.02 if name == "a.gif" else 1e-4)
    assert psnr(clip, back) > least
    assert back.record["prompt"] == RECORD["prompt"]
    assert back.record["frames_sha256"] == clip.frames_sha256()
    assert not hidden(tmp_path)


@pytest.mark.parametrize("name", ["a.webp", "a"])
@pytest.mark.parametrize("shape", [(1, 5, 7), (4, 9, 3), (6, 32, 48)])
def test_lossless_is_lossless(tmp_path, name, shape):
    clip = waves(*shape)
    back = media.read(media.write(clip, tmp_path / name, options=LOSSLESS))
    assert back.frames_sha256() == clip.frames_sha256()


@pytest.mark.parametrize("name", ["a.mp4", "a.webm", "a.gif"])
def test_lossless_is_refused_where_it_can_not_be(tmp_path, name):
    with pytest.raises(MediaError, match="lossless"):
        media.write(waves(), tmp_path / name, options=LOSSLESS)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", MOVING)
def test_frames_that_look_alike_are_all_kept(tmp_path, suffix):
    still = Clip(frames=waves(count=1).frames.expand(-1, -1, 5, -1, -1), fps=8.0)
    assert media.read(still.save(tmp_path / f"a.{suffix}")).frames.shape[2] == 5


@pytest.mark.parametrize("suffix", MOVING)
def test_equal_clips_make_equal_files(tmp_path, suffix):
    one, two = (waves(record=RECORD).save(tmp_path / f"{k}.{suffix}") for k in range(2))
    assert one.read_bytes() == two.read_bytes()


def test_a_still_picture_is_a_clip_of_one_frame(tmp_path):
    clip = waves(count=1, height=5, width=7)
    back = media.read(clip.save(tmp_path / "a.png"))
    assert back.frames_sha256() == clip.frames_sha256()
    Image.fromarray(clip.uint8()[0, 0]).save(tmp_path / "a.jpg", quality=95)
    jpeg = media.read(tmp_path / "a.jpg", fps=8)
    assert jpeg.frames.shape == (1, 3, 1, 5, 7)
    assert jpeg.fps == 8


def test_a_sheet_shows_the_frames_in_reading_order(tmp_path):
    path = media.write(counting(count=5), tmp_path / "a.png", options=Options(columns=3))
    with Image.open(path) as sheet:
        corners = np.asarray(sheet)[::16, ::16, 0]
    assert corners.tolist() == [[0, 20, 40], [60, 80, 0]]


@pytest.mark.parametrize("name", ["a.mp4", "a.webm", "a.gif", "a.webp", "a.png", "a"])
def test_the_record_is_in_every_format_and_can_be_left_out(tmp_path, name):
    clip = waves(count=2, record=RECORD)
    wanted = {**RECORD, "frames_sha256": clip.frames_sha256()} | (
        {"fps": 8.0} if name == "a" else {}
    )
    assert media.read_record(clip.save(tmp_path / name)) == wanted
    bare = clip.save(tmp_path / f"bare-{name}", metadata=False)
    assert media.read_record(bare) == {}
    files = [bare] if bare.is_file() else list(bare.iterdir())
    assert all(b"frames_sha256" not in file.read_bytes() for file in files)
    given = media.write(clip, tmp_path / f"other-{name}", record={"prompt": "other"})
    assert media.read_record(given)["prompt"] == "other"


@pytest.mark.parametrize("suffix", ["mp4", "webm"])
def test_a_video_has_the_record_in_its_comment_too(tmp_path, suffix):
    path = waves(record=RECORD).save(tmp_path / f"a.{suffix}")
    with av.open(str(path)) as container:
        said = {key.lower(): value for key, value in container.metadata.items()}
    assert json.loads(said["comment"])["prompt"] == RECORD["prompt"]
    assert said["comment"] == said["mutoscope"]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner),
    max_leaves=6,
)


@given(value=JSON)
@settings(deadline=None, derandomize=True, max_examples=25)
def test_any_record_survives_any_format(tmp_path_factory, value):
    folder = tmp_path_factory.mktemp("record")
    clip = counting(count=2)
    for suffix in ("mp4", "webm", "gif", "webp", "png"):
        path = media.write(clip, folder / f"a.{suffix}", record={"value": value})
        assert media.read_record(path)["value"] == value


def test_a_record_that_is_no_json_is_refused_and_leaves_nothing(tmp_path):
    for bad in (float("nan"), object()):
        with pytest.raises(MediaError, match="must be JSON"):
            media.write(waves(), tmp_path / "a.mp4", record={"bad": bad})
    assert not list(tmp_path.iterdir())


def test_somebody_elses_comment_is_no_record(tmp_path):
    picture = Image.fromarray(waves(count=1).uint8()[0, 0])
    picture.save(tmp_path / "a.gif", comment=b"made with love")
    picture.save(tmp_path / "a.jpg", comment=b"[1, 2]")
    assert media.read_record(tmp_path / "a.gif") == {}
    assert media.read_record(tmp_path / "a.jpg") == {}


@pytest.mark.parametrize("suffix", MOVING)
def test_a_clip_in_pieces_is_the_clip_at_once(tmp_path, suffix):
    clip = waves(record=RECORD)
    with media.Writer(tmp_path / f"pieces.{suffix}", fps=8.0, record=RECORD) as writer:
        for start, stop in ((0, 1), (1, 4), (4, 6)):
            writer.add(Clip(frames=clip.frames[:, :, start:stop], fps=8.0))
        assert writer.frames == 6
        assert writer.frames_sha256() == clip.frames_sha256()
    once = clip.save(tmp_path / f"once.{suffix}")
    assert writer.path.read_bytes() == once.read_bytes()


@pytest.mark.parametrize("name", ["a.mp4", "a.webm", "a.gif", "a.webp", "a.png", "a"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
@pytest.mark.parametrize("pieces", [0, 2])
def test_nothing_half_written_is_left(tmp_path, name, error, pieces):
    if Path(name).suffix:
        (tmp_path / name).write_text("as before")
    with pytest.raises(error), media.Writer(tmp_path / name, fps=8.0) as writer:  # noqa: PT012
        for _ in range(pieces):
            writer.add(waves())
        raise error
    assert not hidden(tmp_path)
    if Path(name).suffix:
        assert (tmp_path / name).read_text() == "as before"
    else:
        assert not (tmp_path / name).exists()


def test_pieces_must_fit_together(tmp_path):
    with pytest.raises(MediaError, match="48x32 and can't take one of 16x16"):  # noqa: SIM117, PT012
        with media.Writer(tmp_path / "a.webm", fps=8.0) as writer:
            writer.add(waves())
            writer.add(counting())
    with pytest.raises(MediaError, match="plays 8 fps and can't take a piece of 4"):  # noqa: SIM117
        with media.Writer(tmp_path / "a.webm", fps=8.0) as writer:
            writer.add(waves(fps=4.0))
    with (
        pytest.raises(MediaError, match="would hold no frames"),
        media.Writer(tmp_path / "a.webm", fps=8.0),
    ):
        pass
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
@pytest.mark.parametrize("suffix", MOVING)
def test_memory_does_not_grow_with_the_pieces(tmp_path, suffix):
    piece = counting(count=8, side=160)
    resident = []
    with media.Writer(tmp_path / f"a.{suffix}", fps=8.0) as writer:
        for _ in range(30):
            writer.add(piece)
            resident.append(int(Path("/proc/self/statm").read_text().split()[1]) * 4096)
    kept = 24 * piece.uint8().nbytes  # what the last 24 would take, were they kept
    assert resident[-1] - resident[5] < kept / 2


@pytest.mark.parametrize(
    ("name", "clip", "says"),
    [
        ("a.mp4", waves(height=33, width=47), "even width and height .got 47x33.; make it 48x34"),
        ("a.gif", waves(fps=60.0), "at most 50 fps .got 60.; write .webp"),
        ("a.avi", waves(), r"no format that can be written; end it in .mp4, .webm"),
        ("nowhere/a.mp4", waves(), "make the folder .*nowhere first"),
        ("full", waves(), "is not empty; name a new one"),
        ("file", waves(), "is a file; name a new folder"),
    ],
)
def test_what_can_not_be_written_is_said_in_a_sentence(tmp_path, name, clip, says):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(MediaError, match=says):
        clip.save(tmp_path / name)
    height, width = clip.frames.shape[3:]
    with pytest.raises(MediaError, match=says):
        media.check(tmp_path / name, size=(width, height), fps=clip.fps)
    assert not hidden(tmp_path)


def test_what_can_be_written_is_not_written_by_the_check(tmp_path):
    for name in ("a.mp4", "a.webm", "a.gif", "a.webp", "a.png", "a"):
        media.check(tmp_path / name, size=(48, 32), fps=8)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", ["webm", "gif", "webp", "png"])
def test_odd_sizes_are_written_as_they_are(tmp_path, suffix):
    clip = waves(count=1, height=33, width=47)
    assert media.read(clip.save(tmp_path / f"a.{suffix}")).frames.shape == (1, 3, 1, 33, 47)


@pytest.mark.parametrize("suffix", MOVING)
@pytest.mark.parametrize(
    ("fps", "wanted"),
    [
        (8.0, [0, 1, 2, 3, 4, 5, 6, 7]),
        (4.0, [0, 2, 4, 6]),
        (16.0, [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7]),
        (3.0, [0, 3, 5]),
    ],
)
def test_another_rate_shows_the_frame_nearest_in_time(tmp_path, suffix, fps, wanted):
    path = counting().save(tmp_path / f"a.{suffix}")
    back = media.read(path, fps=fps)
    assert back.fps == fps
    if suffix != "gif" or fps != 16.0:  # a gif's hundredths move its ties
        assert numbers(back) == wanted


def test_a_number_of_frames_is_taken_from_the_start(tmp_path):
    path = counting().save(tmp_path / "a.mp4")
    assert numbers(media.read(path, frames=3)) == [0, 1, 2]
    assert numbers(media.read(path, frames=3, fps=4.0)) == [0, 2, 4]
    with pytest.raises(MediaError, match=r"has 4 frames here .asked for 5.; ask for fewer"):
        media.read(path, frames=5, fps=4.0)


def test_another_shape_is_refused_until_it_is_said_how(tmp_path):
    path = waves(height=32, width=48).save(tmp_path / "a.png", options=Options(columns=1))
    with Image.open(path) as image:
        image.crop((0, 0, 48, 32)).save(path)
    with pytest.raises(MediaError, match="48x32 and doesn't have the shape of 16x16"):
        media.read(path, size=(16, 16))
    whole = media.read(path)
    assert media.read(path, size=(24, 16)).frames.shape == (1, 3, 1, 16, 24)
    assert torch.equal(media.read(path, size=(48, 32)).frames, whole.frames)
    cropped = media.read(path, size=(32, 32), fit="crop")
    assert torch.equal(cropped.frames, whole.frames[..., 8:40])
    padded = media.read(path, size=(48, 48), fit="pad")
    assert torch.equal(padded.frames[..., 8:40, :], whole.frames)
    assert (padded.frames[..., :8, :] == -1).all()
    assert media.read(path, size=(16, 16), fit="stretch").frames.shape == (1, 3, 1, 16, 16)


def test_a_folder_of_frames_without_a_rate_needs_one(tmp_path):
    for k in (10, 2, 1):
        Image.fromarray(counting(count=12).uint8()[0, k]).save(tmp_path / f"frame{k}.png")
    (tmp_path / "notes.txt").write_text("not a frame")
    with pytest.raises(MediaError, match="pass fps="):
        media.read(tmp_path)
    assert numbers(media.read(tmp_path, fps=8.0)) == [1, 2, 10]


def test_transparent_pixels_are_refused_without_a_background(tmp_path):
    pixels = np.full((4, 4, 4), 200, np.uint8)
    pixels[..., 3] = 255
    pixels[:2, :, 3] = 0
    Image.fromarray(pixels).save(tmp_path / "a.png")
    with pytest.raises(MediaError, match="transparent pixels; pass background"):
        media.read(tmp_path / "a.png")
    laid = media.read(tmp_path / "a.png", background=(255, 0, 0)).uint8()[0, 0]
    assert laid[0, 0].tolist() == [255, 0, 0]
    assert laid[3, 3].tolist() == [200, 200, 200]
    pixels[..., 3] = 255
    Image.fromarray(pixels).save(tmp_path / "b.png")
    assert (media.read(tmp_path / "b.png").uint8() == 200).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_read_the_way_it_is_shown(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", (6, 4)).save(tmp_path / "a.png", exif=exif)
    wanted = (6, 4) if orientation > 4 else (4, 6)
    assert media.read(tmp_path / "a.png").frames.shape[3:] == wanted


def test_a_video_is_read_the_way_it_is_shown(tmp_path):
    path, turned = waves().save(tmp_path / "a.mp4"), tmp_path / "turned.mp4"
    with av.open(str(path)) as source, av.open(str(turned), "w") as target:
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        copy.set_display_rotation(90)
        for packet in source.demux(stream):
            if packet.dts is not None:
                packet.stream = copy
                target.mux(packet)
    plain, upright = media.read(path), media.read(turned)
    assert upright.frames.shape == (1, 3, 6, 48, 32)
    assert torch.equal(upright.frames, plain.frames.rot90(1, (3, 4)))


def test_sixteen_bits_become_eight(tmp_path):
    Image.fromarray(np.full((2, 2), 128 * 257, np.uint16)).save(tmp_path / "a.png")
    assert (media.read(tmp_path / "a.png").uint8() == 128).all()


def test_the_facts_of_a_file(tmp_path):
    for suffix, codec in (("mp4", "h264"), ("webm", "vp9"), ("gif", "gif"), ("webp", "webp")):
        facts = media.probe(waves(record=RECORD).save(tmp_path / f"a.{suffix}"))
        assert (facts.codec, facts.size, facts.frames, facts.fps) == (codec, (48, 32), 6, 8.0)
        assert facts.record["seed"] == 7
    folder = media.probe(waves().save(tmp_path / "frames"))
    assert (folder.format, folder.frames, folder.fps) == ("folder", 6, 8.0)


def test_what_a_reader_gets_is_what_stored_says(tmp_path):
    clip = waves()
    for suffix in (".mp4", ".gif"):
        back = media.read(clip.save(tmp_path / f"a{suffix}"))
        assert media.stored(clip, suffix).frames_sha256() == back.frames_sha256()


@pytest.mark.parametrize(("dx", "dy"), [(0, 0), (3, 0), (0, -2), (3, -2), (-1.5, 0.75), (5, 4)])
def test_motion_vectors_are_flow_anchored_at_the_source(dx, dy):
    motion = media.motion_vectors(sliding(dx, dy))
    assert motion.flow.shape == (1, 2, 3, 64, 96)
    inner = motion.known[..., 16:-16, 16:-16]
    assert inner.float().mean() > 0.9
    flow = motion.flow[..., 16:-16, 16:-16]
    wanted = torch.tensor([dx, dy]).view(1, 2, 1, 1, 1)
    wrong = ((flow - wanted).abs().amax(dim=1, keepdim=True) > 0.26) & inner
    assert wrong.float().mean() < 0.02


def test_motion_is_anchored_where_the_thing_was_not_where_it_went(tmp_path):
    frames = sliding(0, 0, count=2).uint8().copy()
    thing = sliding(0, 0, count=1, height=32, width=32).uint8()[0, 0][::-1, ::-1]
    frames[0, 0, 16:48, 16:48] = thing
    frames[0, 1, 16:48, 24:56] = thing
    path = Clip.from_uint8(frames, fps=8.0).save(tmp_path / "a.webp", options=LOSSLESS)
    motion = media.motion_vectors(path)
    flow = motion.flow[0, :, 0]
    # Where the thing was, most of it moves; what it will cover, and the rest, stands still.
    moves = (flow[0] - 8).abs() < 0.3
    assert moves[16:48, 16:48].float().mean() > 0.8
    assert moves[16:48, 50:64].float().mean() < 0.1
    assert not moves[:14].any()
    assert (flow[1].abs() < 0.3).float().mean() > 0.95


def test_motion_needs_two_frames():
    with pytest.raises(MediaError, match="at least 2 frames"):
        media.motion_vectors(waves(count=1))


def test_codecs_are_found_by_content_not_by_name(tmp_path):
    path = waves().save(tmp_path / "a.webm")
    path.rename(tmp_path / "a.mp4")
    assert codecs.probe(tmp_path / "a.mp4").codec == "vp9"
