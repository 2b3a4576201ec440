"""ControlNet: a picture of a prompt that is drawn after depth, lines or edges, or several of them.

How maps enter, what is dropped and guided: `systems.controlled`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from typing_extensions import override

from mutoscope.checked import Span
from mutoscope.core.condition import Condition
from mutoscope.core.guidance import ClassifierFree
from mutoscope.core.shapes import Denoise, Latent
from mutoscope.request import Capabilities, Request
from mutoscope.systems import controlled, shipped, steered
from mutoscope.systems.diffusion import RESCALE, Parts, shift
from mutoscope.systems.shipped import Sizes
from mutoscope.systems.steered import Delta, Shown, Steered
from mutoscope.systems.system import Card

CARD = Card(
    name="controlnet",
    title="Adding Conditional Control to Text-to-Image Diffusion Models",
    authors="Zhang et al.",
    year=2023,
    arxiv="2302.05543",
    weights="published",
    departs=(
        "a delta of 1.7 MB on our image model, in the role that ControlNet has for systems built"
        " on it; no locked copy, no trainable copy of the encoder, so none of their sizes",
        "maps are encoded, summed and added where the latent enters; the layers around the frozen"
        " blocks learn, so with all maps absent it isn't our image model to the bit",
        "one network for depth, sketch and edges, any of them together, where theirs is one each;"
        " each map is absent from half of all pictures",
        "depth is nearness 4 m / (4 m + depth) and lines are the world's, both exact in training;"
        " theirs are MiDaS and HED. Edges are Canny's of a picture of 128, smoothed by 2 pixels",
        "no pose, segmentation, normals or scribbles, and no guidance by layer resolution",
        "learns on pictures of rendered scenes; stickers and the wide tier have no such truth here",
    ),
)

DELTA = Delta(
    base="image",
    layout=controlled.layout(),
    learns=(
        "maps.*", "beside.*", "before.*", "down.*", "up.*", "join.*", "after.*", "leave.*",
    ),
    steps=1_600, batch=128, frames=1, clips=24_576, reads=tuple(controlled.TRUE.values()),
)  # fmt: skip
"""All numbers are ours."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """What the system is built from."""

    sizes: Sizes = field(default_factory=lambda: controlled.grown(Sizes()))

    @classmethod
    def small(cls) -> Config:
        """What ships."""
        return cls()

    @classmethod
    def tiny(cls) -> Config:
        """For tests."""
        return cls(sizes=controlled.grown(Sizes.tiny()))

    def accepts(self) -> Capabilities:
        """One frame of one size; any of the maps, none of them needed."""
        side = self.sizes.side
        chosen = {"frames": 1, "steps": 30, "guidance": 4.0, "sampler": "dpmpp_2m"}
        return Capabilities(
            frames=Span(low=1, high=1),
            fps=Span(low=4, high=24),
            side=Span(low=side, high=side),
            sizes=((side, side),),
            conditions=("depth", "edge", "sketch"),
            settings=(RESCALE, shift(2.0)),
            samplers=("dpmpp_2m", "euler", "heun", "heun_flow", "ddim", "ancestral"),
            defaults={**chosen, "size": (side, side)},
        )


class ControlNet(Steered):
    """Text by cross-attention, maps beside x, one guidance scale for the text."""

    card, delta = CARD, DELTA

    def __init__(self, config: Config, parts: Parts) -> None:
        super().__init__(parts)
        self.config = config

    @override
    def accepts(self) -> Capabilities:
        return self.config.accepts()

    @override
    def bind(self, request: Request) -> Denoise:
        told, null = self.read([request.prompt], request.fps, negative=request.negative)
        maps = controlled.told(request, self.empty(request))
        rescale = float(self.accepts().values(request)["rescale"])
        guide = ClassifierFree(scale=request.guidance, rescale=rescale)
        return guide(self.denoiser, told.merged(maps), null.merged(maps))

    @override
    def taught(
        self, shown: Shown, told: Condition, null: Condition, rng: torch.Generator
    ) -> Condition:
        return controlled.taught(shown, told, null, rng)

    @override
    def doors(self, x: Latent) -> Condition:
        return controlled.door(x)


def build(config: Config) -> ControlNet:
    """A system that has learned nothing."""
    return ControlNet(config, shipped.fresh(config.sizes, temporal=False))


def start(folder: Path | None = None) -> ControlNet:
    """The image model of a folder, or the one that ships, with its doors, not yet taught."""
    parts, sizes = steered.opened(DELTA, folder)
    return ControlNet(Config(sizes=sizes), parts)


def outline(config: Config) -> ControlNet:
    """Its shapes on the `meta` device, to ask what a request costs."""
    return ControlNet(config, shipped.outline(config.sizes, temporal=False))


def config(weights: Path | None = None) -> Config:
    """What ships, or lies in a folder laid out like the zoo; nothing is loaded."""
    return Config(sizes=shipped.sizes(CARD.name, weights))


def files(weights: Path | None = None) -> Sequence[Path]:
    """The weight files of that."""
    return shipped.files(CARD.name, weights)


def load(weights: Path | None = None, *, dtype: torch.dtype | None = None) -> ControlNet:
    """The same, ready to generate; `dtype` is the network's, by itself what suits this machine."""
    return ControlNet(config(weights), shipped.opened(CARD.name, weights, dtype))
