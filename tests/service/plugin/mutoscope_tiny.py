"""A system of another package that makes noise of 16 x 16, as slowly and badly as it is told.

It is there for the tests of the service: what it costs is a hundredth of a second, and its clip is
a function of the prompt and the seed alone.
"""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from mutoscope import media
from mutoscope.checked import Span
from mutoscope.clip import Clip
from mutoscope.core.noise import Noise
from mutoscope.core.samplers import Step
from mutoscope.errors import WeightsError
from mutoscope.request import Capabilities, Request, Setting
from mutoscope.systems import extend
from mutoscope.systems.cost import Cost
from mutoscope.systems.system import Card, System, spread

CARD = Card(name="tiny", title="Tiny", authors="Us", year=2026, arxiv="0000.00000", weights="none")

FAULTS = ("none", "raise", "refuse", "exit", "memory", "weights")


@dataclass(frozen=True, kw_only=True)
class Config:
    """Nothing to choose."""

    @classmethod
    def small(cls) -> Config:
        return cls()

    tiny = small

    def accepts(self) -> Capabilities:
        return Capabilities(
            frames=Span(low=1, high=32, step=1),
            fps=Span(low=1, high=24),
            side=Span(low=16, high=16),
            sizes=((16, 16),),
            samplers=("ddim",),
            conditions=("first", "structure"),
            segments=8,
            settings=(
                Setting(name="pause", type="number", default=0.0, help="s a step"),
                Setting(name="spin", type="number", default=0.0, help="computes so long at first"),
                Setting(name="fault", type="choice", default="none", choices=FAULTS, help="bad"),
            ),
            defaults={"steps": 4, "frames": 4, "guidance": 1.0, "size": (16, 16)},
        )


class Tiny(System):
    """Noise that fades to a clip in so many steps."""

    card = CARD

    def __init__(self) -> None:
        self.weights, self.precision, self.took = {"tiny": "0" * 64}, "float32", {}

    def accepts(self) -> Capabilities:
        return Config().accepts()

    def run(self, request: Request) -> Iterator[Step]:
        self.accepts().check(request)
        if request.segments:
            yield from extend.chained(self, request)
            return
        asked = self.accepts().values(request)
        x = Noise([request.seed]).like(torch.empty(1, 3, request.frames, 16, 16))
        clean = torch.full_like(x, zlib.crc32(request.prompt.encode()) % 256 / 127.5 - 1)
        for condition in request.conditions:
            clean = clean + media.read(condition.source).frames[:, :, :1].mean()
        end = time.process_time() + float(asked["spin"])
        while time.process_time() < end:
            pass
        for index in range(request.steps):
            time.sleep(float(asked["pause"]))
            if index == request.steps // 2:
                _go_wrong(str(asked["fault"]), request.prompt)
            x = 0.5 * x + 0.5 * clean
            self.took = {"denoise": 0.0}
            yield Step(index, request.steps, x, clean)

    def finish(self, step: Step, request: Request, *, most: int | None = None) -> Clip:
        if step.segment is not None:
            return Clip(frames=step.segment, fps=request.fps)
        found = step.x if step.index + 1 == step.total else step.clean
        frames = found[:, :, spread(found.shape[2], most)]
        return Clip(frames=frames.clamp(-1, 1), fps=request.fps)

    def loss(self, example, seeds):
        raise NotImplementedError

    def parts(self) -> Mapping[str, torch.nn.Module]:
        return {}

    def cost(self, request: Request) -> Cost:
        return Cost(operations=1.0, parameters=0, activations=0)


def _go_wrong(how: str, prompt: str) -> None:
    if how == "raise":
        raise ValueError(f"/etc/secret is a path that nobody may see, nor '{prompt}'")
    if how == "refuse":
        raise WeightsError("/etc/secret is missing")
    if how == "memory":
        raise MemoryError
    if how == "exit":
        os._exit(3)


def config(weights: Path | None = None) -> Config:
    return Config()


def outline(config: Config) -> Tiny:
    return Tiny()


def files(weights: Path | None = None) -> Sequence[Path]:
    return ()


def load(weights: Path | None = None, *, dtype: torch.dtype | None = None) -> Tiny:
    return Tiny()
