"""The tiny system of the service's tests, with a stroke among what it can be told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import mutoscope_tiny as tiny
import torch

from mutoscope.core.samplers import Step
from mutoscope.request import Capabilities, Request
from mutoscope.systems.system import Card

CARD = Card(
    name="drawn", title="Drawn", authors="Us", year=2026, arxiv="0000.00000", weights="none"
)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Nothing to choose."""

    @classmethod
    def small(cls) -> Config:
        return cls()

    tiny = small

    def accepts(self) -> Capabilities:
        return replace(tiny.Config().accepts(), conditions=("first", "stroke"))


class Drawn(tiny.Tiny):
    """What a stroke says doesn't show: it is the page that is tested."""

    card = CARD

    def accepts(self) -> Capabilities:
        return Config().accepts()

    def run(self, request: Request) -> Iterator[Step]:
        self.accepts().check(request)
        files = [item for item in request.conditions if item.kind != "stroke"]
        return super().run(replace(request, conditions=files))


def config(weights: Path | None = None) -> Config:
    return Config()


def outline(config: Config) -> Drawn:
    return Drawn()


def files(weights: Path | None = None) -> Sequence[Path]:
    return ()


def load(weights: Path | None = None, *, dtype: torch.dtype | None = None) -> Drawn:
    return Drawn()
