"""ModelScopeT2V: an image model with layers over time, from a prompt to a clip in one pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from typing_extensions import override

from mutoscope import machine
from mutoscope.checked import Span
from mutoscope.core.denoiser import Denoiser
from mutoscope.core.guidance import ClassifierFree
from mutoscope.core.shapes import Denoise
from mutoscope.hub import load as hub
from mutoscope.networks.unet3d import UNet3D
from mutoscope.request import Capabilities, Request
from mutoscope.systems import shipped
from mutoscope.systems.diffusion import LEAN, RESCALE, Diffusion, Parts, shift
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
        "attention over time sees every place of every frame, not one place",
        "learns at 1, 16 and 32 frames, and to say what its world shows where",
    ),
)

SAMPLERS = ("dpmpp_2m", "euler", "heun", "heun_flow", "ddim", "ancestral")


@dataclass(frozen=True, kw_only=True)
class Config:
    """What the system is built from: the shipped layout, or a folder of published weights.

    Of a published folder only `sizes.side` counts: its own files hold everything else.
    """

    sizes: Sizes = field(default_factory=Sizes)
    published: Path | None = None

    @classmethod
    def small(cls) -> Config:
        """What ships."""
        return cls()

    @classmethod
    def tiny(cls) -> Config:
        """For tests."""
        return cls(sizes=Sizes.tiny())

    @classmethod
    def paper(cls, folder: Path) -> Config:
        """The published system, whose frozen parts only its folder has.

        FVD 550, FID-vid 11.09, CLIPSIM .2930 on MSR-VTT (table 1).
        """
        return cls(sizes=Sizes(side=hub.outline(folder).side), published=folder)

    def accepts(self) -> Capabilities:
        """The shipped network has seen one size only; a published one takes any."""
        side = self.sizes.side
        if self.published is not None:
            chosen = {"steps": 50, "guidance": 9.0, "sampler": "ddim", "size": (side, side)}
            return Capabilities(
                frames=Span(low=1, high=200, step=1),
                fps=Span(low=1, high=60),
                side=Span(low=min(side, 64), high=1024, step=8),
                settings=(RESCALE,),
                samplers=SAMPLERS,
                defaults=chosen,
            )
        return Capabilities(
            frames=Span(low=1, high=32, step=1),
            fps=Span(low=4, high=24),
            side=Span(low=side, high=side),
            sizes=((side, side),),
            settings=(RESCALE, shift(LEAN)),
            samplers=SAMPLERS,
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
    """A system that has learned nothing; of a published folder only the frozen parts are taken."""
    if config.published is None:
        return ModelScope(config, shipped.fresh(config.sizes, temporal=True))
    found = _published(hub.load(config.published))
    known = found.denoiser
    network = UNet3D.from_config(known.network.config)
    fresh = Denoiser(network, known.schedule, known.prediction)
    return ModelScope(config, replace(found, denoiser=fresh, sha256={}))


def outline(config: Config) -> ModelScope:
    """Its shapes on the `meta` device, to ask what a request costs."""
    if config.published is None:
        return ModelScope(config, shipped.outline(config.sizes, temporal=True))
    found = hub.outline(config.published, dtype=machine.precision())
    return ModelScope(config, _published(found))


def config(weights: Path | None = None) -> Config:
    """What ships, or lies in a folder: published, or laid out like the zoo; nothing is loaded."""
    if weights is not None and hub.is_published(weights):
        return Config.paper(weights)
    return Config(sizes=shipped.sizes(CARD.name, weights))


def files(weights: Path | None = None) -> Sequence[Path]:
    """The weight files of that."""
    if weights is not None and hub.is_published(weights):
        return hub.files(weights)
    return shipped.files(CARD.name, weights)


def load(weights: Path | None = None, *, dtype: torch.dtype | None = None) -> ModelScope:
    """The same, ready to generate; `dtype` is the network's, by itself what suits this machine."""
    if weights is not None and hub.is_published(weights):
        found = hub.load(weights, dtype=dtype or machine.precision())
        return ModelScope(config(weights), _published(found))
    return ModelScope(config(weights), shipped.opened(CARD.name, weights, dtype))


def _published(found: hub.Published) -> Parts:
    return replace(found.parts, grid=found.grid)
