"""Anybody's videos: which are measured, which are left out and why, and what is kept."""

import json
from pathlib import Path

import pytest

from mutoscope.clip import Clip
from mutoscope.errors import DataError
from mutoscope.evaluate import folder, measure
from mutoscope.evaluate.measure import Measured
from mutoscope.evaluate.reading import shipped
from tests.clips import sliding, waves
from tests.evaluate.readings import measured


@pytest.fixture
def films(tmp_path: Path) -> Path:
    where = tmp_path / "films"
    (where / "more").mkdir(parents=True)
    sliding(2, 1, count=10, height=64, width=96).save(where / "a.mp4")
    waves(count=8, height=64, width=96).save(where / "more" / "b.webp")
    (where / "broken.mp4").write_bytes(b"no video at all")
    sliding(0, 0, count=1, height=64, width=96).save(where / "one.gif")
    return where


def _csv(where: Path, *lines: str) -> Path:
    path = where / "prompts.csv"
    path.write_text("file,prompt\n" + "\n".join(lines) + "\n")
    return path


def test_rows_that_can_not_be_measured_are_named_with_the_reason(films: Path, tmp_path: Path):
    (tmp_path / "secret.mp4").write_bytes(b"x")
    (films / "way.mp4").symlink_to(tmp_path / "secret.mp4")
    table = _csv(
        films, "a.mp4,a red ball", "more/b.webp,", "../secret.mp4,a", f"{tmp_path}/secret.mp4,a",
        "way.mp4,a", "gone.mp4,a", ",a", "a.mp4,a red ball", "a.mp4,a blue ball", ".,a",
    )  # fmt: skip
    out = films / "out"
    out.mkdir()
    waves().save(out / "own.gif")
    rows, left = folder.listed(films, table, besides=out)
    assert [(row.file, row.prompt) for row in rows] == [
        ("a.mp4", "a red ball"), ("a.mp4", "a blue ball")
    ]  # fmt: skip
    assert [(one.file, one.reason) for one in left] == [
        ("more/b.webp", "has no prompt"),
        ("../secret.mp4", "lies outside the folder"),
        (f"{tmp_path}/secret.mp4", "lies outside the folder"),
        ("way.mp4", "lies outside the folder"),
        ("gone.mp4", "does not exist"),
        ("line 8", "names no file"),
        ("a.mp4", "is listed twice with this prompt"),
        (".", "lies outside the folder"),
        ("broken.mp4", "has no prompt in the CSV"),
        ("one.gif", "has no prompt in the CSV"),
    ]


def test_seams_are_frames_of_the_clip_or_the_row_is_left_out(films: Path, tmp_path: Path):
    table = films / "prompts.csv"
    table.write_text("file,prompt,seams\na.mp4,x,8 4\na.mp4,y,\na.mp4,z,4.5\na.mp4,w,4 10\n")
    rows, left = folder.listed(films, table, besides=tmp_path / "out")
    assert [row.seams for row in rows] == [(4, 8), (), (4, 10)]
    assert left[0].reason == "has seams that aren't numbers of frames ('4.5'); write them as 16 32"
    clip = measure.Measured(**{**vars(measured()), "frames": 10})
    assert [folder.unseamed(row, clip) for row in rows] == [
        None, None, "has no seam at frame 10; frames that begin a segment are 1 to 9"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"", "lacks the column 'file'"),
        (b"file;prompt\na;b\n", "lacks the column 'file'"),
        (b"file,text\na,b\n", "lacks the column 'prompt'"),
        (b"file,prompt\n\xff\xfe,b\n", "in UTF-8"),
    ],
)
def test_a_table_that_is_none_is_refused(films: Path, text: bytes, sentence: str):
    path = films / "prompts.csv"
    path.write_bytes(text)
    with pytest.raises(DataError, match=sentence):
        folder.listed(films, path, besides=films)
    with pytest.raises(DataError, match="not a folder"):
        folder.listed(path, path, besides=films)


def test_clips_are_measured_once_and_those_that_can_not_be_say_why(
    films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    files, keeping, heard = ["a.mp4", "broken.mp4", "one.gif", "more/b.webp"], tmp_path / "kept", []
    found = folder.measured(films, files, keeping=keeping, progress=heard.append)
    assert list(found) == files
    assert heard == [1, 2, 3, 4]
    assert found["one.gif"] == "holds one frame; give a clip of 2 or more"
    assert "can't be read" in found["broken.mp4"]
    assert str(films) not in found["broken.mp4"]
    clip = found["a.mp4"]
    assert (clip.frames, clip.size, clip.unread) == (10, (96, 64), None)
    assert clip.numbers["dynamic clips"] in (0, 1)
    assert clip.numbers["warp error"] < 0.02
    frozen = clip.beside["frozen"]
    assert (frozen["smoothness"], frozen["warp error"], frozen["dynamic clips"]) == (1, 0, 0)
    assert clip.beside["shuffled"]["smoothness"] < clip.numbers["smoothness"]
    assert len(list(keeping.iterdir())) == 2

    (films / "a.mp4").rename(films / "again.mp4")
    monkeypatch.setattr(measure, "opened", lambda path: pytest.fail(f"{path} is measured again"))
    again = folder.measured(films, ["again.mp4", "more/b.webp"], keeping=keeping)
    assert again["again.mp4"] == clip
    monkeypatch.setattr(measure, "VERSION", -1)
    with pytest.raises(pytest.fail.Exception, match="measured again"):
        folder.measured(films, ["again.mp4"], keeping=keeping)


def test_what_was_measured_before_an_interrupt_stays(films: Path, tmp_path: Path):
    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        folder.measured(films, ["a.mp4", "more/b.webp"], keeping=tmp_path / "kept", progress=stop)
    (place,) = (tmp_path / "kept").iterdir()
    assert json.loads(place.read_text())["frames"] == 10


def test_two_jobs_find_what_one_finds(films: Path, tmp_path: Path):
    files = ["a.mp4", "broken.mp4", "more/b.webp"]
    one, two = (
        folder.measured(films, files, keeping=tmp_path / f"{jobs}", jobs=jobs) for jobs in (1, 2)
    )
    assert one["broken.mp4"] == two["broken.mp4"]
    for file in ("a.mp4", "more/b.webp"):
        mine, other = one[file], two[file]
        assert mine.numbers == pytest.approx(other.numbers, nan_ok=True)
        words, others = ({k: v[:2] for k, v in found.words.items()} for found in (mine, other))
        assert words == others  # how sure it is may differ in its last bit


def test_clips_of_another_size_than_most_are_named():
    found = {"a": measured(), "b": measured(size=(32, 64)), "c": measured()}
    assert folder.alike(found) == {"b": "is 32x64 where most are 64x64; bring all to one size"}
    assert folder.alike({"a": measured()}) == {}


def test_what_the_readers_can_not_see_is_said_and_the_rest_is_measured():
    slow = Clip(frames=sliding(0, 0, count=6, height=64, width=64).frames, fps=2)
    found = measure.measured(slow, shipped())
    assert "at least 4 frames a second" in found.unread
    assert "flicker" in found.numbers
    assert Measured(**{**json.loads(json.dumps(found.to_json())), "size": found.size}) == found
    long = Clip(frames=waves(count=40).frames, fps=8)
    assert {"colour", "contrast", "sharpness"} <= set(measure.measured(long, shipped()).drift)
