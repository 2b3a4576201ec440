"""Clips kept with what is true of their pixels say what the world says."""

import numpy as np
import pytest

from mutoscope.data import truths
from mutoscope.data.truths import Recipe, build, held
from mutoscope.world.render import render

SMALL = Recipe(seed=5, tier="wide", frames=3)


@pytest.fixture
def pairs(monkeypatch):
    """Chunks of two clips."""
    monkeypatch.setattr(truths, "CHUNK", 2)


def test_what_is_kept_is_what_the_world_renders():
    scene, made = SMALL.make(1)
    item = held([(scene, made)]).pick([0])
    true = render(scene, frames=3, size=(64, 64), fps=8.0, truth=("all",))
    assert np.array_equal(item.rgb[0], true.rgb)
    assert np.array_equal(item.ids[0], true.ids)
    assert np.array_equal(item.lines[0], true.sketch > 0)
    assert np.array_equal(item.occluded[0], true.occluded[:-1])
    near = lambda depth: 4 / (4 + depth)  # noqa: E731
    assert np.allclose(near(item.depth[0]), near(true.depth), atol=1e-3)
    flow = true.flow[:-1].clip(-64, 64)
    assert np.allclose(item.flow[0], flow, rtol=1e-3, atol=1e-3)


def test_a_window_holds_the_flow_between_its_own_frames():
    data = held([SMALL.make(1)])
    whole, part = data.pick([0]), data.pick([0], 1, 2)
    assert np.array_equal(part.rgb, whole.rgb[:, 1:])
    assert np.array_equal(part.flow, whole.flow[:, 1:])
    assert data.pick([0], 2, 1).flow.shape == (1, 0, 64, 64, 2)
    assert np.array_equal(data.pictures([0], 2), whole.rgb[:, ::2])


def test_fine_and_coded_pictures_show_the_same_scene():
    plain = Recipe(seed=5, frames=3).make(2)[1]
    for kind in ("fine", "coded"):
        made = Recipe(seed=5, frames=3, **{kind: True}).make(2)[1]
        assert np.array_equal(made["marks"], plain["marks"])
        away = np.abs(made["rgb"].astype(float) - plain["rgb"])
        assert 0 < away.mean() < 12


def test_building_goes_on_where_it_was(pairs, tmp_path):
    one = build(tmp_path, SMALL, 1, jobs=1)
    (chunk,) = SMALL.folder(tmp_path).iterdir()
    before = (chunk / "rgb.npy").stat().st_mtime_ns
    both = build(tmp_path, SMALL, 3, jobs=1)
    assert (len(one), len(both)) == (2, 4)
    assert (chunk / "rgb.npy").stat().st_mtime_ns == before
    item = both.pick([3, 0])
    assert np.array_equal(item.rgb[1], one.pick([0]).rgb[0])
    assert np.array_equal(item.rgb[0], SMALL.make(3)[1]["rgb"])
