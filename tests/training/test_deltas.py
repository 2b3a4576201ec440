"""A frozen base learns, in a few named tensors, to be told more than words."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from typing_extensions import override

from mutoscope import zoo
from mutoscope.core.guidance import ClassifierFree
from mutoscope.data import exact
from mutoscope.data.exact import Exact
from mutoscope.data.latents import Latents
from mutoscope.errors import WeightsError
from mutoscope.recipes import modelscope
from mutoscope.systems import shipped, steered
from mutoscope.systems.steered import Delta, Stage, Steered
from mutoscope.training import checkpoint, deltas
from mutoscope.training.train import Config, train
from tests import tiny

DELTA = Delta(
    base="modelscope", layout={"extra": 4}, learns=("beside.*", "before.*"), steps=4, batch=2,
    reads=("motion",),
)  # fmt: skip


class Dummy(Steered):
    card = replace(modelscope.CARD, name="dummy")
    delta = DELTA

    def __init__(self, parts):
        super().__init__(parts)
        self.shown = []

    @override
    def accepts(self):
        return modelscope.Config.tiny().accepts()

    @override
    def bind(self, request):
        told, null = self.read([request.prompt], request.fps)
        return ClassifierFree(scale=request.guidance)(self.denoiser, told, null)

    @override
    def taught(self, shown, told, null, rng):
        self.shown.append(sorted(shown))
        first = shown["x0"][:, :, :1].expand(shown["x0"].shape)
        dropped = steered.chance(len(first), 0.5, rng)
        return replace(told.replaced(null, dropped), concat=first)


def cached(frames=4, count=6):
    rng = torch.Generator().manual_seed(0)
    ends = torch.tensor([3 + k % 3 for k in range(2 * count)]).cumsum(0)
    spans = torch.stack([torch.cat([torch.zeros(1, dtype=torch.long), ends[:-1]]), ends], dim=-1)
    latents = torch.randn(count, 4, frames, 4, 4, generator=rng).bfloat16()
    text = torch.randn(int(ends[-1]), 8, generator=rng).bfloat16()
    shown = torch.zeros(count, 3, frames, 4, 4, dtype=torch.uint8)
    fps = torch.full((count,), 8.0)
    true = {
        "near": torch.zeros(count, frames, 8, 8, dtype=torch.uint8),
        "lines": torch.zeros(count, frames, 32, 4, dtype=torch.uint8),
        "motion": torch.zeros(count, 3, frames, 2, 2),
    }
    return Latents(latents, text, spans.reshape(2, count, 2), fps, shown), Exact([true])


def begun(folder: Path, delta: Delta = DELTA) -> Dummy:
    parts, _ = steered.opened(delta, folder)
    system = Dummy(parts)
    system.delta = delta
    return system


def weights(system):
    return {n: p.detach().clone() for n, p in system.denoiser.network.named_parameters()}


def moved(system, before):
    """The first words of the names of what has changed."""
    now = weights(system)
    return {n.partition(".")[0] for n in now if not torch.equal(now[n], before[n])}


def test_only_what_was_named_learns_and_a_delta_holds_no_more(tmp_path):
    base = tiny.folder(tmp_path / "zoo", "modelscope")
    system, out = begun(base), tmp_path / "run"
    task = deltas.DeltaTask(system, *cached(), system.text([""]))
    train(task, Config(steps=3, batch=1, rate=1e-2, warmup=1, ema=0.5), out)
    assert system.shown[0] == ["fps", "mask", "motion", "shown", "text", "x0"]
    target = deltas.ship(begun(base), out, folder=base)
    held = zoo.load_file(target / "delta.safetensors")
    assert {name.split(".")[0] for name in held} == {"beside", "before"}
    facts = zoo.facts("dummy", base)
    assert facts["base"] == "modelscope"
    assert facts["learned"] == sum(
        p.numel() for n, p in system.denoiser.network.named_parameters()
        if n.startswith(("beside", "before"))
    )  # fmt: skip
    again = shipped.opened("dummy", base, torch.float32).denoiser.network
    assert again.beside.weight.abs().max() > 0


def test_a_delta_on_a_base_that_ships_is_put_into_a_folder_of_its_own(tmp_path):
    """And a run that didn't come to its end is refused in a sentence."""
    parts, _ = steered.opened(DELTA)
    system, out, mine = Dummy(parts), tmp_path / "run", tmp_path / "mine"
    with pytest.raises(WeightsError, match="isn't finished"):
        deltas.ship(system, out, folder=mine)
    assert not mine.exists()
    network = system.denoiser.network
    torch.nn.init.ones_(network.beside.weight)
    checkpoint.publish(out, {"network": network}, {"steps": 1})
    held = zoo.load_file(deltas.ship(system, out, folder=mine) / "delta.safetensors")
    assert set(held) == {"beside.weight"}
    assert zoo.facts("dummy", mine)["base_sha256"] == zoo.sha256("modelscope")


