"""Conditions at the doors: Python and the command line, and what is said of one nobody uses."""

import hashlib
import sys
from pathlib import Path

import pytest

import mutoscope
from mutoscope import cli, media, recipes
from mutoscope.errors import IgnoredError
from tests import tiny
from tests.clips import counting

PLUGIN = Path(__file__).parent.parent / "service" / "plugin"


@pytest.fixture
def steered(monkeypatch: pytest.MonkeyPatch):
    """A system of another package that takes `first`, a picture, and `structure`, a clip."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(PLUGIN)])
    monkeypatch.setitem(recipes.TABLE, "tiny", "mutoscope_tiny")


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    return media.write(counting(count=1, side=16), tmp_path / "a.png")


def test_a_picture_steers_a_clip_and_its_hash_is_in_the_record(
    steered, picture: Path, tmp_path: Path, capsys
):
    made = tmp_path / "made.webp"
    words = ["generate", "a ball", "--system", "tiny", "--first", str(picture), "-o", str(made)]
    assert cli.code(words) == 0, capsys.readouterr().err
    record = media.read_record(made)
    assert record["conditions"][0]["kind"] == "first"
    assert len(record["sources"][str(picture)]) == 64
    assert cli.code([*words[:4], "--condition", f"first={picture}:strength=0.5", *words[6:]]) == 0
    assert media.read_record(made)["conditions"][0]["strength"] == 0.5
    system = mutoscope.load("tiny")
    asked = mutoscope.ConditionRequest(kind="first", source=str(picture))
    clip = system.generate("a ball", conditions=[asked])
    assert clip.record["sources"] == record["sources"]


def test_a_source_is_recorded_as_it_was_asked_for_and_a_folder_has_a_hash_too(
    steered, picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    folder = media.write(counting(count=11, side=16), tmp_path / "frames")
    system = mutoscope.load("tiny")

    def sources(*named):
        asked = [mutoscope.ConditionRequest(kind="first", source=one) for one in named]
        return system.generate("a ball", conditions=asked).record["sources"]

    whole = sources("./a.png")["./a.png"]
    assert whole == hashlib.sha256(picture.read_bytes()).hexdigest()
    before = sources("frames/")
    assert [*before] == ["frames/"]
    assert sources("frames") == {"frames": before["frames/"]}
    first, *_, last = sorted(folder.glob("*.png"))
    kept = first.read_bytes(), last.read_bytes()
    first.write_bytes(kept[1])
    last.write_bytes(kept[0])
    assert media.sha256(folder) != before["frames/"], "their order counts"


def test_a_condition_that_is_ignored_names_who_would_use_it(
    steered, picture: Path, tmp_path: Path, capsys
):
    folder = tiny.folder(tmp_path / "zoo", "modelscope")
    words = ["generate", "a ball", "--weights", str(folder), "-o", str(tmp_path / "x.mp4")]
    assert cli.code([*words, "--first", str(picture)]) == 2
    error = capsys.readouterr().err
    assert "modelscope can't use condition 'first'; it takes none; " in error
    assert error.rstrip().endswith("pixeldance, tiny would use it")
    assert cli.code([*words, "--camera", "pan:1"]) == 2
    assert "no system that is here would use it" in capsys.readouterr().err
    assert not (tmp_path / "x.mp4").exists()
    system = mutoscope.load("modelscope", weights=folder)
    asked = mutoscope.ConditionRequest(kind="first", source=str(picture))
    with pytest.raises(IgnoredError, match="tiny would use it"):
        system.generate("a ball", conditions=[asked])


def test_a_source_that_is_not_there_is_found_before_anything_is_made(
    steered, tmp_path: Path, capsys
):
    words = ["generate", "a ball", "--system", "tiny", "-o", str(tmp_path / "x.mp4")]
    assert cli.code([*words, "--first", str(tmp_path / "gone.png")]) == 2
    assert "gone.png" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
