"""Systems that are tuned to one clip: what of them learns, and that a run begins with its noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

from typing_extensions import override

from mutoscope import zoo
from mutoscope.checked import Span
from mutoscope.core.noise import Noise
from mutoscope.core.shapes import Grid, Latent
from mutoscope.request import Request, Setting
from mutoscope.systems.diffusion import Diffusion, Parts
from mutoscope.systems.inversion import Inverted, inverted

OWN = "inverted.safetensors"
"""The file beside a delta that holds the clip it was tuned to, and its noise."""
CLIP = "clip"
"""The entry under which the facts of a delta name that clip: its words, length, rate and hash."""

INVERTED = Setting(
    name="inverted",
    type="number",
    default=1.0,
    range=Span(low=0, high=1),
    help="share of the clip's own noise: at 1 all seeds make the same, at 0 its motion is lost",
)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a clip is learned: patterns of the names that learn, steps and rate, clips a step.

    `base` is whose delta is saved; `rounds` are those of the inversion.
    """

    base: str
    learns: Sequence[str]
    steps: int
    rate: float
    batch: int = 2
    rounds: int = 1


class Tuned(Diffusion):
    """A system that is tuned to one clip; `own` is that clip and its noise, None before."""

    plan: Plan

    def __init__(self, parts: Parts, own: Inverted | None = None) -> None:
        super().__init__(parts)
        self.own = own
        if own is not None:
            self.weights = {**self.weights, CLIP: own.sha256}

    @final
    @override
    def begin(self, request: Request, noise: Noise) -> Latent:
        """The clip's own noise, found again where other times are asked for."""
        fresh = super().begin(request, noise)
        share = float(self.accepts().values(request).get(INVERTED.name, INVERTED.default))
        if self.own is None or share == 0:
            return fresh
        times = self.times(request)
        kept = self.own.fits(times)  # what a request finds isn't another's to begin with
        own = self.own if kept else self.invert(self.own.clean, times)
        return own.mixed(fresh, share)

    @final
    def invert(self, clean: Latent, times: Grid) -> Inverted:
        """A clip's own noise: what leads to its latent under the empty prompt, without guidance."""
        told, _ = self.read([""], self.accepts().complete({}).fps)
        return inverted(
            lambda x, t: self.denoiser(x, t, told),
            clean,
            times,
            self.denoiser.schedule,
            rounds=self.plan.rounds,
        )


def own(name: str, folder: Path) -> Inverted | None:
    """The clip that weights in a folder were tuned to; None if they were tuned to none."""
    tuned = CLIP in zoo.facts(name, folder)
    return Inverted.load(folder / name / OWN) if tuned else None
