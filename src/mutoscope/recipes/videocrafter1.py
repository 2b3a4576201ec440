"""VideoCrafter1: text to video at a rate, and a picture's content in motion.

The picture enters by attention alone: all tokens of an eye that was aligned with text go through a
resampler, and each attention to the words asks what comes of it beside them, with the same queries
(`nn.tokens`). It says what is shown and about where: no frame of a clip is the picture's copy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from typing_extensions import override

from mutoscope import zoo
from mutoscope.checked import Span
from mutoscope.core.condition import Condition
from mutoscope.core.denoiser import Denoiser
from mutoscope.core.guidance import ClassifierFree
from mutoscope.core.prediction import Noise
from mutoscope.core.schedule import Betas, Shrunk
from mutoscope.core.shapes import Denoise
from mutoscope.networks.unet3d import UNet3D
from mutoscope.request import Capabilities, Request
from mutoscope.systems import shipped, sight, steered
from mutoscope.systems.diffusion import EXTEND, LEAN, RESCALE, Parts, shift
from mutoscope.systems.shipped import Sizes
from mutoscope.systems.sight import Eye
from mutoscope.systems.steered import Delta, Shown, Stage, Steered
from mutoscope.systems.system import Card
from mutoscope.world.extension import extended

CARD = Card(
    name="videocrafter1",
    title="VideoCrafter1: Open Diffusion Models for High-Quality Video Generation",
    authors="Chen et al.",
    year=2023,
    arxiv="2310.19512",
    weights="published",
    departs=(
        "one delta on our base at 128 x 128, with its departures, for words and picture; the base"
        " hears rates from 4 to 24 already",
        "flow prediction on the straight path: the clean latent isn't shrunk (scale_b); 30 steps"
        " at guidance 4 for 50 of DDIM with eta 1 at 12",
        "the eye is our aligner: 64 patches, told their place by waves, for CLIP ViT-H/14's 257"
        " tokens; one resampling layer for 4; W'_k and W'_v with biases, W'_v from zero",
        "a clip's picture is its frame 1, 6, 11 or 16, at random; a quarter of batches are such"
        " frames alone in place of LAION-COCO, so nothing is shown in pictures only",
        "stage 1 as there: resampler, W'_k, W'_v; in stage 2 these stay, but for the whole network"
        " only what attention to words and picture says, rate and clock learn (2 MB)",
        "some clips lose words, picture or both, some have none, so that text to video stays",
        "prompts are extended by a grammar: theirs was never published; Config.paper() holds their"
        " U-Net, not the resampler, the towers and the autoencoder",
    ),
)

FIRST = ("look.*", "blocks.*.image.*")
THEN = ("blocks.*.text.out.*", "rate.*", "seconds.*")
DELTA = Delta(
    base="modelscope", layout={"image": sight.TOKEN, "queries": 16}, learns=(*FIRST, *THEN),
    stages=(Stage(FIRST, 0.6), Stage(THEN, 0.4)), steps=1500, pictures=0.25, reads=("patches",),
)  # fmt: skip
"""Queries: section 3.2 and their code. Steps, shares and rate are ours."""
DROPPED = (0.2, 0.1, 0.1, 0.1, 0.05)
"""Chances: the words are null; words and picture; the picture; none is there; nor are words."""
SHRUNK = 0.7  # scale of the published clean latents (their scale_b, for 512 x 320)


@dataclass(frozen=True, kw_only=True)
class Config:
    """What the system is built from: the shipped layout, or the published network's."""

    sizes: Sizes = field(default_factory=lambda: Sizes(network=DELTA.layout))
    published: bool = False

    @classmethod
    def paper(cls) -> Config:
        """Image2Video-512's network, for its shapes: 1,438,843,460 numbers, by their code.

        EvalCrafter of 23.10: visual 61.64, text 66.76, motion 56.06, temporal 60.36 (table 1).
        """
        return cls(sizes=Sizes(side=512, text=1024, autoencoder={"channels": 4}), published=True)

    @classmethod
    def small(cls) -> Config:
        """What ships."""
        return cls()

    @classmethod
    def tiny(cls) -> Config:
        """For tests; a picture is seen at 64 x 64."""
        tiny = Sizes.tiny()
        return cls(sizes=replace(tiny, side=64, network={**tiny.network, **DELTA.layout}))

    def accepts(self) -> Capabilities:
        """One size; the rates that the base has heard. The published network takes words alone."""
        side, theirs = self.sizes.side, self.published
        size = (side, 320) if theirs else (side, side)
        steps, guidance, sampler = (50, 12.0, "ancestral") if theirs else (30, 4.0, "dpmpp_2m")
        chosen = {"steps": steps, "guidance": guidance, "sampler": sampler, "size": size}
        return Capabilities(
            frames=Span(low=1, high=32, step=1),
            fps=Span(low=4, high=24),
            side=Span(low=min(size), high=side),
            sizes=(size,),
            settings=(RESCALE, EXTEND) if theirs else (RESCALE, shift(LEAN), EXTEND),
            samplers=("dpmpp_2m", "euler", "heun", "heun_flow", "ddim", "ancestral"),
            conditions=() if theirs else ("image",),
            defaults=chosen,
        )


