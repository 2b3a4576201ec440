"""How the base's sampling was chosen: what is seen of what was asked, by shift and guidance.

`python benchmarks/sampling.py --n 48` asks captions of the validation split, which no other table
uses, first by shift at one guidance, then by guidance at the best shift.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import torch

import mutoscope
from mutoscope.clip import Frames
from mutoscope.evaluate.faithfulness import marks, summary
from mutoscope.evaluate.questions import Asked, Questions
from mutoscope.evaluate.reading import read, shipped
from mutoscope.networks.readers import ClipReader
from mutoscope.systems.system import System

SHIFTS = (2.0, 4.0, 8.0, 16.0)
GUIDANCES = (2.0, 3.0, 6.0)
SHOWN = ("stage", "colour", "count", "shape", "camera", "verb", "both objects")


def made(system: System, asked: Asked, *, shift: float, guidance: float) -> Frames:
    """A clip a prompt, seed k for the k-th."""
    clips = [
        system.generate(prompt, seed=k, guidance=guidance, settings={"shift": shift}).frames
        for k, prompt in enumerate(asked.prompts)
    ]
    return torch.cat(clips)


def scores(
    system: System, reader: ClipReader, asked: Asked, shift: float, guidance: float
) -> float:
    """Print a line of the table; the mean of its columns."""
    clips = made(system, asked, shift=shift, guidance=guidance)
    found = summary(marks(read(reader, clips, asked.fps), asked.said, reader), {})
    values = [found[name].value for name in SHOWN]
    mean = sum(values) / len(values)
    told = (f"{100 * v:.0f}" for v in (*values, mean))
    print("|", " | ".join([f"{shift:g}", f"{guidance:g}", *told]), "|", flush=True)
    return mean


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=48)
    args = parser.parse_args(arguments)
    system, reader = mutoscope.load("modelscope"), shipped()
    asked = Questions(n=args.n, seed=3, split="validation").asked()
    print("| shift | guidance |", " | ".join(SHOWN), "| mean |")
    print("| ---: " * (len(SHOWN) + 3) + "|")
    found = {shift: scores(system, reader, asked, shift, 4.0) for shift in SHIFTS}
    best = max(SHIFTS, key=lambda shift: found[shift])
    for guidance in GUIDANCES:
        scores(system, reader, asked, best, guidance)


if __name__ == "__main__":
    main()
