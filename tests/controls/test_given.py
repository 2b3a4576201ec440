"""Conditions as they are asked for: files and texts become maps."""

import numpy as np
import pytest
import torch
from PIL import Image

from mutoscope import media
from mutoscope.clip import Clip
from mutoscope.controls import depth, edges, given, mask, motion, sketch
from mutoscope.errors import MediaError, RequestError
from mutoscope.request import ConditionRequest, Request
from tests.clips import counting, numbers, waves

LOSSLESS = media.Options(lossless=True)
WANTED = Request(frames=4, fps=8, size=(32, 32))


def _asked(kind, source, **more):
    return ConditionRequest(kind=kind, source=str(source), **more)


@pytest.fixture
def clip(tmp_path):
    return media.write(counting(count=8, side=32), tmp_path / "clip.webp", options=LOSSLESS)


@pytest.mark.parametrize(
    ("kind", "frame", "shows"),
    [("first", None, 0), ("last", None, 7), ("image", 3, 3), ("style", -2, 6), ("first", -1, 7)],
)
def test_a_picture_is_one_frame_of_its_clip(clip, kind, frame, shows):
    values = given.given(_asked(kind, clip, frame=frame), WANTED)
    assert values.shape == (1, 3, 1, 32, 32)
    assert numbers(Clip(frames=values, fps=8.0)) == [shows]


def test_frames_that_are_not_there_are_refused(clip):
    with pytest.raises(RequestError, match="8 frames and no frame 8; name one from 0 to 7"):
        given.given(_asked("image", clip, frame=8), WANTED)
    with pytest.raises(RequestError, match="takes no frame="):
        given.given(_asked("edge", clip, frame=1), WANTED)
    with pytest.raises(MediaError, match="has 8 frames here"):
        given.given(_asked("edge", clip), Request(frames=9, fps=8, size=(32, 32)))


def test_a_clip_is_cut_and_timed_as_the_request_has_it(tmp_path):
    path = media.write(waves(count=16, height=48, width=64, fps=16.0), tmp_path / "a.mp4")
    values = given.given(_asked("edge", path), WANTED)
    assert values.shape == (1, 1, 4, 32, 32)
    same = media.read(path, size=(32, 32), fit="crop", fps=8, frames=4)
    assert torch.equal(values, edges.from_clip(same))
    longer = given.given(_asked("edge", path), WANTED, frames=6)
    assert longer.shape[2] == 6


def test_a_map_is_known_by_its_record_or_by_what_is_said(tmp_path):
    near = torch.linspace(0.1, 0.9, 32).view(1, 1, 1, 1, 32).expand(1, 1, 4, 32, 32)
    true = depth.NEAR / near - depth.NEAR
    picture = Clip(frames=depth.shown(true), fps=8.0)
    kept = media.write(picture, tmp_path / "kept", record={given.EXTRACTED: "depth"})
    bare = media.write(picture, tmp_path / "bare", metadata=False)
    for asked in (_asked("depth", kept), _asked("depth", bare, set={"map": True})):
        values = given.given(asked, WANTED)
        assert (depth.nearness(values) - near).abs().max() < 0.01
    with pytest.raises(RequestError, match="holds depth, not sketch; give the clip itself"):
        given.given(_asked("sketches", kept), WANTED)
    with pytest.raises(RequestError, match="did you mean 'map'"):
        given.given(_asked("depth", bare, set={"mapp": True}), WANTED)


def test_one_drawing_stands_for_all_frames(tmp_path):
    paper = np.full((32, 32, 3), 255, np.uint8)
    paper[10, 4:28] = 0
    Image.fromarray(paper).save(tmp_path / "drawn.png")
    one = given.given(_asked("sketch", tmp_path / "drawn.png"), WANTED)
    assert one.shape == (1, 1, 1, 32, 32)
    assert one[0, 0, 0, 10, 4:28].all()
    assert one.sum() == 24
    every = given.given(_asked("sketches", tmp_path / "drawn.png"), WANTED)
    assert torch.equal(every, one.expand(-1, -1, 4, -1, -1))
    assert torch.equal(sketch.encoded(every, (4, 4, 4))[0, 0, 0, 1], torch.ones(4))


