"""Random scenes for tests of language: every word of the vocabulary, however it would look."""

import numpy as np

from mutoscope.world import scene as w
from mutoscope.world.scene import Camera, Motion, Scene, Stage, Thing


def random_scene(rng: np.random.Generator, *, core: bool) -> Scene:
    """A scene of the core tier or of the wide one."""
    pick = lambda options: options[int(rng.integers(len(options)))]  # noqa: E731
    count = int(rng.integers(1, 3 if core else 5))
    things = tuple(_thing(pick, k, count, core=core) for k in range(count))
    if count > 1 and rng.random() < 0.15:
        things = (things[0], things[0], *things[2:])
    if core:
        floor, sky = pick(list(w.CORE_STAGES.values()))
        camera = Camera(move=pick(w.CORE_MOVES), amount=float(rng.uniform(0.1, 1)))
        return Scene(things=things, stage=Stage(floor=floor, sky=sky), camera=camera)
    stage = Stage(
        floor=pick(w.FLOORS), sky=pick(w.SKIES), light=pick(w.LIGHTS), fog=rng.random() < 0.2
    )
    camera = Camera(move=pick(w.MOVES), amount=float(rng.uniform(0.1, 1)))
    sign = "".join(pick("ABCDEFGHIJKLMNOPQRSTUVWXYZ") for _ in range(5))
    look = pick(w.LOOKS) if rng.random() < 0.6 else "plain"
    return Scene(
        things=things, stage=stage, camera=camera, look=look,
        sign=sign if rng.random() < 0.2 else None,
    )  # fmt: skip


def _thing(pick, index, count, *, core):
    verb = pick(w.CORE_VERBS if core else w.VERBS)
    if verb in w.RELATIONAL and count == 1:
        verb = "still"
    other = pick([k for k in range(count) if k != index]) if verb in w.RELATIONAL else None
    colour = pick(w.CORE_COLOURS if core else w.COLOURS)
    end = pick([c for c in w.COLOURS if c != colour]) if verb == "changes colour" else None
    x, z = (pick([-2.0, -1.0, -0.3, 0.0, 0.5, 1.5]) for _ in range(2))
    return Thing(
        shape=pick(w.SHAPES), colour=colour, material="matte" if core else pick(w.MATERIALS),
        size=pick(w.SIZES), x=x, z=z,
        motion=Motion(verb=verb, speed=pick(w.SPEEDS), other=other, colour=end),
    )  # fmt: skip
