"""A scene's surroundings as the ray-caster reads them: floor, sky, light, fog, sign."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mutoscope.errors import DataError
from mutoscope.world.palette import linear
from mutoscope.world.scene import FLOORS, LIGHTS, SKIES, Scene
from mutoscope.world.sign import letters

Array = NDArray[np.float64]
Setting = tuple[Array, Array]
"""NUMBERS numbers, and the distances to the strokes of a sign's letters (empty: no sign)."""

WALL_Z = -7.5
"""A studio's back wall stands here."""

_TONES = {
    "white": (236, 236, 234),
    "grey": (150, 152, 156),
    "cream": (238, 222, 190),
    "pink": (240, 188, 196),
    "blue": (150, 186, 226),
    "green": (164, 206, 160),
}
_LIGHTS = {"left": (-0.62, 0.66, 0.26), "right": (0.62, 0.66, 0.26), "above": (0.05, 0.98, 0.18)}
# Key light and ambient light of each sky (ours): kept near white so that colours stay themselves.
_LAMPS = {
    "day": ((0.80, 0.77, 0.71), (0.40, 0.43, 0.47)),
    "sunset": ((0.80, 0.71, 0.61), (0.43, 0.39, 0.41)),
    "night": ((0.58, 0.61, 0.68), (0.36, 0.38, 0.44)),
    "overcast": ((0.42, 0.42, 0.42), (0.60, 0.61, 0.63)),
    "wall": ((0.72, 0.70, 0.67), (0.44, 0.44, 0.45)),
}

_FOGS = {
    "day": (188, 200, 210),
    "sunset": (222, 178, 158),
    "night": (74, 82, 112),
    "overcast": (196, 200, 204),
    "wall": (196, 197, 198),
}

LIGHT, KEY, AMBIENT, FLOOR, WALL, FOG, FLOOR_CODE, SKY_CODE, SEED, THICK = (
    0, 3, 6, 9, 12, 15, 18, 19, 20, 21,
)  # fmt: skip
"""Where a setting's numbers are: six triples, then four single ones."""


def setting(scene: Scene) -> Setting:
    """The surroundings of a scene; refuses words that are not in the vocabulary."""
    stage = scene.stage
    for word, known in ((stage.floor, FLOORS), (stage.sky, SKIES), (stage.light, LIGHTS)):
        if word not in known:
            raise DataError(f"a stage has no {word!r}; use one of {', '.join(known)}")
    kind = "wall" if stage.sky.endswith(" wall") else stage.sky
    key, ambient = _LAMPS[kind]
    light = np.array(_LIGHTS[stage.light])
    triples = (
        light / np.linalg.norm(light),
        key,
        ambient,
        _tone(stage.floor),
        _tone(stage.sky),
        linear(_FOGS[kind]),
    )
    codes = (FLOORS.index(stage.floor), SKIES.index(stage.sky), scene.texture_seed, stage.fog)
    return np.array([*np.concatenate(triples), *codes], np.float64), letters(scene.sign)


def _tone(word: str) -> Array:
    return linear(_TONES.get(word.split()[0], (128, 128, 128)))
