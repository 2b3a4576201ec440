"""`mutoscope evaluate` from the command line, on a stranger's folder and on a tiny system."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from mutoscope import cli, media, recipes
from mutoscope.clip import Clip
from mutoscope.evaluate import folder
from mutoscope.world.parse import parse
from mutoscope.world.render import render
from mutoscope.world.sample import sample
from tests import tiny
from tests.clips import waves


@pytest.fixture
def films(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two real renders of the world, of one size, and a file that is no video."""
    monkeypatch.chdir(tmp_path)
    where = tmp_path / "films"
    where.mkdir()
    lines = ["file,prompt"]
    for k in range(2):
        scene = sample(3, k, split="test")
        rgb = render(scene, frames=16, size=(64, 64), fps=8).rgb
        Clip.from_uint8(rgb[None], fps=8).save(where / f"{k}.mp4")
        thing = scene.things[0]
        lines.append(f"{k}.mp4,a {thing.colour} {thing.shape} and a corgi")
    (where / "broken.mp4").write_bytes(b"no video")
    lines.append("broken.mp4,a red ball")
    (where / "prompts.csv").write_text("\n".join(lines) + "\n")
    return where


ASKED = ["evaluate", "films", "--prompts", "films/prompts.csv", "-o", "out"]


def test_a_strangers_folder_becomes_scores_and_a_page(films: Path, tmp_path: Path, capsys):
    assert cli.code([*ASKED, "--json"]) == 0
    shown = capsys.readouterr()
    said = json.loads(shown.out.splitlines()[-1])
    assert said["n"] == 2
    ((name, reason, prompt),) = [one.values() for one in said["left out"]]
    assert (name, prompt) == ("broken.mp4", "a red ball")
    assert "left out: broken.mp4" in shown.err
    data = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert data["summary"] == said["summary"]
    assert data["summary"]["colour"]["value"] == 1
    assert data["summary"]["smoothness"]["baselines"]["frozen"] == 1
    assert data["versions"] == folder.versions()
    assert "untrained twin are known only of" in data["beside"]
    assert [clip["not asked"] for clip in data["clips"]] == [["corgi"], ["corgi"]]
    assert parse(data["clips"][0]["prompt"]).unknown == ("corgi",)
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.count("data:image/webp;base64,") == 2
    assert reason in page
    assert str(tmp_path) not in page + json.dumps(data), "a report can be handed on"


def test_what_clips_were_given_stands_in_scores_and_on_the_page(
    films: Path, tmp_path: Path, capsys
):
    for k in range(2):
        first = media.read(films / f"{k}.mp4").uint8()[0, 0]
        Image.fromarray(first).save(films / f"{k}.png")
    lines = ["file,prompt,first,last", "0.mp4,a red ball,0.png,", "1.mp4,a corgi,1.png,gone.png"]
    (films / "prompts.csv").write_text("\n".join(lines) + "\n")
    assert cli.code([*ASKED, "--json"]) == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    entry = said["summary"]["first-frame PSNR"]
    assert (entry["value"], entry["n"]) == (60, 2)
    assert entry["baselines"]["shuffled condition"] < 30
    data = json.loads((tmp_path / "out" / "scores.json").read_text())
    for clip in data["clips"]:
        assert set(clip["conditions"]) == {"first-frame PSNR", "first-frame SSIM"}
        assert clip["conditions"]["first-frame PSNR"]["coverage"] == 1
    left = [one["file"] for one in said["left out"]]
    assert "1.mp4: last gone.png" in left
    page = (tmp_path / "out" / "report.html").read_text()
    assert "first-frame PSNR: best" in page
    assert page.count("first given: a corgi") == 2, "said and shown, though no word was asked"
    before = (tmp_path / "out" / "scores.json").read_bytes()
    assert cli.code(ASKED) == 0
    assert (tmp_path / "out" / "scores.json").read_bytes() == before
    assert cli.code([*ASKED[:-1], "again"]) == 0
    assert cli.code(["compare", "out", "again", "-o", "both", "--json"]) == 0
    both = json.loads(Path("both/scores.json").read_text())
    assert both["comparisons"]["again"]["summary"]["first-frame PSNR"]["value"] == 0


def test_calling_again_measures_nothing_twice(
    films: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys
):
    assert cli.code(ASKED) == 0
    assert "colour" in capsys.readouterr().out
    before = (tmp_path / "out" / "scores.json").read_bytes()
    monkeypatch.setattr(folder.measure, "measured", lambda *_: pytest.fail("measured again"))
    assert cli.code(ASKED) == 0
    assert (tmp_path / "out" / "scores.json").read_bytes() == before


