"""What something shall look like, as one vector: that of a picture, or what a prompt's would be.

The aligner (`sight`) sees the picture and hears the prompt; the prior says of what is heard which
vector its picture would have (`networks.prior`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from mutoscope import zoo
from mutoscope.clip import Frames
from mutoscope.controls.control import Map
from mutoscope.encoders import TextEncoder
from mutoscope.errors import RequestError, WeightsError
from mutoscope.networks.alignment import SIDE, Aligner, Sighted, Vectors
from mutoscope.networks.prior import Prior
from mutoscope.request import ConditionRequest
from mutoscope.systems import sight
from mutoscope.systems.sight import NAME

PRIOR = "prior"
"""What it is called in the zoo."""
PICTURES = ("style", "image")
"""Kinds of conditions that say how something shall look."""

Sizes = Mapping[str, Mapping[str, Any]]
"""Arguments of their classes, by their names in the zoo; what is left out is as it ships."""
TINY: Sizes = {
    NAME: {
        "width": 16, "deep": 16, "mind": 16, "depth": 1, "slots": 2, "layers": 1, "heads": 2,
        "text": 8,
    },
}  # fmt: skip
"""Sizes for tests; vectors are as wide as what ships."""

Told = Mapping[str, tuple[ConditionRequest, Map]]
"""Conditions by kind, each with its map."""


@dataclass(frozen=True)
class Content:
    """The aligner, and the prior, for words instead of a picture; None where there is none yet."""

    aligner: Aligner
    prior: Prior | None = None

    @classmethod
    def fresh(cls, sizes: Sizes) -> Content:
        """Both of these sizes; they have learned nothing."""
        return cls(Aligner(**sizes.get(NAME, {})), Prior(**sizes.get(PRIOR, {})))

    @classmethod
    def opened(cls, folder: Path | None = None) -> Content:
        """Those of a folder, or what ships; refuses a prior that learned with another aligner."""
        home, seeing = _home(PRIOR, folder), _home(NAME, folder)
        here, learned = zoo.sha256(NAME, seeing), zoo.facts(PRIOR, home).get("base_sha256")
        if learned not in (None, here):
            raise WeightsError(
                f"the weights in {home / PRIOR} were trained on another {NAME}"
                f" (sha256 {learned[:12]}...) than {seeing / NAME} ({here[:12]}...);"
                f" train them again: mutoscope train {PRIOR}",
                failed=home == zoo.FOLDER,
            )
        prior = zoo.load_part(Prior, PRIOR, home)
        return cls(_aligner(folder), prior.eval().requires_grad_(requires_grad=False))

    @classmethod
    def begun(cls, folder: Path | None = None) -> Content:
        """The same, without a prior where there is none yet: who only learns needs none."""
        there = PRIOR in zoo.names(_home(PRIOR, folder))
        return cls.opened(folder) if there else cls(_aligner(folder))

    def parts(self) -> Mapping[str, nn.Module]:
        """Both by their names."""
        return {NAME: self.aligner, **({} if self.prior is None else {PRIOR: self.prior})}

    def imagined(self, text: TextEncoder, prompt: str) -> Vectors:
        """The vector that a picture of a prompt would have."""
        if self.prior is None:
            raise WeightsError(
                "no prior is here to say what a prompt looks like; give a picture, or make one"
                f" with: mutoscope train {PRIOR}"
            )
        return self.prior(sight.heard(self.aligner, text, [prompt]))

    def sighted(self, frames: Frames) -> Sighted:
        """What pictures of any size show, square; of clips their first frames."""
        return sight.seen(self.aligner, _large(frames[:, :, :1]))

    def meant(self, text: TextEncoder, prompt: str, asked: Told) -> Vectors:
        """The vector of the picture among the conditions, one of PICTURES; of the prompt if none.

        A picture's strength is its share, 0 to 1, the rest is the prompt's. Refuses two pictures.
        """
        given = [asked[kind] for kind in PICTURES if kind in asked]
        if not given:
            return self.imagined(text, prompt)
        if len(given) > 1:
            raise RequestError(f"{' and '.join(PICTURES)} both say how it shall look; give one")
        (one, frames), *_ = given
        if one.strength > 1:
            raise RequestError(
                f"the strength of {one.kind} is its share, 0 to 1, beside the prompt's"
                f" (got {one.strength:g})"
            )
        vector = self.sighted(frames).vector
        if one.strength == 1:
            return vector
        words = self.imagined(text, prompt)
        return F.normalize(one.strength * vector + (1 - one.strength) * words, dim=-1)


def files(folder: Path | None = None) -> Sequence[Path]:
    """The weight files of aligner and prior."""
    return [file for name in (NAME, PRIOR) for file in zoo.files(name, _home(name, folder))]


def hashes(folder: Path | None = None) -> Mapping[str, str]:
    """Theirs, by name."""
    return {file.parent.name: zoo.hashed(file) for file in files(folder)}


def _large(frames: Frames) -> Float[Tensor, "b 3 t h w"]:
    """As large as the aligner looks at, where they are smaller."""
    if min(frames.shape[-2:]) >= SIDE:
        return frames
    flat = rearrange(frames, "b c t h w -> (b t) c h w")
    wide = F.interpolate(flat, (SIDE, SIDE), mode="bilinear", align_corners=False)
    return rearrange(wide, "(b t) c h w -> b c t h w", b=len(frames))


def _aligner(folder: Path | None) -> Aligner:
    aligner = zoo.load_part(Aligner, NAME, _home(NAME, folder))
    return aligner.eval().requires_grad_(requires_grad=False)


def _home(name: str, folder: Path | None) -> Path:
    return zoo.where(name, folder or zoo.FOLDER)
