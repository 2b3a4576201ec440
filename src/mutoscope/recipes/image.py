"""The text-to-image stage every shipped system begins with: one frame from a prompt.

All systems of 2022-2023 start from an image model; this is ours, a system of its own so that it can
be looked at, measured and built upon.
"""

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
from mutoscope.systems.diffusion import RESCALE, Diffusion, Parts, shift
from mutoscope.systems.shipped import Sizes
from mutoscope.systems.system import Card

CARD = Card(
    name="image",
    title="High-Resolution Image Synthesis with Latent Diffusion Models",
    authors="Rombach et al.",
    year=2022,
    arxiv="2112.10752",
    weights="published",
    departs=(
        "the first stage of our own chain, trained on rendered scenes, not Stable Diffusion",
        "flow prediction on the straight path instead of noise prediction on 1000 betas",
        "a small autoencoder of our own, 6 channels instead of 4",
        "MiniLM token states instead of CLIP ViT-L/14",
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
        """One frame of one size: the shipped network has seen no other."""
        side = self.sizes.side
        chosen = {"frames": 1, "steps": 30, "guidance": 4.0, "sampler": "dpmpp_2m"}
        return Capabilities(
            frames=Span(low=1, high=1),
            fps=Span(low=4, high=24),
            side=Span(low=side, high=side),
            sizes=((side, side),),
            settings=(RESCALE, shift(2.0)),
            samplers=("dpmpp_2m", "euler", "heun", "heun_flow", "ddim", "ancestral"),
            defaults={**chosen, "size": (side, side)},
        )


class ImageSystem(Diffusion):
    """Text by cross-attention, one guidance scale, a clip of one frame."""

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


def build(config: Config) -> ImageSystem:
    """A system that has learned nothing."""
    return ImageSystem(config, shipped.fresh(config.sizes, temporal=False))


def outline(config: Config) -> ImageSystem:
    """Its shapes on the `meta` device, to ask what a request costs."""
    return ImageSystem(config, shipped.outline(config.sizes, temporal=False))


def config(weights: Path | None = None) -> Config:
    """What ships, or lies in a folder laid out like the zoo; nothing is loaded."""
    return Config(sizes=shipped.sizes(CARD.name, weights))


def files(weights: Path | None = None) -> Sequence[Path]:
    """The weight files of that."""
    return shipped.files(CARD.name, weights)


def load(weights: Path | None = None, *, dtype: torch.dtype | None = None) -> ImageSystem:
    """The same, ready to generate; `dtype` is the network's, by itself what suits this machine."""
    return ImageSystem(config(weights), shipped.opened(CARD.name, weights, dtype))
