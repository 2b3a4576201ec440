"""Gen-1: a clip keeps its structure and gets another content, told by a picture or in words.

structure   nearness of every frame, blurred t_s times, beside x (`controls.depth.structure`)
content     the vector of a picture, or what the prior says for a prompt: a token which the
            attention to the text asks beside the words, of which there are none
guidance    image + omega_t (null - image) + omega (cond - null), the structure in all (eq. 8)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from typing_extensions import override

from mutoscope.checked import Span
from mutoscope.controls import depth, given
from mutoscope.core.condition import Condition
from mutoscope.core.guidance import Temporal
from mutoscope.core.prediction import Velocity
from mutoscope.core.shapes import Denoise, Latent
from mutoscope.request import Capabilities, Request
from mutoscope.systems import content, shipped, sight, stable, steered
from mutoscope.systems.content import Content
from mutoscope.systems.diffusion import DROP, LEAN, RESCALE, SMOOTH, Parts, shift
from mutoscope.systems.masked import Editing
from mutoscope.systems.shipped import Sizes
from mutoscope.systems.steered import Delta, Shown
from mutoscope.systems.system import Card

CARD = Card(
    name="gen1", title="Structure and Content-Guided Video Synthesis with Diffusion Models",
    authors="Esser et al.", year=2023, arxiv="2302.03011", weights="none: closed",
    departs=(
        "a delta on our text-to-video base; content and all levels of structure at once, no stages",
        "nearness is folded to the latent's grid, not coded; 5 rounds of blur at most, not 7",
        "our dense reader, aligner and mean-vector prior for MiDaS, CLIP and a prior that draws",
        "flow prediction on the straight path instead of v; guidance 4 instead of 7.5",
        "how their mask works is unpublished: ours keeps what is known (Blended Diffusion)",
        "2.6 MB for two doors: outer layers for structure, second sights for content",
        "Config.paper() lacks the convolutions over time, whose sizes are unpublished",
    ),
)  # fmt: skip

LAYOUT: dict[str, Any] = {"extra": depth.STRUCTURE, "image": sight.VECTOR, "queries": 0}
LEARNS = ("beside", "look", "blocks.*.image", "before", "down", "up", "join", "after", "leave")
DELTA = Delta(
    base="modelscope", layout=LAYOUT, learns=[f"{name}.*" for name in LEARNS], steps=1500,
    pictures=0.125, reads=("depth", "vectors"),
)  # fmt: skip
"""The share of pictures is theirs; they took 125,000 steps after the text model's."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """What the system is built from; `sees` are the sizes of aligner and prior."""

    sizes: Sizes = field(default_factory=lambda: Sizes(network=LAYOUT))
    sees: content.Sizes = field(default_factory=dict)
    rounds: int = depth.ROUNDS
    published: bool = False

    @classmethod
    def paper(cls) -> Config:
        """The published shapes: 8 frames of 448 x 256, guidance 7.5, t_s to 7; 50 steps are ours.

        Pairs of frames .9648, frames and prompts .2805 by CLIP at t_s 0 and omega_t 1.
        """
        return cls(sizes=replace(stable.SIZES, side=448), rounds=7, published=True)

    @classmethod
    def small(cls) -> Config:
        """What ships."""
        return cls()

    @classmethod
    def tiny(cls) -> Config:
        """For tests."""
        network = {**Sizes.tiny().network, **LAYOUT}
        return cls(sizes=replace(Sizes.tiny(), network=network), sees=content.TINY)

    def accepts(self) -> Capabilities:
        """One size; a structure is needed, and a prompt or a picture says what it becomes."""
        size = (self.sizes.side, 256 if self.published else self.sizes.side)
        chosen = (8, 50, 7.5, "ddim") if self.published else (16, 30, 4.0, "dpmpp_2m")
        asked = dict(zip(("frames", "steps", "guidance", "sampler"), chosen, strict=True))
        knobs = (RESCALE, depth.blur(self.rounds), SMOOTH)
        return Capabilities(
            frames=Span(low=1, high=32, step=1), fps=Span(low=4, high=24),
            side=Span(low=min(size), high=max(size)), sizes=(size,),
            settings=knobs if self.published else (*knobs, shift(LEAN)),
            conditions=("structure", *content.PICTURES, "mask"), needs=("structure",),
            samplers=("dpmpp_2m", "euler", "heun", "heun_flow", "ddim", "ancestral"),
            defaults={**asked, "size": size},
        )  # fmt: skip


