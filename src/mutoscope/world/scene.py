"""A scene of the world as plain data: stage, light, objects with their motion, camera, look, sign.

Axes are those of a viewer: x to the right, y up, z towards the camera, in metres; the floor is the
plane y = 0. Time is in seconds and continuous; a scene is defined for 0 <= time <= 4.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mutoscope.errors import DataError

VERSION = "0.2"
"""Changes whenever the same (seed, index) would render differently: trained weights name it."""

SECONDS = 4.0
"""How long a scene is defined for."""

SHAPES = ("ball", "cube", "cylinder", "cone", "ring", "capsule", "pyramid", "star")
CORE_COLOURS = (
    "red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink", "white", "black",
)  # fmt: skip
COLOURS = (*CORE_COLOURS, "brown", "grey")
MATERIALS = ("matte", "shiny", "striped", "dotted", "checkered")
SIZES = ("small", "medium", "large")
TONES = ("white", "grey", "cream", "pink", "blue", "green")
FLOORS = (
    "checkerboard", "grass", "sand", "snow", "wood", "water",
    *(f"{tone} plain" for tone in TONES),
)  # fmt: skip
SKIES = ("day", "sunset", "night", "overcast", *(f"{tone} wall" for tone in TONES))
CORE_STAGES = {
    "checkerboard": ("checkerboard", "grey wall"),
    "grass": ("grass", "day"),
    "sand": ("sand", "sunset"),
    "snow": ("snow", "overcast"),
    "wood": ("wood", "cream wall"),
    "water": ("water", "night"),
}
"""Core tier: a stage is one floor with one sky."""
LIGHTS = ("left", "right", "above")
CORE_VERBS = (
    "still", "slides left", "slides right", "comes closer", "moves away", "rises",
    "drops", "bounces", "spins", "circles", "grows", "shrinks",
)  # fmt: skip
VERBS = (
    *CORE_VERBS,
    "sinks", "rolls left", "rolls right", "sways", "zigzags", "appears", "vanishes",
    "changes colour", "follows", "pushes", "orbits", "stacks on",
)  # fmt: skip
RELATIONAL = ("follows", "pushes", "orbits", "stacks on")
SPEEDS = ("slowly", "", "quickly")
CORE_MOVES = ("static", "pan left", "pan right", "tilt up", "zoom in", "zoom out")
MOVES = (
    *CORE_MOVES,
    "tilt down", "truck left", "truck right", "pedestal up", "pedestal down",
    "orbit left", "orbit right", "roll clockwise", "roll anticlockwise",
)  # fmt: skip
AXES = ("truck", "pedestal", "pan", "tilt", "zoom", "roll")
"""Camera axes in [-1, 1]: + = right, up, right, up, in, clockwise (the camera's, per 2 s)."""
LOOKS = (
    "plain", "pencil", "watercolour", "oil", "pixel", "cartoon", "neon", "blueprint",
    "mono", "sepia",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Motion:
    """What an object does: a verb of VERBS, a speed of SPEEDS, and what the verb needs.

    `other` is the index of the object a relational verb refers to; `colour` is what "changes
    colour" ends in; `phase` in [0, 1) shifts periodic motions.
    """

    verb: str = "still"
    speed: str = ""
    other: int | None = None
    colour: str | None = None
    phase: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Thing:
    """An object: its look, where its centre projects on the floor at time 0, and its motion.

    `x`, `z` in metres; `yaw` in radians about the vertical. The height follows from shape, size and
    motion (things rest on the floor unless their motion lifts them).
    """

    shape: str
    colour: str
    material: str = "matte"
    size: str = "medium"
    x: float = 0.0
    z: float = 0.0
    yaw: float = 0.0
    motion: Motion = Motion()


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Floor, sky, light and fog."""

    floor: str = "checkerboard"
    sky: str = "grey wall"
    light: str = "left"
    fog: bool = False


@dataclass(frozen=True, kw_only=True)
class Camera:
    """A named move of MOVES with its amount in (0, 1], or a free six-axis program.

    `axes` (AXES order) is used as it stands when given and wins over `move`.
    """

    move: str = "static"
    amount: float = 0.5
    axes: tuple[float, float, float, float, float, float] | None = None


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Everything that is needed to render a clip and to say what is in it."""

    things: tuple[Thing, ...]
    stage: Stage = Stage()
    camera: Camera = Camera()
    look: str = "plain"
    sign: str | None = None
    texture_seed: int = 0
    version: str = VERSION

    def to_json(self) -> str:
        """The scene as one line of JSON, read back by `from_json`."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Scene:
        """Read a scene written by `to_json`; refuses unknown fields by name."""
        try:
            return _scene(json.loads(text))
        except (TypeError, KeyError, ValueError) as error:
            raise DataError(f"not a scene of world {VERSION}: {error}") from error


def _scene(data: Mapping[str, Any]) -> Scene:
    camera = dict(data["camera"])
    if camera.get("axes") is not None:
        camera["axes"] = tuple(camera["axes"])
    things = tuple(Thing(**{**t, "motion": Motion(**t["motion"])}) for t in data["things"])
    rest = {k: v for k, v in data.items() if k not in {"things", "stage", "camera"}}
    return Scene(things=things, stage=Stage(**data["stage"]), camera=Camera(**camera), **rest)
