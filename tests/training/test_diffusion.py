import numpy as np
import torch

from mutoscope.core.condition import Condition
from mutoscope.core.denoiser import Denoiser
from mutoscope.core.prediction import Flow
from mutoscope.core.schedule import Rectified
from mutoscope.data.latents import Latents, condition
from mutoscope.networks.small3d import SmallUNet3D
from mutoscope.training.diffusion import DiffusionTask, Pool

TINY = {"channels": 4, "width": 16, "inner": 32, "depth": 1, "heads": 2, "text": 8}


def cached(frames, count=6, seed=0):
    rng = torch.Generator().manual_seed(seed)
    lengths = torch.tensor([3 + k % 3 for k in range(count)])
    starts = torch.cat([torch.zeros(1, dtype=torch.long), lengths.cumsum(0)])
    latents = torch.randn(count, 4, frames, 8, 8, generator=rng).bfloat16()
    text = torch.randn(int(starts[-1]), 8, generator=rng).bfloat16()
    return Latents(latents, text, starts, 8.0)


def task(drop=0.1):
    torch.manual_seed(0)
    denoiser = Denoiser(SmallUNet3D(**TINY), Rectified(2.0), Flow())
    null = Condition(text=torch.ones(1, 2, 8))
    pools = [Pool(cached(4), 0.5, 2), Pool(cached(1), 0.5, 4)]
    return DiffusionTask(denoiser, pools, null, drop=drop)


def test_a_picked_batch_holds_each_items_own_text():
    pool = cached(1)
    batch = pool.pick([4, 0])
    for row, item in enumerate([4, 0]):
        a, b = int(pool.starts[item]), int(pool.starts[item + 1])
        assert torch.equal(batch["text"][row, : b - a], pool.text[a:b])
        assert batch["mask"][row].sum() == b - a
        assert torch.equal(batch["x0"][row], pool.latents[item])


def test_batches_of_clips_and_pictures_take_turns():
    shapes = {tuple(task().batch(np.random.default_rng(k), 1)["x0"].shape[:3]) for k in range(12)}
    assert shapes == {(2, 4, 4), (4, 4, 1)}


def test_a_dropped_text_is_that_of_the_empty_prompt():
    batch = task(drop=1.0).batch(np.random.default_rng(0), 1)
    read = condition(dict(batch))
    assert (read.text[:, :2] == 1).all()
    assert (read.text[:, 2:] == 0).all()
    assert (read.text_mask.sum(1) == 2).all()


def test_the_loss_depends_on_its_generator_alone():
    learned = task()
    batch = learned.batch(np.random.default_rng(1), 1)
    losses = [learned.loss(batch, torch.Generator().manual_seed(s))["loss"] for s in (1, 1, 2)]
    assert losses[0] == losses[1] != losses[2]
