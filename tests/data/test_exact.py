"""What is true of cached clips lies beside their latents and says the same as the world does."""

import numpy as np
import torch

from mutoscope import world
from mutoscope.controls import depth, edges, motion, sketch
from mutoscope.data import exact, latents
from mutoscope.networks.alignment import Aligner


def test_what_is_true_of_clips_is_cached_and_read_back(tmp_path, monkeypatch):
    for module in (latents, exact):
        monkeypatch.setattr(module, "CHUNK", 2)
    recipe = latents.Recipe(frames=6, rates=(4.0, 12.0), seed=5)
    torch.manual_seed(0)
    exact.build(tmp_path, recipe, 3, Aligner().eval())
    assert exact.holds(tmp_path) == 4
    found = exact.load(tmp_path, 3)
    assert len(found) == 4
    picked = found.pick([3, 0])

    _, fps, _ = recipe.when(3)
    scene = world.sample(5, 3, split="train")
    made = world.render(scene, frames=6, size=(128, 128), fps=fps, truth=exact.TRUTHS)
    near = depth.encoded(depth.from_truth(made), (6, 64, 64))
    assert (picked["depth"][0] - near[0]).abs().max() <= 0.5 / 255 + 1e-6
    assert torch.equal(picked["lines"][0], sketch.from_truth(made)[0])
    moved = motion.encoded(motion.from_truth(made), (6, 8, 8))
    torch.testing.assert_close(picked["motion"][0], moved[0], atol=2e-3, rtol=2e-3)
    assert np.array_equal(picked["ids"][0].numpy(), made.ids[:, 2::4, 2::4])
    assert picked["patches"].shape == (2, 2, 64, 96)
    assert picked["vectors"].shape == (2, 2, 128)
    assert torch.isfinite(picked["vectors"]).all()


def test_of_pictures_edges_are_kept_too_and_nothing_is_known_of_motion(tmp_path, monkeypatch):
    for module in (latents, exact):
        monkeypatch.setattr(module, "CHUNK", 2)
    recipe = latents.Recipe(frames=1, seed=5)
    torch.manual_seed(0)
    exact.build(tmp_path, recipe, 2, Aligner().eval())
    picked = exact.load(tmp_path, 2).pick([1, 0])
    _, fps, start = recipe.when(1)
    scene = world.sample(5, 1, split="train")
    made = world.render(scene, frames=1, size=(128, 128), fps=fps, start=start, truth=exact.TRUTHS)
    assert torch.equal(picked["edges"][0], edges.from_truth(made)[0])
    assert torch.equal(picked["lines"][0], sketch.from_truth(made)[0])
    assert picked["depth"].shape == (2, 1, 1, 64, 64)
    assert picked["motion"].shape == (2, 3, 1, 8, 8)
    assert not picked["motion"].any()
    assert picked["patches"].shape == (2, 1, 64, 96)
