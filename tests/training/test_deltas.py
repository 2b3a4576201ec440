"""A frozen base learns, in a few named tensors, to be told more than words."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from typing_extensions import override

from mutoscope import zoo
from mutoscope.core.guidance import ClassifierFree
from mutoscope.data.exact import Exact
from mutoscope.data.latents import Latents
from mutoscope.recipes import modelscope
from mutoscope.systems import shipped, steered
from mutoscope.systems.steered import Delta, Steered
from mutoscope.training import deltas
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


def begun(folder: Path) -> Dummy:
    parts, _ = steered.opened(DELTA, folder)
    return Dummy(parts)


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


def test_a_batch_depends_on_the_seed_alone_and_the_loss_on_its_generator(tmp_path):
    system = begun(tiny.folder(tmp_path, "modelscope"))
    task = deltas.DeltaTask(system, *cached(), system.text([""]))
    one, two = (task.batch(np.random.default_rng(3), 1) for _ in range(2))
    assert all(torch.equal(one[name], two[name]) for name in one)
    losses = [task.loss(one, torch.Generator().manual_seed(k))["loss"] for k in (1, 1, 2)]
    assert losses[0] == losses[1]
    assert losses[0] != losses[2]
