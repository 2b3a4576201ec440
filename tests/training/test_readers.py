"""Training of the reader: labels, calibration and a few steps."""

import numpy as np
import pytest
import torch

from mutoscope.data.rendered import Recipe, Rendered
from mutoscope.networks.readers import HEADS, WORDS, ClipReader
from mutoscope.training.readers import (
    NEVER,
    RIGHT,
    ReaderTask,
    calibrated,
    labels,
    middles,
    underneath,
)
from mutoscope.training.train import Config, train
from mutoscope.world.scene import Camera, Motion, Scene, Thing


@pytest.fixture(scope="module")
def data():
    made = [Recipe(seed=5).make(i) for i in range(12)]
    rgb, ids = (np.stack([item[k] for item in made]) for k in (1, 2))
    return Rendered([rgb], [ids], [item[0] for item in made])


def _task(data):
    torch.manual_seed(0)
    small = ClipReader(width=32, deep=32, mind=32, key=8, depth=1, layers=1, heads=2)
    return ReaderTask(small, [data], data)


def test_labels_say_what_the_scene_shows():
    scene = Scene(
        things=(
            Thing(shape="ball", colour="red", motion=Motion(verb="spins")),
            Thing(shape="cone", colour="blue", motion=Motion(verb="rises")),
        ),
        camera=Camera(move="pan left"),
    )
    rows = labels(scene)
    word = lambda row, name: WORDS[name][rows[row, HEADS.index(name)]]  # noqa: E731
    assert word(0, "verb") == "still", "a plain ball can't be seen to spin"
    assert (word(1, "shape"), word(1, "verb")) == ("cone", "rises")
    assert (word(-1, "move"), word(-1, "count"), word(-1, "fog")) == ("pan left", "2", "clear")
    assert (rows[2:-1] == -1).all()
    assert rows[0, HEADS.index("floor")] == -1


def test_a_temperature_is_found_and_what_is_kept_is_right():
    rng = torch.Generator().manual_seed(0)
    truth = torch.randint(5, (20_000,), generator=rng)
    honest = 1.5 * torch.nn.functional.one_hot(truth, 5).float()
    honest += torch.randn(honest.shape, generator=rng)
    # Normal scores of unit deviation, 1.5 apart: the log-odds are 1.5 times their differences.
    heat, bar = calibrated(honest * 6.0, truth)
    assert heat == pytest.approx(4.0, rel=0.1)
    sure, best = (honest * 6.0 / heat).softmax(-1).max(-1)
    kept = sure >= bar
    assert (best == truth)[kept].float().mean() >= RIGHT
    assert calibrated(honest, torch.zeros_like(truth)) == (1.0, NEVER)


def test_middles_peak_in_the_middle_and_vanish_with_the_thing():
    true = torch.zeros(1, 1, 2, 32, 32)
    true[0, 0, 0, 10:15, 20:25] = 1
    target = middles(true)
    assert divmod(int(target[0, 0, 0].argmax()), 32) == (12, 22)
    assert float(target[0, 0, 0].max()) == pytest.approx(1)
    assert float(target[0, 0, 1].max()) == 0


def test_each_mask_is_given_the_thing_below_it():
    ids = torch.zeros(1, 2, 64, 64, dtype=torch.uint8)
    ids[..., :20, :20], ids[..., 40:, 40:] = 1, 2
    masks = torch.zeros(1, 2, 2, 32, 32)
    masks[:, 0, :, 20:, 20:], masks[:, 1, :, :10, :5] = 1, 1
    below, share = underneath(masks, ids)
    assert below.tolist() == [[1, 0]]
    assert share[0].tolist() == pytest.approx([1, 0.5])


def test_batches_are_functions_of_their_generator(data):
    task = _task(data)
    one, two = (task.batch(np.random.default_rng(3), 4) for _ in range(2))
    assert all(torch.equal(one[name], two[name]) for name in one)
    lengths = {task.batch(np.random.default_rng(k), 2)["frames"].shape[2] for k in range(24)}
    assert lengths == {1, 8}


def test_a_few_steps_lower_the_loss_and_calibration_closes_what_wasnt_taught(data, tmp_path):
    task = _task(data)
    fixed = task.batch(np.random.default_rng(1), 8)

    def loss():
        with torch.no_grad():
            return float(task.loss(fixed, torch.Generator().manual_seed(0))["loss"])

    before = loss()
    train(task, Config(steps=12, batch=6, rate=2e-3, warmup=2, precision="fp32"), tmp_path)
    assert loss() < 0.8 * before
    assert task.reader.bars[HEADS.index("size")] == NEVER
