"""What a text-to-video system is asked, and what its clips are held against.

Captions of held-out scenes, of pairs of words that training never saw, of the wide tier, and such
as say what is left of what; and the hand-written paraphrases, whose real clips are scenes drawn to
agree with what they say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count, islice
from typing import Any

import numpy as np

from mutoscope.clip import Frames
from mutoscope.evaluate.faithfulness import Said, renders, sides
from mutoscope.evaluate.paraphrases import Prompts
from mutoscope.evaluate.tracks import SIDES
from mutoscope.world.caption import caption
from mutoscope.world.draw import SIZING, core_words
from mutoscope.world.facts import Facts, ThingFacts, agrees, shown
from mutoscope.world.parse import parse
from mutoscope.world.place import arrange
from mutoscope.world.sample import sample
from mutoscope.world.scene import CORE_STAGES, Motion, Scene, Thing

TELLINGS = 20
"""Captions of a scene among which one that tells a side is sought (ours)."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Prompts with their seeds, what clips are held against, and scenes that show what is asked."""

    prompts: Sequence[str]
    said: Sequence[Said]
    scenes: Sequence[Scene]
    frames: int
    fps: float
    side: int

    def __len__(self) -> int:
        return len(self.prompts)

    def first(self, count: int) -> Asked:
        """The same, but for the first few prompts only."""
        parts = {name: getattr(self, name)[:count] for name in ("prompts", "said", "scenes")}
        return replace(self, **parts)

    def real(self) -> Frames:
        """What the scenes really look like."""
        size = (self.side, self.side)
        return renders(self.scenes, frames=self.frames, size=size, fps=self.fps)


@dataclass(frozen=True, kw_only=True)
class Questions:
    """Which captions are asked: the first `n` held-out scenes of a seed.

    `unseen` asks only for pairs of words that training never saw together. What is chosen by such
    questions is chosen on the split "validation".
    """

    n: int = 300
    seed: int = 7
    tier: str = "core"
    unseen: bool = False
    split: str = "test"
    frames: int = 16
    fps: float = 8.0
    side: int = 128

    def asked(self) -> Asked:
        """Each scene told in full; where a clip is one frame, only what a still picture shows.

        Of all that a wide scene shows its caption leaves some out (the light, say), so there what
        counts is what it says.
        """
        scenes = [
            sample(self.seed, i, tier=self.tier, split=self.split, unseen=self.unseen)
            for i in range(self.n)
        ]
        still = self.frames == 1
        prompts = [
            caption(scene, np.random.default_rng((self.seed, i)), still=still, detail="full")
            for i, scene in enumerate(scenes)
        ]
        said: Sequence[Said] = [_still(scene) for scene in scenes] if still else scenes
        if self.tier != "core":
            said = [parse(prompt) for prompt in prompts]
        return Asked(
            prompts=prompts, said=said, scenes=scenes,
            frames=self.frames, fps=self.fps, side=self.side,
        )  # fmt: skip

    def sided(self) -> Asked:
        """Captions that say which of two things begins left of the other, of the first `n` such."""
        scenes, prompts, said = zip(*islice(self._sides(), self.n), strict=True)
        return Asked(
            prompts=prompts, said=said, scenes=scenes,
            frames=self.frames, fps=self.fps, side=self.side,
        )  # fmt: skip

    def repeated(self, times: int) -> Asked:
        """The first `n` captions, each `times` times in a row; core tier only.

        Their scenes show what the caption says; where things stand is drawn anew, and which way
        round what goes both ways.
        """
        asked = self.asked()
        scenes = []
        for i, (prompt, scene) in enumerate(zip(asked.prompts, asked.scenes, strict=True)):
            rng = np.random.default_rng((self.seed, i))
            said = parse(prompt)
            scenes += [_again(shown(scene), said, rng) for _ in range(times)]
        return replace(
            asked, scenes=scenes,
            prompts=[prompt for prompt in asked.prompts for _ in range(times)],
            said=[said for said in asked.said for _ in range(times)],
        )  # fmt: skip

    def _sides(self) -> Iterator[tuple[Scene, str, Facts]]:
        """Scenes with a caption that says so, which one in four does, and what all it says."""
        for i in count():
            scene = sample(self.seed, i, tier=self.tier, split=self.split, unseen=self.unseen)
            if not sides(scene):
                continue
            for k in range(TELLINGS):
                rng = np.random.default_rng((self.seed, i, k))
                text = caption(scene, rng, still=self.frames == 1, detail="full")
                said = parse(text)
                if any(side in SIDES for _, side, _ in said.relations):
                    yield scene, text, said
                    break

    def written(self, prompts: Prompts) -> Asked:
        """The first `n` of hand-written prompts, beginning again after the last; core tier only."""
        chosen = [prompts[i % len(prompts)] for i in range(self.n)]
        facts = [_facts(told) for _, told in chosen]
        scenes = [staged(f, np.random.default_rng((self.seed, i))) for i, f in enumerate(facts)]
        said = [_stilled(f) for f in facts] if self.frames == 1 else facts
        return Asked(
            prompts=[text for text, _ in chosen], said=said, scenes=scenes,
            frames=self.frames, fps=self.fps, side=self.side,
        )  # fmt: skip


def staged(facts: Facts, rng: np.random.Generator) -> Scene:
    """A core-tier scene that shows what is said, the rest drawn at random."""
    while True:
        drawn = core_words(rng, len(facts.things))
        things = tuple(_thing(t, f) for t, f in zip(drawn.things, facts.things, strict=True))
        skies = dict(CORE_STAGES.values())
        floors = [
            floor for floor, sky in skies.items()
            if facts.floor in (None, floor) and facts.sky in (None, sky)
        ]  # fmt: skip
        floor = str(rng.choice(floors))
        move = facts.move or drawn.camera.move
        scene = replace(
            drawn,
            things=things,
            stage=replace(drawn.stage, floor=floor, sky=skies[floor]),
            camera=replace(drawn.camera, move=move, amount=0.7 if move != "static" else 0.5),
        )
        placed = arrange(scene, rng) if _plain(scene) else None
        if placed is not None:
            return placed


def _again(words: Facts, said: Facts, rng: np.random.Generator) -> Scene:
    """A scene of the same words of which a caption is true too."""
    while True:
        scene = staged(words, rng)
        if agrees(said, scene):
            return scene


def _thing(drawn: Thing, said: ThingFacts) -> Thing:
    return replace(
        drawn,
        shape=said.shape or drawn.shape,
        colour=said.colour or drawn.colour,
        motion=Motion(verb=said.verb or drawn.motion.verb),
    )


def _plain(scene: Scene) -> bool:
    """Whether things differ in colour and shape, and all that they do shows."""
    things = scene.things
    alike = any(len({getattr(t, n) for t in things}) < len(things) for n in ("shape", "colour"))
    zooming = scene.camera.move.startswith("zoom")
    hidden = any(
        (t.shape, t.motion.verb) == ("ball", "spins") or (zooming and t.motion.verb in SIZING)
        for t in things
    )
    return not alike and not hidden


def _facts(told: Mapping[str, Any]) -> Facts:
    rest = {name: word for name, word in told.items() if name != "things"}
    return Facts(things=tuple(ThingFacts(**thing) for thing in told["things"]), **rest)


def _still(scene: Scene) -> Facts:
    """What a still picture of a scene is sure to show."""
    return _stilled(shown(scene))


def _stilled(truth: Facts) -> Facts:
    things = tuple(replace(thing, verb=None, speed=None) for thing in truth.things)
    return replace(truth, things=things, move=None, pace=None)
