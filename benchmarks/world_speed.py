"""How many clips a second the world renders on one core, and scenes it draws.

`python benchmarks/world_speed.py` prints a table; times are processor time of this process, so that
neighbours disturb them less.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from mutoscope.world import render, sample

KINDS: dict[str, tuple[int, int, tuple[str, ...]]] = {
    "8 x 64 x 64, RGB": (8, 64, ()),
    "16 x 128 x 128, RGB": (16, 128, ()),
    "16 x 128 x 128, all truths": (16, 128, ("all",)),
}


def rate(work: Callable[[int], object], count: int) -> float:
    """Calls a second of processor time, after two calls to warm up."""
    work(0), work(1)
    begin = time.process_time()
    for k in range(count):
        work(k)
    return count / (time.process_time() - begin)


def main() -> None:
    """Measure and print."""
    scenes = [sample(0, k, objects=2) for k in range(60)]
    print(f"scenes drawn: {rate(lambda k: sample(1, k), 200):.0f} a second")
    for name, (frames, size, truth) in KINDS.items():
        speed = rate(
            lambda k, f=frames, s=size, t=truth: render(scenes[k], frames=f, size=(s, s), truth=t),
            len(scenes),
        )
        print(f"{name}: {speed:.1f} clips a second")


if __name__ == "__main__":
    main()
