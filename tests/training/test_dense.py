"""Training of the dense reader: calibration, batches, a few steps, and what is put into a zoo."""

import numpy as np
import pytest
import torch

from mutoscope import zoo
from mutoscope.data.truths import Recipe, held
from mutoscope.networks.dense import KINDS, DenseReader
from mutoscope.training import dense
from mutoscope.training.dense import DenseTask, best_cut, calibrate, coolest, threshold
from mutoscope.training.train import Config, train


@pytest.fixture(scope="module")
def data():
    return held(
        [Recipe(seed=5, tier=tier, frames=9).make(i) for tier in ("core", "wide") for i in (0, 1)]
    )


def _task(data):
    torch.manual_seed(0)
    small = DenseReader(width=16, middle=24, deep=32, match=16, depth=1, rounds=1)
    return DenseTask(small, [data], [data])


def test_a_doubt_that_is_half_too_small_is_doubled():
    rng = np.random.default_rng(0)
    doubt = torch.from_numpy(rng.normal(size=50_000)).float()
    b = 2 * doubt.exp()
    length = torch.from_numpy(rng.gamma(2, 1, 50_000)).float() * b
    error = torch.from_numpy(rng.gamma(1, 1, 50_000)).float() * b
    scores = torch.from_numpy(rng.normal(size=50_000)).float()
    yes = (torch.from_numpy(rng.random(50_000)).float() < scores.sigmoid()).float()
    reader = DenseReader(width=16, middle=16, deep=16, match=8, depth=1)
    calibrate(
        reader,
        {
            "flow": (doubt, length),
            "depth": (doubt, error),
            "mask": (3 * scores, yes),
            "lines": (scores, yes),
        },
    )
    assert reader.heat.tolist() == pytest.approx([2, 2, 3, 1], rel=0.1)
    assert (reader.cuts < 0.5).all(), "the best F1 of unsure yeses says yes early"


def test_flow_that_is_too_wrong_on_the_whole_is_never_told():
    error = torch.rand(10_000, generator=torch.Generator().manual_seed(0))
    reader = DenseReader(width=16, middle=16, deep=16, match=8, depth=1)
    doubt, yes = error.log(), (error > 0.5).float()
    asked = {"depth": (doubt, error), "mask": (yes, yes), "lines": (yes, yes)}
    calibrate(reader, {"flow": (doubt, error / 2), **asked})
    assert float(reader.bars[0]) <= 1
    calibrate(reader, {"flow": (doubt, error), **asked})
    assert float(reader.bars[0]) > 1


def test_what_is_above_a_threshold_is_right_often_enough():
    sure = torch.linspace(0, 1, 10_001)
    right = torch.rand(10_001, generator=torch.Generator().manual_seed(0)) < sure
    bar = threshold(sure, right, 0.95)
    assert right[sure >= bar].float().mean() >= 0.95
    assert bar == pytest.approx(0.9, abs=0.03)
    assert threshold(sure, torch.zeros(10_001, dtype=torch.bool), 0.95) == dense.NEVER
    assert threshold(sure, torch.ones(10_001, dtype=torch.bool), 0.95) == dense.LIKELY


def test_a_temperature_and_a_cut_are_found():
    scores = torch.randn(20_000, generator=torch.Generator().manual_seed(0))
    yes = torch.rand(20_000, generator=torch.Generator().manual_seed(1)) < scores.sigmoid()
    assert coolest(4 * scores, yes.float()) == pytest.approx(4, rel=0.1)
    assert best_cut(yes.float(), yes) == pytest.approx(0.05)
    assert best_cut(scores.sigmoid(), torch.zeros_like(yes)) == 0.5


def test_batches_are_functions_of_their_generator(data):
    task = _task(data)
    one, two = (task.batch(np.random.default_rng(3), 4) for _ in range(2))
    assert all(torch.equal(one[name], two[name]) for name in one)
    lengths = {task.batch(np.random.default_rng(k), 2)["frames"].shape[2] for k in range(24)}
    assert lengths == {1, 8}


def test_a_few_steps_lower_the_loss_and_what_was_learned_goes_into_a_zoo(data, tmp_path):
    task = _task(data)
    fixed = task.batch(np.random.default_rng(1), 4)

    def loss():
        with torch.no_grad():
            return float(task.loss(fixed, torch.Generator())["loss"])

    before = loss()
    out = tmp_path / "run"
    train(task, Config(steps=8, batch=4, rate=2e-3, warmup=2, ema=0.5, precision="fp32"), out)
    assert loss() < 0.9 * before
    dense.ship(out, folder=tmp_path / "zoo")
    shipped = zoo.load_part(DenseReader, dense.NAME, tmp_path / "zoo")
    assert zoo.facts(dense.NAME, tmp_path / "zoo")["rate"] == 8.0
    assert (shipped.heat != 1).any()
    assert len(shipped.bars) == len(KINDS)
