"""Stories: scenes that follow on each other, with a prompt a segment.

Motion carries over: a thing begins a segment where, as it was, it ended the one before, so that the
rendered segments make one shot. A cut changes one word at a seam (colour, shape, stage or verb) and
carries over all the rest.

Source: Villegas et al. (2022), Phenaki, section 3 (a prompt a segment); Yin et al. (2023), NUWA-XL,
section 3.1 (prompts with times).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from mutoscope.errors import DataError
from mutoscope.world import scene
from mutoscope.world.caption import tell
from mutoscope.world.dice import Dice
from mutoscope.world.facts import shown_verb
from mutoscope.world.motion import Track, tracks
from mutoscope.world.plan import plan
from mutoscope.world.sample import goes_well, held_out, redraws
from mutoscope.world.scene import SECONDS, Camera, Motion, Scene, Thing

CUTS = ("colour", "shape", "stage", "verb")
"""What may change at a seam; a "verb" seam is no visible cut."""
_BRANCHES = 40
_OPENINGS = 16
_BUDGET = 500
_CLOSE = 2e-3
"""Metres, and entries of rotations, within which two states are the same (ours)."""


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A piece of a story: render `scene` from time 0 for `seconds`.

    `start` is when it begins in the story; `change` is what is new in it, "" for the first.
    """

    scene: Scene
    prompt: str
    start: float
    seconds: float
    change: str


@dataclass(frozen=True, kw_only=True)
class Story:
    """Segments that follow on each other."""

    segments: tuple[Segment, ...]

    @property
    def prompts(self) -> tuple[str, ...]:
        """A prompt a segment, each of which stands alone."""
        return tuple(segment.prompt for segment in self.segments)

    @property
    def seams(self) -> tuple[float, ...]:
        """The times at which segments after the first begin."""
        return tuple(segment.start for segment in self.segments[1:])


def story(
    scene: Scene,
    rng: np.random.Generator,
    *,
    segments: int = 4,
    seconds: float | int = 2.0,
    cuts: bool = False,
) -> Story:
    """A story that opens with the scene, under a camera that stands still.

    Without `cuts` only verbs change. Where the scene's own verbs lead nowhere (what has dropped
    can't drop again), its things open with others; verbs beyond the core tier open as still.
    """
    _check(segments, seconds)
    writer = _Writer(Dice(rng), float(seconds), cuts=cuts, seen=held_out(scene))
    for opening in writer.openings(_opened(scene)):
        writer.left = _BUDGET
        path = writer.path([(opening, "")], segments)
        if path is not None:
            return Story(segments=tuple(writer.told(path)))
    raise DataError(f"no story of {segments} segments found; use fewer, or a scene with more room")


def drawn_story(
    seed: int,
    index: int,
    *,
    tier: str = "core",
    split: str = "train",
    segments: int = 4,
    seconds: float | int = 2.0,
    cuts: bool = False,
) -> Story:
    """A story, a pure function of the arguments.

    It opens with the scene of `sample(seed, index)`, or another where no story follows on that one.
    """
    _check(segments, seconds)
    for drawn, rng in redraws(seed, index, tier=tier, split=split):
        with suppress(DataError):
            return story(drawn, rng, segments=segments, seconds=seconds, cuts=cuts)
    raise DataError(f"no scene has a story of {segments} segments; use fewer or shorter ones")


def _check(segments: int, seconds: float | int) -> None:
    if segments < 1 or not 0 < seconds <= SECONDS:
        raise DataError(
            f"a story needs segments >= 1 of at most {SECONDS} seconds "
            f"(got {segments} of {seconds} s)"
        )