class Gen1(Editing):
    """Structure beside x, content beside the words, guidance over time."""

    card, delta, edited = CARD, DELTA, "structure"

    def __init__(self, config: Config, parts: Parts, sees: Content) -> None:
        super().__init__(parts)
        self.config, self.sees = config, sees

    @override
    def accepts(self) -> Capabilities:
        return self.config.accepts()

    @override
    def parts(self) -> Mapping[str, nn.Module]:
        return {**super().parts(), **self.sees.parts()}

    @override
    def taught(
        self, shown: Shown, told: Condition, null: Condition, rng: torch.Generator
    ) -> Condition:
        b, places = shown["vectors"].shape[:2]
        rounds = torch.randint(self.config.rounds + 1, (b,), generator=rng)
        chosen = torch.randint(places, (b,), generator=rng)
        vectors = shown["vectors"][torch.arange(b), chosen].float()
        there = (~steered.chance(b, DROP, rng)).float()
        silent = told.replaced(null, torch.ones(b, dtype=torch.bool), doors=("text",))
        return _opened(silent, depth.structure(shown["depth"], rounds, shown["x0"]), vectors, there)

    @override
    def bind(self, request: Request) -> Denoise:
        knobs, asked = self.accepts().values(request), self.maps(request, but=("mask",))
        given.whole(asked["structure"][0])
        kept = depth.kept(asked["structure"][1], self.empty(request), int(knobs["t_s"]))
        (silent, _), there = self.read([""], request.fps), torch.ones(1)
        vectors = self.sees.meant(self.text, request.prompt, asked)
        against = self.sees.imagined(self.text, request.negative) if request.negative else vectors
        told = _opened(silent, kept, vectors, there)
        null = _opened(silent, kept, against, there * bool(request.negative))
        smooth, rescale = float(knobs["omega_t"]), float(knobs["rescale"])
        guide = Temporal(scale=request.guidance, smoothness=smooth, rescale=rescale)
        denoise, masked = guide(self.denoiser, told, null), self.masked(request)
        return denoise if masked is None else masked.bound(denoise)

    @override
    def doors(self, x: Latent) -> Condition:
        b, _, *size = x.shape
        if self.config.published:
            return Condition(concat=x.new_zeros(b, 8, *size))
        vectors = x.new_zeros(b, self.config.sizes.network["image"])
        return _opened(Condition(), x.new_zeros(b, depth.STRUCTURE, *size), vectors, x.new_ones(b))


def build(config: Config) -> Gen1:
    """A system that has learned nothing; the published shapes are beside our aligner."""
    sees = Content.fresh(config.sees)
    if not config.published:
        return Gen1(config, shipped.fresh(config.sizes, temporal=True), sees)
    return Gen1(config, stable.fresh(over_time=True, channels=12, prediction=Velocity()), sees)


def start(folder: Path | None = None) -> Gen1:
    """The base, a folder's own or the one that ships, with its doors, not yet taught."""
    parts, sizes = steered.opened(DELTA, folder)
    return Gen1(Config(sizes=sizes), parts, Content.begun(folder))


def outline(config: Config) -> Gen1:
    """Its shapes on the `meta` device, to ask what a request costs."""
    with torch.device("meta"):
        if config.published:
            return build(config)
        sees = Content.fresh(config.sees)
    return Gen1(config, shipped.outline(config.sizes, temporal=True), sees)


def config(weights: Path | None = None) -> Config:
    """What ships, or lies in a folder laid out like the zoo; nothing is loaded."""
    return Config(sizes=shipped.sizes(CARD.name, weights))


def files(weights: Path | None = None) -> Sequence[Path]:
    """The weight files of that."""
    return [*shipped.files(CARD.name, weights), *content.files(weights)]


def load(weights: Path | None = None, *, dtype: torch.dtype | None = None) -> Gen1:
    """The same, ready to generate; `dtype` is the network's, by itself what suits this machine."""
    parts = shipped.opened(CARD.name, weights, dtype)
    parts = replace(parts, sha256={**parts.sha256, **content.hashes(weights)})
    return Gen1(config(weights), parts, Content.opened(weights))


def _opened(said: Condition, kept: Tensor, vectors: Tensor, there: Tensor) -> Condition:
    """Words, structure beside x, and content where it is `there`."""
    scalars = {**said.scalars, "image": there}
    return replace(said, concat=kept, image=vectors[:, None], scalars=scalars)
