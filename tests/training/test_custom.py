"""A system that was taught learns a subject from pictures, beside what it knows."""

import numpy as np
import pytest
import torch

from mutoscope import cli, zoo
from mutoscope.data.exact import Exact
from mutoscope.errors import RequestError, WeightsError
from mutoscope.recipes import gen1
from mutoscope.training import custom, deltas, tuning
from tests import tiny
from tests.training.test_deltas import Dummy, cached


def lessons():
    """Six tiny clips and what is true of them."""
    latents, true = cached()
    (chunk,) = true.chunks
    near = torch.zeros(6, 4, 16, 16, dtype=torch.uint8)
    more = {"near": near, "vectors": torch.zeros(6, 1, 128).half()}
    return latents, Exact([{**chunk, **more}])


@pytest.fixture
def out(tmp_path, monkeypatch):
    """A run's folder with a tiny base in it; clips are there already."""
    monkeypatch.setattr(deltas, "lessons", lambda *_, **__: lessons())
    return tiny.folder(tmp_path / "run", "modelscope")


def pictures(count=3):
    return torch.rand(count, 3, 1, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_what_pictures_show_is_read_and_kept(out):
    system = gen1.start(out)
    custom.begin(system, pictures(), out)
    found = zoo.load_file(out / custom.KEPT)
    assert {name: tuple(value.shape) for name, value in found.items()} == {
        "x0": (3, 4, 1, 4, 4), "depth": (3, 1, 1, 32, 32), "vectors": (3, 1, 128),
    }  # fmt: skip
    assert 0 <= found["depth"].min() < found["depth"].max() <= 1
    with pytest.raises(RequestError, match="from 1 to 64 pictures"):
        custom.read(system, pictures(65))
    other = Dummy.__new__(Dummy)
    with pytest.raises(RequestError, match="dummy learns from motion, which pictures don't show"):
        custom.read(other, pictures())
    (out / "state").mkdir()
    with pytest.raises(RequestError, match="holds a run already"):
        custom.begin(system, pictures(), out)


def test_half_of_the_batches_are_pictures_and_what_is_new_is_saved_as_a_delta(out):
    system = gen1.start(out)
    with pytest.raises(WeightsError, match="give --clip FOLDER"):
        custom.learn(system, out, cache=out)
    custom.begin(system, pictures(), out)
    target = custom.learn(system, out, cache=out, steps=2)
    assert zoo.facts("gen1", out)["pictures"] == 3
    held = zoo.load_file(target / zoo.DELTA)
    base = zoo.load_file(out / "modelscope" / zoo.WEIGHTS)
    assert all(name not in base or tuning.fits(name, gen1.DELTA.learns) for name in held)

    latents, true = deltas.lessons(out, 1, system.text)
    task = custom.CustomTask(
        system, latents, true, system.text([""]), pictures=zoo.load_file(out / custom.KEPT)
    )
    found = [task.batch(np.random.default_rng(k), 1) for k in range(40)]
    seen = [batch for batch in found if batch["x0"].shape[0] == 3 * custom.BATCH]
    assert 10 < len(seen) < 30
    assert len(seen[0]["x0"].unique(dim=0)) == 3
    assert torch.isfinite(task.loss(seen[0], torch.Generator().manual_seed(0))["loss"])


def test_a_subject_is_told_by_pictures_alone(tmp_path, capsys):
    words = ["train", "gen1", "--clip", str(tmp_path), "--prompt", "a fox", "--out"]
    assert cli.code([*words, str(tmp_path / "run")]) == 2
    assert "give only --clip FOLDER" in capsys.readouterr().err
