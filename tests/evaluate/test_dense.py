"""What is read of every pixel, and how far that is from what is true."""

import math

import numpy as np
import pytest
import torch

from mutoscope.controls import dense
from mutoscope.controls.dense import Maps
from mutoscope.data.dense import targets
from mutoscope.data.truths import Recipe, held
from mutoscope.errors import DataError
from mutoscope.evaluate import owndense
from mutoscope.networks.dense import KINDS, DenseReader
from tests.tiny import awake


@pytest.fixture(scope="module")
def small():
    torch.manual_seed(0)
    reader = awake(DenseReader(width=16, middle=16, deep=16, match=8, depth=1, rounds=1))
    reader.bars.fill_(0.5)
    return reader.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def data():
    return held([Recipe(seed=8, tier="wide", frames=8).make(i) for i in range(2)])


def test_clips_are_read_in_windows_that_share_a_frame(small, monkeypatch):
    monkeypatch.setattr(dense, "precision", lambda: torch.float32)
    frames = torch.rand(2, 3, 33, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    maps = dense.read(small, frames, 8.0, flow=True)[1]
    assert maps.flow.shape == (32, 64, 64, 2)
    assert maps.depth.shape == maps.things.shape == maps.lines.shape == (33, 64, 64)
    assert {name: len(told) for name, told in maps.told.items()} == {
        "flow": 32, "depth": 33, "mask": 33, "lines": 33,
    }  # fmt: skip
    (first,) = dense.read(small, frames[1:, :, :16], 8.0, flow=True)
    assert np.allclose(first.flow, maps.flow[:15], atol=1e-3)
    (last,) = dense.read(small, frames[1:, :, 30:], 8.0, flow=True)
    assert np.allclose(last.flow, maps.flow[30:], atol=1e-3)
    assert (last.things[1:] == maps.things[31:]).mean() > 0.999


def test_flow_is_read_only_where_it_is_asked_for_and_changes_nothing_else(small):
    frames = torch.rand(2, 3, 17, 64, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1
    for with_it, without in zip(
        dense.read(small, frames, 8.0, flow=True), dense.read(small, frames, 8.0), strict=True
    ):
        assert len(with_it.flow) == len(with_it.told["flow"]) == 16
        assert len(without.flow) == len(without.told["flow"]) == 0
        assert math.isnan(without.coverage["flow"])
        for name in ("depth", "things", "lines"):
            assert (getattr(with_it, name) == getattr(without, name)).all()
        assert all((with_it.told[n] == without.told[n]).all() for n in KINDS if n != "flow")


def test_a_single_picture_has_depth_and_no_flow(small):
    (maps,) = dense.read(small, torch.zeros(1, 3, 1, 128, 128), 0.0)
    assert maps.depth.shape == (1, 64, 64)
    assert math.isnan(maps.coverage["flow"])
    assert 0 <= maps.coverage["depth"] <= 1


def test_clips_come_to_eight_frames_a_second(small):
    assert dense.prepared(torch.zeros(1, 3, 24, 64, 64), 24.0).shape[2] == 8
    assert dense.prepared(torch.zeros(1, 3, 12, 96, 96), 8.0).shape[2:] == (12, 64, 64)


@pytest.mark.parametrize(
    ("shape", "fps", "message"),
    [
        ((4, 64, 48), 8.0, "square"),
        ((4, 16, 16), 8.0, "at least 32"),
        ((4, 64, 64), 4.0, "8 frames"),
    ],
)
def test_what_cannot_be_read_is_refused(shape, fps, message):
    with pytest.raises(DataError, match=message):
        dense.prepared(torch.zeros(1, 3, *shape), fps)


def test_the_truth_scores_best_and_what_is_trivial_worse(data):
    (target, _) = targets(data.pick([0, 1]))
    all_of = {name: np.ones((8 - (name == "flow"), 64, 64), bool) for name in KINDS}
    near = target.near.numpy()
    with np.errstate(divide="ignore"):
        depth = 1 / near
    maps = Maps(target.flow.numpy(), depth, target.things.numpy(), target.lines.numpy(), all_of)
    scores = owndense.score(maps, target)
    best = {"flow error": 0, "flow error of things": 0}
    for name, row in scores.items():
        assert row["value"] == pytest.approx(best.get(name, 1)), name
        assert row["told"] == pytest.approx(row["value"])
        assert row["coverage"] == 1
    assert scores["flow error"]["trivial"] > 0
    assert scores["lines F1"]["trivial"] < 1


def test_a_table_has_a_row_a_reading_with_its_bar_and_a_report_a_look(small, data):
    report = owndense.own_error(small, data, [0, 1], spoil="warp")
    assert list(report) == list(owndense.BETTER)
    assert report["flow error"].baselines["bar"] == 0.3
    assert {"trivial", "coverage"} <= set(report["lines F1"].baselines)
    looks = owndense.by_look(small, data, [0, 1])
    assert set(looks) == {scene.look for scene in data.scenes}