@pytest.mark.parametrize(("kind", "control"), [("mask", mask), ("sketch", sketch)])
def test_a_picture_is_painted_or_drawn_and_only_read_if_that_is_said(
    kind, control, tmp_path, monkeypatch
):
    painted = np.zeros((32, 32, 3), np.uint8)
    painted[8:16] = 255
    Image.fromarray(painted).save(tmp_path / "a.png")
    moving = media.write(waves(count=8, height=32, width=32), tmp_path / "a.mp4")
    shown = control.from_shown(media.read(tmp_path / "a.png").frames)
    read = []
    monkeypatch.setattr(control, "from_clip", lambda clip: read.append(clip) or shown)
    for more in ({}, {"map": True}):
        values = given.given(_asked(kind, tmp_path / "a.png", set=more), WANTED)
        assert torch.equal(values, shown.expand_as(values))
        assert not read
    given.given(_asked(kind, tmp_path / "a.png", set={"map": False}), WANTED)
    given.given(_asked(kind, moving), WANTED)
    assert len(read) == 2, "a clip is read"


def test_thin_lines_of_a_larger_map_are_kept_and_cut_to_shape(tmp_path):
    lines = torch.zeros(1, 1, 4, 128, 256)
    lines[..., 40, :] = 1
    lines[..., 150] = 1
    lines[..., 20:24] = 1  # outside the middle
    maps = {"edge": edges.shown(lines), "sketches": sketch.shown(lines)}
    wanted = torch.zeros(1, 1, 4, 32, 32)
    wanted[..., 10, :] = 1
    wanted[..., (150 - 64) // 4] = 1
    for kind, shown in maps.items():
        path = media.write(Clip(frames=shown, fps=8.0), tmp_path / kind, metadata=False)
        values = given.given(_asked(kind, path, set={"map": True}), WANTED)
        assert torch.equal(values, wanted)


def test_what_is_written_out_becomes_a_map_too():
    assert given.given(_asked("stroke", "4,16;28,16"), WANTED).shape == (1, 3, 4, 32, 32)
    assert given.given(_asked("camera", "pan:1"), WANTED).shape == (1, 6, 4, 1, 1)
    with pytest.raises(RequestError, match="takes no keys"):
        given.given(_asked("stroke", "4,16;28,16", set={"map": True}), WANTED)


def test_sources_are_tried_before_anything_is_loaded(clip, tmp_path):
    given.check(Request(conditions=[_asked("first", clip), _asked("camera", "zoom:0.5")]))
    with pytest.raises(MediaError, match=r"gone\.png"):
        given.check(Request(conditions=[_asked("first", tmp_path / "gone.png")]))
    with pytest.raises(RequestError, match="stays on the frame of 128x128"):
        given.check(Request(conditions=[_asked("stroke", "0,0;200,0")]))


def test_motion_is_read_with_the_codec_that_is_named(tmp_path):
    path = media.write(waves(count=6, height=32, width=32), tmp_path / "clip")
    source = media.read(path, size=(32, 32), fit="crop", fps=8, frames=4)
    for codec in ("mpeg4", "h264"):
        values = given.given(_asked("motion", path, set={"codec": codec}), WANTED)
        assert torch.equal(values, motion.from_clip(source, codec=codec))
    with pytest.raises(RequestError, match="did you mean 'mpeg4'"):
        given.given(_asked("motion", path, set={"codec": "mpeg"}), WANTED)
    with pytest.raises(RequestError, match="use one of: map"):
        given.given(_asked("edge", path, set={"codec": "mpeg4"}), WANTED)


def test_what_a_map_is_read_of_can_be_had_itself(clip, tmp_path):
    painted = np.zeros((32, 32, 3), np.uint8)
    Image.fromarray(painted).save(tmp_path / "a.png")
    picture = _asked("mask", tmp_path / "a.png")
    assert given.is_map(picture)
    assert not given.is_map(_asked("mask", clip))
    assert numbers(Clip(frames=given.clip(_asked("structure", clip), WANTED), fps=8.0)) == [
        0, 1, 2, 3
    ]  # fmt: skip
    assert given.clip(_asked("structure", tmp_path / "a.png"), WANTED).shape == (1, 3, 4, 32, 32)
