"""The command line: what it offers, what it answers, and how it leaves."""

import errno
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from _thread import interrupt_main
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import typer

import mutoscope
from mutoscope import cli, media, recipes
from mutoscope import zoo as shelf
from mutoscope.autoencoders import FrameAutoencoder
from mutoscope.clip import Clip
from mutoscope.errors import RequestError
from mutoscope.world.scene import VERSION
from tests import tiny

COMMANDS = {
    "check": "--count -o --output --weights --json",
    "compare": "-o --output --json",
    "doctor": "--json",
    "evaluate": "--prompts --system --count -o --output --jobs --reference --features"
    " --similarity --weights --json",
    "extract": "-o --output",
    "generate": (
        "--system --negative --frames --fps --size --steps --guidance --seed --count --sampler"
        " --set --condition --first --last --image --style --sketch --depth --motion --mask"
        " --stroke --camera --story --weights --dry-run -o --output --json --no-metadata"
    ),
    "info": "--json",
    "keys": "--rate --active --priority",
    "serve": "--host --port --workers",
    "studio": "--port --no-browser",
    "study": "--prompts -o --output --juice --ties --seed --key --json",
    "systems": "--weights --json",
    "totals": "--json",
    "train": "--out --resume --init --steps --clip --prompt --preview --frames --fps",
    "verify": "--weights",
    "world": (
        "--seed --count --size --frames --fps --tier --split --truth --format -o --output --sheet"
    ),
}


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.folder(tmp_path_factory.mktemp("zoo"), "modelscope", "image")


