"""Weights on disk: whole parts, and deltas that stand on a base."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from mutoscope import zoo
from mutoscope.errors import WeightsError
from mutoscope.networks.small3d import SmallUNet3D, extended
from tests.tiny import awake

TINY = {"channels": 4, "width": 8, "inner": 16, "depth": 1, "heads": 2, "text": 8}
BASE, NAME = "image", "changed"
TOUCHED = "blocks.0.text.query.weight"


def base(at: Path, seed: int = 0) -> SmallUNet3D:
    zoo.save_part(awake(SmallUNet3D(**TINY, temporal=False), seed), BASE, {}, at)
    return zoo.load_part(SmallUNet3D, BASE, at)


@pytest.fixture
def changed(tmp_path: Path) -> SmallUNet3D:
    part = extended(base(tmp_path), over_time=True)
    awake(part.blocks[0].over)
    with torch.no_grad():
        part.get_parameter(TOUCHED).mul_(2)
    zoo.save_delta(part, NAME, BASE, {"side": 32}, tmp_path)
    return part


def test_a_delta_holds_what_is_new_or_changed_and_no_more(tmp_path: Path, changed: SmallUNet3D):
    held = load_file(tmp_path / NAME / zoo.DELTA)
    assert {name for name in held if ".over." not in name} == {TOUCHED}
    assert {name for name in held if ".over." in name} == {
        name for name in changed.state_dict() if ".over." in name
    }
    assert not (tmp_path / NAME / zoo.WEIGHTS).exists()
    facts = zoo.facts(NAME, tmp_path)
    assert (facts["base"], facts["base_sha256"]) == (BASE, zoo.sha256(BASE, tmp_path))
    assert facts["side"] == 32
    assert zoo.sha256(NAME, tmp_path) != facts["base_sha256"]
    assert NAME in zoo.names(tmp_path)


def test_a_delta_on_its_base_is_the_part_it_was_saved_from(tmp_path: Path, changed: SmallUNet3D):
    again = zoo.load_part(SmallUNet3D, NAME, tmp_path).state_dict()
    for name, value in changed.state_dict().items():
        assert torch.equal(again[name], value.bfloat16().float()), name
    files = zoo.files(NAME, tmp_path)
    assert [path.parent.name for path in files] == [NAME, BASE]


def test_a_delta_refuses_another_base(tmp_path: Path, changed: SmallUNet3D):
    base(tmp_path, seed=1)
    with pytest.raises(WeightsError, match=r"was learned on image .* learn it again"):
        zoo.load_part(SmallUNet3D, NAME, tmp_path)


def test_a_delta_that_names_no_base_is_refused(tmp_path: Path, changed: SmallUNet3D):
    path = tmp_path / NAME / "config.json"
    whole = json.loads(path.read_text())
    del whole["mutoscope"]["base"]
    path.write_text(json.dumps(whole))
    with pytest.raises(WeightsError, match="doesn't say what its base is"):
        zoo.load_part(SmallUNet3D, NAME, tmp_path)


def test_what_a_delta_can_not_say_is_refused(tmp_path: Path):
    base(tmp_path)
    wider = SmallUNet3D(**{**TINY, "inner": 32}, temporal=False)
    with pytest.raises(WeightsError, match="save the whole part"):
        zoo.save_delta(wider, NAME, BASE, {}, tmp_path)
    assert not (tmp_path / NAME).exists()


def test_a_part_saved_whole_takes_the_place_of_its_delta(tmp_path: Path, changed: SmallUNet3D):
    zoo.save_part(changed, NAME, {}, tmp_path)
    assert zoo.files(NAME, tmp_path) == (tmp_path / NAME / zoo.WEIGHTS,)
    zoo.load_part(SmallUNet3D, NAME, tmp_path)
