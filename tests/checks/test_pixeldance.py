"""The rows of PixelDance's check: what its measures mean, and all of them on a tiny system."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from mutoscope import checks, cli, zoo
from mutoscope.checks import Bench
from mutoscope.checks import pixeldance as rows
from mutoscope.evaluate import ends
from mutoscope.evaluate.reading import shipped
from mutoscope.evaluate.whereabouts import bends, degrees, off, places
from tests import tiny


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Tiny systems of 64 pixels, the least that the reader reads; two steps a clip."""
    monkeypatch.setattr(rows, "STEPS", 2)
    at = tiny.folder(tmp_path / "zoo", "modelscope", "pixeldance")
    for name in ("modelscope", "pixeldance"):
        network = tiny.system(name).parts()["network"]
        zoo.save_part(network, name, {**zoo.facts(name, at), "side": 64}, at)
    return at


def test_the_cases_go_far_and_the_truth_passes(tmp_path: Path):
    cases, reader = ends.going(4, 64, tmp_path), shipped()
    true = torch.cat([case.true for case in cases])
    ways = np.stack([case.way for case in cases])
    for case in cases:
        assert np.linalg.norm(case.way[-1] - case.way[0]) >= ends.FAR
        assert case.scene.things[0].motion.verb not in case.prompt
        assert all(path.exists() for path in case.pictures.values())
    seen = places(reader, true[:, :, [0, -1]])
    assert np.median(off(seen, ways)) < rows.PIXELS
    assert np.median(degrees(seen, ways)) < rows.DEGREES
    assert rows.coloured(reader, true, cases).mean() > 0.7
    assert off(seen[:, :1], ways).mean() > 64 * ends.FAR / 2, "a clip that stands is far off"
    drafts = torch.cat([case.draft for case in cases])
    assert rows.coloured(reader, drafts, cases).mean() < 0.5


def test_a_jump_at_the_end_bends_and_a_straight_way_does_not():
    way = np.stack([np.linspace(0.2, 0.8, 16), np.full(16, 0.5)], axis=1)[None]
    at, usual = bends(way)
    assert max(at[0], usual[0]) < 1e-9
    jumps = way.copy()
    jumps[:, -1, 0] += 0.1
    at, usual = bends(jumps)
    assert at[0] == pytest.approx(0.1)
    assert usual[0] < 1e-9
    lost = way.copy()
    lost[:, -1] = np.nan
    assert bends(lost)[0][0] == 0.5


def test_more_tau_and_less_distance_is_a_correlation_of_1():
    table = np.array([[9.0, 8.0], [7.0, 6.0], [5.0, 5.0], [2.0, 1.0], [0.0, 1.0]])
    assert rows._falling(table) == pytest.approx(1)
    assert rows._falling(table[::-1]) == pytest.approx(-1)
    assert rows._falling(np.ones((5, 2))) == 0


def test_every_row_is_there_and_a_second_call_makes_nothing_again(
    tmp_path: Path, weights: Path, capsys
):
    out = tmp_path / "out"
    words = ["check", "pixeldance", "--weights", str(weights), "--count", "2", "-o", str(out)]
    assert cli.code([*words, "--json"]) == 1, "what has learned nothing works as nothing"
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    found = {row["id"]: row for row in said["checks"]}
    assert {name.split(":")[0] for name in found} == {
        "first", "last", "draft", "sketch", "edit", "chain"
    }  # fmt: skip
    assert len(found) == 14
    assert set(said["weights"]) == {"pixeldance", "autoencoder"}
    assert {"shuffled", "absent", "untrained"} <= set(found["last: pixels off, less"]["baselines"])
    for line in checks.obeyed("pixeldance"):
        named = {line.shuffled, line.without, line.truth} - {None}
        assert named <= set(found[line.row]["baselines"])
    assert any("benchmarks" in one["reason"] for one in said["left out"])
    kept = {path: path.stat().st_mtime_ns for path in out.glob("kept/*/*.npy")}
    assert len(kept) > 20
    bench = Bench(out=out / "kept", reader=shipped(), count=2, weights=weights)
    again = [row.to_json() for row in checks.find("pixeldance").tried(bench)]
    assert again == said["checks"]
    assert kept == {path: path.stat().st_mtime_ns for path in out.glob("kept/*/*.npy")}
