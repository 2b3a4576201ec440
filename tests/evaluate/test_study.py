"""A study: its page in a real Chromium, and what answers tell, with values known beforehand."""

from __future__ import annotations

import csv
import json
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from mutoscope import cli
from mutoscope.errors import DataError
from mutoscope.evaluate.study import (
    Vote,
    by_pair,
    consistency,
    fleiss,
    rao_kupper,
    scored,
    verdict,
    votes,
)
from mutoscope.evaluate.studypage import Shape, study
from tests.clips import sliding, waves

HEAD = "study,rater,trial,pair,prompt,question,left,right,choice,reasons,repeat,ms"
EVIL = '</script><script>alert(1)</script>, "a red" ball'


@pytest.fixture
def folders(tmp_path: Path):
    """Two folders of three clips each, one pair unlike in size, and the CSV."""
    for name, clip in (("ours", waves(count=4)), ("theirs", sliding(1, 0, 4, 32, 48))):
        (tmp_path / name).mkdir()
        for k in range(3):
            clip.save(tmp_path / name / f"{k}.mp4")
    waves(count=4, height=64, width=64).save(tmp_path / "ours" / "2.mp4")
    with (tmp_path / "prompts.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerows([("file", "prompt"), ("0.mp4", EVIL), ("1.mp4", "b"), ("2.mp4", "c")])
    return tmp_path


def _made(where: Path, *more: str) -> int:
    asked = [where / "ours", where / "theirs", "--prompts", where / "prompts.csv"]
    return cli.code(["study", *map(str, asked), "-o", str(where / "out"), *more])


def test_a_page_shows_pairs_blind_and_its_key_stays_apart(folders, capsys):
    assert _made(folders, "--juice") == 0
    said = capsys.readouterr()
    assert "left out: 2.mp4 is 4 frames of 64x64 at 8 fps and 4 frames of 48x32" in said.err
    page = (folders / "out" / "index.html").read_text()
    assert "ours" not in page
    assert "theirs" not in page
    assert "<script>alert" not in page
    assert page.count("data:video/mp4;base64,") == 4
    key = json.loads((folders / "out" / "key.json").read_text())
    assert {key["x"], key["y"]} == {"ours", "theirs"}
    assert key["pairs"] == ["0.mp4", "1.mp4"]


def test_which_folder_is_x_depends_on_the_seed(folders):
    found = [
        study(folders / "ours", folders / "theirs", folders / "prompts.csv",
              Shape(juice=False, ties=False, seed=seed), besides=folders / "out").key["x"]
        for seed in range(4)
    ]  # fmt: skip
    assert set(found) == {"ours", "theirs"}


def test_a_wrong_study_is_one_sentence(folders, capsys):
    (folders / "empty.csv").write_text("file,prompt\n2.mp4,c\n")
    for words, sentence in (
        (["study", "a"], "give two folders"),
        (["study", "a", "b"], "--prompts CSV -o DIR"),
        (["study", "score"], "say which answers"),
        (["study", "score", str(folders / "empty.csv")], "lacks the column 'study'"),
        (["study", str(folders / "ours"), str(folders / "theirs"), "--prompts",
          str(folders / "empty.csv"), "-o", str(folders / "out")], "no pair that can be shown"),
    ):  # fmt: skip
        assert cli.code(words) == 2
        error = capsys.readouterr().err
        assert sentence in error
        assert error.count("\n") == 1
    assert not (folders / "out").exists()


def test_fleiss_kappa_is_that_of_his_own_example():
    """Ten subjects, fourteen raters, five categories: kappa .210 (Fleiss, 1971, as often told)."""
    rows = [
        (0, 0, 0, 0, 14), (0, 2, 6, 4, 2), (0, 0, 3, 5, 6), (0, 3, 9, 2, 0), (2, 2, 8, 1, 1),
        (7, 7, 0, 0, 0), (3, 2, 6, 3, 0), (2, 5, 3, 2, 2), (6, 5, 2, 1, 0), (0, 2, 2, 3, 7),
    ]  # fmt: skip
    counts = [{str(k): n for k, n in enumerate(row)} for row in rows]
    assert fleiss(counts) == pytest.approx(0.210, abs=5e-4)
    assert fleiss([{"x": 3}, {"y": 3}]) == 1
    assert fleiss([{"x": 1}, {"y": 1}]) is None, "one vote a pair says nothing of agreement"
    assert fleiss([{"x": 2}, {"x": 3}]) is None


def _drawn(rng, share, theta, pairs=200, raters=5):
    r = share / (1 - share)
    p = [r / (r + theta), 1 / (1 + theta * r)]
    answers = ["x", "y", "tie"]
    return [
        Vote(rater=f"r{k}", pair=f"{n}", question="quality", repeat=False, reasons=(),
             choice=str(rng.choice(answers, p=[*p, 1 - sum(p)])))
        for n in range(pairs) for k in range(raters)
    ]  # fmt: skip


def test_simulated_raters_give_back_their_preference_and_threshold():
    found = _drawn(np.random.default_rng(0), 0.6, 1.5)
    told = rao_kupper(list(by_pair(found).values()))
    assert told["theta"]["value"] == pytest.approx(1.5, rel=0.1)
    low, high = told["share"]["interval"]
    assert low <= 0.6 <= high
    assert high - low < 0.1
    data = scored(found, {"x": "ours"})
    assert (data["x"], data["y"], data["raters"], data["pairs"]) == ("ours", "y", 5, 200)
    one = data["questions"]["quality"]
    assert verdict(one) == "x is preferred"
    assert one["win rate"]["p"] < 0.01
    # w and l by hand: 3 of 10 and 2 of 10 votes.
    three = rao_kupper([Counter(x=3, y=2, tie=5)])
    assert three["theta"]["value"] == pytest.approx(np.sqrt(0.8 * 0.7 / (0.2 * 0.3)))
    assert rao_kupper([Counter(x=1, y=1)])["theta"]["value"] == 1
    assert rao_kupper([Counter(x=4)]) is None


def test_even_raters_show_no_difference():
    even = scored(_drawn(np.random.default_rng(1), 0.5, 1.2), {})
    assert verdict(even["questions"]["quality"]) == "no difference shown"
    assert abs(even["questions"]["quality"]["fleiss"]) < 0.1


def test_answers_are_read_and_what_is_none_is_named(tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_text(
        f"{HEAD}\ns,Ann,1,1,p,quality,y,x,right,sharper pixels; smoother motion,no,900\n"
        "s,Ann,2,1,p,quality,x,y,left,,yes,800\ns,Ann,3,2,p,quality,x,y,tie,,no,1\n"
        "s,Ann,4,1,p,quality,x,y,left,,no,5\ns,Ann,5,3,p,quality,x,x,left,,no,5\n"
        "s,Ann,6,3,p,quality,x,y,both,,no,5\n"
    )
    found, left = votes([path])
    assert [(v.pair, v.choice, v.repeat) for v in found] == [
        ("1", "x", False), ("1", "x", True), ("2", "tie", False)
    ]  # fmt: skip
    assert found[0].reasons == ("sharper pixels", "smoother motion")
    assert [one.file for one in left] == ["a.csv, line 5", "a.csv, line 6", "a.csv, line 7"]
    assert consistency(found).value == 1
    assert consistency(found).n == 1
    other = tmp_path / "b.csv"
    other.write_text(path.read_text().replace("s,Ann", "t,Bob"))
    with pytest.raises(DataError, match="answers of other studies"):
        votes([path, other])


def test_a_rater_chooses_by_keyboard_and_the_answers_score(folders, tmp_path: Path, capsys):
    api = pytest.importorskip("playwright.sync_api", reason="playwright isn't installed")
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("no Chromium is installed; on Debian or Ubuntu: apt install chromium")
    assert _made(folders, "--juice", "--ties") == 0
    wrong: list[str] = []
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page()
        page.set_default_timeout(120_000)
        page.on("console", lambda said: said.type == "error" and wrong.append(said.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto((folders / "out" / "index.html").as_uri())
        page.fill("#rater", 'Ann, "A"')
        page.press("#rater", "Enter")
        page.wait_for_selector("#ask:visible")
        for _ in range(200):  # wait_for_function polls by eval, which the page forbids
            if page.eval_on_selector("#left", "one => one.readyState >= 2"):
                break
            page.wait_for_timeout(50)
        assert page.inner_text("#count") == "1 of 5", "two pairs, two questions, one again"
        page.keyboard.press("ArrowLeft")
        page.wait_for_selector("#why:visible")
        page.keyboard.press("1")
        page.keyboard.press("Enter")
        assert page.inner_text("#count") == "2 of 5"
        page.keyboard.press("Backspace")
        assert page.inner_text("#count") == "1 of 5"
        for _ in range(4):
            page.keyboard.press("ArrowRight")
            page.keyboard.press("Enter")
        page.reload()
        assert page.input_value("#rater") == 'Ann, "A"'
        page.press("#rater", "Enter")
        assert page.inner_text("#count") == "5 of 5", "a page loaded again goes on"
        page.keyboard.press("ArrowDown")
        page.wait_for_selector("#end:visible")
        with page.expect_download() as saved:
            page.click("#download")
        saved.value.save_as(tmp_path / "ann.csv")
        browser.close()
    assert wrong == []
    with (tmp_path / "ann.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["choice"] for row in rows] == ["right"] * 4 + ["tie"]
    assert {row["rater"] for row in rows} == {'Ann, "A"'}
    assert EVIL in {row["prompt"] for row in rows}
    assert sorted(row["repeat"] for row in rows) == ["no"] * 4 + ["yes"]
    capsys.readouterr()
    key = str(folders / "out" / "key.json")
    assert cli.code(["study", "score", str(tmp_path / "ann.csv"), "--key", key, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {told["x"], told["y"]} == {"ours", "theirs"}
    assert told["consistency"]["n"] == 1
    assert set(told["questions"]) == {"quality", "faithfulness"}
    assert cli.code(["study", "score", str(tmp_path / "ann.csv")]) == 0
