import json

import numpy as np
import pytest
import torch
from torch import nn

from mutoscope.errors import WeightsError
from mutoscope.training.train import Config, Task, train


class Line(Task):
    """A network that must learn y = 3 x."""

    def __init__(self, width=8):
        torch.manual_seed(0)
        self.network = nn.Sequential(nn.Linear(1, width), nn.SiLU(), nn.Linear(width, 1))

    def parts(self):
        return {"network": self.network}

    def batch(self, rng, size):
        return {"x": torch.from_numpy(rng.normal(size=(size, 1)).astype(np.float32))}

    def loss(self, batch, rng):
        noise = 0.01 * torch.randn(batch["x"].shape, generator=rng)
        return {"loss": (self.network(batch["x"]) - 3 * batch["x"] + noise).square().mean()}


def config(**changes):
    defaults = {"steps": 24, "batch": 8, "rate": 1e-2, "warmup": 4, "precision": "fp32"}
    return Config(**{**defaults, **changes})


def weights(folder):
    return (folder / "parts" / "network" / "weights.safetensors").read_bytes()


@pytest.mark.parametrize("muon", [False, True])
def test_a_resumed_run_is_the_run_that_never_stopped(tmp_path, muon):
    whole, halves, width = tmp_path / "whole", tmp_path / "halves", 64 if muon else 8
    task = [Line(width) for _ in range(3)]
    train(task[0], config(muon=muon), whole)
    train(task[1], config(muon=muon), halves, until=11)
    train(task[2], config(muon=muon), halves)
    assert weights(whole) == weights(halves)
    states = [(folder / "state" / "parts.safetensors").read_bytes() for folder in (whole, halves)]
    assert states[0] == states[1]


def test_a_run_that_is_stopped_ends_well_with_what_it_learned_so_far(tmp_path):
    early, until = tmp_path / "early", tmp_path / "until"
    train(Line(), config(), early, stop=lambda step: step == 7)
    train(Line(), config(), until, until=7)
    assert weights(early) == weights(until)
    assert json.loads((early / "run.json").read_text())["step"] == 7
    train(Line(), config(steps=5), early)
    assert weights(early) == weights(until), "it has taken more steps than it is asked for"
    assert json.loads((early / "run.json").read_text())["step"] == 7


def test_a_sheet_is_drawn_every_so_many_steps(tmp_path):
    class Drawn(Line):
        def sheet(self, parts):
            return np.zeros((2, 2, 3), np.uint8)

    train(Drawn(), config(steps=8, sheet_steps=3), tmp_path)
    sheets = sorted(path.name for path in tmp_path.glob("sheet-*.png"))
    assert sheets == [f"sheet-{step:07d}.png" for step in (3, 6, 8)]


def test_it_learns_and_leaves_a_log_and_a_curve(tmp_path):
    train(Line(), config(steps=400), tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert rows[-1]["loss"] < 0.1 * rows[0]["loss"]
    assert (tmp_path / "curve.png").stat().st_size > 1000
    assert json.loads((tmp_path / "run.json").read_text())["step"] == 400


def test_another_network_in_the_folder_is_refused(tmp_path):
    train(Line(), config(), tmp_path, until=4)
    with pytest.raises(WeightsError, match="another network"):
        train(Line(width=16), config(), tmp_path)


def test_the_rate_warms_up_stays_and_cools_down():
    c = config(steps=100, warmup=10)
    rates = [c.rate_at(k) for k in range(100)]
    assert rates[0] < rates[5] < rates[9] == rates[50] == c.rate
    assert 0 < rates[99] < rates[80] < c.rate
