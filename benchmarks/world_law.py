"""Whether captions say only what shows: words are changed one at a time, and pixels counted.

`python benchmarks/world_law.py 100` draws 100 scenes a tier and prints, for each kind of word, how
many changes were tried, how many changed less than 1 % of the pixels, and the least of all.
"""

from __future__ import annotations

import argparse
import random
from collections import defaultdict

from mutoscope.world import Scene, render, sample
from mutoscope.world.law import SHARE, apart, changed

SEED = 72
TRIED = {"shape": 3, "colour": 2, "floor": 2}
"""How many other words each word gives way to; of other kinds it's one."""


def tried(scene: Scene, index: int) -> list[tuple[str, Scene]]:
    """Some changes of a scene of every kind that is said of it, and of each thing."""
    rng, groups = random.Random(index), defaultdict(list)
    for kind, other in changed(scene):
        place = [a == b for a, b in zip(scene.things, other.things, strict=True)]
        groups[kind, tuple(place)].append(other)
    found: list[tuple[str, Scene]] = []
    for (kind, _), others in groups.items():
        chosen = rng.sample(others, min(len(others), TRIED.get(kind, 1)))
        found += [(kind, other) for other in chosen]
    return found


def measured(tier: str, count: int) -> dict[str, list[float]]:
    """Shares of changed pixels by kind of word; in crowds kinds have a name of their own."""
    shares: dict[str, list[float]] = defaultdict(list)
    for index in range(count):
        scene = sample(SEED, index, tier=tier)
        clip = render(scene, frames=8, size=(64, 64), fps=4)
        crowd = " (3 or 4 things)" if len(scene.things) > 2 else ""
        for kind, other in tried(scene, index):
            share = apart(clip, render(other, frames=8, size=(64, 64), fps=4))
            shares[kind + crowd].append(share)
    return dict(sorted(shares.items()))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenes", type=int, nargs="?", default=100)
    count = parser.parse_args().scenes
    print("| tier | word | changes | below 1 % | least |\n| --- | --- | --- | --- | --- |")
    for tier in ("core", "wide"):
        for kind, shares in measured(tier, count).items():
            below = sum(share < SHARE for share in shares)
            print(f"| {tier} | {kind} | {len(shares)} | {below} | {100 * min(shares):.1f} % |")


if __name__ == "__main__":
    main()
