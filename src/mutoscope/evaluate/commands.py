"""The table of a text-to-video system: what is seen of held-out captions, and how near to real.

A system is a callable from prompts and seeds to frames; this room knows no system by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mutoscope.clip import Frames
from mutoscope.evaluate import frechet, segmentation
from mutoscope.evaluate.faithfulness import Said, disordered, marks, renders, summary
from mutoscope.evaluate.reading import read
from mutoscope.evaluate.report import Entry, Report
from mutoscope.networks.readers import ClipReader
from mutoscope.world.caption import caption
from mutoscope.world.facts import Facts, shown
from mutoscope.world.sample import sample
from mutoscope.world.scene import Scene

Generate = Callable[[Sequence[str], Sequence[int]], Frames]


@dataclass(frozen=True, kw_only=True)
class Questions:
    """Which captions are asked: the first `n` held-out scenes of a seed.

    `unseen` asks only for pairs of words that training never saw together.
    """

    n: int = 300
    seed: int = 7
    tier: str = "core"
    unseen: bool = False
    frames: int = 16
    fps: float = 8.0
    side: int = 128

    def scenes(self) -> list[Scene]:
        """The scenes asked for."""
        keys = range(self.n)
        return [
            sample(self.seed, i, tier=self.tier, split="test", unseen=self.unseen) for i in keys
        ]

    def captions(self, scenes: Sequence[Scene]) -> list[str]:
        """Each scene told in full; where a clip is one frame, only what a still picture shows."""
        rngs = (np.random.default_rng((self.seed, i)) for i in range(len(scenes)))
        still = self.frames == 1
        return [
            caption(scene, rng, still=still, detail="full")
            for scene, rng in zip(scenes, rngs, strict=True)
        ]

    def said(self, scenes: Sequence[Scene]) -> list[Said]:
        """What clips are held against: scenes, or what a still picture shows of them."""
        return [_still(scene) if self.frames == 1 else scene for scene in scenes]

    def real(self, scenes: Sequence[Scene]) -> Frames:
        """What the scenes really look like."""
        size = (self.side, self.side)
        return renders(scenes, frames=self.frames, size=size, fps=self.fps)


def table(
    generate: Generate,
    asked: Questions,
    *,
    reader: ClipReader,
    twins: Mapping[str, Generate] | None = None,
) -> Mapping[str, Report]:
    """Reports by name: "faithfulness", "distance" (Fréchet) and "agreement" of the two opinions.

    `twins` are other systems asked the same, shown beside (an untrained one, say); always beside
    are real renders of the same scenes ("truth") and the clips against other captions ("chance").
    """
    scenes = asked.scenes()
    said, prompts, seeds = asked.said(scenes), asked.captions(scenes), list(range(len(scenes)))
    clips, real = generate(prompts, seeds), asked.real(scenes)
    readings, true = (read(reader, frames, asked.fps) for frames in (clips, real))
    beside = {
        "truth": marks(true, said, reader),
        "chance": marks(readings, disordered(said, asked.seed), reader),
    }
    for name, twin in (twins or {}).items():
        beside[name] = marks(read(reader, twin(prompts, seeds), asked.fps), said, reader)
    others = replace(asked, seed=asked.seed + 1, unseen=False)
    other = others.real(others.scenes())
    known = frechet.features(read(reader, other, asked.fps))
    distance = frechet.frechet(known, frechet.features(readings))
    rungs = frechet.ladder(reader, other, real, asked.fps)
    return {
        "faithfulness": summary(marks(readings, said, reader), beside),
        "distance": {
            "frechet": Entry(value=distance, n=len(scenes), better="lower", baselines=rungs)
        },
        "agreement": segmentation.agreement(clips, readings, asked.fps),
    }


def _still(scene: Scene) -> Facts:
    """What a still picture of a scene is sure to show."""
    truth = shown(scene)
    things = tuple(replace(thing, verb=None, speed=None) for thing in truth.things)
    return replace(truth, things=things, move=None, pace=None)
