"""The doors of the project: what setting up says, and that generated pages are up to date."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def test_a_python_that_is_too_old_is_refused_in_a_sentence(tmp_path: Path):
    old = tmp_path / "python"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.2" && exit 0\nexit 1\n')
    old.chmod(0o755)
    done = subprocess.run(
        ["sh", "scripts/setup.sh", str(tmp_path / "venv"), "core"],
        cwd=ROOT, env={"PYTHON": str(old), "PATH": "/usr/bin:/bin"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2
    assert "needs Python 3.11 or newer" in done.stderr
    assert "got Python 3.9.2" in done.stderr
    assert not (tmp_path / "venv").exists()


FAKE = """#!/bin/sh
here=$(dirname "$0")
case "$1 $2" in
    "-c import sys;"*) exit 0 ;;
    "-c import torch") exit 1 ;;
    "-m venv") mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; touch "$3/bin/pip"; echo made ;;
    "-m pip") if [ "$3" = install ]; then echo "pip $*"; else [ -e "$here/pip" ]; fi ;;
    "- http"*) [ "$REACHABLE" = yes ] ;;
    *) exit 9 ;;
esac
"""
"""A python that makes virtual environments of itself, and says what pip is asked for."""


def set_up(at: Path, *, reachable: bool, what: str = "core") -> str:
    fake = at / "python"
    fake.write_text(FAKE)
    fake.chmod(0o755)
    paths = {"PYTHON": str(fake), "PATH": "/usr/bin:/bin"}
    return subprocess.run(
        ["sh", "scripts/setup.sh", str(at / "venv"), what],
        cwd=ROOT, env={**paths, "REACHABLE": "yes" if reachable else "no"},
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip


def test_torch_comes_from_its_cpu_index_where_that_is_reachable(tmp_path: Path):
    said = set_up(tmp_path, reachable=True)
    assert "about 500 MB to download, torch's CPU build among them" in said
    assert "--extra-index-url https://download.pytorch.org/whl/cpu --constraint" in said
    (tmp_path / "other").mkdir()
    said = set_up(tmp_path / "other", reachable=False)
    assert "extra-index-url" not in said
    assert "500 MB to download" in said
    assert "--constraint constraints.txt --editable ." in said


@pytest.mark.parametrize(
    ("what", "there"),
    [
        ("core", [".core"]),
        ("serve", [".core", ".serve"]),
        ("studio", [".core", ".serve", ".studio"]),
        ("dev", [".core", ".dev", ".serve", ".studio"]),
    ],
)
def test_what_is_installed_is_known_with_all_that_it_holds(
    tmp_path: Path, what: str, there: list[str]
):
    said = set_up(tmp_path, reachable=False, what=what)
    asked = "." if what == "core" else f".[{what}]"
    assert f"--constraint constraints.txt --editable {asked}\n" in said
    assert sorted(path.name for path in (tmp_path / "venv").glob(".*")) == there


def test_an_environment_without_pip_is_made_again_and_one_with_it_is_kept(tmp_path: Path):
    assert "made" in set_up(tmp_path, reachable=True)
    assert "made" not in set_up(tmp_path, reachable=True)
    (tmp_path / "venv" / "bin" / "pip").unlink()
    assert "made" in set_up(tmp_path, reachable=True)


def test_a_page_that_lags_behind_the_code_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    import docs

    monkeypatch.setattr(docs, "ROOT", tmp_path)
    (tmp_path / "docs").mkdir()
    (tmp_path / "README.md").write_text("# x\n<!-- systems -->\nold\n<!-- /systems -->\nend\n")
    assert docs.main(["--check"]) == 1
    assert "README.md is not what the code says" in capsys.readouterr().out
    assert docs.main([]) == 0
    assert docs.main(["--check"]) == 0
    text = (tmp_path / "README.md").read_text()
    assert text.startswith("# x\n")
    assert text.endswith("end\n")
    assert "2308.06571" in text
    del sys.modules["docs"]


def test_the_wide_tier_is_told_by_word_and_what_its_readers_hardly_read_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    import base_tables

    def told(right: float | None, n: int, truth: float | None) -> dict[str, object]:
        beside = {"truth": truth, "chance": 0.1, "untrained": None, "coverage": 0.4}
        baselines = {**beside, "truth coverage": 0.5}
        return {"value": right, "interval": [0.1, 0.9], "n": n, "baselines": baselines}

    kinds = {"colour": told(0.5, 40, 0.9), "fog": told(0.25, 4, 0.5), "light": told(None, 0, None)}
    words = {
        "colour: red": told(0.75, 40, 0.9), "colour: grey": told(0.6, 5, 1.0),
        "fog: fog": told(0.25, 4, 0.25), "light: left": told(None, 0, None),
    }  # fmt: skip
    read = {"colour": {"value": 0.97, "baselines": {"coverage": 0.8}}}
    own = {"reports": {"none": read | {"sky": {"value": 0.5, "baselines": {"coverage": 1}}}}}
    monkeypatch.setattr(base_tables, "WIDE_READERS", tmp_path / "own.json")
    (tmp_path / "own.json").write_text(json.dumps(own))
    _, table, *lines = base_tables._wide({"answers": kinds, "answers by word": words})
    assert "| colour | 50 % | 10 to 90 | 90 % | 10 % |  | 40 % | 50 % | 97 % |" in table
    assert "| fog | 1 of 4 | 10 to 90 | 50 % | 10 % |  | 40 % | 50 % |  |" in table
    assert "| light |  |  |  | 10 % |  | 40 % | 50 % |  |" in table
    assert lines == [
        "The readers miss P1's bar of 98 % in: colour. Take these rows as hints.",
        "By colour (in brackets of real renders): grey: 3 of 5 (100 %); red: 75 % of 40 (90 %).",
        "Answered in fewer than 5 clips, so nothing is said of: fog (fog), left (light).",
    ]
    del sys.modules["base_tables"]
