from dataclasses import replace

import numpy as np
import pytest
import torch

from mutoscope.core.condition import Condition
from mutoscope.core.denoiser import Denoiser
from mutoscope.core.prediction import Flow
from mutoscope.core.schedule import Rectified
from mutoscope.data.latents import IGNORED, Latents, condition, joined
from mutoscope.networks.small3d import SmallUNet3D
from mutoscope.training import commands
from mutoscope.training.diffusion import DiffusionTask, Pool
from mutoscope.training.shown import ShownHead
from mutoscope.world.scene import VERBS

TINY = {"channels": 4, "width": 16, "inner": 32, "depth": 1, "heads": 2, "text": 8}


def cached(frames, count=6, seed=0):
    rng = torch.Generator().manual_seed(seed)
    ends = torch.tensor([3 + k % 3 for k in range(2 * count)]).cumsum(0)
    spans = torch.stack([torch.cat([torch.zeros(1, dtype=torch.long), ends[:-1]]), ends], dim=-1)
    latents = torch.randn(count, 4, frames, 8, 8, generator=rng).bfloat16()
    text = torch.randn(int(ends[-1]), 8, generator=rng).bfloat16()
    shown = torch.randint(0, 9, (count, 3, frames, 8, 8), generator=rng).to(torch.uint8)
    return Latents(latents, text, spans.reshape(2, count, 2), torch.full((count,), 8.0), shown)


def task(drop=0.1, *, told=False):
    torch.manual_seed(0)
    denoiser = Denoiser(SmallUNet3D(**TINY), Rectified(2.0), Flow())
    head = ShownHead(denoiser.network) if told else None
    null = Condition(text=torch.ones(1, 2, 8))
    pools = [Pool(cached(4), 0.5, 2), Pool(cached(1), 0.5, 4)]
    return DiffusionTask(denoiser, pools, null, drop=drop, head=head)


def test_a_picked_batch_holds_each_items_own_text():
    pool = cached(1)
    batch = pool.pick([4, 0, 4], [0, 1, 1])
    for row, (item, telling) in enumerate([(4, 0), (0, 1), (4, 1)]):
        a, b = pool.spans[telling, item].tolist()
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


def test_some_word_pieces_hide_which_word_they_are():
    read = [task(drop=0.0).batch(np.random.default_rng(k), 1) for k in range(40)]
    halves = torch.cat([b["text"][b["mask"]] for b in read]).unflatten(1, (2, -1)).any(-1)
    assert halves[:, 0].all()
    assert 0.08 < 1 - halves[:, 1].double().mean() < 0.22


def test_the_loss_depends_on_its_generator_alone():
    learned = task()
    batch = learned.batch(np.random.default_rng(1), 1)
    losses = [learned.loss(batch, torch.Generator().manual_seed(s))["loss"] for s in (1, 1, 2)]
    assert losses[0] == losses[1] != losses[2]


def test_the_second_lesson_reaches_the_network_but_not_what_it_says():
    plain, told = task(), task(told=True)
    batch = told.batch(np.random.default_rng(1), 1)
    terms = [t.loss(batch, torch.Generator().manual_seed(1)) for t in (plain, told)]
    kind = "clip" if batch["x0"].shape[2] > 1 else "image"
    assert torch.equal(terms[0][kind], terms[1][kind])
    grads = []
    for learned, found in zip((plain, told), terms, strict=True):
        found["loss"].backward()
        grads.append(learned.denoiser.network.enter.weight.grad)
    assert not torch.equal(*grads)


def test_places_nothing_is_known_of_teach_nothing():
    learned = task(told=True)
    batch = dict(learned.batch(np.random.default_rng(1), 1))
    batch["shown"] = torch.full_like(batch["shown"], IGNORED)
    terms = learned.loss(batch, torch.Generator().manual_seed(1))
    assert next(v for k, v in terms.items() if k.endswith("shown")) == 0


def test_the_middle_layer_can_learn_what_is_shown():
    learned = task(told=True)
    batch = learned.batch(np.random.default_rng(3), 1)
    network, head = learned.denoiser.network, learned.head
    optimizer = torch.optim.Adam([*network.parameters(), *head.parameters()], 1e-2)
    losses = []
    for _ in range(12):
        terms = learned.loss(batch, torch.Generator().manual_seed(1))
        losses.append(float(next(v for k, v in terms.items() if k.endswith("shown"))))
        optimizer.zero_grad()
        terms["loss"].backward()
        optimizer.step()
    assert losses[-1] < 0.8 * losses[0]


def test_joined_caches_keep_each_items_own_text():
    one, two = cached(1), cached(1, seed=1)
    both = joined([one, two])
    assert len(both) == 12
    for pool, shift in ((one, 0), (two, 6)):
        alone, together = pool.pick([2]), both.pick([2 + shift])
        assert all(torch.equal(alone[key], together[key]) for key in alone)


def test_clips_of_two_things_are_drawn_more_often():
    pool = cached(2)
    pool.shown[:] = 0
    pool.shown[:, :, :, 0, 0] = 3
    pool.shown[4:, 0, 1, 5, 5] = 2
    assert pool.things().tolist() == [1, 1, 1, 1, 2, 2]
    many = joined([pool] * 60)
    assert many.things().tolist() == [1, 1, 1, 1, 2, 2] * 60, "counted some at a time"
    assert replace(pool, shown=0 * pool.shown).things().tolist() == [0] * 6
    unknown = torch.full_like(pool.shown, IGNORED)
    assert replace(pool, shown=unknown).things().tolist() == [1] * 6
    likely = commands._likely(pool)
    assert likely.tolist() == [1 / 8] * 4 + [1 / 4] * 2
    rows = Pool(pool, 1.0, 2, likely).draw(np.random.default_rng(0), 4000)
    assert abs(np.mean(np.array(rows) >= 4) - 0.5) < 0.03


def test_clips_of_subtle_motions_are_drawn_more_often():
    pool = cached(2)
    pool.shown[:] = 0
    pool.shown[:, :, :, 0, 0] = 1 + VERBS.index("rises")
    pool.shown[0, 2, :, 0, 0] = 1 + VERBS.index("spins")
    pool.shown[1, 0] = 1 + VERBS.index("still")  # a shape of that number
    assert pool.says(("spins", "still")).tolist() == [True] + [False] * (len(pool) - 1)
    likely = commands._likely(pool)
    assert likely[0] == pytest.approx(2 * likely[2])
