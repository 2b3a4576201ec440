"""Training of the aligner: words that hold, batches, a few steps, and what goes into a zoo."""

import numpy as np
import pytest
import torch

from mutoscope import zoo
from mutoscope.data import told
from mutoscope.data.truths import Recipe, held
from mutoscope.encoders import Bytes
from mutoscope.networks.alignment import Aligner
from mutoscope.networks.readers import HEADS, WORDS
from mutoscope.training import alignment
from mutoscope.training.alignment import AlignmentTask
from mutoscope.training.train import Config, train
from mutoscope.world.scene import Camera, Motion, Scene, Thing


@pytest.fixture(scope="module")
def data():
    made = [
        Recipe(seed=5, tier=tier, frames=15).make(i) for tier in ("core", "wide") for i in (0, 1)
    ]
    return held(made)


@pytest.fixture(scope="module")
def texts(data, tmp_path_factory):
    return told.build(tmp_path_factory.mktemp("told"), data.scenes, Bytes())


def _task(data, texts):
    torch.manual_seed(0)
    sizes = {"width": 16, "deep": 16, "mind": 16, "depth": 1, "slots": 2, "layers": 1, "heads": 2}
    return AlignmentTask(Aligner(**sizes, text=8, out=16), [data], [texts])


def _words(scene):
    row, names = alignment.held(scene), [(n, word) for n in HEADS for word in WORDS[n]]
    return {
        value: {pair for pair, mine in zip(names, row, strict=True) if mine == value}
        for value in (1, 0, -1)
    }


def test_words_hold_of_a_scene_where_they_show():
    scene = Scene(
        things=(
            Thing(shape="ball", colour="red", motion=Motion(verb="rises")),
            Thing(shape="cone", colour="blue"),
        ),
        camera=Camera(move="pan left"),
    )
    words = _words(scene)
    shown = {("colour", "red"), ("colour", "blue"), ("shape", "ball"), ("verb", "rises")}
    assert shown | {("move", "pan left"), ("count", "2")} <= words[1]
    assert {("colour", "green"), ("move", "static")} <= words[0]
    pencil = _words(Scene(things=scene.things, look="pencil"))
    assert {("colour", "red"), ("colour", "green")} <= pencil[-1]


def test_single_frames_are_told_without_motion(data, texts):
    task = _task(data, texts)
    one, two = (task.batch(np.random.default_rng(3), 4) for _ in range(2))
    assert all(torch.equal(one[name], two[name]) for name in one)
    seen = {}
    for k in range(24):
        batch = task.batch(np.random.default_rng(k), 2)
        seen[batch["frames"].shape[2]] = batch["words"]
    assert set(seen) == {1, 8}
    assert (seen[1][:, alignment.moving()] == -1).all()
    assert (seen[8][:, alignment.moving()] >= 0).any()


def test_a_few_steps_lower_the_loss_and_what_was_learned_goes_into_a_zoo(data, texts, tmp_path):
    task = _task(data, texts)
    fixed = task.batch(np.random.default_rng(1), 6)

    def loss():
        with torch.no_grad():
            return float(task.loss(fixed, torch.Generator())["loss"])

    before = loss()
    out = tmp_path / "run"
    train(task, Config(steps=12, batch=6, rate=3e-3, warmup=2, ema=0.5, precision="fp32"), out)
    assert loss() < 0.95 * before
    alignment.ship(out, folder=tmp_path / "zoo")
    shipped = zoo.load_part(Aligner, alignment.NAME, tmp_path / "zoo")
    assert shipped.config["out"] == 16
    assert zoo.facts(alignment.NAME, tmp_path / "zoo")["base"] == "readers"


@pytest.mark.skipif("readers" not in zoo.names(), reason="no readers in the zoo")
def test_the_eye_begins_as_the_reader_s():
    from mutoscope.networks.readers import ClipReader

    torch.manual_seed(0)
    aligner, reader = alignment.seeing(Aligner()), zoo.load_part(ClipReader, "readers")
    assert torch.equal(aligner.coarse[0].near.weight, reader.coarse[0].near.weight)
    assert torch.equal(aligner.moved.bias, reader.moved.bias)
