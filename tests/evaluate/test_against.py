"""A folder against a folder of real clips, by the same instruments and numbers as a system's."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mutoscope import cli
from mutoscope.clip import Clip
from mutoscope.errors import MediaError, WeightsError
from mutoscope.evaluate import against, looking
from mutoscope.evaluate.frechet import LADDER
from mutoscope.evaluate.looking import POSTERIORS, Seen
from mutoscope.world.render import render
from mutoscope.world.sample import sample
from tests.clips import counting, waves


def _films(where: Path, count: int, first: int) -> list[Path]:
    where.mkdir()
    paths = [where / f"{k}.mp4" for k in range(count)]
    for k, path in enumerate(paths, start=first):
        rgb = render(sample(3, k, split="test"), frames=16, size=(64, 64), fps=8).rgb
        Clip.from_uint8(rgb[None], fps=8).save(path)
    return paths


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("folders")
    _films(top / "made", 4, 0)
    _films(top / "real", 9, 4)
    waves(count=4).save(top / "real" / "short.mp4")
    lines = ["file,prompt", *(f"{k}.mp4,a ball" for k in range(4))]
    (top / "prompts.csv").write_text("\n".join(lines) + "\n")
    return top


@pytest.fixture
def asked(folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.chdir(tmp_path)
    words = ["evaluate", folders / "made", "--prompts", folders / "prompts.csv", "-o", "out"]
    return [str(word) for word in [*words, "--reference", folders / "real"]]


def test_a_folder_of_real_clips_gives_distances_among_references(
    asked: list[str], monkeypatch: pytest.MonkeyPatch, capsys
):
    monkeypatch.setattr(against, "FEWEST", 4)
    assert cli.code([*asked, "--json"]) == 0
    shown = capsys.readouterr()
    said = json.loads(shown.out.splitlines()[-1])
    few = set(LADDER) - {"independent"}
    assert set(said["summary"]["distance: kernel"]["baselines"]) == few, "5 clips of 8 frames"
    assert "distance: frechet" not in said["summary"], "too few for a covariance"
    assert "distance: inception score" not in said["summary"], "our reader knows no classes"
    assert said["summary"]["distance: kernel"]["n"] == 4
    assert {"file": "short.mp4", "reason": "can't be compared: it is shorter than 2 seconds"} in (
        said["left out"]
    )
    data = json.loads(Path("out/scores.json").read_text())
    assert "4 clips on each side" in data["distance"]
    assert data["distance"].count(";") == 7
    assert data["ladder"].startswith("kernel: ")
    assert data["ladder"].endswith("too few clips were seen together for independent")
    assert "real" in shown.err
    monkeypatch.setattr(looking, "_rows", lambda *_: pytest.fail("looked again"))
    assert cli.code(asked) == 0, "what was seen is kept"


def test_too_few_clips_have_a_reason_and_no_figure(asked: list[str], capsys):
    assert cli.code([*asked, "--json"]) == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert not [name for name in said["summary"] if name.startswith("distance")]
    reason = "needs 32 clips and twice as many real ones that can be compared (got 4 and 9)"
    assert {"file": "the distance", "reason": reason} in said["left out"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--reference", "gone"], "gone is not a folder; give the folder of the real videos"),
        (["--reference", "."], "holds no videos"),
        (["--features", "odd.pt"], "odd.pt isn't a safetensors file"),
    ],
)
def test_a_reference_that_is_none_is_one_sentence(asked: list[str], capsys, words, sentence):
    assert cli.code([*asked, *words]) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1
    assert not Path("out").exists()


def test_features_without_a_reference_and_of_a_system_are_refused(asked: list[str], capsys):
    assert cli.code([*asked[:-2], "--features", "ours"]) == 2
    assert "give --reference DIR too" in capsys.readouterr().err
    assert cli.code(["evaluate", "--system", "image", "--reference", "x", "-o", "out"]) == 2
    assert "are for a FOLDER" in capsys.readouterr().err


def test_a_missing_classifier_is_said_before_anything_is_measured(
    asked: list[str], monkeypatch: pytest.MonkeyPatch, capsys
):
    def missing() -> None:
        raise WeightsError("the image classifier isn't installed", failed=True)

    monkeypatch.setattr(looking.classifier, "shipped", missing)
    assert cli.code([*asked, "--features", "classes"]) == 1
    assert "isn't installed" in capsys.readouterr().err
    assert not Path("out").exists()


def test_frames_are_taken_at_a_rate_and_a_side(tmp_path: Path):
    path = counting(count=9).save(tmp_path / "a.webm")
    levels = looking.taken(path, (4, 4.0, 8))[:, 4, 4, 0]
    assert np.abs(levels / 20 - [0, 2, 4, 6]).max() < 0.3
    with pytest.raises(MediaError, match="is shorter than 2 seconds"):
        looking.taken(path, (16, 8.0, 8))
    with pytest.raises(MediaError, match="plays at 8 frames a second where 12 are needed"):
        looking.taken(path, (4, 12.0, 8))


def test_all_sets_have_as_many_clips_as_the_smallest_and_no_real_clip_is_in_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Files that are numbers, seen as normal draws: made ones, 70, 1 away from 130 real ones."""
    drawn: list[str] = []

    def seen(paths, *, by, kinds, keeping):
        drawn.extend(path.name for path in paths)
        rng = np.random.default_rng([int(path.name) for path in paths])
        rows = rng.normal(size=(len(paths), 4)) + (int(paths[0].name) >= 1000)
        p = torch.tensor(rows).softmax(-1).numpy()
        return Seen(rows={**dict.fromkeys(kinds, rows), POSTERIORS: p}, left={})

    monkeypatch.setattr(against, "seen", seen)
    made, real = ([Path(str(k)) for k in ks] for ks in (range(1000, 1070), range(130)))
    by = looking.Eye(name="odd", said="four", form=(8, 4.0, 64), per=1, weights="")
    told = against.distance(made, real, by=by, keeping=tmp_path)
    assert sorted(drawn) == sorted(str(path) for path in [*made, *real])
    assert {entry.n for entry in told.table.values()} == {65}
    frechet = told.table["frechet"]
    assert frechet.value > 3 > 1 > frechet.baselines["real"]
    assert set(told.table["inception score"].baselines) == {"real"}
    assert "not as it should be" in told.facts["ladder"], "all references are alike here"
    monkeypatch.setattr(against, "seen", lambda *a, **k: _twice(seen(*a, **k)))
    told = against.distance(made, real, by=replace(by, per=2), keeping=tmp_path)
    assert {entry.n for entry in told.table.values()} == {65}, "clips, not frames"


