"""How a video network is taught, compared: with and without the second lesson, old layers frozen.

`python benchmarks/lessons.py [--steps 300]` inflates the shipped image network and teaches it clips
and pictures in each way with the same batches and noise, each so many steps long (they can be
stopped, and go on). It prints the held-out error of each (`held_out_loss.py`: mean square error at
five fixed times of 512 clips of the core tier's validation split), over all places and where things
are, and how long its median step took. One seed; ratios of one run on one machine.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from held_out_loss import TIMES, measured, network, validation

from mutoscope.core.denoiser import Denoiser
from mutoscope.core.prediction import Flow
from mutoscope.core.schedule import Rectified
from mutoscope.encoders import MiniLM
from mutoscope.networks.small3d import SmallUNet3D, inflate
from mutoscope.training import commands
from mutoscope.training.diffusion import DiffusionTask
from mutoscope.training.shown import ShownHead
from mutoscope.training.train import Config, train
from mutoscope.zoo import load_part


@dataclass(frozen=True, kw_only=True)
class Way:
    """A way of teaching: with the second lesson or not, all weights or only what is new."""

    shown: bool = True
    free: bool = True


WAYS: Mapping[str, Way] = {
    "as it ships": Way(),
    "without the second lesson": Way(shown=False),
    "layers of the image network frozen": Way(free=False),
}


def taught(way: Way, run: commands.Run) -> None:
    """Teach for `run.steps` steps in `run.out`, going on from what is there."""
    coder, encoder = commands.shipped_coder(), MiniLM()
    image = load_part(SmallUNet3D, "image")
    video = inflate(image, reading=commands.READING)
    if not way.free:
        old = set(image.state_dict())
        for name, weight in video.named_parameters():
            weight.requires_grad_(name not in old)
    denoiser = Denoiser(video, Rectified(commands.SHIFT), Flow())
    head = ShownHead(video) if way.shown else None
    pools = commands.clip_pools(run, coder, encoder)
    config = Config(
        steps=run.steps, batch=1, rate=1.5e-3, warmup=50, ema=0.99, muon=True, seed=run.seed,
        sheet_minutes=1e9,
    )  # fmt: skip
    train(DiffusionTask(denoiser, pools, encoder([""]), head=head), config, run.out)


def pace(out: Path) -> float:
    """Median seconds a step."""
    lines = (out / "log.jsonl").read_text().splitlines()
    return float(np.median([json.loads(line)["seconds"] for line in lines]))


def main() -> None:
    """Teach in each way, then print a row for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=300)
    args = parser.parse_args()
    cache = commands.cache_folder()
    rows = {name: cache / "runs" / "lessons" / f"{k}-{args.steps}" for k, name in enumerate(WAYS)}
    for name, out in rows.items():
        if not (out / "parts").exists():
            taught(WAYS[name], commands.Run(out=out, cache=cache, steps=args.steps))
    held = validation(16, 512)
    print("| way | where | " + " | ".join(f"t = {t:g}" for t in TIMES) + " | mean | s a step |")
    print("| --- " * (len(TIMES) + 4) + "|")
    for name, out in rows.items():
        for where, errors in measured(network(out, temporal=True), held).items():
            told = " | ".join(f"{e:.4f}" for e in (*errors, np.mean(errors)))
            print(f"| {name} | {where} | {told} | {pace(out):.2f} |")


if __name__ == "__main__":
    main()
