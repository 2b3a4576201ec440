"""The rows of control, of clips that do exactly what is asked for."""

from pathlib import Path

import pytest
import torch

from mutoscope import checks, cli, zoo
from mutoscope.checks import Subject, mapped
from mutoscope.checks import text2video_zero as rows_of
from mutoscope.checks.mapped import FRAMES, SEED
from mutoscope.errors import DataError
from mutoscope.evaluate.questions import Questions
from mutoscope.evaluate.reading import shipped
from tests import tiny

SIDE, COUNT = 64, 4


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    """The real clip of a map's scene, its frames unlike one another where they don't look."""
    real = Questions(n=COUNT, seed=SEED, frames=FRAMES, side=SIDE).asked().real()

    def one(asked, seed):
        rng = torch.Generator().manual_seed(seed)
        fresh = torch.rand(1, 3, asked["frames"], SIDE, SIDE, generator=rng) * 2 - 1
        if not asked["conditions"]:
            return fresh
        k = int(Path(asked["conditions"][0]["source"]).parent.name)
        clip = real[k : k + 1, :, : asked["frames"]]
        return (
            clip
            if asked["settings"].get("cross_frame", True)
            else (clip + 0.5 * fresh).clamp(-1, 1)
        )

    def ask(asked):
        return lambda _, seeds: torch.cat([one(asked, seed) for seed in seeds])

    return Subject(
        make=lambda _: ask({}), ask=ask, settings={}, twin=lambda _: ask({}), reader=shipped(),
        count=COUNT, fps=8.0, side=SIDE, folder=tmp_path_factory.mktemp("given"),
        conditions=("depth", "edge", "sketches"),
    )  # fmt: skip


def test_pictures_that_obey_score_as_the_truth_does_and_above_any_baseline(subject):
    rows = {row.id: row for row in checks.find("controlnet").run(subject)}
    figures = {"depth": "depth rank", "sketch": "sketch F1", "edge": "edge F1"}
    assert len(rows) == 2 * len(figures)
    for kind, figure in figures.items():
        row = rows[f"control: {kind}, {figure}"]
        assert row.n == COUNT
        assert row.value == pytest.approx(row.baselines["truth"])
        assert row.baselines["shuffled condition"] < row.value
        assert row.baselines["absent"] < row.value
        way = rows[f"control: {kind}, from shuffled condition to truth"]
        assert way.value == pytest.approx(1.0)
        assert way.baselines["absent"] < 1.0
    assert rows["control: edge, edge F1"].value > 0.99
    for line in checks.obeyed("controlnet"):
        assert {line.shuffled, line.without, line.truth} <= set(rows[line.row].baselines)


def test_frames_that_look_at_the_first_are_held_against_pictures_alone(subject):
    half = Subject(**{**vars(subject), "count": 2 * COUNT})
    rows = {row.id: row for row in rows_of._controlled(half, ["edge"])}
    assert rows["control: edge, edge F1"].passes
    share = rows["control: edge, share of what pictures alone obey"]
    assert share.passes
    assert share.value > 1
    near = rows["control, lower end: edge, consistency over pictures alone"]
    assert near.baselines["whole"] > near.baselines["alone"]


def test_maps_need_a_folder_and_shares_what_is_told(subject):
    with pytest.raises(DataError, match="name a folder"):
        mapped.trial(Subject(**{**vars(subject), "folder": None}), 1, 1)
    rows = (torch.tensor([1.0, 2.0, torch.nan]).numpy(), torch.tensor([2.0, 2.0, 5.0]).numpy())
    assert mapped.share(*rows)[0] == pytest.approx(0.75)


@pytest.mark.slow
def test_the_command_gives_maps_to_a_system_and_writes_every_row(tmp_path: Path, capsys):
    at = tiny.folder(tmp_path / "zoo", "controlnet")
    network = tiny.system("controlnet").parts()["network"]
    zoo.save_part(network, "controlnet", {**zoo.facts("controlnet", at), "side": SIDE}, at)
    words = ["check", "controlnet", "--weights", str(at), "--count", "2", "-o", str(tmp_path / "o")]
    assert cli.code([*words, "--json"]) == 1, "what has learned nothing works as nothing"
    assert "control: edge, edge F1" in capsys.readouterr().out
