"""Systems that are told frames of a clip, at their places, beside z_t: pictures, or drawings.

    c = [first, PADs, last]     latents where a frame is told, zeros elsewhere

and, where a network has room for them, two channels more that say where a picture is and where a
drawing: a latent of zeros is a picture too. Frames after the first may be seen in the first steps
alone, so that they are aimed at rather than copied. The first may be put into what every step takes
for the clean clip, so that it stands as the autoencoder has it (ours). Sources: Zeng et al. (2023),
PixelDance, for zeros and steps; Girdhar et al. (2023), Emu Video, for the channel of pictures. A
drawing is told as the autoencoder has it, dark on white (ours).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor
from typing_extensions import override

from mutoscope.checked import Span
from mutoscope.clip import Frames
from mutoscope.controls import sketch
from mutoscope.controls.control import Map
from mutoscope.core import samplers
from mutoscope.core.condition import Condition
from mutoscope.core.guidance import TwoSet, switched
from mutoscope.core.noise import Noise
from mutoscope.core.samplers import Step
from mutoscope.core.shapes import Denoise, Latent, Time
from mutoscope.errors import RequestError
from mutoscope.request import Request, Setting
from mutoscope.systems.steered import Steered

FLAGS = 2
"""Channels that say where a picture is, and where a drawing."""
DRAWN = "sketch"
"""The kind of condition that is a drawing; all others are pictures."""

TAU = Setting(
    name="tau",
    type="number",
    default=0.5,
    range=Span(low=0, high=1),
    help="share of the steps, from the noisy end, that see the last frame: 0 none, 1 lands on it",
)
"""A share of the steps, so that it means the same for any number of them."""

KEEP = Setting(
    name="keep",
    type="switch",
    default=True,
    help="puts the first frame into every step's estimate; off: it is told only, as in the paper",
)
"""The knob of systems whose first frame shall stand to the pixel (ours)."""


@dataclass(frozen=True, kw_only=True)
class Key:
    """A frame of each clip of a batch: its place, its latent, and how much it counts (0: absent).

    Two at one place are added up.
    """

    at: int
    latent: Float[Tensor, "b c 1 h w"]
    much: Float[Tensor, " b"]
    drawn: bool = False


class Keyframed(Steered):
    """Words by cross-attention, frames beside z_t; only what words add is amplified.

    `places` says where in a clip a kind of condition belongs, `extra` how many channels the network
    takes beside z_t. Source: PixelDance, whose frames are in both branches of the guidance.
    """

    places: Mapping[str, int]
    extra: int

    @abstractmethod
    def noised(self, key: Key, eps: Latent) -> Key:
        """A frame as training tells it; `eps` is noise of its size."""

    @override
    def bind(self, request: Request) -> Denoise:
        told, null = self.read([request.prompt], request.fps, negative=request.negative)
        rescale = float(self.accepts().values(request)["rescale"])
        guide = TwoSet(scale=request.guidance, rescale=rescale, shared=("concat",))
        x, noise = self.empty(request), Noise([-1 - request.seed])  # no run's own is below 0
        eps = {at: noise.like(x[:, :, :1]) for at in dict.fromkeys(self.places.values())}
        given = self.keys(request)
        keys = [self.noised(key, eps[key.at]) for key in given]
        every, first = (
            guide(self.denoiser, replace(told, concat=placed(x, some, self.extra)), null)
            for some in (keys, [key for key in keys if key.at == 0])
        )
        times, seen = self.times(request), self.seen(request)
        # Between two times of the grid: those that a sampler asks about are rounded.
        ends = float(times[seen - 1] + times[seen]) / 2 if seen else 1.0
        keeps = self.accepts().values(request).get(KEEP.name, False)
        stand = [key for key in given if keeps and key.at == 0]
        return kept(switched(every, first, ends) if seen else first, stand)

    @override
    def way(self, denoise: Denoise, request: Request, noise: Noise) -> Iterator[Step]:
        sampler = samplers.anew(samplers.find(request.sampler, noise), self.seen(request))
        x = self.begin(request, noise)
        return sampler(denoise, x, self.times(request), self.denoiser.schedule)

    @override
    def doors(self, x: Latent) -> Condition:
        return Condition(concat=placed(x, (), self.extra))

    def seen(self, request: Request) -> int:
        """How many of the first steps see more than a first frame."""
        later = any(self.places.get(one.kind) for one in request.given())
        share = float(self.accepts().values(request)[TAU.name])
        return round(share * request.steps) if later else 0

    def keys(self, request: Request) -> list[Key]:
        """The frames that a request gives; refuses two at one place, strength is how much counts.

        Their latents are without noise.
        """
        given, taken = self.maps(request), dict[int, str]()
        found = []
        for kind, at in self.places.items():
            if kind not in given:
                continue
            if at in taken:
                raise RequestError(
                    f"{taken[at]} and {kind} are the same frame of a clip; give one of them"
                )
            taken[at], draws = kind, kind == DRAWN
            one, values = given[kind]
            latent = self.coded(drawing(values) if draws else values)
            much = torch.tensor([float(one.strength)])
            found.append(Key(at=at, latent=latent, much=much, drawn=draws))
        return found


def kept(denoise: Denoise, keys: Sequence[Key]) -> Denoise:
    """The same, with frames in their places in what it takes for clean, as far as they count."""

    def standing(x: Latent, t: Time) -> Latent:
        clean = denoise(x, t).clone() if keys else denoise(x, t)
        for key in keys:
            frame, much = clean[:, :, key.at], key.much.to(clean).view(-1, 1, 1, 1)
            clean[:, :, key.at] = torch.lerp(frame, key.latent[:, :, 0].to(clean), much)
        return clean

    return standing


def placed(x: Latent, keys: Sequence[Key], extra: int) -> Float[Tensor, "b _extra t h w"]:
    """What lies in `extra` channels beside clips like x; with as many as x has, no flags."""
    b, c = x.shape[:2]
    told = x.new_zeros(b, max(extra, c + FLAGS), *x.shape[2:])
    for key in keys:
        much = key.much.to(x).view(-1, 1, 1, 1)
        told[:, :c, key.at] += much * key.latent[:, :, 0].to(x)
        told[:, c + key.drawn, key.at] += much[:, 0]
    return told[:, :extra]


def drawing(lines: Map) -> Frames:
    """A map of lines as the picture that is told."""
    return sketch.shown(lines)
