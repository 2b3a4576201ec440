"""Two folders that were measured, paired and held against each other."""

import json
from pathlib import Path

import pytest

from mutoscope import cli
from mutoscope.errors import DataError
from mutoscope.evaluate import scores
from mutoscope.evaluate.comparison import compared, page
from mutoscope.evaluate.folder import LeftOut
from mutoscope.evaluate.pairing import results
from mutoscope.evaluate.report import written
from tests.evaluate.readings import PICTURE, measured, small_reader
from tests.evaluate.test_page import Found

N = 12
EVIL = "a red ball <script>alert(1)</script>"


@pytest.fixture(scope="module")
def reader():
    return small_reader()


@pytest.fixture
def put(tmp_path: Path, reader):
    """Writes a folder as `evaluate` does: clips (prompt, colour seen, flicker), by name."""

    def write(name, shots, *, left=(), versions=None, seeds=None, size=(64, 64), files=None):
        clips = []
        for k, (prompt, colour, flicker) in enumerate(shots):
            seen = measured([{"colour": colour, "shape": "ball"}], {"count": "1"}, size=size,
                            flicker=flicker)  # fmt: skip
            one = scores.scored(files[k] if files else f"{name}{k}.mp4", prompt, seen, reader)
            seed = None if seeds is None else seeds[k]
            clips.append(scores.Scored(**{**vars(one), "seed": seed}))
        rows = {
            **scores.faithful(clips, reader, {"untrained": clips[:2]}),
            **scores.in_time([c.measured for c in clips], {}),
        }
        facts = {"versions": versions or {"metrics": 1}, "seeds": {}}
        scores.save(tmp_path / name / "scores.json", scores.document(clips, rows, left, facts))
        pictures = json.dumps([c.measured.preview for c in clips])
        written(tmp_path / name / scores.PREVIEWS, pictures)
        return tmp_path / name

    return write


def _shots(colour, flicker, n=N):
    return [(f"a red ball, take {k}", colour, flicker + k / 1000) for k in range(n)]


def _both(*folders):
    return compared([results(folder, folder.name) for folder in folders])


def test_a_better_set_is_called_better_and_the_same_set_no_difference(put):
    worse, same, good = (
        put(*one) for one in (("a", _shots("blue", 0.3)), ("b", _shots("blue", 0.3)),
                              ("c", _shots("red", 0.1)))
    )  # fmt: skip
    found = _both(worse, same, good).found
    assert {told.verdict for told in found["b"].values()} == {"no difference shown"}
    assert found["c"]["colour"].verdict == "better"
    assert found["c"]["colour"].value == 1
    assert found["c"]["flicker"].verdict == "better"
    assert found["c"]["flicker"].value == pytest.approx(-0.2)
    assert found["c"]["shape"].verdict == "no difference shown"
    assert _both(good, worse).found["a"]["colour"].verdict == "worse"


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ({"shots": _shots("red", 0.1, 10)}, "b lacks 2 of the 12 clips of a, the first of the"),
        ({"versions": {"metrics": 2}}, "other instruments (metrics: 1 and 2)"),
        ({"seeds": [*range(11), 99]}, "'a red ball, take 11' has seed 11 in a and 99 in b"),
    ],
)
def test_unpaired_sets_are_refused_by_what_differs(put, other, sentence):
    first = put("a", _shots("red", 0.1), seeds=range(N))
    said = {"shots": _shots("red", 0.1), "seeds": range(N), **other}
    shots = said.pop("shots")
    said["seeds"] = list(said["seeds"])[: len(shots)]
    with pytest.raises(DataError) as error:
        _both(first, put("b", shots, **said))
    assert sentence in str(error.value)


def test_a_clip_whose_partner_was_left_out_is_left_out_with_the_reason(put):
    names = [f"{k}.mp4" for k in range(N)]
    first = put("a", _shots("red", 0.1), files=names)
    gone = LeftOut("11.mp4", "can't be read", "a red ball, take 11")
    other = put("b", _shots("red", 0.1, 11), files=names, left=[gone])
    found = _both(first, other)
    assert len(found.pairs["b"].pairs) == 11
    assert [(x.file, x.reason) for x in found.left] == [
        ("11.mp4", "of a has no partner, which b left out")
    ]
    third = put("c", _shots("red", 0.1, 11), left=[gone])
    assert len(_both(first, third).pairs["c"].pairs) == 11, "other files pair by prompt alone"


def test_clips_of_another_form_compare_in_words_only(put):
    found = _both(put("a", _shots("blue", 0.3)), put("b", _shots("red", 0.1), size=(128, 128)))
    assert "flicker" not in found.found["b"]
    assert "colour" in found.found["b"]
    assert "64x64 at 8 frames a second and 128x128" in found.left[0].reason


def test_the_page_shows_where_each_stands_and_the_clips_that_differ(put):
    shots = [(EVIL, "blue", 0.3), *_shots("blue", 0.3)]
    better = [(EVIL, "red", 0.3), *_shots("blue", 0.3)]
    text = page(_both(put("a", shots), put("b", better)), "a, b")
    found = Found(text)
    assert "script" not in {tag for tag, _ in found.tags}
    assert EVIL in found.text
    assert found.text.count("no difference shown") > 1
    assert "order of b" in found.text
    assert "Where b gains most" in found.text
    assert "Where b loses most" not in found.text
    assert [names["src"] for tag, names in found.tags if tag == "img"] == [PICTURE] * 2


def test_the_command_writes_scores_and_a_page_or_one_sentence(put, tmp_path, capsys):
    a, b = put("a", _shots("blue", 0.3)), put("b", _shots("red", 0.1))
    out = tmp_path / "out"
    assert cli.code(["compare", str(a), str(b), "-o", str(out), "--json"]) == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    data = json.loads((out / "scores.json").read_text(), parse_constant=pytest.fail)
    entry = data["comparisons"]["b"]["summary"]["colour"]
    assert entry["verdict"] == "better"
    assert said["comparisons"] == data["comparisons"]
    assert cli.code(["compare", str(a), str(b), "-o", str(out)]) == 0
    assert "better" in capsys.readouterr().out
    gone = tmp_path / "gone"
    for words, sentence in (
        ([str(a), "-o", str(gone)], "two folders or more"),
        ([str(a), str(b)], "-o DIR"),
        ([str(a), str(a), "-o", str(gone)], "given twice"),
        ([str(a), str(tmp_path), "-o", str(gone)], "holds no scores.json"),
        ([str(a), str(b), "-o", str(b)], "one of the folders compared"),
        ([str(a), str(out), "-o", str(gone)], "isn't what mutoscope evaluate writes"),
    ):
        assert cli.code(["compare", *words]) == 2
        error = capsys.readouterr().err
        assert sentence in error
        assert error.count("\n") == 1
    assert not gone.exists()