class VideoCrafter1(Steered):
    """Text and a picture by cross-attention side by side, one guidance scale for both."""

    card = CARD

    def __init__(self, config: Config, parts: Parts, eye: Eye, *, delta: Delta = DELTA) -> None:
        super().__init__(parts)
        self.config, self.eye, self.delta = config, eye, delta

    @override
    def accepts(self) -> Capabilities:
        return self.config.accepts()

    @override
    def words(self, request: Request) -> str:
        if not self.accepts().values(request)["extend"]:
            return request.prompt
        seen = any(one.kind == "image" for one in request.given())
        return extended(request.prompt, place=not seen, still=request.frames == 1)

    @override
    def bind(self, request: Request) -> Denoise:
        told, null = self.read([self.words(request)], request.fps, negative=request.negative)
        for asked, picture in self.maps(request).values():
            much = {**told.scalars, "image": torch.full((1,), float(asked.strength))}
            told = replace(told, image=self.eye.tokens(picture), scalars=much)
            null = replace(null, image=self.eye.nothing, scalars=much)
        rescale = float(self.accepts().values(request)["rescale"])
        return ClassifierFree(scale=request.guidance, rescale=rescale)(self.denoiser, told, null)

    @override
    def taught(
        self, shown: Shown, told: Condition, null: Condition, rng: torch.Generator
    ) -> Condition:
        tokens = self.eye.taught(shown, rng)
        silent, both, blind, shut, bare = steered.parted(len(tokens), DROPPED, rng)
        blind = (blind | both)[:, None, None].to(tokens.device)
        return replace(
            told.replaced(null, silent | both | bare, doors=("text",)),
            image=torch.where(blind, self.eye.nothing.to(tokens), tokens),
            scalars={**told.scalars, "image": (~(shut | bare)).to(tokens)},
        )


def build(config: Config) -> VideoCrafter1:
    """A system that has learned nothing; the published one with our autoencoder and no words."""
    return _made(config, shipped.fresh(config.sizes, temporal=True))


def start(folder: Path | None = None, *, delta: Delta = DELTA) -> VideoCrafter1:
    """The base, a folder's own or the one that ships, with its new doors, not yet taught."""
    parts, sizes = steered.opened(delta, folder)
    eye = Eye(sight.opened(), whole=delta.layout["image"] == sight.TOKEN)
    return VideoCrafter1(Config(sizes=sizes), parts, eye, delta=delta)


def outline(config: Config) -> VideoCrafter1:
    """Its shapes on the `meta` device, to ask what a request costs."""
    parts = shipped.outline(config.sizes, temporal=True)
    with torch.device("meta"):
        return _made(config, parts)


def _made(config: Config, parts: Parts) -> VideoCrafter1:
    if config.published:
        network = UNet3D(sample_size=64, rate=True, image=True)
        path = Shrunk(Betas.scaled_linear(), SHRUNK)
        parts = replace(parts, denoiser=Denoiser(network, path, Noise()))
    return VideoCrafter1(config, parts, Eye(sight.fresh()))


def config(weights: Path | None = None) -> Config:
    """What ships, or lies in a folder laid out like the zoo; nothing is loaded."""
    return Config(sizes=shipped.sizes(CARD.name, weights))


def files(weights: Path | None = None) -> Sequence[Path]:
    """The weight files of that."""
    return [*shipped.files(CARD.name, weights), *zoo.files(sight.NAME)]


def load(weights: Path | None = None, *, dtype: torch.dtype | None = None) -> VideoCrafter1:
    """The same, ready to generate; `dtype` is the network's, by itself what suits this machine."""
    parts = shipped.opened(CARD.name, weights, dtype)
    known = {**parts.sha256, sight.NAME: zoo.sha256(sight.NAME)}
    return VideoCrafter1(config(weights), replace(parts, sha256=known), Eye(sight.opened()))
