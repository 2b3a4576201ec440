"""One network, one autoencoder, one straight pass from noise to a clip.

    run      x_1 ~ N(0, 1) by seed; the sampler takes it along the grid to x_0
    finish   clip = decode(x_0)
    loss     | F(x_t, t, c) - target |^2,  t = sigmoid(n), n ~ N(0, 1),  c dropped with chance 1/10

A recipe says what the network is told (`bind`) and what can be asked for (`accepts`); one that
doesn't begin with noise by seed alone says where it does (`begin`), one that goes another way from
there to a clip says that (`way`, `calls`). Clips of a request run one at a time, so a seed gives
the same bits for any count. A story is a chain of such passes (`extend`).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from typing_extensions import override

from mutoscope.autoencoders import Autoencoder
from mutoscope.checked import Span
from mutoscope.clip import Clip, Frames
from mutoscope.core import grids, samplers
from mutoscope.core.condition import Condition
from mutoscope.core.denoiser import Denoiser
from mutoscope.core.noise import Noise
from mutoscope.core.samplers import Step
from mutoscope.core.shapes import Denoise, Grid, Latent
from mutoscope.encoders import TextEncoder
from mutoscope.request import Example, Request, Setting
from mutoscope.systems import extend
from mutoscope.systems.cost import Cost, counted, held
from mutoscope.systems.system import System, spread

WORDS = 16
"""Word pieces that a prompt is taken to have when its cost is estimated."""

DROP = 0.1
"""Chance that a clip is learned without its text. Source: Ho & Salimans (2022), table 1 (0.1)."""

RESCALE = Setting(
    name="rescale",
    type="number",
    default=0.0,
    range=Span(low=0, high=1),
    help="how far the contrast of a guided clip is pulled back to that of an unguided one",
)
"""A knob of every system with one guidance scale. Source: Lin et al. (2023), eq. 15-16."""

EXTEND = Setting(
    name="extend",
    type="switch",
    default=False,
    help="says what a short prompt leaves open; the record shows the words that were read",
)
"""The knob of systems that can extend prompts (`world.extension`)."""

SMOOTH = Setting(
    name="omega_t",
    type="number",
    default=1.0,
    range=Span(low=0, high=3),
    help="smoothness: 0 makes each frame by itself, 1 a clip, more leads away from the former",
)
"""A knob of systems guided over time. Source: Esser et al. (2023), eq. 8 (omega_t)."""

LEAN = 8.0
"""The shift that clips of 16 frames are sampled at; twos to fours doubled things (ours)."""


def shift(default: float) -> Setting:
    """The knob that says where a sampler spends its steps; see `grids.straight`."""
    return Setting(
        name="shift",
        type="number",
        default=default,
        range=Span(low=1, high=64),
        help="how far the steps lean to high noise, where it is settled what is where",
    )


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a diffusion system is put together from.

    `scalars` are those its network listens to, `grid` gives the times visited in so many steps,
    `sha256` names the weights, part by part.
    """

    denoiser: Denoiser
    autoencoder: Autoencoder
    text: TextEncoder
    scalars: Sequence[str] = ("fps",)
    grid: Callable[[int], Grid] = grids.trailing
    sha256: Mapping[str, str] = field(default_factory=dict)

    def ready(self, dtype: torch.dtype) -> Parts:
        """For generating: nothing learns, the network in `dtype`, its rows of channels last."""
        self.denoiser.eval().requires_grad_(requires_grad=False)
        self.denoiser.network.to(dtype)
        if isinstance(self.autoencoder, nn.Module):
            self.autoencoder.eval().requires_grad_(requires_grad=False)
            for parameter in self.autoencoder.parameters():
                if parameter.ndim == 4:
                    parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
        return self


