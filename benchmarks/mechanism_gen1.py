"""What Gen-1's mechanisms are for: twins that learn equally long without them.

`python benchmarks/mechanism_gen1.py --steps 400 -o DIR` teaches the shipped base once a twin (one
seed, the same clips in the same order), restyles the same drivers by the same pictures with each
and prints, score by score, what a twin differs by from the whole: interval and corrected sign test
over drivers. A second call goes on where the first was stopped. What each mechanism is for:

    guidance over time             frames agree along the driver's motion (omega_t 1, not 0)
    single frames among batches    what guidance over time leads away from is an image model
    the ladder of blur             at t_s 4 the content counts and the clip stays whole
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from safetensors.torch import load_file

from mutoscope import machine
from mutoscope.checks import Bench
from mutoscope.checks import gen1 as rows
from mutoscope.checks.gen1 import Case, Studio
from mutoscope.controls.depth import ROUNDS
from mutoscope.evaluate.paired import Difference, difference, holm
from mutoscope.evaluate.reading import shipped
from mutoscope.recipes import gen1
from mutoscope.recipes.gen1 import DELTA, Gen1
from mutoscope.training import commands, deltas

ROUGH = 4


@dataclass(frozen=True, kw_only=True)
class Twin:
    """Rounds of blur and single frames that are learned, and the omega_t that is asked for."""

    rounds: int = ROUNDS
    pictures: float = DELTA.pictures
    smooth: float = 1.0

    @property
    def folder(self) -> str:
        """Twins that learn alike share what they learn."""
        return f"blur-{self.rounds}-pictures-{self.pictures:g}"


TWINS: Mapping[str, Twin] = {
    "whole": Twin(),
    "each frame by itself": Twin(smooth=0.0),
    "no single frames": Twin(pictures=0.0),
    "no ladder": Twin(rounds=0),
}
BETTER: Mapping[str, Literal["higher", "lower"]] = {
    "structure error": "lower",
    "colour of the picture": "higher",
    "warp error": "lower",
    "warp error, omega_t .5 more": "lower",
    f"structure error, t_s {ROUGH}": "lower",
    f"colour of the picture, t_s {ROUGH}": "higher",
    f"warp error, t_s {ROUGH}": "lower",
}

Row = np.ndarray


def taught(twin: Twin, out: Path, steps: int) -> Gen1:
    """The base after so many steps of a twin's teaching; what `out` holds is gone on with."""
    system = gen1.start()
    system.delta = replace(DELTA, pictures=twin.pictures)
    system.config = replace(system.config, rounds=twin.rounds)
    deltas.learn(system, out, cache=commands.cache_folder(), steps=steps, init=None)
    system.config = replace(system.config, rounds=ROUNDS)
    learned = next((out / "parts").glob("*/weights.safetensors"))
    system.denoiser.network.load_state_dict(load_file(learned))
    system.denoiser.eval().requires_grad_(requires_grad=False)
    system.denoiser.network.to(machine.precision())
    return system


def scores(studio: Studio, cases: Sequence[Case], smooth: float) -> dict[str, Row]:
    """A number a driver for each of BETTER."""
    reader = studio.on.reader
    plain, smoother, rough = (
        studio.of(cases, "picture", **knobs)
        for knobs in (
            {"omega_t": smooth}, {"omega_t": smooth + 0.5}, {"omega_t": smooth, "t_s": ROUGH}
        )
    )  # fmt: skip
    values = (
        rows.errors(plain, cases)[0],
        rows.right(rows.colours(reader, plain), cases),
        rows.warped(plain, cases),
        rows.warped(smoother, cases),
        rows.errors(rough, cases)[0],
        rows.right(rows.colours(reader, rough), cases),
        rows.warped(rough, cases),
    )
    return dict(zip(BETTER, values, strict=True))


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
    cases: list[Case] = []
    for name in ("whole", *args.only):
        twin = TWINS[name]
        word = f"{twin.folder}-{args.steps}"
        system = taught(twin, args.out / word, args.steps)
        cases = cases or rows.drawn(args.n, system.config.sizes.side, on.out / "drivers")
        found[name] = scores(Studio(on=on, system=system, name=word), cases, twin.smooth)
    numbers = [str(k) for k in range(len(cases))]
    told: dict[str, Difference] = holm({
        f"{name}: {score}": difference(
            found["whole"][score], found[name][score], np.ones(len(cases)), numbers, better=better
        )
        for name in args.only
        for score, better in BETTER.items()
    })  # fmt: skip
    (args.out / "mechanism.json").write_text(
        json.dumps({name: one.to_json() for name, one in told.items()}, indent=1) + "\n"
    )
    print(f"one seed, {args.steps} steps a twin, {len(cases)} drivers\n")
    print("| without: score | whole | twin | difference | 95 % | |")
    print("| --- | ---: | ---: | ---: | --- | --- |")
    for name, one in told.items():
        span = " to ".join(f"{value:.3f}" for value in one.interval or ())
        shown = (f"{value:.3f}" for value in (one.first, one.other, one.value))
        print("|", " | ".join([name, *shown, span, one.verdict]), "|")


if __name__ == "__main__":
    main()