class _Writer:
    """A search for scenes that follow on each other, depth first."""

    def __init__(self, dice: Dice, seconds: float, *, cuts: bool, seen: bool) -> None:
        self.dice = dice
        self.seconds = seconds
        self.cuts = cuts
        self.seen = seen
        self.left = 0

    def told(self, path: list[tuple[Scene, str]]) -> Iterator[Segment]:
        """The segments of a path, with prompts."""
        for k, (drawn, change) in enumerate(path):
            facts = plan(drawn, self.dice, detail="full", sure=("idle", "sky"))
            yield Segment(
                scene=drawn,
                prompt=tell(facts, self.dice),
                start=k * self.seconds,
                seconds=self.seconds,
                change=change,
            )

    def openings(self, drawn: Scene) -> Iterator[Scene]:
        """The scene as it is, then with other verbs."""
        yield drawn
        for _ in range(_OPENINGS):
            things = tuple(self._verb(thing, thing.motion.phase) for thing in drawn.things)
            opening = replace(drawn, things=things)
            if self._allowed(opening) and goes_well(opening):
                yield opening

    def path(self, begun: list[tuple[Scene, str]], length: int) -> list[tuple[Scene, str]] | None:
        """A path begun so and of this length, or None where it leads nowhere."""
        if len(begun) == length:
            return begun
        for _ in range(_BRANCHES):
            if self.left <= 0:
                return None
            self.left -= 1
            change = self.dice.pick(self._open(begun)) if self.cuts else "verb"
            after = self._next(begun[-1][0], change)
            if after is not None:
                found = self.path([*begun, (after, change)], length)
                if found is not None:
                    return found
        return None

    def _open(self, begun: list[tuple[Scene, str]]) -> tuple[str, ...]:
        """The kinds of change whose turn it is: none twice before each came once."""
        used = [change for _, change in begun if change]
        least = min(used.count(change) for change in CUTS)
        return tuple(change for change in CUTS if used.count(change) == least)

    def _next(self, before: Scene, change: str) -> Scene | None:
        """What follows on a scene, if it goes well."""
        things, chosen = before.things, int(self.dice.roll() * len(before.things))
        carried = [carry(thing, self.seconds) for thing in things]
        stage = before.stage
        if change == "verb":
            movers = {chosen} if self.cuts else {chosen, int(self.dice.roll() * len(things))}
            for k in movers:
                carried[k] = self._verb(carried[k], carried[k].motion.phase)
        elif change == "stage":
            floor, sky = self.dice.pick(tuple(scene.CORE_STAGES.values()))
            stage = replace(stage, floor=floor, sky=sky)
        else:
            carried[chosen] = self._cut(carried[chosen], change)
        after = replace(before, things=tuple(carried), stage=stage)
        return after if self._follows(before, after, change) else None

    def _cut(self, thing: Thing, change: str) -> Thing:
        if change == "shape":
            return replace(thing, shape=self.dice.pick(scene.SHAPES))
        return replace(thing, colour=self.dice.pick(scene.CORE_COLOURS))

    def _verb(self, thing: Thing, phase: float) -> Thing:
        verbs = [v for v in scene.CORE_VERBS if v != thing.motion.verb]
        motion = replace(
            thing.motion, verb=self.dice.pick(verbs), other=None, colour=None,
            phase=self.dice.pick((0.0, phase)),
        )  # fmt: skip
        return replace(thing, motion=motion)

    def _follows(self, before: Scene, after: Scene, change: str) -> bool:
        if _words(before) == _words(after) or not self._allowed(after):
            return False
        free = change if change in {"colour", "shape"} else ""
        for a, b in zip(before.things, after.things, strict=True):
            cut = free if free and getattr(a, free) != getattr(b, free) else ""
            if not joins(a, b, self.seconds, free=cut):
                return False
        return goes_well(after)

    def _allowed(self, drawn: Scene) -> bool:
        """Whether all verbs show, and training may see the scene if it may see the first."""
        show = all(shown_verb(t, drawn.look) == t.motion.verb for t in drawn.things)
        return show and (self.seen or not held_out(drawn))


def _opened(drawn: Scene) -> Scene:
    """The scene under a camera that stands still, with verbs of the core tier."""
    core = (
        t if t.motion.verb in scene.CORE_VERBS else replace(t, motion=Motion())
        for t in drawn.things
    )  # fmt: skip
    return replace(drawn, camera=Camera(), things=tuple(core))


def _words(drawn: Scene) -> tuple[object, ...]:
    """What tells two scenes apart in words."""
    things = ((t.shape, t.colour, t.motion.verb) for t in drawn.things)
    return (*things, drawn.stage)


@lru_cache(maxsize=1024)
def carry(thing: Thing, seconds: float) -> Thing:
    """The same thing with the same verb, beginning where it is after so many seconds."""
    end = _state(thing, seconds)
    x, z = float(end.centre[0, 0]), float(end.centre[0, 2])
    yaw = math.atan2(end.rotation[0, 0, 2], end.rotation[0, 0, 0])
    motion = thing.motion
    for phase in (motion.phase, (motion.phase + 0.5) % 1.0):
        moved = replace(thing, x=x, z=z, yaw=yaw, motion=replace(motion, phase=phase))
        if _same(end, _state(moved, 0.0)):
            return moved
    return replace(thing, x=x, z=z, yaw=yaw)


def joins(before: Thing, after: Thing, seconds: float, *, free: str = "") -> bool:
    """Whether a thing begins as another ended: place, turn, size and colour.

    `free` is an attribute that a cut changes: "colour", or "shape" (then only the place on the
    floor must carry over).
    """
    return _same(_state(before, seconds), _state(after, 0.0), free=free)


@lru_cache(maxsize=1024)
def _state(thing: Thing, time: float) -> Track:
    return tracks(Scene(things=(thing,)), np.array([time]))[0]


def _same(end: Track, start: Track, *, free: str = "") -> bool:
    apart = np.abs(end.centre - start.centre)[0]
    if free == "shape":
        return bool(max(apart[0], apart[2]) < _CLOSE)
    gaps = [apart.max(), np.abs(end.rotation - start.rotation).max()]
    gaps.append(np.abs(end.scale - start.scale).max())
    if free != "colour":
        gaps.append(np.abs(end.colour - start.colour).max())
    return bool(max(gaps) < _CLOSE)