def test_a_batch_depends_on_the_seed_alone_and_the_loss_on_its_generator(tmp_path):
    system = begun(tiny.folder(tmp_path, "modelscope"))
    task = deltas.DeltaTask(system, *cached(), system.text([""]))
    one, two = (task.batch(np.random.default_rng(3), 1) for _ in range(2))
    assert all(torch.equal(one[name], two[name]) for name in one)
    losses = [task.loss(one, torch.Generator().manual_seed(k))["loss"] for k in (1, 1, 2)]
    assert losses[0] == losses[1]
    assert losses[0] != losses[2]


def test_a_delta_may_ask_for_single_frames_of_the_same_clips(tmp_path):
    both = replace(DELTA, pictures=0.5)
    system = begun(tiny.folder(tmp_path, "modelscope"), both)
    task = deltas.DeltaTask(system, *cached(), system.text([""]))
    found = [task.batch(np.random.default_rng(k), 1) for k in range(40)]
    stills = [batch for batch in found if batch["x0"].shape[2] == 1]
    assert 10 < len(stills) < 30
    clip = next(batch for batch in found if batch["x0"].shape[2] > 1)
    assert set(clip) == set(stills[0])
    losses = task.loss(stills[0], torch.Generator().manual_seed(0))
    assert set(losses) == {"loss", "image"}
    assert set(task.loss(clip, torch.Generator().manual_seed(0))) == {"loss", "clip"}


def test_a_still_is_a_frame_with_what_is_true_of_it():
    t, places = 16, list(exact.PLACES)
    ramp = torch.arange(t).float()
    batch = {
        "x0": ramp.view(1, 1, t, 1, 1).expand(2, 4, t, 4, 4),
        "depth": ramp.view(1, 1, t, 1, 1).expand(2, 1, t, 8, 8),
        "ids": ramp.view(1, t, 1, 1).expand(2, t, 4, 4),
        "motion": torch.ones(2, 3, t, 2, 2),
        "patches": torch.tensor(places).view(1, -1, 1, 1).expand(2, -1, 5, 3),
        "fps": torch.tensor([4.0, 16.0]),
        "text": torch.arange(2).view(2, 1, 1).expand(2, 7, 3),
    }
    found = exact.stills(batch)
    assert found["x0"].shape == (8, 4, 1, 4, 4)
    for name in ("x0", "depth", "ids"):
        assert found[name].flatten(1)[:, 0].tolist() == [float(k) for k in places * 2]
    assert found["patches"].shape == (8, 1, 5, 3)
    assert found["patches"][:, 0, 0, 0].tolist() == places * 2
    assert found["motion"].shape == (8, 3, 1, 2, 2)
    assert not found["motion"].any()
    assert found["fps"].tolist() == [8.0] * 8
    assert found["text"][:, 0, 0].tolist() == [0] * 4 + [1] * 4


def test_in_stages_one_part_learns_and_then_stays_while_another_does(tmp_path):
    learns = ("beside.*", "before.*")
    stages = (Stage(("beside.*",), 0.5), Stage(("before.*",), 0.5))
    base = tiny.folder(tmp_path / "zoo", "modelscope")
    delta = replace(DELTA, learns=learns, stages=stages, steps=6)
    config = Config(steps=6, batch=1, rate=1e-2, warmup=1, ema=0.0, muon=True, decay=0.1)
    system = begun(base, delta)
    whole = deltas.DeltaTask(system, *cached(), system.text([""]))
    before = weights(system)
    train(whole, config, tmp_path / "run", until=3)
    assert moved(system, before) == {"beside"}
    middle = weights(system)
    train(whole, config, tmp_path / "run")
    assert moved(system, middle) == {"before"}
    again = begun(base, delta)
    once = deltas.DeltaTask(again, *cached(), again.text([""]))
    train(once, config, tmp_path / "once")
    assert moved(again, weights(system)) == set()


def test_a_stage_whose_names_the_network_lacks_is_refused(tmp_path):
    stages = (Stage(("besides.*",), 1.0),)
    system = begun(tiny.folder(tmp_path, "modelscope"), replace(DELTA, stages=stages))
    with pytest.raises(WeightsError, match=r"no weight is called besides\.\*"):
        deltas.DeltaTask(system, *cached(), system.text([""]))
