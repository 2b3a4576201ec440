r"""Guidance binds the conditions and hands the sampler a plain function of (x_t, t).

Every guidance is an affine mixture of what the network says under several conditions,

    F = sum_i w_i F(x_t, t, c_i),   sum_i w_i = 1,

so it is the same in the space of every prediction row: eps, v, flow or x0. It is computed as
F_0 + sum_i w_i (F_i - F_0), where branches of weight 0 aren't run: scale 1 costs one network call
and equals it to the bit, and two equal conditions give their answer whatever the scale.

    ClassifierFree  null, cond           1 - s, s
    TwoSet          set 1, set 2         1 - s, s          doors in both sets are plain conditions
    PerFrame        null, cond           1 - s_f, s_f      s_f by frame
    Oscillating     null, cond           1 - s_k, s_k      s_k by step
    Temporal        image, null, cond    1 - s_t, s_t - s, s
    Nested          null, c1, c12, ...   1 - s_1, s_1 - s_2, s_2 - s_3, ..., s_n

A negative prompt is a null condition. All scales: 1 = off. Where a paper writes (1 + w) cond -
w null, scale = 1 + w.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Literal, Protocol, runtime_checkable

import torch
from einops import rearrange
from torch import Tensor
from typing_extensions import override

from mutoscope.core.condition import Condition
from mutoscope.core.denoiser import Denoiser
from mutoscope.core.shapes import Denoise, Latent, Time, like
from mutoscope.errors import RequestError

Weight = float | Tensor
Doors = tuple[str, ...]

TEXT: Doors = ("text", "pooled")


@runtime_checkable
class Guidance(Protocol):
    """A way of mixing what a denoiser says under several conditions."""

    def __call__(self, denoiser: Denoiser, condition: Condition, null: Condition) -> Denoise:
        """The guided denoiser of one request; `null` may hold a negative prompt."""
        ...


@dataclass(frozen=True, kw_only=True)
class Branch:
    """One condition the network is asked under, on the clip or on each frame as an image."""

    condition: Condition
    framewise: bool = False


@dataclass(frozen=True, kw_only=True)
class Blend(ABC):
    """An affine mixture of branches; what all guidances share.

    Attributes:
        rescale: 0 to 1, how far the spread of the mixture is pulled back to that of the
            condition's own answer, in the network's output space. Source: Lin et al. (2023),
            eq. 15-16, who use 0.7.
        interval: times (from, to) at which guidance acts; outside it costs one call. Source:
            Kynkäänniemi et al. (2024).
        sequential: one network call a branch instead of one for all: less memory, and conditions
            of different lengths.
    """

    rescale: float = 0.0
    interval: tuple[float, float] = (0.0, 1.0)
    sequential: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.rescale <= 1:
            raise RequestError(f"rescale must lie in [0, 1] (got {self.rescale:g}); 0 is off")
        if not 0 <= self.interval[0] <= self.interval[1] <= 1:
            raise RequestError(
                f"interval must be two times, 0 <= from <= to <= 1 (got {self.interval}); "
                "(0, 1) is the whole clock"
            )

    @abstractmethod
    def branches(self, condition: Condition, null: Condition) -> Sequence[Branch]:
        """What is mixed; the last branch is the condition itself."""

    @abstractmethod
    def weights(self, x: Latent, t: Time) -> Sequence[Weight]:
        """One weight a branch, together 1: a number, or a tensor that broadcasts over x."""

    def __call__(self, denoiser: Denoiser, condition: Condition, null: Condition) -> Denoise:
        """The guided denoiser of one request."""
        asked = _Asked(denoiser, self.branches(condition, null), sequential=self.sequential)
        low, high = self.interval

        def denoise(x: Latent, t: Time) -> Latent:
            inside = (t >= low) & (t <= high)
            if bool(inside.all()):
                return denoiser.clean(self._mixed(asked, x, t), x, t)
            plain = denoiser(x, t, condition.expanded(len(x)))
            if not bool(inside.any()):
                return plain
            guided = denoiser.clean(self._mixed(asked, x, t), x, t)
            return torch.where(like(inside, x), guided, plain)

        return denoise

    def _mixed(self, asked: _Asked, x: Latent, t: Time) -> Latent:
        weights = self.weights(x, t)
        last = len(weights) - 1
        run = [i for i, w in enumerate(weights) if not _is_zero(w)]
        if self.rescale and len(run) > 1 and last not in run:
            run.append(last)
        said = dict(zip(run, asked(tuple(run), x, t), strict=True))
        base = said[run[0]]
        mixed = base
        for i in run[1:]:
            mixed = mixed + weights[i] * (said[i] - base)
        if self.rescale and len(run) > 1:
            mixed = _rescaled(mixed, said[last], self.rescale)
        return mixed


class _Asked:
    """The network under the chosen branches: one call for all of them, or one each."""

    def __init__(self, denoiser: Denoiser, branches: Sequence[Branch], *, sequential: bool) -> None:
        self._denoiser, self._branches, self._sequential = denoiser, branches, sequential
        self._stacked = lru_cache(maxsize=8)(self._stack)

    def __call__(self, run: tuple[int, ...], x: Latent, t: Time) -> list[Tensor]:
        frames = [i for i in run if self._branches[i].framewise]
        clips = [i for i in run if i not in frames]
        groups = [(i,) for i in clips] if self._sequential or not clips else [tuple(clips)]
        said = {i: self._per_frame(self._branches[i].condition, x, t) for i in frames}
        for group in groups:
            n = len(group)
            stacked = self._stacked(group, len(x))
            output = self._denoiser.output(x.repeat(n, 1, 1, 1, 1), t.repeat(n), stacked)
            said |= dict(zip(group, output.chunk(n), strict=True))
        return [said[i] for i in run]

    def _stack(self, group: tuple[int, ...], batch: int) -> Condition:
        first, *rest = (self._branches[i].condition.expanded(batch) for i in group)
        for condition in rest:
            first = first.stacked(condition)
        return first

    def _per_frame(self, condition: Condition, x: Latent, t: Time) -> Tensor:
        frames = x.shape[2]
        images = rearrange(x, "b c t h w -> (b t) c 1 h w")
        condition = condition.expanded(len(x)).framewise(frames)
        output = self._denoiser.output(images, t.repeat_interleave(frames), condition)
        return rearrange(output, "(b t) c 1 h w -> b c t h w", t=frames)


@dataclass(frozen=True)
class ClassifierFree(Blend):
    """null + scale (cond - null). Source: Ho & Salimans (2022), eq. 6, with scale = 1 + w."""

    scale: float = 7.5

    @override
    def branches(self, condition: Condition, null: Condition) -> Sequence[Branch]:
        return Branch(condition=null), Branch(condition=condition)

    @override
    def weights(self, x: Latent, t: Time) -> Sequence[Weight]:
        return 1 - self.scale, self.scale


@dataclass(frozen=True)
class TwoSet(Blend):
    """set 1 + scale (set 2 - set 1): only what differs between two sets is amplified.

    Set 2 is the condition; set 1 is the null with the `shared` doors of the condition, which so
    become plain conditions (VideoComposer's depth and motion, PixelDance's frames).
    Source: Wang et al. (2023), VideoComposer, whose released settings use 9.
    """

    scale: float = 9.0
    shared: Doors = ("concat",)

    @override
    def branches(self, condition: Condition, null: Condition) -> Sequence[Branch]:
        first = null.swapped(condition, self.shared)
        return Branch(condition=first), Branch(condition=condition)

    @override
    def weights(self, x: Latent, t: Time) -> Sequence[Weight]:
        return 1 - self.scale, self.scale


@dataclass(frozen=True)
class PerFrame(Blend):
    """Classifier-free guidance with a scale for each frame, so that a given first frame is kept.

    `ramp` goes from `low` at the first frame to `high` at the last: SVD (Blattmann et al., 2023,
    appendix D) with 1.0 to 2.5 for 14 frames, 1.5 to 3.0 for 25. `triangle` returns to `low`, for
    orbits that end where they began: SV3D (Voleti et al., 2024). One frame has `low`.
    """

    low: float = 1.0
    high: float = 2.5
    shape: Literal["ramp", "triangle"] = "ramp"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.shape not in ("ramp", "triangle"):
            raise RequestError(f"shape must be ramp or triangle (got {self.shape!r})")

    @override
    def branches(self, condition: Condition, null: Condition) -> Sequence[Branch]:
        return Branch(condition=null), Branch(condition=condition)

    @override
    def weights(self, x: Latent, t: Time) -> Sequence[Weight]:
        place = torch.linspace(0, 1, x.shape[2], dtype=x.dtype, device=x.device)
        if self.shape == "triangle":
            place = 1 - (2 * place - 1).abs()
        scale = rearrange(self.low + (self.high - self.low) * place, "t -> 1 1 t 1 1")
        return 1 - scale, scale


@dataclass(frozen=True)
class Temporal(Blend):
    """image + smoothness (null - image) + scale (cond - null): Gen-1's knob for smooth motion.

    `image` is the same network on each frame by itself, under the null condition. Smoothness 1 is
    classifier-free guidance; 0 with scale 0 is the image model. Two network calls at most: the
    frames, and the two clips. Source: Esser et al. (2023), eq. 8 (omega_t, omega).
    """

    scale: float = 7.5
    smoothness: float = 1.0

    @override
    def branches(self, condition: Condition, null: Condition) -> Sequence[Branch]:
        image = Branch(condition=null, framewise=True)
        return image, Branch(condition=null), Branch(condition=condition)

    @override
    def weights(self, x: Latent, t: Time) -> Sequence[Weight]:
        return 1 - self.smoothness, self.smoothness - self.scale, self.scale


@dataclass(frozen=True)
class Level:
    """A scale for the doors that one level of a nest opens."""

    doors: Doors
    scale: float


@dataclass(frozen=True)
class Nested(Blend):
    """Doors opened one level after another, each amplifying what it adds.

    With levels 1..n: null + sum_k scale_k (c_k - c_{k-1}), where c_0 is the null, c_k has the doors
    of levels 1..k, and c_n is the condition, doors that no level names included. The order is that
    of InstructPix2Pix (Brooks et al., 2023, eq. 3): image 1.5, then text 7.5; Emu Edit (Sheynin et
    al., 2023) uses 1.5 and 5, Emu Video the same form.
    """

    levels: tuple[Level, ...] = (Level(("concat", "image"), 1.5), Level(TEXT, 7.5))

    def __post_init__(self) -> None:
        super().__post_init__()
        doors = [door for level in self.levels for door in level.doors]
        if not doors or len(set(doors)) < len(doors):
            raise RequestError(
                f"each door belongs to one level of a nest (got {', '.join(doors) or 'none'}); "
                "name each once"
            )

    @override
    def branches(self, condition: Condition, null: Condition) -> Sequence[Branch]:
        nest = [null]
        for level in self.levels[:-1]:
            nest.append(nest[-1].swapped(condition, level.doors))
        return [Branch(condition=c) for c in (*nest, condition)]

    @override
    def weights(self, x: Latent, t: Time) -> Sequence[Weight]:
        scales = [1.0, *(level.scale for level in self.levels), 0.0]
        return [this - following for this, following in pairwise(scales)]


@dataclass(frozen=True)
class Oscillating(Blend):
    """Classifier-free guidance that alternates between two scales to stop colours saturating.

    The first `hold` of the steps keep `high`; then steps take `low`, `high`, `low`, ... in turn.
    `times` are those of the grid that is sampled, since what alternates is steps and not times; a
    step of two calls (heun) sees two scales, so use it with samplers of one. Source: Ho et al.
    (2022), Imagen Video: 15 and 1. The 0.1 is Stable unCLIP's.
    """

    times: tuple[float, ...]
    high: float = 15.0
    low: float = 1.0
    hold: float = 0.1

    @override
    def branches(self, condition: Condition, null: Condition) -> Sequence[Branch]:
        return Branch(condition=null), Branch(condition=condition)

    @override
    def weights(self, x: Latent, t: Time) -> Sequence[Weight]:
        times = torch.tensor(self.times, dtype=torch.float64, device=t.device)
        # A float32 time is within 6e-8 of its grid's.
        step = (times[:, None] > t.to(torch.float64) + 1e-6).sum(0)
        past = step - round(self.hold * (len(self.times) - 1))
        at_low = (past >= 0) & (past % 2 == 0)
        scale = like(torch.where(at_low, self.low, self.high).to(x), x)
        return 1 - scale, scale


def thresholded(denoise: Denoise, *, percentile: float = 0.995, least: float = 1.0) -> Denoise:
    """A denoiser whose clean clip is clipped at its own percentile of |x| and divided by it.

    For pixels in [-1, 1] under strong guidance; a percentile below `least` leaves [-1, 1] as the
    bound. Source: Saharia et al. (2022), Imagen, section 2.3 (dynamic thresholding, 0.995).
    """
    if not 0 < percentile <= 1:
        raise RequestError(f"percentile must lie in (0, 1] (got {percentile:g}); 0.995 is usual")

    def bounded(x: Latent, t: Time) -> Latent:
        clean = denoise(x, t)
        place = max(1, round(percentile * clean[0].numel()))
        bound = clean.abs().flatten(1).kthvalue(place, dim=1).values.clamp_min(least)
        return clean.clamp(-like(bound, clean), like(bound, clean)) / like(bound, clean)

    return bounded


def switched(early: Denoise, late: Denoise, time: float) -> Denoise:
    """One denoiser above a time and another from there on: a condition that ends on the way.

    Source: Zeng et al. (2023), PixelDance, whose first tau steps alone see the last frame.
    """

    def denoise(x: Latent, t: Time) -> Latent:
        above = t > time
        if bool(above.all()):
            return early(x, t)
        if not bool(above.any()):
            return late(x, t)
        return torch.where(like(above, x), early(x, t), late(x, t))

    return denoise


def _rescaled(mixed: Tensor, plain: Tensor, amount: float) -> Tensor:
    """Pulls each clip's standard deviation back towards the plain answer's."""
    wanted, got = (x.std(dim=(1, 2, 3, 4), keepdim=True) for x in (plain, mixed))
    return mixed * (1 - amount + amount * wanted / got)


def _is_zero(weight: Weight) -> bool:
    return not bool((weight != 0).any()) if isinstance(weight, Tensor) else weight == 0
