"""The rows of Gen-1's check: what its measures mean, and all of them on a tiny system."""

import json
from pathlib import Path

import pytest
import torch

from mutoscope import checks, cli, zoo
from mutoscope.checks import Bench
from mutoscope.checks import gen1 as rows
from mutoscope.evaluate.faithfulness import disordered
from mutoscope.evaluate.reading import shipped
from mutoscope.training import custom, deltas
from mutoscope.world.parse import parse
from tests import tiny
from tests.training.test_custom import lessons


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Tiny systems of 64 pixels, the least that the reader reads; two steps and four frames."""
    for name, value in (("STEPS", 2), ("FRAMES", 4), ("ROUNDS", (0, 5)), ("SMOOTH", (0.0, 1.0))):
        monkeypatch.setattr(rows, name, value)
    monkeypatch.setattr(rows, "SUBJECTS", rows.SUBJECTS[:1])
    monkeypatch.setattr(custom, "STEPS", 1)
    monkeypatch.setattr(deltas, "lessons", lambda *_, **__: lessons())
    at = tiny.folder(tmp_path / "zoo", "modelscope", "gen1")
    for name in ("modelscope", "gen1"):
        network = tiny.system(name).parts()["network"]
        zoo.save_part(network, name, {**zoo.facts(name, at), "side": 64}, at)
    return at


def test_what_is_wanted_passes_where_the_driver_and_others_fail(tmp_path: Path):
    cases, reader = rows.drawn(4, 64, tmp_path), shipped()
    wanted, clips = (
        torch.cat([getattr(case, name) for case in cases]) for name in ("wanted", "clip")
    )
    for case in cases:
        assert case.colour != case.driven
        assert parse(case.prompt).things[0].colour == case.colour
        assert {path.name.split("-")[1] for path in case.files.values()} == {
            "film.webp", "grey.webp", "mockup.webp", "picture.webp", "mask.webp"
        }  # fmt: skip
        assert case.near.shape == case.things.shape == (16, 64, 64)
        assert (case.clip - case.wanted).abs().mean() > 0.02
    off, over = rows.errors(wanted, cases)
    shuffled, apart = rows.errors(wanted, disordered(cases, 0))
    assert off.mean() < 0.5 * shuffled.mean()
    assert over.mean() > 0.6 > apart.mean()
    seen = rows.colours(reader, wanted)
    assert rows.right(seen, cases).mean() > rows.right(rows.colours(reader, clips), cases).mean()
    shaken = clips.clone()
    shaken[:, :, ::2] = clips[:, :, ::2].roll(3, -1)
    assert (rows.warped(shaken, cases) > 1.5 * rows.warped(clips, cases)).all()


def test_every_row_is_there_and_a_second_call_makes_nothing_again(
    tmp_path: Path, weights: Path, capsys
):
    out = tmp_path / "out"
    words = ["check", "gen1", "--weights", str(weights), "--count", "2", "-o", str(out)]
    assert cli.code([*words, "--json"]) == 1, "what has learned nothing works as nothing"
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    found = {row["id"]: row for row in said["checks"]}
    assert {name.split(":")[0] for name in found} == {
        "structure", "content", "time", "text", "mask", "render", "storyboard", "subject"
    }  # fmt: skip
    assert len(found) == 18
    assert found["mask: most that changes outside, 255ths, less"]["pass"]
    assert {"truth", "shuffled", "untrained"} <= set(
        found["structure: error at t_s 0, less"]["baselines"]
    )
    for line in checks.obeyed("gen1"):
        named = {line.shuffled, line.without, line.truth} - {None}
        assert named <= set(found[line.row]["baselines"])
    assert set(said["weights"]) == {"gen1", "autoencoder", "alignment", "prior"}
    kept = {path: path.stat().st_mtime_ns for path in out.glob("kept/*/*.npy")}
    assert len(kept) > 10
    bench = Bench(out=out / "kept", reader=shipped(), count=2, weights=weights)
    again = [row.to_json() for row in checks.find("gen1").tried(bench)]
    assert again == said["checks"]
    assert kept == {path: path.stat().st_mtime_ns for path in kept}
