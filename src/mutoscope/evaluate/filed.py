"""Held-out scenes whose conditions lie as files, as anybody's would, beside what each asks for.

Maps are exact, as pictures of 256 levels that say by their record what they are; motion, picture
and style are the clip itself, rendered without loss; a mask is a tube of `controls.tubes`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from mutoscope import media
from mutoscope.clip import Clip, Frames
from mutoscope.codecs import Codec
from mutoscope.controls import depth, edges, mask, motion, sketch, tubes
from mutoscope.controls.control import Map
from mutoscope.controls.given import EXTRACTED
from mutoscope.evaluate import conditions
from mutoscope.evaluate.conditions import Conditions
from mutoscope.evaluate.questions import Asked
from mutoscope.evaluate.reading import as_frames
from mutoscope.networks.dense import RATE, SIDE
from mutoscope.world.render import render
from mutoscope.world.scene import Scene

CLIP = "clip"
FILES: Mapping[str, str] = {
    "depth": "depth", "edge": "edges", "sketches": "sketch", "sketch": "sketch", "mask": "mask",
    "image": CLIP, "first": CLIP, "motion": CLIP, "style": CLIP, "structure": CLIP,
}  # fmt: skip
"""Kinds of conditions, and the file that each comes as."""
MPEG4: Codec = "mpeg4"
"""Motion by the vectors of that coder, as a kind beside the others."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A held-out scene: its caption, the folder of its files, and all that they ask for.

    `coder_off` is how far an MPEG-4 coder's vectors are off, in pixels of SIDE at RATE a second.
    """

    scene: Scene
    prompt: str
    folder: Path
    wish: Conditions
    real: Frames
    coder_off: float

    def asks(self, kind: str) -> Conditions:
        """What one condition asks for, alone."""
        fields = {
            "depth": {"near": self.wish.near},
            "edge": {"edges": self.wish.edges},
            "sketches": {"sketch": self.wish.sketch},
            "sketch": {"sketch": None if self.wish.sketch is None else self.wish.sketch[:1]},
            "mask": {"mask": self.wish.mask, "source": self.wish.source},
            "image": {"first": self.wish.first},
            "motion": {"flow": self.wish.flow},
        }[kind]
        return Conditions(**fields)  # type: ignore[arg-type]

    def given(self, kind: str) -> list[dict[str, Any]]:
        """The conditions of a kind as a request has them; a mask comes with its clip."""
        if kind == MPEG4:
            return [{"kind": "motion", "source": self._file("motion"), "set": {"codec": MPEG4}}]
        kinds = (kind, "structure") if kind == "mask" else (kind,)
        return [{"kind": one, "source": self._file(one)} for one in kinds]

    def _file(self, kind: str) -> str:
        return str(self.folder / FILES[kind])


def filed(asked: Asked, folder: Path) -> list[Case]:
    """A case a scene; files that are there already stay."""
    pairs = enumerate(zip(asked.scenes, asked.prompts, strict=True))
    return [_case(scene, prompt, k, folder / f"{k:03d}", asked) for k, (scene, prompt) in pairs]


def _case(scene: Scene, prompt: str, k: int, folder: Path, asked: Asked) -> Case:
    size = (asked.side, asked.side)
    wanted = ("depth", "flow", "occluded", "sketch")
    made = render(scene, frames=asked.frames, size=size, fps=asked.fps, truth=wanted)
    real = as_frames(made.rgb[None])
    drawn = edges.from_truth(made)
    tube = tubes.tubes(1, size, torch.Generator().manual_seed(k))
    shown = {
        CLIP: real,
        "depth": depth.shown(depth.from_truth(made)),
        "edges": edges.shown(drawn),
        "sketch": sketch.shown(sketch.from_truth(made)),
        "mask": mask.shown(tube),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, frames in shown.items():
        if not (folder / name).exists():
            record = {} if name == CLIP else {EXTRACTED: name}
            media.write(Clip(frames=frames, fps=asked.fps), folder / name, record=record)
    wish = conditions.of_scene(scene, frames=asked.frames, size=size, fps=asked.fps)
    where = (tube[0, 0] > 0.5).expand(asked.frames, -1, -1).numpy()
    coded = motion.from_clip(Clip(frames=real, fps=asked.fps), codec=MPEG4)
    off = _apart(coded, motion.from_truth(made))
    return Case(
        scene=scene,
        prompt=prompt,
        folder=folder,
        wish=replace(wish, edges=drawn[0, 0].numpy() > 0, mask=where, source=real[0]),
        real=real,
        coder_off=off * SIDE / asked.side * asked.fps / RATE,
    )


def _apart(one: Map, true: Map) -> float:
    """The mean distance of two motions where both are known, in pixels of their own."""
    both = (one[:, 2] > 0.5) & (true[:, 2] > 0.5)
    off = (one[:, :2] - true[:, :2]).norm(dim=1)[both]
    return float(off.mean()) if off.numel() else math.nan