def _twice(found: Seen) -> Seen:
    return replace(found, rows={kind: np.repeat(row, 2, 0) for kind, row in found.rows.items()})


@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 31, 32, 47, 100, 1024])
def test_blocks_are_even_and_never_small_where_there_is_more_than_one(count: int):
    paths = [Path(str(k)) for k in range(count)]
    found = looking.blocks(paths)
    assert [path for block in found for path in block] == paths
    sizes = [len(block) for block in found]
    if count >= 16:
        assert 16 <= min(sizes) <= max(sizes) <= 31
        assert max(sizes) - min(sizes) <= 1


def test_a_block_of_fewer_clips_than_frames_has_no_frames_of_unlike_clips(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(
        looking, "_look", lambda *_: lambda frames: (frames.mean((1, 3, 4)).numpy(), None)
    )
    paths = [counting(count=9).save(tmp_path / f"{k}.webm") for k in range(5)]
    (tmp_path / "bad.webm").write_bytes(b"")
    by = looking.Eye(name="odd", said="", form=(5, 4.0, 8), per=1, weights="")
    four = looking.seen(
        [*paths[:4], tmp_path / "bad.webm"], by=by, kinds=LADDER, keeping=tmp_path / "kept"
    )
    five = looking.seen(paths, by=by, kinds=LADDER, keeping=tmp_path / "kept")
    assert set(four.rows) == set(LADDER) - {"independent"}
    assert set(five.rows) == set(LADDER)
