"""Stickers come from packages; where they can't be had, a sentence says so."""

from pathlib import Path

import pytest

from mutoscope.data import stickers
from mutoscope.errors import DataError


def test_what_needs_npm_says_so_where_it_is_missing(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert not stickers.obtainable(tmp_path)
    with pytest.raises(DataError, match=r"fetched by npm, which isn't installed; install npm, or"):
        stickers.load(tmp_path)


def test_packages_put_there_by_hand_need_no_npm(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    (tmp_path / "npm").mkdir()
    for k in (1, 2, 3, 4):
        (tmp_path / "npm" / f"lobehub-fluent-emoji-anim-{k}-1.0.0.tgz").touch()
    assert stickers.obtainable(tmp_path)
