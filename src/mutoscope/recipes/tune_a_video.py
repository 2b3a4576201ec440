r"""Tune-A-Video: an image model learns one clip, then re-tells it in other words with its motion.

What it stands on: our *image* model, as the paper stands on Stable Diffusion. Its convolutions see
each frame alone, as they are; attention over a frame asks the first frame and the one before it
instead of its own; a layer over time, one place in all frames, follows each block and starts as
nothing. Our video base would be another system: its layers over the whole clip know motion already
and say it by the words of the prompt, and would have to unlearn that. The image model knows looks
and words only, so that whatever moves comes from the clip: from the few tensors that learn (queries
of both attentions, the layer over time) and from the clip's own noise (section 3.3), which the
sampler, run backwards under the empty prompt, finds and sampling begins with.

    K, V of frame i: tokens of frames 1 and i - 1     Q: frame i        (section 3.2, eq. 5)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from typing_extensions import override

from mutoscope import zoo
from mutoscope.checked import Span
from mutoscope.core.guidance import ClassifierFree
from mutoscope.core.shapes import Denoise
from mutoscope.errors import WeightsError
from mutoscope.networks.small3d import SmallUNet3D, extended
from mutoscope.request import Capabilities, Request
from mutoscope.systems import shipped, stable, tuned
from mutoscope.systems.diffusion import RESCALE, Parts, shift
from mutoscope.systems.inversion import Inverted
from mutoscope.systems.shipped import Sizes
from mutoscope.systems.system import Card
from mutoscope.systems.tuned import INVERTED, Plan, Tuned

CARD = Card(
    name="tune_a_video",
    title="Tune-A-Video: One-Shot Tuning of Image Diffusion Models for Text-to-Video Generation",
    authors="Wu et al.",
    year=2022,
    arxiv="2212.11565",
    weights="published",
    departs=(
        "stands on our own image model of rendered scenes, not on Stable Diffusion 1.4",
        "flow prediction on the straight path instead of noise prediction on 1000 betas",
        "inverts in three rounds a step instead of one, so that the way back is exact",
        "30 steps at guidance 4 instead of 50 at 12.5, and a higher rate for a smaller network",
        "queries have a bias, which learns with them; layer norms have no weights of their own",
    ),
)

LAYOUT: dict[str, Any] = {"sees": "sparse", "over_time": True}

PLAN = Plan(
    base="image",
    learns=("blocks.*.space.query.*", "blocks.*.text.query.*", "blocks.*.over.*"),
    steps=300,
    rate=1e-3,
    rounds=3,
)
"""What learns: section 3.2, figure 4. Steps: 500 in section 4, 300 to 500 in their README; their
rate is 3e-5. Batch, rounds and rate are ours; of 3e-4, 1e-3 and 3e-3 the middle one learned a clip
best in 200 steps."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """What the system is built from; `frames` and `fps` are those of the clip it was tuned to."""

    sizes: Sizes = field(default_factory=lambda: Sizes(network={"temporal": False, **LAYOUT}))
    frames: int | None = None
    fps: float = 8.0
    steps: int = 30
    guidance: float = 4.0
    published: bool = False

    @classmethod
    def paper(cls) -> Config:
        """Stable Diffusion 1.4 inflated, for its shapes: its frozen parts aren't here.

        32 frames of 512 x 512, 50 steps, guidance 12.5 (section 4); over pairs of frames CLIP says
        92.40, of frames and prompts 27.58 (table 1).
        """
        return cls(sizes=stable.SIZES, frames=32, steps=50, guidance=12.5, published=True)

    @classmethod
    def small(cls) -> Config:
        """What a clip is tuned into here."""
        return cls()

    @classmethod
    def tiny(cls) -> Config:
        """For tests."""
        sizes = Sizes.tiny()
        return cls(sizes=replace(sizes, network={**sizes.network, **LAYOUT}))

    def accepts(self) -> Capabilities:
        """One size, and once it is tuned one length."""
        side, low, high = self.sizes.side, self.frames or 1, self.frames or 32
        chosen = {"steps": self.steps, "guidance": self.guidance, "sampler": "ddim"}
        return Capabilities(
            frames=Span(low=low, high=high, step=1),
            fps=Span(low=1, high=60),
            side=Span(low=side, high=side),
            sizes=((side, side),),
            settings=(RESCALE, INVERTED) if self.published else (RESCALE, shift(2.0), INVERTED),
            samplers=("ddim",),
            defaults={**chosen, "size": (side, side), "frames": self.frames or 16, "fps": self.fps},
        )


class TuneAVideo(Tuned):
    """Text by cross-attention, one guidance scale, from the clip's own noise."""

    card = CARD
    plan = PLAN

    def __init__(self, config: Config, parts: Parts, own: Inverted | None = None) -> None:
        # Without scalars: an image model was never told another rate than its own.
        super().__init__(replace(parts, scalars=()), own)
        self.config = config

    @override
    def accepts(self) -> Capabilities:
        return self.config.accepts()

    @override
    def bind(self, request: Request) -> Denoise:
        told, null = self.read([request.prompt], request.fps, negative=request.negative)
        rescale = float(self.accepts().values(request)["rescale"])
        return ClassifierFree(scale=request.guidance, rescale=rescale)(self.denoiser, told, null)


