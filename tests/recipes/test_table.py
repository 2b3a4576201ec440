"""Systems by name: the table, other packages' entry points, unknown names."""

from pathlib import Path

import pytest

from mutoscope import recipes
from mutoscope.errors import RequestError


def test_another_package_can_add_a_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    info = tmp_path / "other-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[mutoscope.recipes]\npuppets = mutoscope.recipes.image\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert "puppets" in recipes.names()
    assert recipes.find("puppets") is recipes.find("image")


def test_every_line_of_the_table_is_a_recipe_of_that_name():
    for name in recipes.TABLE:
        assert isinstance(recipes.find(name), recipes.Recipe)
        assert recipes.find(name).CARD.name == name


def test_an_unknown_system_is_answered_with_the_nearest():
    with pytest.raises(RequestError, match=r"no system called 'modelscop'; try modelscope$"):
        recipes.find("modelscop")
    with pytest.raises(RequestError, match="try controlnet, gen1, image, modelscope"):
        recipes.find("xyz")
