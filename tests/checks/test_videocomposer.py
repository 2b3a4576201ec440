"""The rows of VideoComposer's check, of clips that do exactly what is asked for."""

import json
from pathlib import Path

import pytest
import torch

from mutoscope import checks, cli, zoo
from mutoscope.checks import Subject
from mutoscope.checks import videocomposer as rows_of
from mutoscope.checks.videocomposer import FRAMES, PAIRED, SEED
from mutoscope.controls import stroke
from mutoscope.errors import DataError
from mutoscope.evaluate.questions import Questions
from mutoscope.evaluate.reading import shipped
from tests import tiny

SIDE, COUNT = 64, 5


def textured(seed):
    rng = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, SIDE // 4, SIDE // 4, generator=rng) * 2 - 1
    return torch.nn.functional.interpolate(coarse, (SIDE, SIDE), mode="bilinear")[0]


def dragged(line, seed):
    """A disc that goes along a stroke over a ground that stays."""
    way = stroke.along(stroke.points(line, size=(SIDE, SIDE)), FRAMES)
    ground, disc = textured(seed), textured(seed + 1)
    y, x = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    frames = []
    for right, down in way:
        shift = (round(down - SIDE / 2), round(right - SIDE / 2))
        near = torch.hypot(x + 0.5 - right, y + 0.5 - down) < SIDE / 5
        frames.append(torch.where(near, disc.roll(shift, (1, 2)), ground))
    return torch.stack(frames, dim=1)[None]


def noise(seed):
    rng = torch.Generator().manual_seed(seed)
    return torch.rand(1, 3, FRAMES, SIDE, SIDE, generator=rng) * 2 - 1


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory):
    asked = Questions(n=COUNT, seed=SEED, frames=FRAMES, side=SIDE).asked()
    real = asked.real()

    def one(prompt, seed, told):
        if told and told[0]["kind"] == "stroke":
            return dragged(told[0]["source"], seed)
        if told:
            k = int(Path(told[0]["source"]).parent.name)
            return real[k : k + 1]
        if prompt in asked.prompts:  # words alone: another scene moves otherwise
            k = (list(asked.prompts).index(prompt) + 1) % COUNT
            return real[k : k + 1]
        return noise(seed)

    def ask(given):
        return lambda prompts, seeds: torch.cat(
            [one(*pair, given["conditions"]) for pair in zip(prompts, seeds, strict=True)]
        )

    subject = Subject(
        make=lambda _: ask({"conditions": []}), ask=ask, settings={},
        twin=lambda _: ask({"conditions": []}), reader=shipped(), count=COUNT, fps=8.0, side=SIDE,
        folder=tmp_path_factory.mktemp("given"),
    )  # fmt: skip
    return {row.id: row for row in checks.find("videocomposer").run(subject)}


def test_clips_that_obey_score_as_the_truth_does_and_above_any_baseline(rows):
    for name in ("depth, depth rank", "sketches, sketch F1", "sketch, sketch F1"):
        row = rows[f"alone: {name}"]
        assert row.value == pytest.approx(row.baselines["truth"])
        for other in ("shuffled condition", "absent", "untrained"):
            assert row.baselines[other] < row.value
    for kind, figure in (("mask", "outside-mask PSNR"), ("image", "first-frame PSNR")):
        row = rows[f"alone: {kind}, {figure}"]
        assert row.passes
        assert row.value > 2 * row.baselines["absent"]
        assert rows[f"alone: {kind}, times shuffled condition"].passes
    assert rows["alone: style, lower end of cosine less shuffled condition"].value > 0


def test_motion_that_is_followed_leaves_less_error_than_another(rows):
    for by in ("flow", "mpeg4"):
        row = rows[f"motion: error saved, by {by}"]
        assert row.value == pytest.approx(row.baselines["truth"])
        assert row.value > 0.3
        assert row.baselines["shuffled condition"] < row.value
    assert rows["motion: error saved, by mpeg4"].baselines["the coder's vectors"] < 1


def test_nothing_falls_in_pairs_and_what_is_equal_is_equal(rows):
    pairs = [row for name, row in rows.items() if name.startswith("pairs: ")]
    assert len(pairs) == len(PAIRED) * (len(PAIRED) - 1) / 2
    assert all(row.value == 0 for row in pairs if "text" not in row.id)
    assert rows["sets: the same, equal bits"].value == 1
    assert rows["sets: depth moves less"].value == 0
    assert rows["order: equal bits"].passes


def test_a_thing_that_is_dragged_goes_the_way_of_its_stroke(rows):
    row = rows["strokes: goes that way"]
    assert row.n == COUNT
    assert row.passes
    assert row.baselines["shuffled condition"] < row.value
    assert row.baselines["absent"] < row.value


def test_what_needs_trainings_is_named_and_files_need_a_folder():
    left = {one.file for one in checks.find("videocomposer").unchecked()}
    assert left == {"layer over time", "two stages"}
    bare = Subject(
        make=lambda _: noise, ask=lambda _: noise, settings={}, twin=lambda _: noise,
        reader=shipped(), count=1, fps=8.0, side=SIDE,
    )  # fmt: skip
    with pytest.raises(DataError, match="name a folder"):
        next(iter(rows_of.run(bare)))


@pytest.mark.slow
def test_the_command_gives_files_to_a_system_and_writes_every_row(tmp_path: Path, capsys):
    at = tiny.folder(tmp_path / "zoo", "videocomposer")
    network = tiny.system("videocomposer").parts()["network"]
    facts = {**zoo.facts("videocomposer", at), "side": SIDE}
    zoo.save_part(network, "videocomposer", facts, at)
    out = tmp_path / "out"
    words = ["check", "videocomposer", "--weights", str(at), "--count", "2", "-o", str(out)]
    assert cli.code([*words, "--json"]) == 1, "what has learned nothing works as nothing"
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    found = {row["id"]: row for row in said["checks"]}
    assert found["sets: the same, equal bits"]["pass"]
    assert found["order: equal bits"]["pass"]
    kinds = {name.split(":")[0] for name in found}
    assert kinds == {"alone", "motion", "pairs", "sets", "order", "strokes"}
    assert sorted(path.name for path in (out / "given").iterdir()) == ["000", "001"]


def test_the_lines_of_the_readme_are_rows_with_the_baselines_they_name(rows):
    for line in checks.obeyed("videocomposer"):
        named = {line.shuffled, line.without, line.truth} - {None}
        assert named <= set(rows[line.row].baselines)