@pytest.fixture
def generate(zoo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    given = ["generate", "a red ball", "--weights", str(zoo), "--steps", "2"]
    return lambda *more: cli.code([*given, *more])


def test_the_command_line_is_frozen():
    found = typer.main.get_command(cli.app).commands
    options = {
        name: " ".join(
            flag for item in command.params for flag in item.opts if flag.startswith("-")
        )
        for name, command in found.items()
    }
    assert options == COMMANDS


@pytest.mark.parametrize("words", [["--help"], ["generate", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(words: list[str]):
    program = (
        "import sys; from mutoscope.cli import code; left = code(sys.argv[1:]);"
        "sys.exit(left or bool({'torch', 'numpy', 'av', 'numba'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "mutoscope" in done.stdout.lower() or mutoscope.__version__ in done.stdout


def test_a_prompt_becomes_a_file_with_its_record(generate, tmp_path: Path, capsys):
    assert generate("--seed", "7", "-o", "ball.mp4") == 0
    assert capsys.readouterr().out == "ball.mp4\n"
    clip = media.read(tmp_path / "ball.mp4")
    assert clip.frames.shape == (1, 3, 16, 32, 32)
    assert clip.record["prompt"] == "a red ball"
    assert clip.record["seed"] == 7
    assert set(clip.record["weights"]) == {"modelscope", "autoencoder"}
    assert cli.code(["info", "ball.mp4"]) == 0
    assert "a red ball" in capsys.readouterr().out


def test_without_a_name_the_file_is_named_after_the_prompt(generate, tmp_path: Path):
    assert generate("--system", "image") == 0
    assert (tmp_path / "a-red-ball-0.png").is_file()


def test_the_last_line_of_json_says_everything(generate, capsys):
    assert generate("--json", "-o", "a.gif") == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert said["output"] == "a.gif"
    assert said["size"] == [32, 32]
    assert len(said["frames_sha256"]) == 64
    assert set(said["seconds"]) == {"load", "text", "denoise", "decode", "write", "total"}


def test_several_clips_lie_side_by_side_and_verify(generate, zoo: Path, capsys):
    assert generate("--count", "3", "-o", "three.mp4") == 0
    assert media.read("three.mp4").frames.shape == (1, 3, 16, 64, 64)
    assert cli.code(["verify", "three.mp4", "--weights", str(zoo)]) == 0
    assert "equal" in capsys.readouterr().out


def test_other_weights_do_not_verify(generate, tmp_path: Path, capsys):
    assert generate("-o", "a.mp4") == 0
    other = tiny.folder(tmp_path / "other", "modelscope")
    system = tiny.system("modelscope", seed=1)
    shelf.save_part(
        system.parts()["network"], "modelscope", shelf.facts("modelscope", other), other
    )
    assert cli.code(["verify", "a.mp4", "--weights", str(other)]) == 1
    assert "weights" in capsys.readouterr().out


def test_a_file_of_before_settings_were_all_kept_still_verifies(generate, zoo: Path, capsys):
    assert generate("-o", "a.mp4") == 0
    clip = media.read("a.mp4")
    assert set(clip.record["settings"]) == {"rescale", "shift"}
    made = mutoscope.load("modelscope", weights=zoo).generate("a red ball", steps=2)
    media.write(made, "old.mp4", record={**clip.record, "settings": {}})
    assert cli.code(["verify", "old.mp4", "--weights", str(zoo)]) == 0
    assert "equal" in capsys.readouterr().out


def test_files_of_every_kind_verify_by_what_is_in_them(generate, zoo: Path, capsys):
    assert generate("-o", "a.mp4") == 0
    Path("a.mp4").rename("a.mov")
    clip = mutoscope.load("modelscope", weights=zoo).generate("a red ball", steps=2, count=2)
    clip.grid().save("b.webp", options=media.Options(lossless=True))
    second = list(clip.split())[1]
    second.save("c.gif")
    for name in ("a.mov", "b.webp", "c.gif"):
        assert cli.code(["verify", name, "--weights", str(zoo)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[1:] == ["equal: the same frames, bit for bit"] * 3
    assert media.read_record("c.gif")["seed"] == 1


def test_a_lossless_file_is_not_compared_through_a_lossy_codec(generate, zoo: Path, capsys):
    system = mutoscope.load("modelscope", weights=zoo)
    clip = system.generate("a red ball", steps=2)
    near = replace(clip, frames=(clip.frames + 0.008).clamp(-1, 1))
    near.save("near.webp", options=media.Options(lossless=True))
    assert cli.code(["verify", "near.webp", "--weights", str(zoo)]) == 0
    assert "within tolerance: PSNR 4" in capsys.readouterr().out


def test_a_file_that_shows_other_frames_than_its_record_names_is_found_out(
    generate, zoo: Path, capsys
):
    assert generate("-o", "a.mp4") == 0
    clip = media.read("a.mp4")
    other = replace(clip, frames=-clip.frames)
    media.write(other, "b.png", options=media.Options(columns=8))
    record = {**clip.record, "frames_sha256": clip.record["frames_sha256"]}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "mutoscope.codecs.Output.frames_sha256", lambda _: clip.record["frames_sha256"]
        )
        media.write(other, "b.mp4", record=record)
    capsys.readouterr()
    assert cli.code(["verify", "b.mp4", "--weights", str(zoo)]) == 1
    assert "shows other frames than its record names" in capsys.readouterr().out


def test_a_file_without_a_record_can_not_be_verified(generate, capsys):
    assert generate("--no-metadata", "-o", "a.mp4") == 0
    assert media.read_record("a.mp4") == {}
    assert cli.code(["verify", "a.mp4"]) == 2
    assert "holds no record" in capsys.readouterr().err


def test_a_dry_run_says_the_cost_and_makes_nothing(generate, tmp_path: Path, capsys):
    assert generate("--dry-run") == 0
    assert "memory" in capsys.readouterr().out
    assert generate("--dry-run", "--json") == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["estimate"]["bytes"] > 1000
    assert told["estimate"]["memory"] > 0
    assert not list(tmp_path.iterdir())
    assert generate("--dry-run", "-o", "film.avi") == 2
    assert "names no format" in capsys.readouterr().err
    assert generate("--dry-run", "--size", "64x64") == 2
    assert "the nearest that works is 32x32" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--size", "big"], "--size is WIDTHxHEIGHT"),
        (["--system", "sora"], "there is no system called 'sora'"),
        (["--frames", "99"], "frames for modelscope must be 1 to 32"),
        (["--sampler", "eular"], "did you mean 'euler'"),
        (["--set", "rescale"], "KEY=VALUE"),
        (["--set", "rescale=2"], "0 to 1"),
        (["--foo"], "No such option: --foo"),
        (["--steps", "many"], "--steps"),
        (["-o", "film.avi"], "names no format"),
        (["-o", "nowhere/film.mp4"], "make the folder"),
        (["--count", "300000", "-o", "a.mp4"], "can't be written"),
    ],
)
def test_a_wrong_request_leaves_with_2_and_one_sentence(generate, capsys, words, sentence):
    assert generate(*words) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("name", ["a.mp4", "a.webm", "a.gif", "a.webp", "a.png", "a"])
def test_a_place_where_nothing_can_be_written_is_found_before_the_run(generate, capsys, name: str):
    if not Path("/proc/self").exists():
        pytest.skip("needs a folder in which nobody can write")
    assert generate("--dry-run", "-o", f"/proc/{name}") == 1
    assert f"/proc/{name} can't be written" in capsys.readouterr().err


def test_a_full_disk_and_frames_that_are_no_numbers_fail_with_1(
    generate, zoo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        assert generate("-o", "a.png") == 1
    assert "a.png can't be written (No space left on device)" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
    decode = FrameAutoencoder.decode
    monkeypatch.setattr(FrameAutoencoder, "decode", lambda *args: decode(*args) * math.nan)
    assert generate("-o", "a.png") == 1
    assert "frames hold NaN" in capsys.readouterr().err


def test_broken_weights_fail_with_1_if_they_ship_and_else_were_a_wrong_request(
    zoo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    own = tmp_path / "own"
    shutil.copytree(zoo, own)
    (own / "modelscope" / "weights.safetensors").write_bytes(b"no weights")
    asked = ["generate", "a red ball", "--steps", "2", "-o", str(tmp_path / "a.mp4")]
    assert cli.code([*asked, "--weights", str(own)]) == 2
    monkeypatch.setattr(shelf, "FOLDER", own)
    assert cli.code(asked) == 1
    assert "train them again: mutoscope train modelscope" in capsys.readouterr().err


def test_without_a_command_the_help_page_is_shown(capsys):
    assert cli.code(["--help"]) == 0
    page = capsys.readouterr().out
    assert cli.code([]) == 2
    assert capsys.readouterr().err.strip() == page.strip()


def test_an_empty_prompt_is_refused(capsys):
    assert cli.code(["generate", " ", "--dry-run"]) == 2
    assert "the prompt is empty" in capsys.readouterr().err


def test_a_picture_alone_says_enough(tmp_path: Path):
    at = tiny.folder(tmp_path, "videocrafter1")
    given = ["generate", "--system", "videocrafter1", "--weights", str(at), "--dry-run"]
    Clip(frames=torch.zeros(1, 3, 1, 64, 64), fps=8).save(tmp_path / "a.png")
    assert cli.code([*given, "--image", str(tmp_path / "a.png")]) == 0
    assert cli.code(given) == 2


@pytest.fixture
def film(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    at = tiny.folder(tmp_path / "zoo", "pixeldance")
    given = ["generate", "--system", "pixeldance", "--weights", str(at), "--steps", "2"]
    return lambda *more: cli.code([*given, *more])


def test_a_story_becomes_a_film_that_can_be_made_again(film, tmp_path: Path, capsys):
    (tmp_path / "story.txt").write_text("a red ball rises\n\n a red ball drops \n")
    asked = ["--story", "story.txt", "--frames", "4", "--seed", "5", "--json"]
    assert film(*asked, "-o", "film.mp4") == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [part["prompt"] for part in said["segments"]] == ["a red ball rises", "a red ball drops"]
    record = media.read_record(tmp_path / "film.mp4")
    assert record["frames_sha256"] == said["frames_sha256"]
    system = recipes.find("pixeldance").load(tmp_path / "zoo")
    again = system.generate("", seed=5, steps=2, segments=said["segments"])
    assert again.frames.shape[2] == 7
    assert again.record["frames_sha256"] == said["frames_sha256"]
    assert cli.code(["verify", "film.mp4", "--weights", str(tmp_path / "zoo")]) == 0
    assert "equal" in capsys.readouterr().out
    assert film(*asked, "--dry-run") == 0
    assert json.loads(capsys.readouterr().out)["estimate"]["seconds"] >= 0
    assert film("--story", "story.txt", "--frames", "4") == 0
    assert capsys.readouterr().out == "a-red-ball-rises-0.mp4\n"
    assert media.probe(tmp_path / "a-red-ball-rises-0.mp4").frames == 7


def test_a_story_of_json_has_frames_and_conditions_beside_it(film, tmp_path: Path, capsys):
    (tmp_path / "told").mkdir()
    Clip(frames=torch.rand(1, 3, 1, 32, 32) * 2 - 1, fps=8).save(tmp_path / "told" / "end.png")
    last = {"kind": "last", "source": "end.png"}
    parts = [{"prompt": "a red ball", "frames": 3}, {"prompt": "it drops", "conditions": [last]}]
    (tmp_path / "told" / "story.json").write_text(json.dumps({"segments": parts}))
    assert film("--story", "told/story.json", "--frames", "5", "--json", "-o", "a.gif") == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])["segments"]
    assert [part["frames"] for part in said] == [3, 5]
    assert said[1]["conditions"][0]["source"] == str(Path("told", "end.png"))
    assert media.probe(tmp_path / "a.gif").frames == 3 + 4


@pytest.mark.parametrize(
    ("text", "words", "sentence"),
    [
        ("a ball\nsnow", ["a red ball"], "a prompt a piece; leave PROMPT out"),
        ("a ball\nsnow", ["--count", "2"], "leave --count out"),
        ("\n \n", [], "it has no segment"),
        ('[{"prompt": " "}]', [], "segment 1 has no prompt"),
        ("[1]", [], "a segment must be an object"),
        ("{", [], "is not JSON"),
        ('{"story": []}', [], "'story' is not known"),
        ('[{"prompt": "a", "conditions": [{"kind": "last", "source": "no.png"}]}]', [], "no.png"),
        ("a ball\nsnow", ["--frames", "1"], "frames for pixeldance"),
    ],
)
def test_a_wrong_story_is_one_sentence(film, tmp_path: Path, capsys, text, words, sentence):
    path = tmp_path / ("story.txt" if text[0] in "a\n" else "story.json")
    path.write_text(text)
    assert film(*words, "--story", str(path), "-o", "a.png") == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1
    assert not list(tmp_path.glob("a.*"))


def test_a_story_that_is_not_there_and_a_system_that_tells_none(film, tmp_path: Path, capsys):
    assert film("--story", "none.txt") == 2
    assert "none.txt can't be read" in capsys.readouterr().err
    (tmp_path / "two.txt").write_text("a ball\nsnow")
    words = ["generate", "--story", "two.txt", "--weights", str(tmp_path / "zoo"), "--dry-run"]
    tiny.folder(tmp_path / "zoo", "modelscope")
    assert cli.code(words) == 2
    assert "modelscope can tell no story" in capsys.readouterr().err


def test_weights_that_lack_a_file_or_are_no_json_are_named(zoo: Path, tmp_path: Path, capsys):
    shutil.copytree(zoo, tmp_path / "own")
    own = tmp_path / "own" / "modelscope"
    asked = ["generate", "a red ball", "--dry-run", "--weights", str(tmp_path / "own")]
    (own / "weights.safetensors").unlink()
    assert cli.code(asked) == 2
    assert "weights.safetensors is missing" in capsys.readouterr().err
    (own / "config.json").write_text("{")
    assert cli.code(asked) == 2
    assert "config.json can't be read" in capsys.readouterr().err
    shutil.rmtree(own)
    assert cli.code(asked) == 2
    assert "(there: autoencoder, image)" in capsys.readouterr().err


def test_interrupting_leaves_with_130_and_no_half_file(generate, tmp_path: Path, capsys):
    def later() -> None:
        time.sleep(0.5)
        interrupt_main()

    # A run in the background may have inherited that interrupts are ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    thread = threading.Thread(target=later)
    thread.start()
    try:
        assert generate("--steps", "1000", "-o", "long.mp4") == 130
    finally:
        thread.join()
        signal.signal(signal.SIGINT, before)
    assert "interrupted" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_words_that_training_never_saw_are_named(capsys):
    from mutoscope._cli.generate import warn
    from mutoscope.request import Request

    warn(Request(prompt="a red zeppelin bounces on the grass"), None)
    assert "never seen in training: zeppelin" in capsys.readouterr().err
    warn(Request(prompt="a red ball bounces on the grass"), None)
    assert capsys.readouterr().err == ""
    warn(Request(prompt="Мяч beside a red zeppelin, мяч"), None)
    assert "never seen in training: мяч, zeppelin\n" in capsys.readouterr().err


def test_the_systems_and_the_machine_are_told(capsys):
    assert cli.code(["systems", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in found] == [*recipes.names()]
    assert cli.code(["systems"]) == 0
    assert "2308.06571" in capsys.readouterr().out
    assert cli.code(["doctor"]) == 0
    assert "precision" in capsys.readouterr().out
    assert cli.code(["doctor", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["threads"] >= 1


def test_training_asks_before_it_touches_a_run(tmp_path: Path, capsys):
    (tmp_path / "state").mkdir()
    assert cli.code(["train", "image", "--out", str(tmp_path)]) == 2
    assert "--resume" in capsys.readouterr().err
    assert cli.code(["train", "image", "--out", str(tmp_path / "new"), "--resume"]) == 2
    assert "holds no run" in capsys.readouterr().err
    assert cli.code(["train", "sora", "--out", str(tmp_path / "new")]) == 2
    said = capsys.readouterr().err
    assert "nothing called sora can be trained; choose from alignment, autoencoder, " in said


@pytest.fixture
def handlers() -> Iterator[None]:
    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}
    yield
    for each, handler in before.items():
        signal.signal(each, handler)


@pytest.mark.usefixtures("handlers")
def test_a_system_is_tuned_to_a_clip_listed_and_used(tmp_path: Path, capsys):
    clip = Clip(frames=torch.rand(1, 3, 8, 32, 48) * 2 - 1, fps=8).save(tmp_path / "x.mp4")
    out = str(tiny.folder(tmp_path / "out", "image"))
    tune = ["train", "tune_a_video", "--out", out]
    asked = ["--clip", str(clip), "--prompt", "a red ball"]
    for words, said in (
        ([], "give --clip FILE and --prompt TEXT"),
        ([*asked, "--init", "zoo"], "begins with image by itself"),
        (asked, "has 8 frames here (asked for 16)"),
        ([*asked, "--frames", "4", "--preview", ""], "a prompt is empty"),
    ):
        assert cli.code([*tune, *words]) == 2
        assert said in capsys.readouterr().err
    assert cli.code(["train", "image", "--out", out, "--fps", "4"]) == 2
    assert "isn't tuned to a clip; leave --fps out" in capsys.readouterr().err
    assert cli.code([*tune, *asked, "--frames", "4", "--steps", "1"]) == 0
    assert "learned" in capsys.readouterr().err
    assert cli.code([*tune, *asked]) == 2
    assert cli.code([*tune, *asked, "--resume"]) == 2
    assert "holds its clip already" in capsys.readouterr().err
    assert cli.code([*tune, "--resume", "--steps", "2"]) == 0
    capsys.readouterr()
    assert cli.code(["systems", "--weights", out, "--json"]) == 0
    listed = {one["name"]: one for one in json.loads(capsys.readouterr().out)}
    assert listed["tune_a_video"]["clip"]["prompt"] == "a red ball"
    assert listed["tune_a_video"]["accepts"]["frames"]["high"] == 4
    assert not listed["modelscope"]["shipped"]
    made = tmp_path / "y.mp4"
    words = ["generate", "a blue cube", "--system", "tune_a_video", "--weights", out]
    assert cli.code([*words, "--steps", "2", "-o", str(made)]) == 0
    assert media.probe(made).frames == 4
    assert cli.code(["verify", str(made), "--weights", out]) == 0
    assert cli.code(["generate", "a blue cube", "--system", "tune_a_video"]) == 2
    assert "before it is tuned to a clip" in capsys.readouterr().err


def test_training_without_its_packages_says_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    for name in [name for name in sys.modules if name.startswith("mutoscope.training")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "mutoscope._cli.train", raising=False)
    monkeypatch.delattr("mutoscope._cli.train", raising=False)
    monkeypatch.setitem(sys.modules, "accelerate", None)
    assert cli.code(["train", "image", "--out", str(tmp_path / "new")]) == 1
    error = capsys.readouterr().err
    assert "needs accelerate" in error
    assert "make setup" in error


def test_python_has_the_same_door(zoo: Path, tmp_path: Path):
    system = mutoscope.load("modelscope", weights=zoo)
    clip = system.generate("a red ball", seed=7, steps=2)
    assert isinstance(clip, mutoscope.Clip)
    read = media.read(clip.save(tmp_path / "x.mp4"))
    assert read.frames.shape == clip.frames.shape
    assert read.record["prompt"] == "a red ball"
    assert read.record["frames_sha256"] == clip.frames_sha256()
    with pytest.raises(RequestError):
        mutoscope.load("sora")
    with pytest.raises(AttributeError):
        _ = mutoscope.sora


def test_interrupting_what_keeps_something_says_what_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    from mutoscope._cli import train, world

    def broken(_: object, out: Path, **rest: object) -> None:
        (out / "state").mkdir(parents=True)
        raise KeyboardInterrupt

    monkeypatch.setattr(train.commands, "run", broken)
    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        assert cli.code(["train", "image", "--out", str(tmp_path / "run")]) == 130
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    assert "--resume" in capsys.readouterr().err
    monkeypatch.setitem(world.FORMATS, "folder", broken)
    assert cli.code(["world", "--count", "1", "-o", str(tmp_path / "w")]) == 130
    assert f"what was rendered so far is in {tmp_path / 'w'}" in capsys.readouterr().err


def test_a_sheet_of_the_world_carries_its_record(tmp_path: Path):
    sheet = tmp_path / "s.png"
    asked = ["world", "--seed", "3", "--count", "1", "--split", "test", "--sheet", str(sheet)]
    assert cli.code(asked) == 0
    record = media.read_record(sheet)
    assert record["frames_sha256"] == media.read(sheet).frames_sha256()
    wanted = {"world": VERSION, "seed": 3, "count": 1, "tier": "core", "split": "test"}
    assert {key: record[key] for key in wanted} == wanted
    assert [path.name for path in tmp_path.iterdir()] == ["s.png"]


def test_the_world_refuses_a_folder_in_use_and_a_sheet_without_one(tmp_path: Path, capsys):
    (tmp_path / "a.txt").touch()
    assert cli.code(["world", "--count", "1", "-o", str(tmp_path)]) == 2
    assert "is not empty" in capsys.readouterr().err
    assert cli.code(["world", "--sheet", str(tmp_path / "no" / "s.png")]) == 2
    assert "make the folder" in capsys.readouterr().err
    assert cli.code(["world", "--fps", "nan", "-o", str(tmp_path / "b")]) == 2
    assert "fps must be a finite number" in capsys.readouterr().err


WRONG = {
    f"--seed {2**32}": "seeds and indices go from 0 to 4294967295 (got 4294967296)",
    "--tier odd": "tier must be core or wide (got 'odd')",
    "--split odd": "split must be train, validation or test (got 'odd')",
    "--size 4x4": "size must be even and at least 8x8 (got 4x4)",
    "--size 33x32": "size must be even and at least 8x8 (got 33x32)",
    "--size 100000x100000": "make it shorter or smaller",
    f"--size {'9' * 5000}x16": "--size is WIDTHxHEIGHT",
    "--frames 1000000000000": "make it shorter or smaller",
    "--fps 1e9": "fps must be 0.01 to 1000 (got 1e+09)",
    "-o file/w": "file is a file; name a folder",
    "-o file --sheet s.png": "file is a file; name a folder",
    "--sheet dir.png": "dir.png is a folder; name a file",
    "--count 501 --sheet s.png": "a sheet shows at most 500 samples (got 501)",
}


@pytest.mark.parametrize("wrong", WRONG)
def test_the_world_refuses_in_one_sentence_and_leaves_nothing(
    wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "dir.png").mkdir()
    asked = wrong if "-o" in wrong or "--sheet" in wrong else f"{wrong} -o new/w"
    assert cli.code(["world", "--count", "1", *asked.split()]) == 2
    error = capsys.readouterr().err
    assert WRONG[wrong] in error
    assert error.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} == {"file", "dir.png"}


def test_interrupting_while_packages_load_can_not_be_swallowed():
    program = """
import os, signal
from mutoscope._cli import leave

class Held:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(1000):
            pass

signal.signal(signal.SIGINT, signal.default_int_handler)
leave.arm()
try:
    os.kill(os.getpid(), signal.SIGINT)
except KeyboardInterrupt:
    print("raised", flush=True)
with leave.at_once():
    held = Held()
    del held
print("went on")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (130, "raised\n")
    assert done.stderr == "mutoscope: interrupted; nothing was written\n"
