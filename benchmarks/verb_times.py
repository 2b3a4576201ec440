"""At how much noise the network hears a verb: its error under the right one and under a wrong one.

`python benchmarks/verb_times.py --n 24` takes scenes of the validation split with one thing,
renders each as it is, and tells the network the right caption and the same one with another verb.
Printed are the mean square error at each time, and by how many percent it is larger under the wrong
verb: where that is nothing, the network can't tell (or doesn't listen to) what moves how then.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from _page import publish
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from mutoscope import world
from mutoscope.core.denoiser import Denoiser
from mutoscope.core.noise import Noise
from mutoscope.core.prediction import Flow
from mutoscope.core.schedule import Rectified
from mutoscope.core.shapes import Latent
from mutoscope.encoders import MiniLM, TextEncoder
from mutoscope.networks.small3d import SmallUNet3D
from mutoscope.training import commands
from mutoscope.zoo import load_part, sha256

TIMES = (0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2)
WRONG: Mapping[str, Sequence[str]] = {
    "spins": ("still", "slides left"),
    "still": ("spins", "slides left"),
    "circles": ("still", "slides left"),
    "slides right": ("slides left", "still"),
    "rises": ("drops", "still"),
}
"""Verbs that are tried, and what is said in their place."""
SEED, FPS = 77, 8.0


def scenes(verb: str, n: int) -> list[world.Scene]:
    """The first scenes of the validation split with one thing that does this."""
    found: list[world.Scene] = []
    index = 0
    while len(found) < n:
        scene = world.sample(SEED, index, tier="core", split="validation")
        index += 1
        if [thing.motion.verb for thing in scene.things] == [verb]:
            found.append(scene)
    return found


def told(scene: world.Scene, verb: str) -> str:
    """The caption of a scene with one thing, as if that did something else."""
    (thing,) = scene.things
    other = replace(thing, motion=replace(thing.motion, verb=verb))
    return world.caption(replace(scene, things=(other,)), np.random.default_rng(3))


@torch.inference_mode()
def errors(
    denoiser: Denoiser, encoder: TextEncoder, x0: Latent, said: Sequence[str]
) -> Float[Tensor, "time n"]:
    """The mean square error of each clip at TIMES, with the same noise whatever is said."""
    read = replace(encoder(said), scalars={"fps": torch.full((len(said),), FPS)})
    eps = Noise(range(len(said))).like(x0)
    with torch.autocast("cpu", torch.bfloat16):
        rows = [
            denoiser.loss(x0, torch.full((len(said),), t), eps, read).reshape(len(said), -1)
            for t in TIMES
        ]
    return torch.stack([row.float().mean(1) for row in rows])


def main() -> None:
    """Print the table."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--n", type=int, default=24)
    n: int = asked.parse_args().n
    coder, encoder = commands._coder(), MiniLM()
    network = load_part(SmallUNet3D, "modelscope").eval()
    denoiser = Denoiser(network, Rectified(commands.SHIFT), Flow())
    lines = [
        f"| shown | told | {' | '.join(f't = {t:g}' for t in TIMES)} |",
        f"| --- | --- | {' | '.join('---:' for _ in TIMES)} |",
    ]
    kept: dict[str, dict[str, list[float]]] = {}
    for verb, wrong in WRONG.items():
        found = scenes(verb, n)
        made = [world.render(s, frames=16, size=(128, 128), fps=FPS).rgb for s in found]
        rgb = rearrange(torch.from_numpy(np.stack(made)), "b t h w c -> b c t h w")
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            x0 = coder.encode(rgb.float() / 127.5 - 1).float()
        right = errors(denoiser, encoder, x0, [told(s, verb) for s in found]).mean(1)
        kept[verb] = {verb: right.tolist()}
        lines.append(f"| {verb} | {verb} | {' | '.join(f'{value:.4f}' for value in right)} |")
        for other in wrong:
            under = errors(denoiser, encoder, x0, [told(s, other) for s in found]).mean(1)
            more = 100 * (under / right - 1)
            kept[verb][other] = under.tolist()
            lines.append(
                f"| {verb} | {other} | {' | '.join(f'{value:+.1f} %' for value in more)} |"
            )
    table = "\n".join(lines)
    facts = {"n": n, "sha256": sha256("modelscope"), "times": TIMES, "errors": kept}
    publish("verb_times", facts, page="training.md", table=table)
    sys.stdout.write(f"{table}\n")


if __name__ == "__main__":
    main()
