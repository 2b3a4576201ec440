"""`mutoscope extract`: what a system would see, as a file; or one sentence and nothing written."""

from pathlib import Path

import pytest
import torch

from mutoscope import cli, media
from mutoscope.controls.given import EXTRACTED
from tests.clips import counting, hidden, sliding


@pytest.mark.parametrize("name", ["edges.mp4", "edges.webm", "edges.gif", "edges.png", "edges"])
def test_edges_are_extracted_to_every_format_with_what_they_are(name, tmp_path: Path, capsys):
    clip = media.write(sliding(2, 0, count=3, height=32, width=48), tmp_path / "clip.mp4")
    made = tmp_path / name
    assert cli.code(["extract", "edges", str(clip), "-o", str(made)]) == 0, capsys.readouterr().err
    assert capsys.readouterr().out == f"{made}\n"
    record = media.read_record(made)
    assert record[EXTRACTED] == "edges"
    assert record["of"] == "clip.mp4"
    if name != "edges.png":
        assert media.read(made).frames.shape == (1, 3, 3, 32, 48)
    assert cli.code(["info", str(made)]) == 0


def test_motion_is_extracted_in_its_colours(tmp_path: Path):
    clip = media.write(sliding(3, 0, count=4, height=64, width=96), tmp_path / "clip.mp4")
    made = tmp_path / "motion"
    assert cli.code(["extract", "motion", str(clip), "-o", str(made)]) == 0
    red, green, blue = media.read(made).frames[0, :, 1:, 16:48, 16:80].flatten(1).median(1).values
    assert red > green, "to the right is red"
    assert torch.allclose(green, blue, atol=0.2)
    assert media.read_record(made)["flow"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["edges", "clip.mp4"], "say where it shall be: -o FILE"),
        (["edgs", "clip.mp4", "-o", "a.mp4"], "use one of: depth, edges, mask, motion, sketch"),
        (["camera", "clip.mp4", "-o", "a.mp4"], "can't be extracted"),
        (["edges", "gone.mp4", "-o", "a.mp4"], "gone.mp4"),
        (["edges", "clip.mp4", "-o", "a.avi"], "names no format"),
        (["edges", "clip.mp4", "-o", "nowhere/a.mp4"], "make the folder"),
        (["edges", "clip.mp4", "-o", "clip.mp4"], "is the clip itself"),
        (["motion", "still.png", "-o", "a.mp4"], "at least 2 frames"),
        (["edges", "notes.txt", "-o", "a.mp4"], "notes.txt"),
    ],
)
def test_what_cannot_be_extracted_leaves_with_2_and_nothing_written(
    words, sentence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    monkeypatch.chdir(tmp_path)
    media.write(sliding(1, 0, count=2, height=32, width=32), "clip.mp4")
    media.write(counting(count=1, side=32), "still.png")
    Path("notes.txt").write_text("no clip\n")
    before = sorted(path.name for path in tmp_path.iterdir())
    assert cli.code(["extract", *words]) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert not hidden(tmp_path)
