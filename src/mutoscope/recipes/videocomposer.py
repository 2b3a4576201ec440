"""VideoComposer: any subset of eight conditions steers one clip, guided between two sets of them.

What each condition is to the network, how they are summed, dropped and guided: `systems.composed`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import torch
from typing_extensions import override

from mutoscope import zoo
from mutoscope.autoencoders import FrameAutoencoder
from mutoscope.checked import Span
from mutoscope.core import grids
from mutoscope.core.denoiser import Denoiser
from mutoscope.core.prediction import Noise
from mutoscope.core.schedule import Betas
from mutoscope.encoders import Bytes
from mutoscope.networks.alignment import Aligner
from mutoscope.networks.mapped3d import MappedUNet3D
from mutoscope.request import Capabilities
from mutoscope.systems import shipped, sight, steered
from mutoscope.systems.composed import ENTERS, SET1, Composed, layout
from mutoscope.systems.diffusion import LEAN, RESCALE, Parts, shift
from mutoscope.systems.shipped import Sizes
from mutoscope.systems.steered import Delta
from mutoscope.systems.system import Card

CARD = Card(
    name="videocomposer",
    title="VideoComposer: Compositional Video Synthesis with Motion Controllability",
    authors="Wang et al.",
    year=2023,
    arxiv="2306.02018",
    weights="published",
    departs=(
        "a delta of 2.9 MB on our small text-to-video base; 0.9 of it are layers for the style",
        "maps are folded into channels of the latent's cells, where theirs are pixels; the picture"
        " and the masked clip are latents",
        "depth is nearness 4 m / (4 m + depth), with exact truth in training; theirs is MiDaS / 20",
        "motion says where it is known, in blocks filled whole; in training it is exact",
        "style is a vector of our aligner beside the words in attention, theirs one more word",
        "flow prediction on the straight path, 30 steps at guidance 4; theirs 50 at 9",
        "learns 1,500 steps of 24 clips of 16 frames of rendered scenes, theirs 228,000; the masked"
        " clip is the autoencoder's in training",
        "the first stage is our base, so that one stage against two isn't compared",
    ),
)

DELTA = Delta(
    base="modelscope",
    layout=layout(6),
    learns=(
        "maps.*", "beside.*", "look.*", "blocks.*.image.*",
        "before.*", "down.*", "up.*", "join.*", "after.*", "leave.*",
    ),
    steps=1_500,
    reads=("depth", "lines", "motion", "vectors"),
)  # fmt: skip
"""Steps are ours."""
PUBLISHED = {"first": 3, "sketch": 1, "sketches": 1, "depth": 1, "motion": 2, "mask": 4}
"""Channels of pixels. Source: the released code."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """What the system is built from: the shipped layout, or the published one for its shapes."""

    sizes: Sizes = field(default_factory=lambda: Sizes(network=layout(6)))
    published: bool = False

    @classmethod
    def paper(cls) -> Config:
        """Their network, for its shapes: 1,413,435,636 parameters, counted in the released code.

        16 frames of 256 x 256, 50 steps, guidance 9. FVD 580, CLIPSIM .2932 on MSR-VTT; motion
        error 2.18, 2.67 without the encoders' layers over time, 4.03 with words alone.
        """
        return cls(sizes=Sizes(side=256, text=1024, autoencoder={"channels": 4}), published=True)

    @classmethod
    def small(cls) -> Config:
        """What ships."""
        return cls()

    @classmethod
    def tiny(cls) -> Config:
        """For tests."""
        sizes = Sizes.tiny()
        return cls(sizes=replace(sizes, network={**sizes.network, **layout(4)}))

    def accepts(self) -> Capabilities:
        """One size; any conditions together, none of them needed."""
        side, theirs = self.sizes.side, self.published
        chosen = {"steps": 50, "guidance": 9.0, "sampler": "ddim", "fps": 4.0} if theirs else {
            "steps": 30, "guidance": 4.0, "sampler": "dpmpp_2m"}  # fmt: skip
        return Capabilities(
            frames=Span(low=1, high=32, step=1),
            fps=Span(low=4, high=24),
            side=Span(low=side, high=side),
            sizes=((side, side),),
            conditions=tuple(ENTERS),
            settings=(RESCALE, SET1) if theirs else (RESCALE, shift(LEAN), SET1),
            samplers=("dpmpp_2m", "euler", "heun", "heun_flow", "ddim", "ancestral"),
            defaults={**chosen, "size": (side, side)},
        )


class VideoComposer(Composed):
    """Maps beside x, a token of a style, words; guidance between two sets of them."""

    card, delta = CARD, DELTA

    def __init__(self, config: Config, parts: Parts, aligner: Aligner) -> None:
        super().__init__(parts, aligner)
        self.config = config

    @override
    def accepts(self) -> Capabilities:
        return self.config.accepts()


def build(config: Config) -> VideoComposer:
    """A system that has learned nothing; the published one with our autoencoder and no words."""
    if not config.published:
        return VideoComposer(config, shipped.fresh(config.sizes, temporal=True), sight.fresh())
    denoiser = Denoiser(MappedUNet3D(PUBLISHED), Betas.scaled_linear(), Noise())
    coder, text = FrameAutoencoder(**config.sizes.autoencoder), Bytes(config.sizes.text or 1024)
    parts = Parts(
        denoiser=denoiser, autoencoder=coder, text=text, scalars=(),
        grid=partial(grids.leading, offset=1),
    )  # fmt: skip
    return VideoComposer(config, parts, sight.fresh())


def start(folder: Path | None = None) -> VideoComposer:
    """The base of a folder, or the one that ships, with its doors, not yet taught."""
    parts, sizes = steered.opened(DELTA, folder)
    return VideoComposer(Config(sizes=sizes), parts, sight.opened())


def outline(config: Config) -> VideoComposer:
    """Its shapes on the `meta` device, to ask what a request costs."""
    if not config.published:
        return VideoComposer(config, shipped.outline(config.sizes, temporal=True), sight.fresh())
    with torch.device("meta"):
        return build(config)


def config(weights: Path | None = None) -> Config:
    """What ships, or lies in a folder laid out like the zoo; nothing is loaded."""
    return Config(sizes=shipped.sizes(CARD.name, weights))


def files(weights: Path | None = None) -> Sequence[Path]:
    """The weight files of that."""
    return [*shipped.files(CARD.name, weights), *zoo.files(sight.NAME)]


def load(weights: Path | None = None, *, dtype: torch.dtype | None = None) -> VideoComposer:
    """The same, ready to generate; `dtype` is the network's, by itself what suits this machine."""
    parts = shipped.opened(CARD.name, weights, dtype)
    known = {**parts.sha256, sight.NAME: zoo.sha256(sight.NAME)}
    return VideoComposer(config(weights), replace(parts, sha256=known), sight.opened())