def test_interrupting_keeps_what_was_measured(
    films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(folder, "measured", interrupted)
    assert cli.code(ASKED) == 130
    assert "what was measured is in out; call again to go on" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["evaluate", "films"], "-o DIR"),
        (["evaluate", "-o", "out"], "give a FOLDER"),
        (["evaluate", "films", "--system", "image", "-o", "out"], "give a FOLDER"),
        (["evaluate", "films", "-o", "out"], "--prompts CSV"),
        ([*ASKED, "--count", "3"], "--count and --weights are for --system"),
        (["evaluate", "gone", "--prompts", "films/prompts.csv", "-o", "out"], "is not a folder"),
        (["evaluate", "films", "--prompts", "gone.csv", "-o", "out"], "gone.csv can't be read"),
        (["evaluate", "films", "--prompts", "films/0.mp4", "-o", "out"], "0.mp4"),
        ([*ASKED[:-1], "films/0.mp4"], "is a file; name a folder for -o"),
        (["evaluate", "--system", "sora", "-o", "out"], "there is no system called 'sora'"),
        (["evaluate", "--system", "image", "--prompts", "gone", "-o", "out"], "gone can't be read"),
        ([*ASKED, "--jobs", "0"], "--jobs"),
    ],
)
def test_a_wrong_request_is_one_sentence(films: Path, tmp_path: Path, capsys, words, sentence):
    assert cli.code(words) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_folder_of_which_nothing_can_be_measured_says_so_and_why(films: Path, capsys):
    (films / "prompts.csv").write_text("file,prompt\nbroken.mp4,a red ball\n0.mp4,\n1.mp4,\n")
    assert cli.code(ASKED) == 2
    assert (
        "none of the 3 clips could be measured; the first: 0.mp4 has no" in capsys.readouterr().err
    )
    assert json.loads(Path("out/scores.json").read_text())["summary"] == {}


def test_prompts_of_which_no_word_is_known_have_no_figure_for_words(films: Path, capsys):
    (films / "prompts.csv").write_text("file,prompt\n0.mp4,a corgi\n1.mp4,a girl sings\n")
    assert cli.code([*ASKED, "--json"]) == 0
    shown = capsys.readouterr()
    assert "no word of these prompts is one that the readers know" in shown.err
    summary = json.loads(shown.out.splitlines()[-1])["summary"]
    assert "colour" not in summary
    assert summary["warp error"]["baselines"]["frozen"] == 0
    page = Path("out/report.html").read_text()
    assert page.count("data:image/webp;base64,") == 2, "clips are shown all the same"


def test_seams_that_the_table_names_are_measured(films: Path, capsys):
    (films / "prompts.csv").write_text("file,prompt,seams\n0.mp4,a ball,8\n1.mp4,a ball,\n")
    assert cli.code([*ASKED, "--json"]) == 0
    seams = json.loads(capsys.readouterr().out.splitlines()[-1])["summary"]["seams"]
    assert seams["n"] == 1
    assert 0 < seams["value"] < 3
    assert set(seams["baselines"]) == {"elsewhere"}


def test_clips_of_another_size_are_left_out(films: Path, capsys):
    waves(count=8, height=32, width=48).save(films / "odd.gif")
    with (films / "prompts.csv").open("a") as table:
        table.write("odd.gif,a red ball\n")
    assert cli.code([*ASKED, "--json"]) == 0
    left = json.loads(capsys.readouterr().out.splitlines()[-1])["left out"]
    assert {
        "file": "odd.gif",
        "reason": "is 48x32 where most are 64x64; bring all to one size",
        "prompt": "a red ball",
    } in left


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.folder(tmp_path_factory.mktemp("zoo"), "modelscope")


