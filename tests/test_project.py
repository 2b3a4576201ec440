"""The doors of the project: what setting up says, and that generated pages are up to date."""

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
