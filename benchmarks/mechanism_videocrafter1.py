"""What VideoCrafter1's parts are for: twins that learn equally long without them.

`python benchmarks/mechanism_videocrafter1.py --steps 400 -o DIR` teaches the shipped base once a
twin (one seed, the same clips in the same order), makes the same clips of held-out scenes with each
and prints, score by score, what a twin differs by from the whole: interval and corrected sign test
over scenes. A second call goes on where the first was stopped. What each part is for:

    all tokens of the eye, not one vector    what a picture shows, of one thing and of two
    the fps embedder                         more frames a second are slower frames
    two stages                               a picture that isn't ignored

The twin of one vector has the same resampler, asked for as many tokens (the paper's has a linear
layer to four). The one without fps embedder is told of no rate, in training and after; the base
under it has been told of rates all its life.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from mutoscope import machine
from mutoscope.checks import Subject
from mutoscope.checks import videocrafter1 as rows
from mutoscope.checks.videocrafter1 import FPS, FRAMES, LOOKS, RATES, SEED, STEPS, Case
from mutoscope.evaluate.commands import Generate
from mutoscope.evaluate.faithfulness import BOTH
from mutoscope.evaluate.keeping import kept
from mutoscope.evaluate.making import generator
from mutoscope.evaluate.paired import Difference, difference, holm
from mutoscope.evaluate.reading import shipped
from mutoscope.recipes import videocrafter1
from mutoscope.recipes.videocrafter1 import DELTA, VideoCrafter1
from mutoscope.systems import sight
from mutoscope.systems.system import Asked
from mutoscope.training import commands, deltas
from mutoscope.world.caption import caption

VECTOR = replace(DELTA, layout={**DELTA.layout, "image": sight.VECTOR}, reads=("vectors",))
"""The picture is one vector, as CLIP's global token is: the ablation of section 3.2."""
TWINS = ("one vector", "no fps embedder", "one stage")

Row = np.ndarray


def begun(name: str) -> VideoCrafter1:
    """A twin before it has learned; any other name is the whole."""
    if name == "one vector":
        return videocrafter1.start(delta=VECTOR)
    if name == "one stage":
        return videocrafter1.start(delta=replace(DELTA, stages=()))
    system = videocrafter1.start()
    system.scalars = () if name == "no fps embedder" else system.scalars
    return system


def taught(name: str, out: Path, steps: int) -> VideoCrafter1:
    """A twin after so many steps; what `out` holds is gone on with."""
    system = begun(name)
    deltas.learn(system, out, cache=commands.cache_folder(), steps=steps, init=None)
    learned = next((out / "parts").glob("*/weights.safetensors"))
    system.denoiser.network.load_state_dict(load_file(learned))
    system.denoiser.eval().requires_grad_(requires_grad=False)
    system.denoiser.network.to(machine.precision())
    return system


def subject(system: VideoCrafter1, out: Path, count: int) -> Subject:
    """The twin as what is measured; clips that were made are kept."""

    def ask(asked: Asked) -> Generate:
        told = json.dumps(system.request(" ", **asked).to_json(), sort_keys=True)
        return kept(generator(system, asked), out / hashlib.sha256(told.encode()).hexdigest()[:12])

    def make(frames: int) -> Generate:
        return ask({"frames": frames})

    side = system.config.sizes.side
    return Subject(
        make=make, ask=ask, settings={}, twin=make, reader=shipped(), count=count, fps=FPS,
        side=side, folder=out.parent / "pictures",
    )  # fmt: skip


def scores(of: Subject, one: Sequence[Case], two: Sequence[Case]) -> dict[str, tuple[Row, Row]]:
    """Of each scene a number and its weight, by score; all are better where higher."""
    looks = rows.looked(of, one).rights(LOOKS)
    pairs = rows.looked(of, two).rights((BOTH,))
    prompts = [
        caption(case.scene, np.random.default_rng((SEED, k)), detail="full")
        for k, case in enumerate(one)
    ]
    seeds, speeds = list(range(len(prompts))), []
    for rate in RATES:
        ask = of.ask({"frames": FRAMES, "steps": STEPS, "fps": rate})
        speeds.append(rows.speeds(ask(prompts, seeds)))
    falls = rows.falls(np.stack(speeds))
    return {
        "colour and shape of the picture": looks,
        "both things of a picture of two": pairs,
        "rate: pixels a frame fall": (falls, np.ones(len(falls))),
    }


def table(found: Mapping[str, Mapping[str, tuple[Row, Row]]]) -> dict[str, Difference]:
    """Each twin against the whole, score by score, corrected for all tests."""
    whole = found["whole"]
    return holm({
        f"{name}: {score}": difference(
            whole[score][0], twin[score][0], whole[score][1],
            [str(k) for k in range(len(whole[score][0]))], better="higher",
        )
        for name, twin in found.items() if name != "whole"
        for score in whole
    })  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Teach, make, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--n", type=int, default=48)
    parser.add_argument("--only", nargs="*", choices=TWINS, default=TWINS)
    parser.add_argument("-o", "--out", type=Path, required=True)
    args = parser.parse_args(arguments)
    torch.set_num_threads(machine.threads())
    found: dict[str, dict[str, tuple[Row, Row]]] = {}
    for name in ("whole", *args.only):
        word = f"{name.replace(' ', '-')}-{args.steps}"
        system = taught(name, args.out / word, args.steps)
        of = subject(system, args.out / "kept" / word, args.n)
        assert of.folder is not None
        one, two = (
            rows.cases(of.folder, rows.drawn(args.n, objects), of.side) for objects in (1, 2)
        )
        found[name] = scores(of, one, two)
    told = table(found)
    (args.out / "mechanism.json").write_text(
        json.dumps({name: one.to_json() for name, one in told.items()}, indent=1) + "\n"
    )
    print(f"one seed, {args.steps} steps a twin, {args.n} scenes\n")
    print("| without: score | whole | twin | difference | 95 % | |")
    print("| --- | ---: | ---: | ---: | --- | --- |")
    for name, row in told.items():
        span = " to ".join(f"{value:.3f}" for value in row.interval or ())
        numbers = (f"{value:.3f}" for value in (row.first, row.other, row.value))
        print("|", " | ".join([name, *numbers, span, row.verdict]), "|")


if __name__ == "__main__":
    main()
