"""The table of a shipped system on held-out captions; truth, chance and an untrained twin beside.

`python benchmarks/base_table.py --system modelscope --n 300 --steps 30 --guidance 4` prints tables
and writes JSON; `--unseen` asks only for pairs of words that training never saw together.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from rich.progress import track

import mutoscope
from mutoscope import zoo
from mutoscope.clip import Frames
from mutoscope.evaluate.commands import Generate, Questions, table
from mutoscope.evaluate.reading import shipped
from mutoscope.evaluate.report import markdown, save
from mutoscope.systems.system import System
from mutoscope.world.scene import VERSION


def generator(system: System, asked: Questions, *, steps: int, guidance: float) -> Generate:
    """The system as a callable from prompts and seeds to frames."""

    def generate(prompts: Sequence[str], seeds: Sequence[int]) -> Frames:
        clips = [
            system.generate(
                prompt,
                frames=asked.frames,
                fps=asked.fps,
                steps=steps,
                guidance=guidance,
                seed=seed,
            ).frames
            for prompt, seed in track(list(zip(prompts, seeds, strict=True)))
        ]
        return torch.cat(clips)

    return generate


def untrained(name: str) -> System:
    """The system with a network that has learned nothing."""
    system = mutoscope.load(name)
    network = system.parts()["network"]
    config = {k: v for k, v in dict(network.config).items() if not k.startswith("_")}
    torch.manual_seed(0)
    network.load_state_dict(type(network)(**config).state_dict())
    return system


def main() -> None:
    """Generate, read, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--system", default="modelscope")
    parser.add_argument("--n", type=int, default=300)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--guidance", type=float, default=4.0)
    parser.add_argument("--frames", type=int)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--unseen", action="store_true")
    parser.add_argument("--no-twin", action="store_true")
    parser.add_argument("-o", "--out", type=Path)
    args = parser.parse_args()
    frames = args.frames or (1 if args.system == "image" else 16)
    asked = Questions(n=args.n, seed=args.seed, unseen=args.unseen, frames=frames)
    run = {"steps": args.steps, "guidance": args.guidance}
    begin = time.perf_counter()
    twins = {} if args.no_twin else {"untrained": generator(untrained(args.system), asked, **run)}
    system = generator(mutoscope.load(args.system), asked, **run)
    reports = table(system, asked, reader=shipped(), twins=twins)
    facts = {
        **{key: value for key, value in vars(args).items() if key != "out"},
        "frames": frames,
        "world": VERSION,
        "sha256": {name: zoo.sha256(name) for name in (args.system, "readers")},
        "seconds": round(time.perf_counter() - begin, 1),
    }
    print(f"## {args.system}: {args.n} {'unseen ' if args.unseen else ''}held-out captions\n")
    for title, report in reports.items():
        print(f"### {title}\n\n{markdown(report)}\n")
    name = f"{args.system}{'-unseen' if args.unseen else ''}.json"
    save(args.out or Path("benchmarks") / "results" / name, reports, facts)


if __name__ == "__main__":
    main()
