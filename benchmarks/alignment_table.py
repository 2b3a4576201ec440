"""How often the aligner finds a clip's own caption, by tier, wording, look and degradation.

`python benchmarks/alignment_table.py --n 500` renders test scenes of both tiers that it wasn't
trained on and prints the tables of the card.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from mutoscope import world, zoo
from mutoscope.data import degrade
from mutoscope.data.truths import Recipe, Truths, build
from mutoscope.encoders import MiniLM
from mutoscope.evaluate import alignment, report
from mutoscope.evaluate.alignment import RIVALS, Vectors, heard, rivals, seen
from mutoscope.evaluate.reading import as_frames
from mutoscope.evaluate.report import Report, markdown, save
from mutoscope.evaluate.similarity import r_precision
from mutoscope.networks.alignment import Aligner
from mutoscope.training.commands import cache_folder
from mutoscope.world import thesaurus

HALF = 0.5
CHANCE = {"chance": 1 / (1 + RIVALS)}


@dataclass(frozen=True)
class Said:
    """Captions of scenes, in the world's own words, retold, and of single frames."""

    own: Sequence[str]
    people: Sequence[str]
    still: Sequence[str]


def said(scenes: Sequence[world.Scene]) -> Said:
    """Each scene told three ways; those of people say what its caption says."""
    rngs = [np.random.default_rng((71, k)) for k in range(len(scenes))]
    own = [world.caption(scene, rng) for scene, rng in zip(scenes, rngs, strict=True)]
    people = [thesaurus.retell(one, rng) for one, rng in zip(own, rngs, strict=True)]
    still = [world.caption(scene, rng, still=True) for scene, rng in zip(scenes, rngs, strict=True)]
    return Said(own, people, still)


def spoilt(frames: torch.Tensor, kind: str) -> torch.Tensor:
    """Every clip degraded at half severity."""
    return torch.stack(
        [
            degrade.ALL[kind](clip, torch.Generator().manual_seed(k), HALF).clamp(-1, 1)
            for k, clip in enumerate(frames)
        ]
    )


def firsts(clips: Vectors, texts: Vectors, others: Sequence[Sequence[int]]) -> list[bool]:
    """Of each clip whether its own text, by number, is nearer than some others."""
    return r_precision((clips @ texts.T).double().numpy(), range(len(clips)), others)


def measure(aligner: Aligner, encoder: MiniLM, held: Truths, n: int, spoil: int) -> Report:
    """R-precision among 100 captions of one tier, a row a way of asking."""
    scenes = held.scenes[:n]
    told = said(scenes)
    frames = as_frames(held.pictures(range(n), 2))
    clips = seen(aligner, frames, 4.0).vector
    facts = [world.parse(one) for one in told.own]
    others = rivals(facts, scenes, 0)
    texts = heard(aligner, told.own, encoder)
    rights = firsts(clips, texts, others)
    rows = {
        "captions": report.share(rights, CHANCE),
        "people's words": report.share(
            firsts(clips, heard(aligner, told.people, encoder), others), CHANCE
        ),
    }
    # "Shuffled captions lower the score": of one pair in twenty at most they may not.
    alone = firsts(clips, texts, [row[:1] for row in others])
    rows["one other caption"] = report.share(alone, {"chance": 0.5})
    still = rivals([world.parse(one) for one in told.still], scenes, 1)
    pictures = seen(aligner, frames[:, :, frames.shape[2] // 2][:, :, None], 4.0).vector
    rows["single frames"] = report.share(
        firsts(pictures, heard(aligner, told.still, encoder), still), CHANCE
    )
    for kind in degrade.ALL:
        bad = seen(aligner, spoilt(frames[:spoil], kind), 4.0).vector
        rows[kind] = report.share(firsts(bad, texts, others[:spoil]), CHANCE)
    frozen = seen(aligner, frames[:spoil, :, :1].expand(-1, -1, frames.shape[2], -1, -1), 4.0)
    rows["frozen"] = report.share(firsts(frozen.vector, texts, others[:spoil]), CHANCE)
    looks = sorted({scene.look for scene in scenes})
    if len(looks) > 1:
        for look in looks:
            mine = [r for r, scene in zip(rights, scenes, strict=True) if scene.look == look]
            rows[f"look {look}"] = report.share(mine, CHANCE)
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=500, help="clips of each tier")
    parser.add_argument("--degraded", type=int, default=200, help="of these, for degradations")
    parser.add_argument(
        "--out", type=Path, default=Path("benchmarks") / "results" / "alignment.json"
    )
    args = parser.parse_args(arguments)
    aligner, encoder = alignment.shipped(), MiniLM()
    reports: dict[str, Report] = {}
    for tier in ("core", "wide"):
        held = build(cache_folder(), Recipe(seed=70, tier=tier, split="test", fine=True), args.n)
        reports[tier] = measure(aligner, encoder, held, args.n, min(args.n, args.degraded))
        print(f"### {tier.capitalize()} tier: own caption first among {1 + RIVALS}\n")
        print(f"{markdown(reports[tier])}\n")
    save(args.out, reports, {"n": args.n, "sha256": zoo.sha256(alignment.NAME)})


if __name__ == "__main__":
    main()
