"""The rows of the check that tunes by itself: on a tiny base, and what its measures mean."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mutoscope import checks, cli, zoo
from mutoscope.checks import Bench
from mutoscope.checks import tune_a_video as rows
from mutoscope.evaluate.reading import shipped
from mutoscope.evaluate.tracks import Track
from mutoscope.recipes.tune_a_video import TuneAVideo
from tests import tiny


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tiny base of 64 pixels, the least that the reader reads; two steps are usual."""
    monkeypatch.setattr(TuneAVideo, "plan", replace(TuneAVideo.plan, steps=2, rounds=1))
    monkeypatch.setattr(rows, "AT", (1,))
    at = tiny.folder(tmp_path / "zoo", "image")
    network = tiny.system("image").parts()["network"]
    zoo.save_part(network, "image", {**zoo.facts("image", at), "side": 64}, at)
    return at


def test_the_cases_are_clips_whose_edit_moves_alike():
    cases = rows.drawn(3, 64)
    for case in cases:
        one, other = case.scene.things[0], case.edited.things[0]
        assert one.shape != other.shape
        assert one.colour != other.colour
        assert one.motion == other.motion
        assert case.prompt != case.wish
        assert case.way.visible.sum() >= 3
        assert case.still.any()
    true = [case.true for case in cases]
    alike, off = rows._ways(cases, true, shipped())
    assert np.median(alike) > 0.9
    assert np.median(off) < 4


def test_a_way_correlates_with_itself_and_not_with_its_mirror():
    x = np.linspace(0.2, 0.8, 8)
    way = np.stack([x, 0.5 + 0 * x], axis=1)
    mirrored = way * [-1, 1] + [1, 0]
    assert rows._correlation(way, way) == pytest.approx(1)
    assert rows._correlation(way, mirrored) == pytest.approx(-1)
    short = Track(np.full((8, 2), np.nan), np.zeros(8), 0.25)
    assert rows._both(short, Track(way, np.ones(8), 0.25)) is None


def test_every_row_is_there_and_a_second_call_learns_nothing_again(
    tmp_path: Path, weights: Path, capsys
):
    out = tmp_path / "out"
    words = ["check", "tune_a_video", "--weights", str(weights), "--count", "2", "-o", str(out)]
    assert cli.code([*words, "--json"]) == 1, "what has learned nothing works as nothing"
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    found = {row["id"]: row for row in said["checks"]}
    assert found["hygiene"]["pass"]
    assert found["inversion: decibels"]["n"] == 2
    assert {name.split(":")[0] for name in found} >= {
        "changed", "kept", "exact edits", "part", "budget", "over-tuning"
    }  # fmt: skip
    for line in checks.obeyed("tune_a_video"):
        named = {line.shuffled, line.without, line.truth} - {None}
        assert named <= set(found[line.row]["baselines"])
    kept = {path: path.stat().st_mtime_ns for path in out.glob("kept/*/*/delta.safetensors")}
    assert len(kept) == 5
    bench = Bench(out=out / "kept", reader=shipped(), count=2, weights=weights)
    again = [row.to_json() for row in checks.find("tune_a_video").tried(bench)]
    assert again == said["checks"]
    assert kept == {path: path.stat().st_mtime_ns for path in kept}
