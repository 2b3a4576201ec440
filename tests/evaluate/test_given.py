"""Pictures and clips that a CSV says clips were given: found, read, measured and kept."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mutoscope.clip import Clip
from mutoscope.controls.flow import CODEC, estimator
from mutoscope.controls.given import EXTRACTED
from mutoscope.evaluate import conditions, folder, given, measure, ride
from mutoscope.evaluate.conditions import BEST, SHUFFLED
from mutoscope.evaluate.folder import Row
from mutoscope.evaluate.given import Task
from mutoscope.networks.dense import DenseReader
from tests.clips import sliding, waves
from tests.tiny import awake


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """Two clips as frames without loss, their first and last frames, a mask and other pictures."""
    where = tmp_path / "films"
    where.mkdir()
    clips = {"a": sliding(2, 1, count=8, height=64, width=64), "b": waves(8, 64, 64)}
    for name, clip in clips.items():
        pictures = clip.uint8()[0]
        (where / name).mkdir()
        for k, picture in enumerate(pictures):
            Image.fromarray(picture).save(where / name / f"{k:03d}.png")
        Image.fromarray(pictures[0]).save(where / f"{name}-first.png")
        Image.fromarray(pictures[-1]).save(where / f"{name}-last.png")
    left = np.zeros((64, 64), np.uint8)
    left[:, :32] = 255
    Image.fromarray(left).save(where / "left.png")
    ramp = np.broadcast_to(np.arange(128, dtype=np.uint8)[:, None] * 2, (128, 128))
    Image.fromarray(np.ascontiguousarray(ramp)).save(where / "ramp.png")
    Image.fromarray(np.zeros((32, 64), np.uint8)).save(where / "wide.png")
    (where / "broken.png").write_bytes(b"no picture")
    return where


def _task(films: Path, clip: str, other: dict[str, str] | None = None, **own: str) -> Task:
    files = (tuple((n, films / p) for n, p in some.items()) for some in (own, other or {}))
    return Task(films / clip, *files)


def test_frames_that_were_given_are_found_again(films: Path):
    other = {"first": "b-first.png", "last": "b-last.png"}
    found = given.held(_task(films, "a", other, first="a-first.png", last="a-last.png"))
    for name in ("first-frame PSNR", "last-frame PSNR"):
        assert found.scores[name] == [BEST, 1.0]
        assert found.shuffled[name][0] < 20
    assert set(found.pictures) == {"first", "last"}
    assert all(p.startswith("data:image/webp;base64,") for p in found.pictures.values())
    last = given.held(_task(films, "a", last="a"))
    assert last.scores["last-frame PSNR"][0] == BEST, "of a clip its last frame counts"
    rows = given.summed([found, None, last])
    assert rows["last-frame PSNR"].n == 2
    assert set(rows["last-frame PSNR"].baselines) == {SHUFFLED, "coverage"}


def test_outside_its_mask_a_clip_is_its_source(films: Path):
    task = _task(films, "a", mask="left.png", source="a")
    assert given.held(task).scores["outside-mask PSNR"] == [BEST, 1.0]
    other = given.held(replace(task, own=(("mask", films / "left.png"), ("source", films / "b"))))
    assert other.scores["outside-mask PSNR"][0] < 20
    still = given.held(replace(task, own=(("mask", films / "left.png"),
                                          ("source", films / "a-first.png"))))  # fmt: skip
    assert still.scores["outside-mask PSNR"][0] < BEST, "a picture is a source that stands still"


def test_depth_and_sketch_are_read_at_any_size_and_without_a_reader_there_is_a_reason(films: Path):
    reader = awake(DenseReader(width=16, middle=16, deep=16, match=8, depth=1, rounds=1)).eval()
    reader.bars.fill_(0.0)
    task = _task(films, "a", {"depth": "ramp.png"}, depth="ramp.png", sketch="left.png")
    found = given.held(task, reader)
    value, coverage = found.scores["depth rank"]
    assert -1 <= value <= 1
    assert coverage == 1
    assert found.shuffled["depth rank"] == found.scores["depth rank"]
    assert 0 <= found.scores["sketch F1"][0] <= 1
    reader.bars.fill_(2.0)
    never = given.held(task, reader)
    assert never.scores == {}
    assert set(never.why) == {"depth rank", "sketch F1"}
    (left, _) = given.left_out([Row("a", "x"), Row("b", "x")], [never, never])
    assert (left.file, left.prompt) == ("depth rank of 2 clips", "")


@pytest.fixture
def sure() -> DenseReader:
    """A reader that is sure of everything, and sees no things."""
    reader = awake(DenseReader(width=16, middle=16, deep=16, match=8, depth=1, rounds=1)).eval()
    reader.bars.fill_(0.0)
    return reader


@pytest.mark.skipif(estimator() == CODEC, reason="flow needs opencv")
def test_a_clip_that_moves_is_what_another_is_to_move_like(films: Path, sure: DenseReader):
    for name, (dx, dy) in {"alike": (2, 1), "back": (-2, -1)}.items():
        sliding(dx, dy, count=8, height=128, width=128).save(films / f"{name}.mp4")
    slow = sliding(1, 0.5, count=8, height=64, width=64)
    slow.save(films / "slow.mp4")
    task = _task(films, "alike.mp4", {"motion": "back.mp4"}, motion="alike.mp4")
    found = given.held(task, sure)
    error, coverage = found.scores["flow error"]
    assert error < 0.1
    assert coverage > 0.5
    assert found.shuffled["flow error"][0] > 1.5, "2 |(1, 0.5)|, in pixels of a side of 64"
    assert set(found.pictures) == {"motion"}
    small = given.held(_task(films, "alike.mp4", motion="slow.mp4"), sure)
    assert small.scores["flow error"][0] < 0.3, "pixels are those of each clip's own size"
    flat = given.held(_task(films, "alike.mp4", motion="ramp.png"), sure)
    assert flat.left["motion"] == "is one frame and can't move; give a clip"
    Clip(frames=slow.frames, fps=8, record={EXTRACTED: "motion"}).save(films / "seen.mp4")
    seen = given.held(_task(films, "alike.mp4", motion="seen.mp4"), sure)
    assert seen.left["motion"].startswith("is a picture of motion, too coarse to be motion again")


@pytest.mark.skipif(estimator() == CODEC, reason="flow needs opencv")
def test_a_camera_is_asked_in_words_and_told_over_clips(
    films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sure: DenseReader
):
    monkeypatch.setattr(given, "_reader", lambda: sure)
    monkeypatch.setattr(ride, "FEWEST", 0.0)
    lines = ["file,prompt,camera"]
    for k, speed in enumerate((-0.6, -0.4, -0.2, 0.2, 0.4, 0.6)):
        sliding(-10 * speed, 0, count=8, height=128, width=128).save(films / f"{k}.mp4")
        lines.append(f'{k}.mp4,x,"pan:{speed}"')
    lines += ['a,x,"pan:2"', "b,x,sideways"]
    (films / "prompts.csv").write_text("\n".join(lines) + "\n")
    rows, left = folder.listed(films, films / "prompts.csv", besides=tmp_path)
    assert left == []
    tasks, left = given.placed(rows, films, films / "prompts.csv")
    assert [one.file for one in left] == ["a: camera pan:2", "b: camera sideways"]
    assert left[0].reason.startswith("can't be understood: camera axis pan must be ")
    found = given.measured(tasks, keeping=tmp_path / "kept")
    assert given.measured(tasks, keeping=tmp_path / "kept") == found
    table = given.summed(found)
    assert table["camera pan Pearson"].value > 0.95
    assert table["camera pan Pearson"].baselines[SHUFFLED] < 0.9
    assert table["camera pan cross-talk"].value < 0.2
    assert given.left_out(rows, found) == []
    (few,) = given.left_out(rows[:5], found[:5])
    assert (few.file, few.reason) == ("camera of 5 clips", "has no figure of fewer than 6 clips")


def test_brighter_is_nearer_and_lines_are_what_there_is_less_of(films: Path):
    clip = Clip(frames=torch.zeros(1, 3, 2, 8, 8), fps=8)
    grey = np.zeros((1, 1, 8, 8, 3), np.uint8)
    grey[..., 3, :] = 255
    bright, dark = (Clip.from_uint8(one, fps=8) for one in (grey, 255 - grey))
    wish = given._wish(clip, {"sketch": bright, "depth": dark})
    again = given._wish(clip, {"sketch": dark})
    assert wish.sketch.shape == wish.near.shape == (2, 8, 8)
    assert np.array_equal(wish.sketch, again.sketch)
    assert wish.sketch.sum() == 16
    assert wish.near[0, 0, 3] < wish.near[0, 0, 0]


def test_a_condition_that_can_not_be_used_is_named_with_the_reason(films: Path, tmp_path: Path):
    (tmp_path / "secret.png").write_bytes((films / "left.png").read_bytes())
    (films / "way.png").symlink_to(tmp_path / "secret.png")
    rows = [
        Row("a", "x", (("first", "a-first.png"), ("last", "../secret.png"))),
        Row("b", "x", (("first", "way.png"), ("depth", "gone.png"), ("sketch", "\0"))),
        Row("b", "x", (("mask", "left.png"), ("first", f"{tmp_path}/secret.png"))),
        Row("b", "x", (("first", "wide.png"), ("last", "broken.png"))),
    ]
    tasks, left = given.placed(rows, films, films / "prompts.csv")
    assert [one.file for one in left] == [
        "a: last ../secret.png", "b: first way.png", "b: depth gone.png", "b: sketch \0",
        f"b: first {tmp_path}/secret.png", "b: mask",
    ]  # fmt: skip
    reasons = [one.reason for one in left]
    outside = "lies outside the folders of the CSV and of the videos"
    assert reasons[:4] == [outside, outside, "does not exist", "is no name of a file"]
    assert "no source beside it" in reasons[5]
    assert all(not one.prompt for one in left), "the clips themselves are measured"
    found = given.measured(tasks, keeping=tmp_path / "kept")
    assert found[1] is found[2] is None
    assert set(found[3].left) == {"first", "last"}
    assert "is 64x32 where the clip is 64x64" in found[3].left["first"]
    (first, last) = given.left_out(rows, found)
    assert (first.file, last.file) == ("b: first wide.png", "b: last broken.png")
    assert str(tmp_path) not in first.reason + last.reason


def test_others_conditions_stand_in_and_what_was_measured_is_kept(
    films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    rows = [Row(n, "x", (("first", f"{n}-first.png"),)) for n in ("a", "b")]
    tasks, _ = given.placed(rows, films, films / "prompts.csv")
    assert [dict(task.other)["first"].name for task in tasks] == ["b-first.png", "a-first.png"]
    heard: list[int] = []
    found = given.measured(tasks, keeping=tmp_path / "kept", progress=heard.append)
    assert heard == [1, 2]
    monkeypatch.setattr(measure, "opened", lambda path: pytest.fail(f"{path} is measured again"))
    assert given.measured(tasks, keeping=tmp_path / "kept") == found
    monkeypatch.setattr(conditions, "VERSION", -1)
    with pytest.raises(pytest.fail.Exception, match="measured again"):
        given.measured(tasks, keeping=tmp_path / "kept")


def test_a_condition_that_vanishes_is_left_out_by_itself_and_nothing_is_kept_of_that(
    films: Path, tmp_path: Path
):
    kept = partial(given.kept, keeping=tmp_path / "kept", instruments={})
    task = _task(
        films, "a", {"first": "b-first.png"}, first="a-first.png", last="gone.png", mask="gone.png",
        source="a",
    )  # fmt: skip
    found = kept(task)
    assert list(found.scores) == ["first-frame PSNR", "first-frame SSIM"]
    assert found.left == dict.fromkeys(
        ("last", "mask"), "can't be read (No such file or directory)"
    )
    assert kept(_task(films, "a", {"first": "gone.png"}, first="a-first.png")).shuffled == {}
    clip = kept(_task(films, "gone.mp4", first="a-first.png"))
    assert clip.scores == {}
    assert clip.left["first"].startswith("has no figure: the clip can't be read (No such file")
    assert not (tmp_path / "kept").exists()
    Image.fromarray(np.zeros((64, 64), np.uint8)).save(films / "gone.png")
    assert {"last-frame PSNR", "outside-mask PSNR"} <= kept(task).scores.keys()
    assert len(list((tmp_path / "kept").iterdir())) == 1


def test_the_columns_of_a_csv_become_conditions(films: Path):
    table = films / "prompts.csv"
    table.write_text("file,prompt,first,source,mask,other\na,x,a-first.png,clip.mp4,,y\nb,x,,,,\n")
    sliding(1, 1).save(films / "clip.mp4")
    rows, left = folder.listed(films, table, besides=films / "out")
    assert rows == [
        Row("a", "x", (("first", "a-first.png"), ("source", "clip.mp4"))), Row("b", "x")
    ]  # fmt: skip
    assert left == [], "a condition is no clip that lacks a prompt"
    assert json.loads(json.dumps(given.placed(rows, films, table)[1][0].to_json())) == {
        "file": "a: source", "reason": "has no mask beside it; name both"
    }  # fmt: skip
