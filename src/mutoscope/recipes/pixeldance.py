"""PixelDance: a clip between a first frame, which is kept, and a last one, which is aimed at.

    c = [first, PADs, last] beside z_t      last = sqrt(abar) z + sqrt(1 - abar) eta, 100 of 1000

In training the last frame is any of the last three, noised and often absent, so that it draws the
clip towards itself without being landed on; in sampling the first steps alone see it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from typing_extensions import override

from mutoscope.autoencoders import FrameAutoencoder
from mutoscope.checked import Span
from mutoscope.core import prediction
from mutoscope.core.condition import Condition
from mutoscope.core.denoiser import Denoiser
from mutoscope.core.schedule import Betas
from mutoscope.core.shapes import Latent
from mutoscope.encoders import Bytes
from mutoscope.networks.unet3d import UNet3D
from mutoscope.request import Capabilities
from mutoscope.systems import shipped, steered
from mutoscope.systems.diffusion import DROP, LEAN, RESCALE, Parts, shift
from mutoscope.systems.keyframes import KEEP, TAU, Key, Keyframed, drawing, placed
from mutoscope.systems.shipped import Sizes
from mutoscope.systems.steered import Delta, Shown
from mutoscope.systems.system import Card

CARD = Card(
    name="pixeldance",
    title="Make Pixels Dance: High-Dynamic Video Generation",
    authors="Zeng et al.",
    year=2023,
    arxiv="2311.10982",
    weights="none: neither code nor weights were published",
    departs=(
        "a delta on our own small text-to-video model of rendered scenes",
        "the first frame is told without noise, and put into every estimate (`keep`)",
        "two channels more say where a picture is and where a drawing; `extra` 6 has none",
        "a tenth of the training has no first frame, so that words alone will do",
        "drawings are the world's lines in 3 of 10 last frames, not HED edges in a second training",
        "tau is a share of the steps: 0.5 is the paper's 25 (of 50, as we read it)",
    ),
)
PLACES = {"first": 0, "last": -1, "sketch": -1}
DELTA = Delta(
    base="modelscope",
    layout={"extra": 8},
    learns=("beside.*", "before.*", "down.*", "blocks.*.clip.out.*", "up.*", "join.*", "after.*",
            "leave.*"),
    steps=2_000,
    reads=("lines",),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Teaching:
    """How training tells of both ends; the paper's but for `drawn` and `blind`, which are ours.

    The last frame is one of the `late` last, under `noise` of 1000, absent with chance `drop`, a
    drawing with chance `drawn`; the first is under noise `strict`, absent with chance `blind`.
    """

    late: int = 3
    noise: int = 100
    drop: float = 0.25
    drawn: float = 0.3
    strict: int = 0
    blind: float = 0.1


@dataclass(frozen=True, kw_only=True)
class Config:
    """What the system is built from; `sizes.network["extra"]` channels lie beside z_t."""

    sizes: Sizes = field(default_factory=lambda: Sizes(network=DELTA.layout))
    teaching: Teaching = field(default_factory=Teaching)
    published: bool = False

    @classmethod
    def small(cls) -> Config:
        """What ships."""
        return cls()

    @classmethod
    def tiny(cls) -> Config:
        """For tests."""
        sizes = Sizes.tiny()
        return cls(sizes=replace(sizes, network={**sizes.network, "extra": 6}))

    @classmethod
    def paper(cls) -> Config:
        """4 channels and 4 beside, 16 frames at 4 a second, 256 x 256; 50 steps and 7.5 are ours.

        Widths weren't published, only 1.5 B parameters; ModelScope's stand for them, 1.41 B. FVD
        381, CLIPSIM .3125 on MSR-VTT; FVD 242.82 on UCF-101, both without a last frame.
        """
        sizes = Sizes(side=256, text=1024, network={"extra": 4}, autoencoder={"channels": 4})
        return cls(sizes=sizes, teaching=Teaching(drawn=0.0, strict=100, blind=0.0), published=True)

    def accepts(self) -> Capabilities:
        """One size; two frames at least, since there are two ends."""
        side = self.sizes.side
        ours = {"steps": 30, "guidance": 4.0, "sampler": "dpmpp_2m"}
        theirs = {"steps": 50, "guidance": 7.5, "sampler": "ddim", "fps": 4.0}
        return Capabilities(
            frames=Span(low=2, high=32, step=1), fps=Span(low=4, high=24),
            side=Span(low=side, high=side), sizes=((side, side),),
            samplers=("dpmpp_2m", "euler", "heun", "heun_flow", "ddim", "ancestral"),
            conditions=tuple(PLACES), segments=256,
            settings=(RESCALE, TAU) if self.published else (RESCALE, TAU, KEEP, shift(LEAN)),
            defaults={**(theirs if self.published else ours), "size": (side, side)},
        )  # fmt: skip


class PixelDance(Keyframed):
    """A first frame that is kept, and a last one that the first steps alone see."""

    card, delta, places = CARD, DELTA, PLACES

    def __init__(self, config: Config, parts: Parts) -> None:
        super().__init__(parts)
        self.config, self.extra = config, int(config.sizes.network["extra"])

    @override
    def accepts(self) -> Capabilities:
        return self.config.accepts()

    @override
    def noised(self, key: Key, eps: Latent) -> Key:
        how = self.config.teaching
        level = torch.full((len(eps),), (how.noise if key.at else how.strict) / 1000)
        return replace(key, latent=Betas.scaled_linear().mixed(key.latent, eps, level))

    @override
    def taught(
        self, shown: Shown, told: Condition, null: Condition, rng: torch.Generator
    ) -> Condition:
        x0, how, b = shown["x0"], self.config.teaching, len(shown["x0"])
        at = x0.shape[2] - 1 - torch.randint(how.late, (b,), generator=rng)
        last = x0[torch.arange(b), :, at][:, :, None]
        blind, gone, drawn, silent = (
            steered.chance(b, share, rng) for share in (how.blind, how.drop, how.drawn, DROP)
        )
        if bool(drawn.any()):
            lines = shown["lines"][drawn, :, at[drawn]]
            last[drawn] = self.coded(drawing(lines[:, :, None])).to(last)
        keys = (
            Key(at=0, latent=x0[:, :, :1], much=(~blind).float()),
            Key(at=-1, latent=last, much=(~gone & ~drawn).float()),
            Key(at=-1, latent=last, much=(~gone & drawn).float(), drawn=True),
        )
        noised = [self.noised(key, torch.randn(last.shape, generator=rng)) for key in keys]
        worded = told.replaced(null, silent, doors=("text",))
        return replace(worded, concat=placed(x0, noised, self.extra))


def build(config: Config) -> PixelDance:
    """A system that has learned nothing; the published one with our autoencoder and no words."""
    if not config.published:
        return PixelDance(config, shipped.fresh(config.sizes, temporal=True))
    network = UNet3D(sample_size=32, in_channels=4 + config.sizes.network["extra"])
    denoiser = Denoiser(network, Betas.scaled_linear(), prediction.Noise())
    coder, text = FrameAutoencoder(**config.sizes.autoencoder), Bytes(config.sizes.text or 1024)
    return PixelDance(config, Parts(denoiser=denoiser, autoencoder=coder, text=text, scalars=()))


def start(folder: Path | None = None) -> PixelDance:
    """The base of a folder, or the one that ships, with its new channels, not yet taught."""
    parts, sizes = steered.opened(DELTA, folder)
    return PixelDance(Config(sizes=sizes), parts)


def outline(config: Config) -> PixelDance:
    """Its shapes on the `meta` device, to ask what a request costs."""
    if not config.published:
        return PixelDance(config, shipped.outline(config.sizes, temporal=True))
    with torch.device("meta"):
        return build(config)


def config(weights: Path | None = None) -> Config:
    """What ships, or lies in a folder laid out like the zoo; nothing is loaded."""
    return Config(sizes=shipped.sizes(CARD.name, weights))


def files(weights: Path | None = None) -> Sequence[Path]:
    """The weight files of that."""
    return shipped.files(CARD.name, weights)


def load(weights: Path | None = None, *, dtype: torch.dtype | None = None) -> PixelDance:
    """The same, ready to generate; `dtype` is the network's, by itself what suits this machine."""
    return PixelDance(config(weights), shipped.opened(CARD.name, weights, dtype))
