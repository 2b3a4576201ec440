"""What PixelDance's three techniques are for: twins that learn equally long without them.

`python benchmarks/mechanism_pixeldance.py --steps 400 -o DIR` teaches the shipped base once a twin
(one seed, the same clips in the same order), makes the same clips of held-out scenes with each and
prints, score by score, what a twin differs by from the whole: interval and corrected sign test over
scenes. A second call goes on where the first was stopped. What each technique is for:

    one of the last three, not the last    no jump into the last frame (bend at the end, tau 1)
    noise on it                            a rough last frame gives the way, not its colours
    dropped in a quarter                   clips without one do what the words say

"never a last frame" is the ablation of the paper's table on UCF-101, whose clips have none either.
Below the table stands by how much more clips bend at the last step than elsewhere; "none of the
three" is the control that must jump (2 at least).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from safetensors.torch import load_file

from mutoscope import machine
from mutoscope.checks import Bench
from mutoscope.checks import pixeldance as rows
from mutoscope.checks.pixeldance import Stage
from mutoscope.evaluate import ends
from mutoscope.evaluate.ends import Case
from mutoscope.evaluate.faithfulness import marks
from mutoscope.evaluate.paired import Difference, difference, holm
from mutoscope.evaluate.reading import read, shipped
from mutoscope.evaluate.whereabouts import Row, bends, degrees, off, places
from mutoscope.networks.readers import SIDE
from mutoscope.recipes import pixeldance
from mutoscope.recipes.pixeldance import PixelDance, Teaching
from mutoscope.training import commands, deltas
from mutoscope.world.caption import caption

TWINS: Mapping[str, Teaching] = {
    "whole": Teaching(),
    "always the last": Teaching(late=1),
    "no noise": Teaching(noise=0),
    "never dropped": Teaching(drop=0.0),
    "none of the three": Teaching(late=1, noise=0, drop=0.0),
    "never a last frame": Teaching(drop=1.0),
}
BETTER: Mapping[str, Literal["higher", "lower"]] = {
    "bend at the end, tau 1, pixels": "lower",
    "last frame, tau 0.5, pixels off": "lower",
    "draft, degrees off": "lower",
    "draft, colour of the first frame": "higher",
    "no last frame, verb": "higher",
    "no last frame, pixels off": "lower",
}


def taught(teaching: Teaching, out: Path, steps: int) -> PixelDance:
    """The base after so many steps of a teaching; what `out` holds is gone on with."""
    system = pixeldance.start()
    system.config = replace(system.config, teaching=teaching)
    deltas.learn(system, out, cache=commands.cache_folder(), steps=steps, init=None)
    learned = next((out / "parts").glob("*/weights.safetensors"))
    system.denoiser.network.load_state_dict(load_file(learned))
    system.denoiser.eval().requires_grad_(requires_grad=False)
    system.denoiser.network.to(machine.precision())
    return system


def scores(stage: Stage, cases: Sequence[Case]) -> dict[str, Row]:
    """A number a scene for each of BETTER."""
    reader, ways = stage.on.reader, np.stack([case.way for case in cases])
    landed = stage.of(cases, lambda case: case.asked("first", "last", tau=1.0))
    aimed = stage.of(cases, lambda case: case.asked("first", "last", tau=0.5))
    rough = stage.of(cases, lambda case: case.asked("first", "last", draft=True))
    at, usual = bends(places(reader, landed))
    said = [caption(case.scene, np.random.default_rng(k), detail="full")
            for k, case in enumerate(cases)]  # fmt: skip
    basic = stage.made(said, [case.asked("first") for case in cases])
    seen = marks(read(reader, basic, ends.FPS), [case.scene for case in cases], reader)
    verbs = {mark.clip: float(mark.right) for mark in seen if mark.title == "verb"}
    values = (
        SIDE * (at - usual),
        off(places(reader, aimed[:, :, -1:]), ways),
        degrees(places(reader, rough[:, :, [0, -1]]), ways),
        rows.coloured(reader, rough, cases),
        np.array([verbs.get(k, 0.0) for k in range(len(cases))]),
        off(places(reader, basic[:, :, -1:]), ways),
    )
    return dict(zip(BETTER, values, strict=True))


def snap(stage: Stage, cases: Sequence[Case]) -> float:
    """How much more all clips bend at the last step than elsewhere, where every step sees it."""
    landed = stage.of(cases, lambda case: case.asked("first", "last", tau=1.0))
    return rows.ratio(*bends(places(stage.on.reader, landed)))


def main(arguments: Sequence[str] | None = None) -> None:
    """Teach, make, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--n", type=int, default=48)
    parser.add_argument("--only", nargs="*", choices=tuple(TWINS)[1:], default=tuple(TWINS)[1:])
    parser.add_argument("-o", "--out", type=Path, required=True)
    args = parser.parse_args(arguments)
    torch.set_num_threads(machine.threads())
    on = Bench(out=args.out / "kept", reader=shipped(), count=args.n)
    found: dict[str, dict[str, Row]] = {}
    snaps: dict[str, float] = {}
    cases: list[Case] = []
    for name in ("whole", *args.only):
        word = name.replace(" ", "-")
        system = taught(TWINS[name], args.out / f"{word}-{args.steps}", args.steps)
        cases = cases or ends.going(args.n, system.config.sizes.side, on.out / "pictures")
        stage = Stage(on=on, system=system, name=f"{word}-{args.steps}")
        found[name], snaps[name] = scores(stage, cases), snap(stage, cases)
    prompts = [str(k) for k in range(len(cases))]
    told: dict[str, Difference] = holm({
        f"{name}: {score}": difference(
            found["whole"][score], found[name][score], np.ones(len(cases)), prompts, better=better
        )
        for name in args.only
        for score, better in BETTER.items()
    })  # fmt: skip
    (args.out / "mechanism.json").write_text(
        json.dumps({name: one.to_json() for name, one in told.items()}, indent=1) + "\n"
    )
    print(f"one seed, {args.steps} steps a twin, {len(cases)} scenes\n")
    print("| without: score | whole | twin | difference | 95 % | |")
    print("| --- | ---: | ---: | ---: | --- | --- |")
    for name, one in told.items():
        span = " to ".join(f"{value:.3f}" for value in one.interval or ())
        numbers = (f"{value:.3f}" for value in (one.first, one.other, one.value))
        print("|", " | ".join([name, *numbers, span, one.verdict]), "|")
    told_snaps = (f"{name} {value:.2f}" for name, value in snaps.items())
    print(f"\nbend at the end over others, tau 1: {', '.join(told_snaps)}")


if __name__ == "__main__":
    main()
