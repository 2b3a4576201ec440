"""Text in pictures: edits counted by hand, and clips with text that is there to be read."""

import importlib.util
import json
import sys

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from mutoscope import cli
from mutoscope.clip import Clip
from mutoscope.evaluate import lettering
from mutoscope.evaluate.lettering import asked, edits, error, plain, stands, table
from mutoscope.world.caption import caption
from mutoscope.world.sample import sample


def test_edits_are_those_counted_by_hand():
    assert edits("kitten", "sitting") == 3
    assert edits("", "abc") == edits("abc", "") == 3
    assert edits("abc", "abc") == 0
    assert edits(["jazz", "bar"], ["the", "jazz", "bar"]) == 1


def test_the_error_is_the_mean_of_wer_cer_and_ned():
    assert error("open", ("open",)) == 0
    assert error("", ("open",)) == 1
    # One of one words, one of four characters, one of the longer one's five.
    assert error("opens", ("open",)) == pytest.approx((1 + 1 / 4 + 1 / 5) / 3)
    assert error("jazz bar", ("jazz", "cafe")) == pytest.approx((1 / 2 + 3 / 9 + 3 / 9) / 3)
    assert error("much that nobody asked for", ("no",)) > 1


def test_only_whole_words_in_their_order_stand():
    assert stands("the jazz bar is open", ("jazz bar", "open"))
    assert not stands("the jazz bar opens", ("open",))
    assert not stands("bar jazz", ("jazz bar",))


def test_what_stands_in_quotes_is_asked_without_case_or_stops():
    assert asked('a sign that reads "Jazz-Bar!" and “\uff12\uff14 h”') == ("jazz bar", "24 h")
    assert asked('a cat says "!?"') == asked("it's a dog's day") == ()
    assert plain("  A\n B.") == "a b"
    signed = next(s for k in range(40) if (s := sample(1, k, tier="wide")).sign)
    assert asked(caption(signed, np.random.default_rng(0), detail="full")) == (plain(signed.sign),)


def test_beside_a_clip_stands_what_others_were_to_show():
    rows, each = table([["open", "open"], ["", "zoo"]], [("open",), ("zoo",)])
    assert rows["text seen"].value == pytest.approx(0.75)
    assert rows["text seen"].baselines == {"chance": 0}
    assert rows["text error"].value == pytest.approx(0.25)
    assert rows["text error"].better == "lower"
    assert each == [{"text error": 0, "text seen": 1}, {"text error": 0.5, "text seen": 0.5}]
    alone, _ = table([["open"]], [("open",)])
    assert alone["text seen"].baselines == {}


@pytest.fixture
def films(tmp_path, monkeypatch):
    """Two clips with a word in them, and one that was to have none."""
    monkeypatch.chdir(tmp_path)
    lines = ["file,prompt"]
    for name, text, prompt in (
        ("a", "OPEN", 'a sign that reads ""OPEN""'), ("b", "ZOO", 'the word ""PARK""'),
        ("c", "", "a red ball"),
    ):  # fmt: skip
        picture = Image.new("RGB", (128, 128), (30, 90, 160))
        ImageDraw.Draw(picture).text((14, 40), text, "white", ImageFont.load_default(32))
        frames = np.repeat(np.asarray(picture)[None, None], 3, axis=1)
        frames[:, 1:, 0] = 255
        Clip.from_uint8(frames, fps=8).save(tmp_path / f"{name}.mp4")
        lines.append(f'{name}.mp4,"{prompt}"')
    (tmp_path / "p.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


ASKED = ["evaluate", ".", "--prompts", "p.csv", "-o", "out", "--json"]


def test_without_a_reader_one_sentence_says_what_to_install(films, monkeypatch, capsys):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "rapidocr" else found(name)
    )
    assert cli.code(ASKED) == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    (left,) = said["left out"]
    assert left["file"] == "the text in 2 clips"
    assert left["reason"] == "needs a reader of text; pip install 'mutoscope[ocr]'"
    assert not any("text" in name for name in said["summary"] if name != "text similarity")


@pytest.mark.skipif(lettering.missing() is not None, reason="mutoscope[ocr] isn't installed")
def test_text_that_is_there_is_read_and_what_is_not_counts(films, capsys):
    assert cli.code(ASKED) == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    seen = said["summary"]["open vocabulary: text seen"]
    assert (seen["value"], seen["n"], seen["baselines"]) == (0.5, 2, {"chance": 0})
    # "zoo" for "park": a word of one, four characters of four, four of the longer one's four.
    assert said["summary"]["open vocabulary: text error"]["value"] == pytest.approx(0.5)
    data = json.loads((films / "out" / "scores.json").read_text())
    assert data["text in pictures"].startswith("rapidocr ")
    assert [clip.get("open vocabulary", {}).get("text seen") for clip in data["clips"]] == [
        1, 0, None
    ]  # fmt: skip
    assert "rapidocr" in sys.modules
    lettering._reader.cache_clear()
    del sys.modules["rapidocr"]
    assert cli.code(ASKED) == 0, "what was read is kept"
    assert "rapidocr" not in sys.modules
