"""Held-out scenes of one thing that goes somewhere, and their ends as files: what a system is told.

Of each lie there its first frame, its last one, that one as a rough draft and as a drawing, and
both ends of the same scene with its thing in another colour. Words say what is there, not what it
does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from mutoscope import media, world
from mutoscope.checked import Value
from mutoscope.clip import Clip, Frames
from mutoscope.controls import sketch
from mutoscope.evaluate.reading import as_frames
from mutoscope.evaluate.tracks import track
from mutoscope.networks.readers import SIDE
from mutoscope.request import ConditionRequest
from mutoscope.systems.system import Asked
from mutoscope.world.caption import caption
from mutoscope.world.render import Render
from mutoscope.world.scene import CORE_COLOURS, Scene

SEED, FRAMES, FPS = 23, 16, 8.0
GOING = ("slides left", "slides right", "rises", "drops", "comes closer", "moves away")
FAR = 0.15
"""Frame sides that a thing goes at least (ours)."""
JITTER, BLUR = 2, 5
"""Pixels of SIDE by which a draft is off, and over which it is blurred."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A scene, what is said of it, its render, where its thing is, and a rough last frame.

    `edited` is the scene with its thing in another colour, `wish` what is said of that.
    """

    scene: Scene
    edited: Scene
    prompt: str
    wish: str
    true: Frames
    draft: Float[Tensor, "b 3 1 H W"]
    way: Float[np.ndarray, "T 2"]
    pictures: Mapping[str, Path]

    def asked(self, *kinds: str, draft: bool = False, **settings: Value) -> Asked:
        """Its frames as conditions, the last one as a draft; and knobs."""
        names = {kind: "draft" if draft and kind == "last" else kind for kind in kinds}
        return self._given(names, settings)

    def changed(self, **settings: Value) -> Asked:
        """Both ends of the edited scene."""
        return self._given({kind: f"edited-{kind}" for kind in ("first", "last")}, settings)

    def _given(self, names: Mapping[str, str], settings: Mapping[str, Value]) -> Asked:
        given = [ConditionRequest(kind=kind, source=str(self.pictures[name]))
                 for kind, name in names.items()]  # fmt: skip
        return {"conditions": given, "settings": dict(settings)}


def going(count: int, side: int, folder: Path) -> list[Case]:
    """The first held-out scenes of one thing that goes far and stays in sight, and their files."""
    folder.mkdir(parents=True, exist_ok=True)
    found: list[Case] = []
    index = 0
    while len(found) < count:
        scene = world.sample(SEED, index, objects=1, split="test")
        rng = np.random.default_rng((SEED, index))
        index += 1
        if scene.things[0].motion.verb in GOING and scene.camera.move == "static":
            case = _case(scene, rng, side, folder / f"{len(found):03d}")
            found += [] if case is None else [case]
    return found


def _case(scene: Scene, rng: np.random.Generator, side: int, stem: Path) -> Case | None:
    made = _render(scene, side, sketch=True)
    way = track((made.ids == 1).astype(np.float32), 1 / FPS).middles
    if not np.isfinite(way).all() or np.linalg.norm(way[-1] - way[0]) < FAR:
        return None
    edited = _recoloured(scene, rng)
    true, exact = as_frames(made.rgb[None]), as_frames(_render(edited, side).rgb[None])
    rough = drafted(true[:, :, -1:], rng)
    ends = {
        "first": true[:, :, :1],
        "last": true[:, :, -1:],
        "draft": rough,
        "sketch": sketch.shown(sketch.from_truth(made)[:, :, -1:]),
        "edited-first": exact[:, :, :1],
        "edited-last": exact[:, :, -1:],
    }
    files = {name: written(frame, Path(f"{stem}-{name}.png")) for name, frame in ends.items()}
    prompt, wish = (caption(one, rng, still=True, detail="full") for one in (scene, edited))
    return Case(
        scene=scene, edited=edited, prompt=prompt, wish=wish, true=true, draft=rough, way=way,
        pictures=files,
    )  # fmt: skip


def _render(scene: Scene, side: int, *, sketch: bool = False) -> Render:
    truth = ("sketch",) if sketch else ()
    return world.render(scene, frames=FRAMES, size=(side, side), fps=FPS, truth=truth)


def _recoloured(scene: Scene, rng: np.random.Generator) -> Scene:
    """The same with its thing in another colour."""
    (thing,) = scene.things
    colour = str(rng.choice([one for one in CORE_COLOURS if one != thing.colour]))
    return replace(scene, things=(replace(thing, colour=colour),))


def drafted(frame: Frames, rng: np.random.Generator) -> Frames:
    """A frame as someone would rough it out: JITTER pixels off, blurred, its colours exchanged."""
    step = frame.shape[-1] // SIDE or 1
    angle = rng.uniform(0, 2 * np.pi)
    off = [round(JITTER * step * part) for part in (np.sin(angle), np.cos(angle))]
    reach = BLUR * step // 2
    moved = torch.roll(frame[:, :, 0].roll(1, dims=1), off, dims=(-2, -1))
    wide = F.pad(moved, (reach,) * 4, mode="replicate")
    return F.avg_pool2d(wide, 2 * reach + 1, 1)[:, :, None]


def written(frame: Frames, path: Path) -> Path:
    """A frame as a file without a record."""
    return media.write(Clip(frames=frame, fps=FPS), path, metadata=False)
