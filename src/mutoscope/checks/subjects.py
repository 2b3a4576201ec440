"""Subjects that a system learns from a few pictures: things that its own training never showed.

Their colours and materials are the wide tier's, their places those of held-out core scenes.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float
from torch import Tensor

from mutoscope import world, zoo
from mutoscope.checks import Bench
from mutoscope.clip import Frames
from mutoscope.evaluate.reading import ThingRead, as_frames, read
from mutoscope.networks.readers import ClipReader
from mutoscope.recipes import Teachable
from mutoscope.systems.content import PRIOR
from mutoscope.systems.shipped import AUTOENCODER
from mutoscope.systems.sight import NAME
from mutoscope.training import commands, custom
from mutoscope.world.place import goes_well
from mutoscope.world.scene import Thing

SEED, PICTURES = 31, 15
SUBJECTS = (
    Thing(shape="star", colour="brown", material="striped"),
    Thing(shape="ball", colour="grey", material="dotted"),
    Thing(shape="cube", colour="brown", material="checkered"),
    Thing(shape="cone", colour="grey", material="striped"),
)


def pictured(subject: Thing, side: int, count: int = PICTURES) -> Float[Tensor, "n 3 1 H W"]:
    """So many pictures of it, each at another place; held-out scenes' beginnings."""
    found: list[np.ndarray] = []
    index = 0
    while len(found) < count:
        scene = world.sample(SEED, index, objects=1, split="test")
        index += 1
        thing = replace(
            scene.things[0], shape=subject.shape, colour=subject.colour, material=subject.material
        )
        scene = replace(scene, things=(thing,))
        if goes_well(scene):
            found.append(world.render(scene, frames=1, size=(side, side)).rgb)
    return as_frames(np.stack(found))


def learned(recipe: Teachable, on: Bench, pictures: Float[Tensor, "n 3 1 H W"], out: Path) -> Path:
    """A folder with a system that has learned these pictures; goes on with what it holds."""
    system = recipe.start(on.weights)
    name = system.card.name
    for part in (system.delta.base, AUTOENCODER, NAME, PRIOR) if on.weights is not None else ():
        home = zoo.where(part, on.weights or zoo.FOLDER)
        if not (out / part).exists() and part in zoo.names(home):
            shutil.copytree(home / part, out / part)
    if name in zoo.names(out):
        return out
    custom.taught(system, on.weights or zoo.FOLDER)
    if not (out / custom.KEPT).exists():
        custom.begin(system, pictures, out)
    custom.learn(system, out, cache=commands.cache_folder())
    return out


def surest(reader: ClipReader, made: Frames, fps: float) -> Sequence[ThingRead | None]:
    """The surest thing of each clip; None where none is read."""
    return [
        max(one.things, key=lambda thing: thing.sure, default=None)
        for one in read(reader, made, fps)
    ]


def are(reader: ClipReader, made: Frames, fps: float, subject: Thing) -> Float[np.ndarray, " n"]:
    """1 for a clip whose thing has the colour and the material of a subject."""
    return np.array([
        float(
            thing is not None
            and thing.words["colour"].best == subject.colour
            and thing.words["material"].best == subject.material
        )
        for thing in surest(reader, made, fps)
    ])  # fmt: skip
