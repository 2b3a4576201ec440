"""What a training step of the base costs: samples/s, GFLOP a sample, share of the matmul peak.

`python benchmarks/base_speed.py` times whole steps (forward, backward, clipping, optimizers,
average) of the shipped network under bf16 on made-up latents, then this machine's own best bf16
matmul, in one run; medians. A training sample costs three forwards. With `--profile` it prints the
operators.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from mutoscope.core.condition import Condition
from mutoscope.core.denoiser import Denoiser
from mutoscope.core.prediction import Flow
from mutoscope.core.schedule import Rectified
from mutoscope.data.latents import GRID, KINDS, Latents
from mutoscope.networks.small3d import SmallUNet3D
from mutoscope.training.diffusion import DiffusionTask, Pool
from mutoscope.training.ema import Ema
from mutoscope.training.shown import ShownHead
from mutoscope.training.train import Config, _generator, _optimizers

BATCHES = {1: 256, 16: 24, 32: 12}
"""Items of so many frames in a step, as `mutoscope train modelscope` takes them."""
WORDS = 14


def made_up(frames: int, count: int) -> Latents:
    """Latents of noise with texts of noise."""
    begins = torch.arange(count) * WORDS
    spans = torch.stack([begins, begins + WORDS], dim=-1)[None]
    shown = torch.zeros(count, len(KINDS), frames, GRID, GRID, dtype=torch.uint8)
    latents = torch.randn(count, 6, frames, GRID, GRID).bfloat16()
    text = torch.randn(count * WORDS, 768).bfloat16()
    return Latents(latents, text, spans, torch.full((count,), 8.0), shown)


def median(action: Callable[[int], object], times: int) -> float:
    """Seconds of one call, the first left out."""
    taken = []
    for k in range(times + 1):
        begin = time.perf_counter()
        action(k)
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken[1:])


def stepper(frames: int) -> tuple[Callable[[int], object], float]:
    """One training step, and the GFLOP of a forward of one item."""
    torch.manual_seed(0)
    network = SmallUNet3D(temporal=frames > 1)
    denoiser = Denoiser(network, Rectified(2.0), Flow())
    head = ShownHead(network)
    null = Condition(text=torch.zeros(1, 2, 768))
    pool = Pool(made_up(frames, BATCHES[frames]), 1.0, BATCHES[frames])
    task = DiffusionTask(denoiser, [pool], null, head=head)
    parts = torch.nn.ModuleDict(dict(task.parts()))
    weights = list(parts.parameters())
    optimizers, ema = _optimizers(weights, Config(steps=1, batch=1, muon=True)), Ema(parts, 0.999)
    text = Condition(text=torch.zeros(1, WORDS, 768), text_mask=torch.ones(1, WORDS).bool())
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, 6, frames, GRID, GRID), torch.tensor([0.5]), text)
    batch = task.batch(np.random.default_rng(0), 1)

    def step(k: int) -> None:
        with torch.autocast("cpu", torch.bfloat16):
            terms = task.loss(batch, _generator(0, 0, k))
        terms["loss"].backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        ema.update(parts, k)

    return step, counter.get_total_flops() / 1e9


def peak() -> float:
    """TFLOP/s of the best bf16 matmul tried."""
    found = []
    for n in (1024, 2048, 4096):
        a, b = (torch.randn(n, n).bfloat16() for _ in range(2))
        found.append(2 * n**3 / median(lambda _, a=a, b=b: a @ b, 9) / 1e12)
    return max(found)


def main() -> None:
    """Time and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--profile", type=int, metavar="FRAMES")
    args = parser.parse_args()
    if args.profile:
        step, _ = stepper(args.profile)
        step(0)
        with profile(activities=[ProfilerActivity.CPU]) as seen:
            step(1)
        print(seen.key_averages().table(sort_by="self_cpu_time_total", row_limit=24))
        return
    best = peak()
    print(f"bf16 matmul peak {best:.3f} TFLOP/s, {torch.get_num_threads()} threads\n")
    print("| frames | items a step | GFLOP forward | items/s | TFLOP/s | share of peak |")
    print("| --- | --- | --- | --- | --- | --- |")
    for frames, batch in BATCHES.items():
        step, gigaflops = stepper(frames)
        rate = batch / median(step, args.steps)
        done = 3 * gigaflops * rate / 1e3
        told = [f"{gigaflops:.3f}", f"{rate:.1f}", f"{done:.3f}", f"{done / best:.0%}"]
        print(f"| {frames} | {batch} | {' | '.join(told)} |", flush=True)


if __name__ == "__main__":
    main()
