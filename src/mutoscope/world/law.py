"""The law of captions: a word may be said only if it shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from mutoscope.world import scene as w
from mutoscope.world.facts import Facts, shown
from mutoscope.world.render import Render, render
from mutoscope.world.scene import Camera, Motion, Scene, Thing

LEVELS = 12
"""Grey levels by which a pixel must differ, in any of its colours, to count as another."""
SHARE = 0.01
"""Share of a clip's pixels that must be other ones."""


def difference(
    scene: Scene, other: Scene, *, frames: int = 8, size: tuple[int, int] = (64, 64)
) -> float:
    """The share of pixels by which two scenes' clips of 2 seconds differ."""
    clips = [render(s, frames=frames, size=size, fps=frames / 2) for s in (scene, other)]
    return apart(clips[0], clips[1])


def apart(clip: Render, other: Render) -> float:
    """The share of pixels by which two clips differ."""
    levels = np.abs(clip.rgb.astype(np.int16) - other.rgb.astype(np.int16)).max(-1)
    return float((levels >= LEVELS).mean())


def shows(scene: Scene, other: Scene) -> bool:
    """Whether a viewer can tell two scenes apart: at least 1 % of their pixels differ."""
    return difference(scene, other) >= SHARE


def changed(scene: Scene) -> Iterator[tuple[str, Scene]]:
    """The scene with one captioned word changed at a time, and the kind of the word.

    A word whose absence is unremarkable is left out (striped becomes matte, spins still); any other
    gives way to each word of its kind. What `shown` holds to be the same isn't yielded.
    """
    truth = _said(shown(scene))
    for kind, other in _changed(scene):
        # Among what is said of the scene something must give way, not only appear.
        if truth - _said(shown(other)):
            yield kind, other


def _said(facts: Facts) -> set[tuple[object, ...]]:
    """All that is said, one by one."""
    said: set[tuple[object, ...]] = {(k, v) for k, v in vars(facts).items() if k != "things"}
    said |= {(i, k, v) for i, t in enumerate(facts.things) for k, v in vars(t).items()}
    return {fact for fact in said if fact[-1] is not None}


def _changed(scene: Scene) -> Iterator[tuple[str, Scene]]:
    for i, thing in enumerate(scene.things):
        for kind, other in _things(thing):
            yield kind, replace(scene, things=(*scene.things[:i], other, *scene.things[i + 1 :]))
    stage, camera = scene.stage, scene.camera
    yield from (("floor", replace(scene, stage=replace(stage, floor=v))) for v in w.FLOORS)
    yield from (("sky", replace(scene, stage=replace(stage, sky=v))) for v in w.SKIES)
    yield from (("light", replace(scene, stage=replace(stage, light=v))) for v in w.LIGHTS)
    yield "fog", replace(scene, stage=replace(stage, fog=False))
    yield "move", replace(scene, camera=Camera())
    yield "pace", replace(scene, camera=replace(camera, amount=0.6))
    yield "look", replace(scene, look="plain")
    yield "sign", replace(scene, sign=None)


def _things(thing: Thing) -> Iterator[tuple[str, Thing]]:
    motion = thing.motion
    yield from (("shape", replace(thing, shape=v)) for v in w.SHAPES)
    yield from (("colour", replace(thing, colour=v)) for v in w.COLOURS)
    yield "material", replace(thing, material="matte")
    yield "size", replace(thing, size="medium")
    yield "verb", replace(thing, motion=Motion())
    yield "speed", replace(thing, motion=replace(motion, speed=""))
    if motion.colour:
        others = (replace(motion, colour=c) for c in w.COLOURS if c != thing.colour)
        yield from (("becomes", replace(thing, motion=other)) for other in others)
