"""What ships is trained and put into the zoo by commands; here for two steps, into another zoo."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from mutoscope import recipes, zoo
from mutoscope.autoencoders import FrameAutoencoder
from mutoscope.data.stickers import FRAMES, SIDE
from mutoscope.errors import DataError, WeightsError
from mutoscope.training import commands
from mutoscope.training.publish import freeze
from mutoscope.world import VERSION

ITEMS = 4


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache in which everything that would be fetched or rendered lies already."""
    rng, folder = np.random.default_rng(0), tmp_path / "cache"
    held = folder / "stickers-128"
    held.mkdir(parents=True)
    (held / "names.txt").write_text("fox\nowl\n")
    np.save(held / "animated.npy", np.array([True, False]))
    stickers = rng.integers(0, 256, (2, FRAMES, SIDE, SIDE, 4), np.uint8)
    np.save(held / "frames.npy", stickers)
    frames = rng.integers(0, 256, (ITEMS, SIDE, SIDE, 3), np.uint8)
    np.save(folder / f"frames-{VERSION}-{SIDE}-{ITEMS}.npy", frames)
    monkeypatch.setenv("MUTOSCOPE_CACHE", str(folder))
    return folder


def test_a_part_is_trained_by_name_and_what_it_learned_put_into_a_zoo(cache, tmp_path):
    out, other = tmp_path / "run", tmp_path / "zoo"
    commands.run("autoencoder", out, steps=2, items=ITEMS)
    assert commands.ship("autoencoder", out, folder=other) == other / "autoencoder"
    learned = load_file(out / "parts" / "autoencoder" / "weights.safetensors")
    shipped = zoo.load_part(FrameAutoencoder, "autoencoder", other).state_dict()
    for name, value in learned.items():
        assert torch.equal(shipped[name], value.to(torch.bfloat16).float())
    phase, *more = zoo.facts("autoencoder", other)["phases"]
    assert (phase["steps"], more) == (2, [])
    assert (
        "Trained with `mutoscope train autoencoder`"
        in (other / "autoencoder" / "README.md").read_text()
    )


def test_a_frozen_part_is_not_published_again(cache, tmp_path):
    out, other = tmp_path / "run", tmp_path / "zoo"
    commands.run("autoencoder", out, steps=2, items=ITEMS)
    folder = commands.ship("autoencoder", out, folder=other)
    freeze("autoencoder", "base-9", folder=other)
    before = zoo.sha256("autoencoder", other)
    assert f"frozen: base-9 (sha256 `{before}`" in (folder / "README.md").read_text()
    with pytest.raises(WeightsError, match="autoencoder is frozen already, as base-9"):
        freeze("autoencoder", "base-10", folder=other)
    with pytest.raises(WeightsError, match="autoencoder is frozen as base-9"):
        commands.ship("autoencoder", out, folder=other)
    commands.ship("autoencoder", out, folder=other, thaw=True)
    assert "frozen" not in zoo.facts("autoencoder", other)
    assert "frozen:" not in (folder / "README.md").read_text()


def test_what_ships_frozen_has_the_hash_it_was_frozen_with():
    for name in zoo.names():
        frozen = zoo.facts(name).get("frozen", {"sha256": zoo.sha256(name)})
        assert frozen["sha256"] == zoo.sha256(name)


def test_by_itself_a_part_is_trained_at_least_as_long_as_what_ships():
    assert set(commands.STEPS) == set(commands.TRAINERS)
    for name in zoo.names():
        trained = sum(phase["steps"] for phase in zoo.facts(name)["phases"])
        plain = name in commands.STEPS
        assert (commands.STEPS[name] if plain else recipes.find(name).DELTA.steps) >= trained


def test_a_part_with_a_module_is_shipped_by_it_and_says_what_is_missing(tmp_path):
    for name in commands.OWN:
        with pytest.raises(WeightsError, match=f"go on with: mutoscope train {name}"):
            commands.ship(name, tmp_path / "run", folder=tmp_path / "zoo")
    assert not (tmp_path / "zoo").exists()


def test_all_that_reads_stays_below_ten_megabytes():
    held = [zoo.FOLDER / name / "weights.safetensors" for name in commands.READERS]
    assert sum(path.stat().st_size for path in held if path.exists()) <= 10e6


@pytest.mark.parametrize("name", ["autoencoder", "image", "modelscope"])
def test_without_npm_a_part_that_learns_from_stickers_says_so_at_once(tmp_path, monkeypatch, name):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("MUTOSCOPE_CACHE", str(tmp_path))
    with pytest.raises(DataError, match=rf"{name} learns from stickers too: .* npm") as error:
        commands.run(name, tmp_path / "run")
    assert error.value.failed
    assert not list(tmp_path.iterdir())
