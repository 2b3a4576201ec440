"""Training of the prior: what is heard of cached clips, a few steps, and what goes into a zoo."""

import torch
from torch.nn import functional as F

from mutoscope import zoo
from mutoscope.data.exact import Exact
from mutoscope.data.latents import Latents
from mutoscope.encoders import Bytes
from mutoscope.networks.alignment import Aligner
from mutoscope.networks.prior import Prior
from mutoscope.systems import sight
from mutoscope.training import prior
from mutoscope.training.prior import PriorTask
from mutoscope.training.publish import fresh, publish
from mutoscope.training.train import Config, train
from tests.tiny import awake

TELLINGS = [["red", "blue", "green"], ["a red one", "a blue one", "a green one"]]


def aligner():
    small = {"width": 16, "deep": 16, "mind": 16, "depth": 1, "slots": 2, "layers": 1, "heads": 2}
    return awake(Aligner(**small, text=8, out=16)).eval()


def cached():
    read = [Bytes()(row) for row in TELLINGS]
    states = [
        row[there] for one in read for row, there in zip(one.text, one.text_mask, strict=True)
    ]
    lengths = torch.tensor([len(one) for one in states])
    spans = torch.stack([lengths.cumsum(0) - lengths, lengths.cumsum(0)], dim=-1)
    latents, shown = torch.zeros(3, 4, 2, 4, 4), torch.zeros(3, 3, 2, 4, 4, dtype=torch.uint8)
    return Latents(latents, torch.cat(states), spans.reshape(2, 3, 2), torch.ones(3), shown)


def test_all_that_is_said_of_clips_is_heard_as_a_prompt_would_be():
    told = prior.heard(aligner(), cached())
    assert told.shape == (2, 3, 16)
    for way, row in enumerate(TELLINGS):
        torch.testing.assert_close(told[way], sight.heard(aligner(), Bytes(), row))
    vectors = torch.randn(2, 3, 4, 16).half()
    true = Exact([{"vectors": vectors[0]}, {"vectors": vectors[1]}])
    assert torch.equal(prior.seen(true), vectors.flatten(0, 1).float())


def test_it_learns_which_picture_is_told_of_and_is_put_into_a_zoo(tmp_path):
    rng = torch.Generator().manual_seed(0)
    told = F.normalize(torch.randn(3, 40, 16, generator=rng), dim=-1)
    turn = torch.linalg.qr(torch.randn(16, 16, generator=rng)).Q
    shown = (told[0] @ turn)[:, None].repeat(1, 2, 1)
    torch.manual_seed(0)
    task = PriorTask(Prior(width=16), told[:1], shown)
    before = task.loss({"told": told[0], "shown": shown[:, 0]}, rng)
    torch.testing.assert_close(before["loss"], 1 - before["words"])
    config = Config(steps=200, batch=32, rate=1e-2, warmup=1, ema=0.5, precision="fp32")
    train(task, config, tmp_path / "run")
    publish(fresh(Prior, "prior", tmp_path / "run"), "prior", tmp_path / "run", facts={},
            folder=tmp_path / "zoo")  # fmt: skip
    learned = zoo.load_part(Prior, "prior", tmp_path / "zoo")
    after = PriorTask(learned, told[:1], shown).loss({"told": told[0], "shown": shown[:, 0]}, rng)
    assert after["loss"] < 0.5 * before["loss"]
