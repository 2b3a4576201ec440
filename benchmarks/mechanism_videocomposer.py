"""What the layer over time in the encoders of maps is worth: twins with it and without.

`python benchmarks/mechanism_videocomposer.py --steps 600 --n 48` teaches two deltas of the shipped
base for as many steps, on the same clips in the same order. In the second each place of a map is
heard frame by frame: a layer of as many numbers, for each place alone, is where attention over time
was. Then held-out clips are made of words and motion, with the same seeds, and compared in pairs:
the error of their flow against what was asked, and how alike neighbouring frames look to the
reader. Prints what falls, with intervals over prompts; one seed of training, which says little.

What was taught stays in --out, and a call with the same folder goes on where the last one stopped.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from einops import rearrange
from safetensors.torch import load_file

from mutoscope import machine
from mutoscope.clip import Frames
from mutoscope.controls import dense
from mutoscope.evaluate import similarity
from mutoscope.evaluate.conditions import looked, obeyed
from mutoscope.evaluate.filed import Case, filed
from mutoscope.evaluate.keeping import kept
from mutoscope.evaluate.making import generator
from mutoscope.evaluate.paired import Difference, difference, holm
from mutoscope.evaluate.questions import Questions
from mutoscope.evaluate.reading import read, shipped
from mutoscope.recipes.videocomposer import DELTA, Config, VideoComposer
from mutoscope.systems import sight, steered
from mutoscope.training import commands, deltas

FRAMES, STEPS = 16, 10
SEED = 29
"""Of the scenes, of the split "validation"."""
TWINS: Mapping[str, bool] = {"over time": True, "frame by frame": False}


def twin(*, over_time: bool) -> VideoComposer:
    """The system before it has learned."""
    delta = replace(DELTA, layout={**DELTA.layout, "maps_over_time": over_time})
    parts, sizes = steered.opened(delta)
    system = VideoComposer(Config(sizes=sizes), parts, sight.opened())
    system.delta = delta
    return system


def taught(name: str, out: Path, steps: int) -> VideoComposer:
    """A twin with what it learned in so many steps, from its folder if that is there."""
    system, folder = twin(over_time=TWINS[name]), out / name.replace(" ", "-")
    if not list((folder / "parts").glob("*/weights.safetensors")):
        deltas.learn(system, folder, cache=commands.cache_folder(), steps=steps, init=None)
        system = twin(over_time=TWINS[name])
    (learned,) = (folder / "parts").glob("*/weights.safetensors")
    network = system.denoiser.network
    network.load_state_dict(load_file(learned))
    network.to(machine.precision()).eval().requires_grad_(requires_grad=False)
    return system


def made(system: VideoComposer, cases: Sequence[Case], out: Path) -> Frames:
    """A clip a case, of its words and its motion."""
    clips = []
    for k, case in enumerate(cases):
        asked = {"frames": FRAMES, "steps": STEPS, "conditions": case.given("motion")}
        generate = kept(generator(system, asked), out)  # type: ignore[arg-type]
        clips.append(generate([case.prompt], [k]))
    return torch.cat(clips)


def errors(clips: Frames, cases: Sequence[Case], fps: float) -> np.ndarray:
    """The error of each clip's flow, in pixels of the reader's side; nan for "can't tell"."""
    reader = dense.shipped()
    found = [
        obeyed(looked(clip, fps, reader), case.asks("motion")).scores
        for clip, case in zip(clips.split(1), cases, strict=True)
    ]
    return np.array([one["flow error"].value if "flow error" in one else np.nan for one in found])


def alike(clips: Frames, fps: float) -> np.ndarray:
    """How alike neighbouring frames of each clip look to the reader, each read as a picture."""
    T = clips.shape[2]
    flat = read(shipped(), rearrange(clips, "b c t h w -> (b t) c 1 h w"), fps)
    rows = np.stack([one.feature for one in flat]).reshape(len(clips), T, -1)
    return np.array([similarity.neighbours(row) for row in rows])


def compared(rows: Mapping[str, np.ndarray], prompts: Sequence[str], better: str) -> Difference:
    """Without the layer less with it, of the clips that both can be told of."""
    over, alone = (rows[name] for name in TWINS)
    told = np.isfinite(over) & np.isfinite(alone)
    names = [prompt for prompt, sure in zip(prompts, told, strict=True) if sure]
    ones = np.ones(int(told.sum()))
    return difference(over[told], alone[told], ones, names, better=better)  # type: ignore[arg-type]


def main(arguments: Sequence[str] | None = None) -> None:
    """Teach, make, compare and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--n", type=int, default=48)
    parser.add_argument("--out", type=Path, default=commands.cache_folder() / "mechanism")
    args = parser.parse_args(arguments)
    torch.set_num_threads(machine.threads())
    asked = Questions(n=args.n, seed=SEED, split="validation", frames=FRAMES).asked()
    out = args.out / f"videocomposer-{args.steps}"
    cases = filed(asked, out / "given")
    clips = {
        name: made(taught(name, out, args.steps), cases, out / "kept" / name) for name in TWINS
    }
    found = holm({
        "error of flow": compared(
            {n: errors(one, cases, asked.fps) for n, one in clips.items()}, asked.prompts, "lower"
        ),
        "neighbouring frames alike": compared(
            {n: alike(one, asked.fps) for n, one in clips.items()}, asked.prompts, "higher"
        ),
    })  # fmt: skip
    print(f"{args.steps} steps each, one seed\n")
    print("| | over time | frame by frame | difference | 95 % | n | frame by frame is |")
    print("| --- |" + " ---: |" * 5 + " --- |")
    for name, one in found.items():
        low, high = one.interval or (float("nan"), float("nan"))
        numbers = (
            f"{one.first:.3f} | {one.other:.3f} | {one.value:+.3f} | {low:+.3f} to {high:+.3f}"
        )
        print(f"| {name} | {numbers} | {one.n} | {one.verdict} |")


if __name__ == "__main__":
    main()
