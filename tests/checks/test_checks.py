"""The rows of a check, of a system that is perfect and of one that has learned nothing."""

import json
from pathlib import Path

import pytest
import torch

from mutoscope import checks, cli
from mutoscope.checks import Check, Subject
from mutoscope.checks.modelscope import SEED, WORDS
from mutoscope.errors import RequestError
from mutoscope.evaluate.faithfulness import renders
from mutoscope.evaluate.questions import Questions
from mutoscope.evaluate.reading import shipped
from tests import tiny


def test_a_row_passes_from_its_threshold_on():
    row = Check(id="x", value=0.9, interval=(0.8, 1.0), n=9, threshold=0.9)
    assert row.to_json()["pass"]
    assert not Check(id="x", value=0.89, interval=None, n=9, threshold=0.9).passes
    assert set(row.to_json()) == {
        "id", "value", "interval", "n", "threshold", "pass", "baselines"
    }  # fmt: skip
    with pytest.raises(RequestError, match="no checks of 'image'"):
        checks.find("image")


def _noise(prompts, seeds):
    rngs = [torch.Generator().manual_seed(seed) for seed in seeds]
    return torch.stack([torch.rand(3, 16, 64, 64, generator=rng) * 2 - 1 for rng in rngs])


def test_real_renders_pass_where_noise_fails():
    scenes = {}
    for unseen, n in ((True, 4), (False, 2)):
        asked = Questions(n=n, seed=SEED, unseen=unseen, side=64).asked()
        scenes |= dict(zip(asked.prompts, asked.scenes, strict=True))

    def perfect(frames):
        return lambda prompts, seeds: renders(
            [scenes[p] for p in prompts], frames=frames, size=(64, 64), fps=8.0
        )

    subject = Subject(
        make=perfect, ask=lambda asked: perfect(asked["frames"]), settings={},
        twin=lambda _: _noise, reader=shipped(), count=4, fps=8.0, side=64,
    )  # fmt: skip
    rows = {row.id: row for row in checks.find("modelscope").run(subject)}
    assert {f"captions: {title}" for title in WORDS} <= set(rows)
    colour = rows["captions: colour"]
    assert colour.value == colour.baselines["truth"] > colour.baselines["untrained"]
    for frames in (8, 24):
        row = rows[f"lengths: {frames} frames"]
        assert row.value == pytest.approx(row.baselines["truth"])
        assert row.n == 2


def test_the_command_writes_the_rows_and_fails_with_them(tmp_path: Path, capsys):
    weights = tiny.folder(tmp_path / "zoo", "modelscope")
    out = tmp_path / "out"
    words = ["check", "modelscope", "--weights", str(weights), "--count", "2", "-o", str(out)]
    assert cli.code([*words, "--json"]) == 1, "what has learned nothing works as nothing"
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert said == json.loads((out / "checks.json").read_text())
    assert not all(row["pass"] for row in said["checks"])
    assert said["count"] == 2
    assert said["seed"] == SEED
    assert said["commit"]
    assert {one["file"] for one in said["left out"]} >= {"vid2vid", "captions: speed"}
    assert cli.code(["check", "image", "-o", str(out)]) == 2
    assert "no checks of 'image'" in capsys.readouterr().err
    assert cli.code(["check", "modelscope"]) == 2
    assert "-o DIR" in capsys.readouterr().err