class Diffusion(System):
    """A system that denoises one latent with one network."""

    def __init__(self, parts: Parts) -> None:
        self.denoiser, self.autoencoder, self.text = parts.denoiser, parts.autoencoder, parts.text
        self.scalars, self.grid = parts.scalars, parts.grid
        self.weights, self.took = dict(parts.sha256), {}
        dtype = next(self.denoiser.parameters()).dtype
        self.precision = str(dtype).removeprefix("torch.")

    @abstractmethod
    def bind(self, request: Request) -> Denoise:
        """The guided denoiser of this request: all its conditions are in it."""

    def begin(self, request: Request, noise: Noise) -> Latent:
        """Where a run begins: noise by seed; `noise` is the run's, which its sampler draws from."""
        return noise.like(self.empty(request))

    def way(self, denoise: Denoise, request: Request, noise: Noise) -> Iterator[Step]:
        """The steps from there to the clip: by itself one sampler, all frames together."""
        x = self.begin(request, noise)
        sampler = samplers.find(request.sampler, noise)
        return sampler(denoise, x, self.times(request), self.denoiser.schedule)

    def calls(self, request: Request) -> int:
        """How often the network is called with all frames, for what a request costs.

        A call is for what is told and for the null, where it is guided; frames by themselves, where
        it is guided over time, are half a call more.
        """
        once = request.steps * (2 if request.sampler.startswith("heun") else 1)
        if self.accepts().values(request).get(SMOOTH.name, SMOOTH.default) == SMOOTH.default:
            return once
        return 3 * once if request.guidance == 1 else -(-3 * once // 2)

    def shown(self, frames: Frames, request: Request, places: Sequence[int]) -> Frames:
        """What is seen of the decoded frames `places` of a request: by itself all of them."""
        return frames

    def doors(self, x: Latent) -> Condition:
        """What the network is told of a clip like x beside words and rate, for what it costs."""
        return Condition()

    @final
    def empty(self, request: Request) -> Latent:
        """A latent of the request's size, on the CPU; what it holds means nothing."""
        width, height = request.size
        asked = (request.frames, height, width)
        sides = (n // s for n, s in zip(asked, self.autoencoder.stride, strict=True))
        return torch.empty(1, self.autoencoder.channels, *sides)

    @final
    def times(self, request: Request) -> Grid:
        """The times visited: by the knob `shift` where the system has one, else its own grid."""
        asked = self.accepts().values(request)
        if "shift" not in asked:
            return self.grid(request.steps)
        return grids.straight(request.steps, self.denoiser.schedule, shift=float(asked["shift"]))

    @final
    @override
    @torch.inference_mode()
    def run(self, request: Request) -> Iterator[Step]:
        self.accepts().check(request)
        if request.segments:
            yield from extend.chained(self, request)
            return
        start = perf_counter()
        denoise = self.bind(request)
        bound = perf_counter()
        for step in self.way(denoise, request, Noise([request.seed])):
            self.took = {"text": bound - start, "denoise": perf_counter() - bound}
            yield step

    @final
    @override
    @torch.inference_mode()
    def finish(self, step: Step, request: Request, *, most: int | None = None) -> Clip:
        if step.segment is not None:
            frames = step.segment[:, :, spread(step.segment.shape[2], most)]
            return Clip(frames=frames, fps=request.fps)
        last, start = step.index + 1 == step.total, perf_counter()
        latent, alone = step.x if last else step.clean, self.autoencoder.stride[0] == 1
        if alone:  # else a frame can't be decoded without those beside it
            latent = latent[:, :, spread(latent.shape[2], most)]
        frames = self.autoencoder.decode(latent)
        if not alone:
            frames = frames[:, :, spread(frames.shape[2], most)]
        frames = self.shown(frames, request, spread(request.frames, most))
        self.took = {**self.took, "decode": perf_counter() - start}
        return Clip(frames=frames, fps=request.fps)

    @override
    def loss(self, example: Example, seeds: Sequence[int]) -> Float[Tensor, " b"]:
        noise = Noise(seeds)
        with torch.no_grad():
            x0 = self.autoencoder.encode(example.frames)
            told, null = self.read(example.prompts, example.fps)
        t = noise.like(x0.new_zeros(len(x0))).sigmoid()
        dropped = torch.special.ndtr(noise.like(x0.new_zeros(len(x0)))) < DROP
        return self.denoiser.loss(x0, t, noise.like(x0), told.replaced(null, dropped))

    @override
    def parts(self) -> Mapping[str, nn.Module]:
        autoencoder = self.autoencoder
        held = {"autoencoder": autoencoder} if isinstance(autoencoder, nn.Module) else {}
        return {"network": self.denoiser.network, **held}

    @final
    def read(
        self, prompts: Sequence[str], fps: float, *, negative: str = ""
    ) -> tuple[Condition, Condition]:
        """What the network is told of prompts played at `fps`, and of none or the negative one."""
        both = self.text([*prompts, negative])
        told, null = _rows(both, slice(len(prompts))), _rows(both, slice(len(prompts), None))
        rate = torch.full((len(prompts),), float(fps))
        scalars = {"fps": rate} if "fps" in self.scalars else {}
        fewer = {name: value[:1] for name, value in scalars.items()}
        return replace(told, scalars=scalars), replace(null, scalars=fewer)

    @final
    @override
    def cost(self, request: Request) -> Cost:
        if request.segments:
            return extend.cost(self, extend.pieces(request))
        parts = self.parts().values()
        meta = next(self.denoiser.parameters()).device
        x = self.empty(request).to(meta)
        told = Condition(
            text=torch.empty(1, WORDS, self.text.width, device=meta),
            scalars={name: torch.ones(1, device=meta) for name in self.scalars},
        ).merged(self.doors(x))
        guided = 2 if request.guidance != 1 else 1
        network, while_denoising = counted(
            lambda: self.denoiser(
                x.expand(guided, -1, -1, -1, -1),
                torch.ones(guided, device=meta),
                told.expanded(guided),
            )
        )
        decoder, while_decoding = counted(lambda: self.autoencoder.decode(x))
        return Cost(
            operations=self.calls(request) * network + decoder,
            parameters=held(*parts),
            activations=max(while_denoising, while_decoding),
        )


def _rows(text: Condition, rows: slice) -> Condition:
    doors = {name: getattr(text, name) for name in ("text", "text_mask", "pooled")}
    return Condition(**{name: door[rows] for name, door in doors.items() if door is not None})
