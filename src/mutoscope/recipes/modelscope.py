"""ModelScopeT2V: an image model with layers over time, from a prompt to a clip in one pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from typing_extensions import override

from mutoscope.checked import Span
from mutoscope.core.guidance import ClassifierFree
from mutoscope.core.shapes import Denoise
from mutoscope.request import Capabilities, Request
from mutoscope.systems import shipped
from mutoscope.systems.diffusion import RESCALE, Diffusion, Parts
from mutoscope.systems.shipped import Sizes
from mutoscope.systems.system import Card

CARD = Card(
    name="modelscope",
    title="ModelScope Text-to-Video Technical Report",
    authors="Wang et al.",
    year=2023,
    arxiv="2308.06571",
    weights="published",
    departs=(
        "ships a small layout of our own, trained on rendered scenes",
        "flow prediction on the straight path instead of noise prediction on 1000 betas",
        "a small autoencoder of our own, 6 channels instead of 4",
        "MiniLM token states instead of OpenCLIP ViT-H/14",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Config:
    """What the system is built from."""

    sizes: Sizes = field(default_factory=Sizes)

    @classmethod
    def small(cls) -> Config:
        """What ships."""
        return cls()

    @classmethod
    def tiny(cls) -> Config:
        """For tests."""
        return cls(sizes=Sizes.tiny())

    def accepts(self) -> Capabilities:
        """One size only: the shipped network has seen no other."""
        side = self.sizes.side
        return Capabilities(
            frames=Span(low=1, high=32, step=1),
            fps=Span(low=4, high=24),
            side=Span(low=side, high=side),
            sizes=((side, side),),
            settings=(RESCALE,),
            samplers=("dpmpp_2m", "euler", "heun", "heun_flow", "ddim", "ancestral"),
            defaults={"steps": 30, "guidance": 4.0, "sampler": "dpmpp_2m", "size": (side, side)},
        )


class ModelScope(Diffusion):
    """Text by cross-attention, one guidance scale."""

    card = CARD

    def __init__(self, config: Config, parts: Parts) -> None:
        super().__init__(parts)
        self.config = config

    @override
    def accepts(self) -> Capabilities:
        return self.config.accepts()

    @override
    def bind(self, request: Request) -> Denoise:
        told, null = self.read([request.prompt], request.fps, negative=request.negative)
        rescale = float(self.accepts().values(request)["rescale"])
        guide = ClassifierFree(scale=request.guidance, rescale=rescale)
        return guide(self.denoiser, told, null)


def build(config: Config) -> ModelScope:
    """A system that has learned nothing."""
    return ModelScope(config, shipped.fresh(config.sizes, temporal=True))


def outline(config: Config) -> ModelScope:
    """Its shapes on the `meta` device, to ask what a request costs."""
    return ModelScope(config, shipped.outline(config.sizes, temporal=True))


def config(weights: Path | None = None) -> Config:
    """What ships, or lies in a folder laid out like the zoo; nothing is loaded."""
    return Config(sizes=shipped.sizes(CARD.name, weights))


def files(weights: Path | None = None) -> Sequence[Path]:
    """The weight files of that."""
    return shipped.files(CARD.name, weights)


def load(weights: Path | None = None, *, dtype: torch.dtype | None = None) -> ModelScope:
    """The same, ready to generate; `dtype` is the network's, by itself what suits this machine."""
    return ModelScope(config(weights), shipped.opened(CARD.name, weights, dtype))
