"""What is kept of a check, and the tables that README, docs and cards have of it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mutoscope import checks, zoo

ROOT = Path(__file__).parent.parent
NAME = "pixeldance"
BESIDE = {"shuffled": -9.0, "absent": -12.04, "told only": -7.0, "truth": -0.5}
README = "# x\n\n<!-- obeyed -->\n<!-- /obeyed -->\n\nend\n"
PAGE = f"# Systems\n\n<!-- measured {NAME} -->\nstale\n<!-- /measured {NAME} -->\n"
CARD = "# card\n\n<!-- below: written by hand -->\n\nBy hand.\n"


def row(name: str, **told: object) -> dict[str, object]:
    """A row as a check writes it."""
    told = {"baselines": BESIDE, **told}
    return {
        "id": name, "value": -1.25, "interval": [-1.5, -1.0], "n": 64, "threshold": -2.0,
        "pass": True, **told,
    }  # fmt: skip


def result(**told: object) -> dict[str, object]:
    """What a check of a system with the shipped autoencoder wrote."""
    rows = [row(line.row) for line in checks.obeyed(NAME)]
    return {
        "system": NAME, "commit": "abc1234", "count": 64, "seed": 23,
        "weights": {"autoencoder": zoo.sha256("autoencoder"), "text": "0" * 64},
        "versions": {"world": "0.2"}, "checks": [*rows, row("chain", baselines={})],
        "left out": [{"file": "FVD", "reason": "is another's"}], **told,
    }  # fmt: skip


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The modules of scripts, their results in an empty folder."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    import check_tables
    import keep

    monkeypatch.setattr(check_tables, "RESULTS", tmp_path / "results")
    yield keep, check_tables
    for name in ("keep", "check_tables", "base_tables", "shown_page", "docs"):
        sys.modules.pop(name, None)


def given(at: Path, found: dict[str, object]) -> Path:
    at.mkdir(exist_ok=True)
    (at / "checks.json").write_text(json.dumps(found))
    return at


def test_a_kept_result_is_a_line_a_row_and_makes_all_three_tables(tmp_path: Path, tables):
    keep, of = tables
    assert of.obeyed() == "", "nothing kept, nothing said"
    path = keep.keep(given(tmp_path / "out", result()))
    assert json.loads(path.read_text()) == result()
    assert len(path.read_text().splitlines()) == 2 + 6 + 2 * 2 + 4 + 1
    block = of.obeyed()
    cells = "| 1.25 dB (1 to 1.5) | ≤ 2 dB | 9 dB | 7 dB (told only) |  | 64 |"
    assert f"first frame, put into every step: below the autoencoder's {cells}" in block
    assert "off, of 64 | 1.25 (1 to 1.5) | ≤ 2 | 9 | 12 | 0.5 | 64 |" in block
    assert "Not told" not in block
    assert "chain" not in block
    assert "missed" not in block
    page = of.listed(PAGE, {NAME: of.measured(of.kept()[NAME])})
    assert "stale" not in page
    assert "4 of 4 rows of `mutoscope check pixeldance --count 64` are met (commit abc1234" in page
    assert "| chain | -1.25 | -1.5 to -1 | 64 | -2 | met |  |" in page
    assert "Not checked: FVD (is another's)." in page
    card = of.carded(CARD, result())
    assert card.startswith("# card\n\n<!-- below: written by hand -->\n\n<!-- check -->\n")
    assert card.endswith("<!-- /check -->\n\nBy hand.\n")
    assert of.carded(card, result()) == card
    assert of.carded(card, None).count("|") == 0
    assert of.carded(CARD, None) == CARD


def test_an_aim_that_is_missed_is_said_so(tmp_path: Path, tables):
    keep, of = tables
    name = checks.obeyed(NAME)[1].row
    rows = [row(line.row, **({"pass": False} if line.row == name else {}))
            for line in checks.obeyed(NAME)]  # fmt: skip
    keep.keep(given(tmp_path / "out", result(checks=rows)))
    assert f"Aims missed: `{NAME}` last frame: pixels off, of 64.\n" in of.obeyed()
    assert "Not told" not in of.obeyed()
    beside = {"shuffled": -1.4}
    keep.keep(
        given(tmp_path / "out", result(checks=[{**one, "baselines": beside} for one in rows]))
    )
    assert of.obeyed().count("Not told from others' conditions: `pixeldance` first frame") == 1
    assert "2 of 3 rows" in of.measured(of.kept()[NAME])
    assert "| **missed** |" in of.measured(of.kept()[NAME])


def test_what_no_longer_ships_leaves_the_readme_and_is_told_elsewhere(tmp_path: Path, tables):
    keep, of = tables
    path = keep.keep(given(tmp_path / "out", result()))
    for weights in ({"autoencoder": "1" * 64}, {NAME + "-else": "1" * 64}):
        path.write_text(json.dumps(result(weights=weights)))
        assert of.obeyed() == ""
        assert "What ships now are other weights" in of.measured(of.kept()[NAME])


def test_what_cannot_be_kept_is_refused_in_a_sentence(tmp_path: Path, tables):
    keep, of = tables
    with pytest.raises(SystemExit, match=r"isn't there; make it with: mutoscope check"):
        keep.keep(tmp_path)
    bare = {key: value for key, value in result().items() if key not in ("commit", "seed")}
    for found, said in (
        (bare, "doesn't say its commit, seed; call mutoscope check again"),
        (result(weights={"autoencoder": "1" * 64}), "is of other weights than ship"),
        (result(checks=[row("chain")]), "no row 'first: dB"),
    ):
        with pytest.raises(SystemExit, match=said):
            keep.keep(given(tmp_path / "out", found))
    assert not of.kept()


def test_a_row_renamed_and_a_page_without_marks_are_refused(tmp_path: Path, tables):
    keep, of = tables
    path = keep.keep(given(tmp_path / "out", result()))
    with pytest.raises(SystemExit, match="no marks <!-- measured pixeldance -->"):
        of.listed("# Systems\n", {NAME: "told"})
    path.write_text(json.dumps(result(checks=[])))
    with pytest.raises(SystemExit, match=r"no row 'first: .* check it again and keep it"):
        of.obeyed()


def test_pages_are_written_once_and_then_as_they_should_be(
    tmp_path: Path, tables, monkeypatch: pytest.MonkeyPatch
):
    keep, _ = tables
    import docs

    keep.keep(given(tmp_path / "out", result()))
    monkeypatch.setattr(docs, "ROOT", tmp_path)
    monkeypatch.setattr(docs, "helps", lambda: "# help\n")
    card = tmp_path / "src" / "mutoscope" / "zoo" / NAME / "README.md"
    texts = {tmp_path / "README.md": README, tmp_path / "docs" / "systems.md": PAGE, card: CARD}
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert docs.main(["--check"]) == 1
    assert docs.main([]) == 0
    assert docs.main(["--check"]) == 0
    for path in texts:
        assert "last" in path.read_text()
    assert (tmp_path / "README.md").read_text().endswith("<!-- /obeyed -->\n\nend\n")


def test_every_system_but_the_base_declares_its_lines_and_page(tables):
    _, of = tables
    page = (ROOT / "docs" / "systems.md").read_text()
    for name in checks.TABLE:
        lines = checks.obeyed(name)
        assert bool(lines) == (f"<!-- measured {name} -->" in page)
        assert len({line.condition for line in lines}) == len(lines)
    assert [name for name in checks.TABLE if not checks.obeyed(name)] == ["modelscope"]
    kept = (ROOT / "benchmarks" / "results" / "checks").glob("*.json")
    for path in kept:
        found = json.loads(path.read_text())
        assert {line.row for line in checks.obeyed(found["system"])} <= {
            row["id"] for row in found["checks"]
        }
    assert of.put("no marks", "x", "y") == "no marks"


def test_a_commit_is_that_of_this_code_and_of_no_repository_around_it(tmp_path: Path, monkeypatch):
    from mutoscope.training import publish

    head = ["git", "-C", str(ROOT), "rev-parse", "HEAD"]
    if subprocess.run(head, capture_output=True, check=False).returncode == 0:
        told = subprocess.run(head, capture_output=True, text=True, check=True).stdout
        assert told.startswith(publish.commit().removesuffix("+"))
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    monkeypatch.setattr(publish, "__file__", str(tmp_path / "publish.py"))
    assert publish.commit() == "unknown"
