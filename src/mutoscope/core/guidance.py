"""Guidance binds the conditions and hands the sampler a plain function of (x_t, t)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor
from typing_extensions import override

from mutoscope.core.condition import Condition
from mutoscope.core.denoiser import Denoiser
from mutoscope.core.shapes import Denoise


@runtime_checkable
class Guidance(Protocol):
    """A way of mixing what a denoiser says under several conditions."""

    def __call__(self, denoiser: Denoiser, condition: Condition, null: Condition) -> Denoise:
        """The guided denoiser of one request; `null` may hold a negative prompt."""
        ...


@dataclass(frozen=True)
class ClassifierFree(Guidance):
    """x = null + scale (cond - null). Source: Ho & Salimans (2022), eq. 6, scale = 1 + w."""

    scale: float = 7.5

    @override
    def __call__(self, denoiser: Denoiser, condition: Condition, null: Condition) -> Denoise:
        if self.scale == 1.0:
            return lambda x, t: denoiser(x, t, condition)
        both = condition.stacked(null)

        def denoise(x: Tensor, t: Tensor) -> Tensor:
            yes, no = denoiser(torch.cat([x, x]), torch.cat([t, t]), both).chunk(2)
            return no + self.scale * (yes - no)

        return denoise