def build(config: Config) -> TuneAVideo:
    """A system that has learned nothing."""
    if config.published:
        return TuneAVideo(config, stable.fresh(**LAYOUT))
    return TuneAVideo(config, shipped.fresh(config.sizes, temporal=False))


def before(folder: Path | None = None) -> Config:
    """Of what isn't tuned yet, on a folder's own image model or the one that ships."""
    sizes = shipped.sizes(PLAN.base, zoo.where(PLAN.base, folder or zoo.FOLDER))
    return Config(sizes=replace(sizes, network={**sizes.network, **LAYOUT}))


def start(folder: Path | None = None) -> TuneAVideo:
    """The image model, a folder's own or the one that ships, with its new layers, not yet tuned."""
    home = zoo.where(PLAN.base, folder or zoo.FOLDER)
    parts = shipped.opened(PLAN.base, home, torch.float32)
    image = parts.denoiser.network
    assert isinstance(image, SmallUNet3D)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # queries and keys of a new layer are drawn, what it says is zero
        parts.denoiser.network = extended(image, **LAYOUT)
    return TuneAVideo(before(folder), parts)


def outline(config: Config) -> TuneAVideo:
    """Its shapes on the `meta` device, to ask what a request costs."""
    if not config.published:
        return TuneAVideo(config, shipped.outline(config.sizes, temporal=False))
    with torch.device("meta"):
        return build(config)


def config(weights: Path | None = None) -> Config:
    """Of what lies in a folder; nothing is loaded. None ships: there is one a clip."""
    if weights is None:
        raise WeightsError(
            f"{CARD.name} makes nothing before it is tuned to a clip; tune it with: mutoscope train"
            f" {CARD.name} --clip FILE --prompt TEXT --out DIR, then give --weights DIR"
        )
    clip = zoo.facts(CARD.name, weights).get(tuned.CLIP, {})
    known = {key: clip[key] for key in ("frames", "fps") if key in clip}
    return Config(sizes=shipped.sizes(CARD.name, weights), **known)


def files(weights: Path | None = None) -> Sequence[Path]:
    """The weight files of that."""
    return shipped.files(CARD.name, weights)


def load(weights: Path | None = None, *, dtype: torch.dtype | None = None) -> TuneAVideo:
    """The same, ready to generate; in float32 unless told otherwise, as its noise was found."""
    found = config(weights)
    assert weights is not None
    parts = shipped.opened(CARD.name, weights, dtype or torch.float32)
    return TuneAVideo(found, parts, tuned.own(CARD.name, weights))
