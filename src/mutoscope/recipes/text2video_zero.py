"""Text2Video-Zero: a clip out of the shipped image model, without training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import torch
from torch import nn
from typing_extensions import override

from mutoscope import zoo
from mutoscope.checked import Span
from mutoscope.core import samplers
from mutoscope.core.denoiser import Denoiser
from mutoscope.core.guidance import ClassifierFree
from mutoscope.core.noise import Noise
from mutoscope.core.samplers import Step
from mutoscope.core.schedule import Rectified
from mutoscope.core.shapes import Denoise
from mutoscope.networks.dense import DenseReader
from mutoscope.request import Capabilities, Request
from mutoscope.systems import controlled, foreground, shipped, stable, unfold
from mutoscope.systems.diffusion import RESCALE, Diffusion, Parts, shift
from mutoscope.systems.shipped import Sizes
from mutoscope.systems.system import Card
from mutoscope.systems.unfold import Motion, Unfolded, anchored

BASE, CONTROL = "image", "controlnet"
"""The system whose weights it runs, and that for frames after maps, where it has been taught."""

CARD = Card(
    name="text2video_zero",
    title="Text2Video-Zero: Text-to-Image Diffusion Models are Zero-Shot Video Generators",
    authors="Khachatryan et al.",
    year=2023,
    arxiv="2303.13439",
    weights="none: nothing is trained",
    departs=(
        "runs our image model at 128 x 128, with its departures, not Stable Diffusion 1.5 at 512",
        "t0 0.486 and t1 0.566 hide as much as Stable Diffusion's timesteps 881 and 941: of our"
        " latent, of a quarter of the side, a quarter of the noise does",
        "frames look at the first where it is carried to: our network knows places",
        "30 dpmpp_2m steps at guidance 4, 16 frames at 8 a second, strength 6, for 50 of DDIM at"
        " 7.5, 8 at 4 and 12; Config.paper() has theirs",
        "right and down say where the scene goes; the published code moves it the other way",
        "noise is drawn frame by frame: frame 1 is nearly the image system's picture of the seed",
        "smoothing mixes clean estimates at every step below t1, not noisy latents; the dense"
        " reader finds things; chunks are cut within a step",
        "control by depth, edges and lines, not pose, by one small network for all (`controlnet`)",
        "no edit by instruction, none of which the image model was taught: a clip is re-told in"
        " other words by its depth, edges or lines",
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
    controlled: bool = False  # whether the part that reads maps is there

    @classmethod
    def small(cls) -> Config:
        """The image model's steps and guidance; twice their frames, half as far each."""
        return cls()

    @classmethod
    def tiny(cls) -> Config:
        """For tests."""
        return cls(sizes=Sizes.tiny(), frames=4, controlled=True)

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
        clock = None if self.published else Rectified(self.sizes.shift)
        low, high = unfold.times(clock, side // self.sizes.autoencoder.get("stride", 8))
        knobs = unfold.settings(self.strength, low, high, carried=not self.published)
        chosen = {name: value for name, value in vars(self).items() if name in Request.CHECKS}
        return Capabilities(
            frames=Span(low=1, high=240, step=1),
            fps=Span(low=4, high=24),
            side=Span(low=side, high=side),
            sizes=((side, side),),
            conditions=tuple(controlled.ENTERS) if self.controlled else (),
            steps=Span(low=2, high=1000, step=1),
            settings=(RESCALE, *knobs) if self.published else (RESCALE, shift(2.0), *knobs),
            samplers=("dpmpp_2m", "euler", "heun", "heun_flow", "ddim", "ancestral"),
            defaults={**chosen, "size": (side, side)},
        )


class Text2VideoZero(Diffusion):
    """Text by cross-attention, one guidance scale; what is given maps is denoised by `control`."""

    card = CARD

    def __init__(
        self, config: Config, parts: Parts, reader: DenseReader, control: Denoiser | None = None
    ) -> None:
        super().__init__(parts)
        self.config, self.reader, self.control = config, reader, control

    @override
    def accepts(self) -> Capabilities:
        return self.config.accepts()

    @override
    def bind(self, request: Request) -> Denoise:
        asked = self.accepts().values(request)
        Motion.of(asked)  # refused before anything is computed
        told, null = self.read([request.prompt], request.fps, negative=request.negative)
        maps = controlled.told(request, self.empty(request))
        guide = ClassifierFree(scale=request.guidance, rescale=float(asked["rescale"]))
        one = self.control if self.control and maps.concat is not None else self.denoiser
        carried = None if maps.concat is not None else unfold.carried(asked)
        one = anchored(one, int(asked["chunk"]), carried) if asked["cross_frame"] else one
        return guide(one, told.merged(maps), null.merged(maps))

    @override
    def way(self, denoise: Denoise, request: Request, noise: Noise) -> Iterator[Step]:
        asked = self.accepts().values(request)
        sampler, led = samplers.find(request.sampler, noise), bool(request.given())
        things = partial(foreground.within, self.reader, self.autoencoder)
        unfolded = Unfolded.of(asked, sampler, things, led=led)
        x = noise.framewise(self.empty(request))
        return unfolded(denoise, x, self.times(request), self.denoiser.schedule)

    @override
    def calls(self, request: Request) -> int:
        asked = self.accepts().values(request)
        twice = unfold.carried(asked) and not request.given(), asked["smoothing"]
        return int(super().calls(request) * 2 ** sum(map(bool, twice)))

    @override
    def parts(self) -> Mapping[str, nn.Module]:
        mapped = {"control": self.control.network} if self.control else {}
        return {**super().parts(), **mapped}


def build(config: Config) -> Text2VideoZero:
    """A system that has learned nothing."""
    if config.published:
        return Text2VideoZero(config, stable.fresh(), foreground.fresh())
    return _made(config, partial(shipped.fresh, temporal=False))


def outline(config: Config) -> Text2VideoZero:
    """Its shapes on the `meta` device, to ask what a request costs."""
    if config.published:
        with torch.device("meta"):
            return build(config)
    return _made(config, partial(shipped.outline, temporal=False))


def _made(config: Config, parts: Callable[[Sizes], Parts]) -> Text2VideoZero:
    mapped = parts(controlled.grown(config.sizes)).denoiser if config.controlled else None
    return Text2VideoZero(config, parts(config.sizes), foreground.fresh(), mapped)


def config(weights: Path | None = None) -> Config:
    """What ships, or lies in a folder laid out like the zoo; nothing is loaded."""
    there = controlled.there(CONTROL, weights)
    return Config(sizes=shipped.sizes(BASE, weights), controlled=there)


def files(weights: Path | None = None) -> Sequence[Path]:
    """The weight files of that."""
    own = [*shipped.files(BASE, weights), *controlled.files(CONTROL, weights)]
    return [*dict.fromkeys(own), *zoo.files(foreground.READER)]


def load(weights: Path | None = None, *, dtype: torch.dtype | None = None) -> Text2VideoZero:
    """The same, ready to generate; `dtype` is the network's, by itself what suits this machine."""
    asked, parts = config(weights), shipped.opened(BASE, weights, dtype)
    control, theirs = controlled.opened(CONTROL, weights, dtype)
    known = {**parts.sha256, **theirs, foreground.READER: zoo.sha256(foreground.READER)}
    return Text2VideoZero(asked, replace(parts, sha256=known), foreground.opened(), control)
