"""Degradations spoil clips as much as they say, and the same each time."""

import numpy as np
import pytest
import torch

from mutoscope.data import degrade, rendered
from mutoscope.data.rendered import Recipe, build


@pytest.fixture(scope="module")
def shot():
    made = (Recipe(seed=8).make(i) for i in range(99))
    rgb = next(rgb for scene, rgb, _ in made if scene.camera.move.startswith("pan"))
    return torch.from_numpy(rgb).permute(3, 0, 1, 2).float() / 127.5 - 1


@pytest.mark.parametrize("name", list(degrade.ALL))
def test_more_severe_is_further_from_the_clip_and_the_same_seed_is_the_same_clip(name, shot):
    def away(severity):
        rng = torch.Generator().manual_seed(4)
        made = degrade.ALL[name](shot, rng, severity)
        assert made.shape == shot.shape
        return float((made - shot).square().mean())

    assert 0 <= away(0.1) < away(0.5) < away(1.0) < 0.2
    assert away(0.5) == away(0.5)


def test_some_clips_stay_as_they_are_and_all_stay_in_range(shot):
    made = [degrade.some(shot, torch.Generator().manual_seed(k)) for k in range(40)]
    same = np.mean([torch.equal(clip, shot) for clip in made])
    assert 0.05 < same < 0.5
    assert all(float(clip.abs().max()) <= 1 for clip in made)


def test_a_cache_goes_on_where_it_was_and_holds_what_the_recipe_makes(tmp_path, monkeypatch):
    monkeypatch.setattr(rendered, "CHUNK", 2)
    recipe = Recipe(seed=3, frames=2, side=32, fine=True)
    first = build(tmp_path, recipe, 2)
    stamp = next(recipe.folder(tmp_path).glob("00000/rgb.npy")).stat().st_mtime_ns
    both = build(tmp_path, recipe, 3)
    assert (len(first), len(both)) == (2, 4)
    assert next(recipe.folder(tmp_path).glob("00000/rgb.npy")).stat().st_mtime_ns == stamp
    rgb, ids, (scene,) = both.pick([3])
    made, frames, truth = recipe.make(3)
    assert scene == made
    assert np.array_equal(rgb[0], frames)
    assert np.array_equal(ids[0], truth)
    assert rgb.shape == (1, 2, 32, 32, 3)
