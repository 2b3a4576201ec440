"""Text2Video-Zero: a clip out of the shipped image model, without training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from typing_extensions import override

from mutoscope import zoo
from mutoscope.checked import Span
from mutoscope.core import samplers
from mutoscope.core.guidance import ClassifierFree
from mutoscope.core.noise import Noise
from mutoscope.core.samplers import Step
from mutoscope.core.schedule import Betas, Rectified
from mutoscope.core.shapes import Denoise, Latent
from mutoscope.networks.dense import DenseReader
from mutoscope.request import Capabilities, Request
from mutoscope.systems import foreground, shipped, stable, unfold
from mutoscope.systems.diffusion import RESCALE, Diffusion, Parts, shift
from mutoscope.systems.shipped import Sizes
from mutoscope.systems.system import Card
from mutoscope.systems.unfold import Masks, Motion, Unfolded, anchored

BASE = "image"
"""The system whose weights it runs."""
CARRIED, FREED = 881, 941
"""Timesteps t0 and t1. Source: their code, indices 44 and 47 of 50 DDIM steps."""

CARD = Card(
    name="text2video_zero",
    title="Text2Video-Zero: Text-to-Image Diffusion Models are Zero-Shot Video Generators",
    authors="Khachatryan et al.",
    year=2023,
    arxiv="2303.13439",
    weights="none: nothing is trained",
    departs=(
        "runs our image model at 128 x 128, with its departures, not Stable Diffusion 1.5 at 512",
        "t0 and t1 have the sigma / alpha of Stable Diffusion's timesteps 881 and 941 (44 and 47"
        " of 50 steps) on our straight path: 0.791 and 0.839; the nearest step is moved to t1",
        "30 dpmpp_2m steps at guidance 4, 16 frames at 8 a second, strength 6, for 50 of DDIM at"
        " 7.5, 8 at 4 and 12; Config.paper() has theirs",
        "right and down say where the scene goes; the published code moves it the other way",
        "noise is drawn frame by frame: frame 1 is nearly the image system's picture of the seed",
        "smoothing mixes clean estimates at every step below t1, not noisy latents; the dense"
        " reader finds things",
        "chunks are cut within a step, so all frames take it together",
        "no pose, edge or depth control and no edit by instruction: the image model takes words",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Config:
    """What the system is built from, and what it does unless told; nothing here is learned."""

    sizes: Sizes = field(default_factory=Sizes)
    frames: int = 16
    fps: float = 8.0
    steps: int = 30
    guidance: float = 4.0
    sampler: str = "dpmpp_2m"
    strength: float = 6.0
    published: bool = False

    @classmethod
    def small(cls) -> Config:
        """What ships: the image model's own steps and guidance; the way of a whole clip is theirs.

        Frames, rate and strength are ours: twice as many frames move half as far each.
        """
        return cls()

    @classmethod
    def tiny(cls) -> Config:
        """For tests."""
        return cls(sizes=Sizes.tiny(), frames=4)

    @classmethod
    def paper(cls) -> Config:
        """Stable Diffusion 1.5 and their numbers, for its shapes: its weights aren't here.

        Source: their code: 50 DDIM steps, guidance 7.5, 8 frames saved at 4 a second, 12 pixels of
        512 a frame (lambda). CLIP score 31.19 on 25 clips; CogVideo 29.63.
        """
        return cls(
            sizes=stable.SIZES, frames=8, fps=4.0, steps=50, guidance=7.5, sampler="ddim",
            strength=12.0, published=True,
        )  # fmt: skip

    def accepts(self) -> Capabilities:
        """One size, any length up to half a minute at 8 frames a second."""
        side = self.sizes.side
        times = torch.tensor([CARRIED + 1, FREED + 1], dtype=torch.float64) / 1000
        if not self.published:
            alpha, sigma = Betas.scaled_linear()(times)
            times = Rectified(self.sizes.shift).when(sigma / alpha)
        low, high = times.tolist()
        knobs = unfold.settings(strength=self.strength, low=round(low, 4), high=round(high, 4))
        asked = {"frames": self.frames, "fps": self.fps, "steps": self.steps}
        chosen = {**asked, "guidance": self.guidance, "sampler": self.sampler}
        return Capabilities(
            frames=Span(low=1, high=240, step=1),
            fps=Span(low=4, high=24),
            side=Span(low=side, high=side),
            sizes=((side, side),),
            steps=Span(low=2, high=1000, step=1),
            settings=(RESCALE, *knobs) if self.published else (RESCALE, shift(2.0), *knobs),
            samplers=("dpmpp_2m", "euler", "heun", "heun_flow", "ddim", "ancestral"),
            defaults={**chosen, "size": (side, side)},
        )


class Text2VideoZero(Diffusion):
    """Text by cross-attention, one guidance scale; the way of `unfold` from noise to clip."""

    card = CARD

    def __init__(self, config: Config, parts: Parts, reader: DenseReader) -> None:
        super().__init__(parts)
        self.config, self.reader = config, reader

    @override
    def accepts(self) -> Capabilities:
        return self.config.accepts()

    @override
    def bind(self, request: Request) -> Denoise:
        asked = self.accepts().values(request)
        Motion.of(asked)  # refused before anything is computed
        told, null = self.read([request.prompt], request.fps, negative=request.negative)
        guide = ClassifierFree(scale=request.guidance, rescale=float(asked["rescale"]))
        one = self.denoiser
        return guide(
            anchored(one, int(asked["chunk"])) if asked["cross_frame"] else one, told, null
        )

    @override
    def way(self, denoise: Denoise, request: Request, noise: Noise) -> Iterator[Step]:
        asked = self.accepts().values(request)
        unfolded = Unfolded(
            sampler=samplers.find(request.sampler, noise),
            motion=Motion.of(asked),
            things=self._things if asked["smoothing"] else None,
            alpha=float(asked["alpha"]),
        )
        x = noise.framewise(self.empty(request))
        return unfolded(denoise, x, self.times(request), self.denoiser.schedule)

    @override
    def calls(self, request: Request) -> int:
        once = super().calls(request)
        return 2 * once if self.accepts().values(request)["smoothing"] else once

    def _things(self, latent: Latent) -> Masks:
        frames = self.autoencoder.decode(latent)
        return foreground.things(self.reader, frames, (latent.shape[3], latent.shape[4]))


def build(config: Config) -> Text2VideoZero:
    """A system that has learned nothing."""
    parts = stable.fresh() if config.published else shipped.fresh(config.sizes, temporal=False)
    return Text2VideoZero(config, parts, foreground.fresh())


def outline(config: Config) -> Text2VideoZero:
    """Its shapes on the `meta` device, to ask what a request costs."""
    if config.published:
        with torch.device("meta"):
            return build(config)
    parts = shipped.outline(config.sizes, temporal=False)
    return Text2VideoZero(config, parts, foreground.fresh())


def config(weights: Path | None = None) -> Config:
    """What ships, or lies in a folder laid out like the zoo; nothing is loaded."""
    return Config(sizes=shipped.sizes(BASE, weights))


def files(weights: Path | None = None) -> Sequence[Path]:
    """The weight files of that."""
    reader = zoo.FOLDER / foreground.READER / "weights.safetensors"
    return [*shipped.files(BASE, weights), reader]


def load(weights: Path | None = None, *, dtype: torch.dtype | None = None) -> Text2VideoZero:
    """The same, ready to generate; `dtype` is the network's, by itself what suits this machine."""
    parts = shipped.opened(BASE, weights, dtype)
    known = {**parts.sha256, foreground.READER: zoo.sha256(foreground.READER)}
    return Text2VideoZero(config(weights), replace(parts, sha256=known), foreground.opened())
