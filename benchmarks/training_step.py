"""A training step of our small layout against lucidrains' Unet3D; a table in docs/networks.md.

    pip install --no-deps video-diffusion-pytorch einops-exts rotary-embedding-torch    (0.4 MB)
    python benchmarks/training_step.py            measures, prints JSON, rewrites the table
    python benchmarks/training_step.py --print    measures and prints only

`make bench` installs the first line by itself; --no-deps, since what else these packages name isn't
needed here. Equal parameters (to 2 %), batch and clip size; a step is loss, gradients and AdamW.
All take turns, so that a busy machine slows them alike; a row is the median of its turns. With one
thread CPU seconds are counted, with more the clock on the wall. Torchvision, which the other
package uses to read files alone, is not needed: a mock stands in for it.
"""

from __future__ import annotations

import json
import statistics
import sys
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from time import perf_counter, process_time
from unittest.mock import MagicMock

import torch
from _page import publish
from torch import Tensor, nn

from mutoscope import machine
from mutoscope.core.condition import Condition
from mutoscope.core.denoiser import Denoiser
from mutoscope.core.noise import Noise
from mutoscope.core.prediction import Flow
from mutoscope.core.schedule import Rectified
from mutoscope.networks.small3d import SmallUNet3D
from mutoscope.weights import channels_last

TURNS = 5
BATCH, CHANNELS, FRAMES, SIDE = 4, 6, 16, 16
EQUAL = 0.02
"""By what share of theirs our parameters may differ."""
PACKAGES = "video-diffusion-pytorch einops-exts rotary-embedding-torch"
WORDS, TEXT = 16, 768

Step = Callable[[], object]


def stepping(network: nn.Module, loss: Callable[[], Tensor], *, narrow: bool) -> Step:
    """One step of training, under autocast to bfloat16 if `narrow`."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4)

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=narrow):
            value = loss()
        value.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def theirs(*, narrow: bool) -> tuple[Step, int]:
    """Lucidrains' network in its own diffusion."""
    sys.modules["torchvision"] = MagicMock()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from video_diffusion_pytorch import GaussianDiffusion, Unet3D

    network = Unet3D(dim=44, cond_dim=TEXT, channels=CHANNELS, dim_mults=(1, 2, 4))
    diffusion = GaussianDiffusion(
        network, image_size=SIDE, num_frames=FRAMES, channels=CHANNELS, timesteps=1000
    )
    clips, text = torch.rand(BATCH, CHANNELS, FRAMES, SIDE, SIDE), torch.randn(BATCH, TEXT)
    step = stepping(network, lambda: diffusion(clips, cond=text), narrow=narrow)
    return step, sum(value.numel() for value in network.parameters())


def ours(*, narrow: bool) -> tuple[Step, int]:
    """The small layout in our own denoiser."""
    network = channels_last(SmallUNet3D(channels=CHANNELS, width=128, depth=10, text=TEXT))
    denoiser = Denoiser(network, Rectified(2.0), Flow())
    clips = torch.randn(BATCH, CHANNELS, FRAMES, SIDE, SIDE)
    told = Condition(text=torch.randn(BATCH, WORDS, TEXT))

    def loss() -> Tensor:
        noise = Noise(range(BATCH))
        t = noise.like(clips.new_zeros(BATCH)).sigmoid()
        return denoiser.loss(clips, t, noise.like(clips), told).mean()

    return stepping(network, loss, narrow=narrow), sum(p.numel() for p in network.parameters())


def measure(steps: dict[str, Step]) -> dict[str, float]:
    """Median seconds of a step."""
    clock = process_time if torch.get_num_threads() == 1 else perf_counter
    for step in steps.values():
        step()
    spent: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(TURNS):
        for name, step in steps.items():
            start = clock()
            step()
            spent[name].append(clock() - start)
    return {name: statistics.median(rows) for name, rows in spent.items()}


def table(clips: dict[str, float], counts: dict[str, int], times: float) -> str:
    """The table of docs/networks.md."""
    threads = torch.get_num_threads()
    lines = [
        f"`python benchmarks/training_step.py`: batch {BATCH}, {FRAMES} frames of {SIDE} x {SIDE},",
        f"on {machine.processor()}, threads: {threads}; medians of {TURNS}.",
        "",
        "| network | parameters | clips a second |",
        "| --- | ---: | ---: |",
    ]
    for name, rate in clips.items():
        lines.append(f"| {name} | {counts[name] / 1e6:.2f} M | {rate:.2f} |")
    return "\n".join([*lines, "", f"Ours to its best: {times:.1f} times."])


def main(arguments: list[str]) -> None:
    """Measure, print and write."""
    if find_spec("video_diffusion_pytorch") is None:
        print(f"left out: lucidrains' network isn't installed; pip install --no-deps {PACKAGES}")
        return
    torch.manual_seed(0)
    made = {
        "lucidrains, float32": theirs(narrow=False),
        "lucidrains, bfloat16 autocast": theirs(narrow=True),
        "ours, float32": ours(narrow=False),
        "ours, bfloat16 autocast": ours(narrow=True),
    }
    counts = {name: count for name, (_, count) in made.items()}
    other, own = counts["lucidrains, float32"], counts["ours, float32"]
    assert abs(own - other) <= EQUAL * other, f"{own} parameters against {other}; change the depth"
    seconds = measure({name: step for name, (step, _) in made.items()})
    clips = {name: BATCH / spent for name, spent in seconds.items()}
    best = max(rate for name, rate in clips.items() if name.startswith("lucidrains"))
    times = clips["ours, bfloat16 autocast"] / best
    told = {"clips a second": clips, "parameters": counts, "times": times}
    found = {**told, "threads": torch.get_num_threads(), "processor": machine.processor()}
    print(json.dumps(found))
    if "--print" not in arguments:
        publish("training_step", found, page="networks.md", table=table(clips, counts, times))


if __name__ == "__main__":
    main(sys.argv[1:])
