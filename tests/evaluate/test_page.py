"""The report as one page: everything in it, nothing asked of the network, nothing of a file run."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from mutoscope.evaluate import scores
from mutoscope.evaluate.folder import LeftOut
from mutoscope.evaluate.page import Contents, number, page
from mutoscope.evaluate.report import Entry
from mutoscope.networks.readers import HEADS, ClipReader
from tests.evaluate.readings import PICTURE, measured

EVIL = "<script>alert('red')</script> a red ball \" onload=\"x & <b>"


class Found(HTMLParser):
    """Tags with their attributes, and all text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def contents():
    reader = ClipReader(width=16, deep=16, mind=16, key=4, depth=1, layers=1, heads=2)
    for name in ("colour", "shape"):
        reader.bars[HEADS.index(name)] = 0.5
    red = [{"colour": "red", "shape": "ball"}]
    clips = [
        scores.scored(f"{k}<i>.mp4", EVIL, measured(red if k else [], flicker=k / 10), reader)
        for k in range(5)
    ]
    tables = {
        "faithfulness": scores.faithful(clips, reader, {}),
        "over time": scores.in_time([clip.measured for clip in clips], {}),
    }
    return Contents(
        title="Clips of <here>",
        facts={"clips": "5"},
        tables=tables,
        clips=scores.ranked(clips),
        beside={"truth": {"1<i>.mp4": PICTURE}, "untrained": {}},
        left=[LeftOut("<x>.mp4", "is <empty>")],
    )


def test_what_stands_in_files_is_text_and_never_markup(contents):
    found = Found(page(contents))
    assert not {"script", "b", "i", "here", "x"} & {tag for tag, _ in found.tags}
    assert EVIL in found.text
    assert "is <empty>" in found.text
    assert all("onload" not in names for _, names in found.tags)


def test_the_page_asks_nothing_of_the_network(contents):
    text = page(contents)
    found = Found(text)
    sources = [names["src"] for tag, names in found.tags if tag == "img"]
    assert sources == [PICTURE] * 6, "five clips, and a real one beside one of them"
    assert not re.search(r"https?:|url\(|@import", text)
    assert not {"link", "script", "iframe", "object"} & {tag for tag, _ in found.tags}
    assert "default-src 'none'" in text
    assert text.startswith("<!doctype html>")


def test_real_renders_the_clips_and_the_twin_stand_in_one_table(contents):
    assert "Right order" not in page(contents), "nothing stands beside these clips"
    entry = Entry(value=0.5, interval=(0.4, 0.6), n=9, baselines={"truth": 0.9, "untrained": 0.1})
    still = replace(entry, baselines={**entry.baselines, "frozen": 1.0})
    tables = {
        "faithfulness": {"colour": entry, "shape": replace(entry, value=0.95)},
        "over time": {"smoothness": still},
        "words": {"colour: red": entry},
    }
    text = Found(page(replace(contents, tables=tables))).text
    section = text[text.index("Right order") : text.index("Spread over")]
    assert "1 of 2 figures in order; not: shape (out of order: truth)" in section
    assert "smoothness0.90.50.11none due" in section, "over time a frozen clip stands beside"
    assert "red" not in section


def test_tables_spreads_and_clips_are_there_and_every_picture_has_words(contents):
    found = Found(page(contents))
    for words in (
        "faithfulness",
        "Best clips",
        "Worst clips",
        "Left out: 1",
        "Spread",
        "✓",
        "80.0 %",
    ):
        assert words in found.text, words
    assert all(names.get("alt") for tag, names in found.tags if tag == "img")
    assert found.text.index("100 % of words seen") < found.text.index("0 % of words seen")


def test_a_number_is_a_share_in_percent_or_plain():
    assert number("colour", 0.5) == "50.0 %"
    assert number("frozen clips", 0.5) == "50.0 %"
    assert number("flicker", 0.01234) == "0.0123"
    assert number("frechet", 15.44) == "15.4"
    assert number("text similarity", 0.3125) == "0.312"
    assert number("colour", float("nan")) == number("colour", None) == ""