@pytest.fixture
def system(zoo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.chdir(tmp_path)
    return ["evaluate", "--system", "modelscope", "--weights", str(zoo), "-o", "out"]


def test_a_system_is_asked_held_out_captions(system: list[str], tmp_path: Path, capsys):
    assert cli.code([*system, "--count", "2", "--json"]) == 0
    shown = capsys.readouterr()
    said = json.loads(shown.out.splitlines()[-1])
    assert set(said["summary"]["colour"]["baselines"]) == {"truth", "chance", "untrained"}
    assert set(said["summary"]["smoothness"]["baselines"]) == {
        "frozen", "shuffled", "truth", "untrained"
    }  # fmt: skip
    (left,) = said["left out"]
    assert left["reason"] == "needs 128 clips or more (got 2); raise --count"
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.count("data:image/webp;base64,") == 6, "each clip beside a real one and the twin's"
    assert "Right order" in page
    data = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert "colour" in data["order"]
    assert "smoothness" not in data["order"], "over time no order is due"
    assert "figures in order" in shown.err
    made = sorted((tmp_path / "out" / "kept").rglob("*.npy"))
    assert len(made) == 4
    before = [path.stat().st_mtime_ns for path in made]
    assert cli.code([*system, "--count", "2"]) == 0
    assert [path.stat().st_mtime_ns for path in made] == before, "nothing is made twice"


def test_several_systems_stand_on_one_page(system: list[str], tmp_path: Path, capsys):
    """Two of the shipped recipes' tiny systems on the same prompts, and what is refused first."""
    lines = tmp_path / "lines.txt"
    lines.write_text("a red ball on the grass\na blue cube\n")
    twice = ["--system", "modelscope", "--system", "modelscope"]
    assert cli.code(["evaluate", *twice, "-o", "out"]) == 2
    assert "one system is named twice" in capsys.readouterr().err
    both = ["--system", "modelscope", "--system", "image"]
    assert cli.code(["evaluate", *both, *system[3:]]) == 2
    assert "--weights are of one system" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    for name in ("a", "b"):
        asked = [*system[:-1], f"out/{name}", "--prompts", str(lines)]
        assert cli.code(asked) == 0
    assert cli.code(["compare", "out/a", "out/b", "-o", "out"]) == 0
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Where each stands" in page
    assert "order of b" in page
    data = json.loads((tmp_path / "out" / "scores.json").read_text())
    summary = data["comparisons"]["b"]["summary"]
    assert {told["value"] for told in summary.values()} == {0.0}, "the same clips, to the bit"
    seeds = [clip["seed"] for clip in json.loads(Path("out/a/scores.json").read_text())["clips"]]
    assert seeds == [0, 1]


def test_a_system_that_needs_more_than_a_prompt_is_sent_to_its_check(tmp_path: Path, capsys):
    zoo = tiny.folder(tmp_path / "zoo", "gen1")
    words = ["evaluate", "--system", "gen1", "--weights", str(zoo), "-o", str(tmp_path / "out")]
    assert cli.code(words) == 2
    error = capsys.readouterr().err
    assert "gen1 needs condition 'structure'" in error
    assert "mutoscope check gen1 -o DIR" in error
    assert not (tmp_path / "out").exists()


def test_two_systems_named_at_once_have_a_folder_each_and_a_page_above(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    monkeypatch.chdir(tmp_path)
    real = recipes.find

    def small(name: str) -> SimpleNamespace:
        found = real(name)
        load = {"load": lambda _: tiny.system(name)}
        return SimpleNamespace(build=found.build, Config=found.Config, **load)

    monkeypatch.setattr(recipes, "find", small)
    Path("lines.txt").write_text("a red ball on the grass\na blue cube\n")
    both = ["evaluate", "--system", "modelscope", "--system", "image", "-o", "out"]
    assert cli.code(both) == 2
    assert "pictures and clips are asked other captions" in capsys.readouterr().err
    assert not Path("out").exists()
    assert cli.code([*both, "--prompts", "lines.txt", "--json"]) == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert said["comparisons"]["image"]["pairs"] == 2
    for name in ("modelscope", "image"):
        assert json.loads(Path("out", name, "scores.json").read_text())["n"] == 2
    page = Path("out/report.html").read_text()
    assert "order of modelscope" in page
    assert "order of image" in page


def test_a_system_is_asked_somebodys_prompts(system: list[str], tmp_path: Path, capsys):
    lines = tmp_path / "lines.txt"
    lines.write_text("a red ball on the grass\n\na blue cube and a corgi\n")
    assert cli.code([*system, "--prompts", str(lines), "--json"]) == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert said["n"] == 2
    assert said["left out"][0] == {"file": "prompt 2", "reason": "is empty"}
    assert "untrained" in said["summary"]["colour"]["baselines"]
    data = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert data["clips"][1]["not asked"] == ["corgi"]
    lines.write_text("\n")
    assert cli.code([*system, "--prompts", str(lines)]) == 2
    assert "holds no prompt" in capsys.readouterr().err
