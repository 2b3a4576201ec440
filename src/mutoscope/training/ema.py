"""Averaged weights: w' <- d w' + (1 - d) w with d = min(decay, (1 + step) / (10 + step))."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn


class Ema:
    """A float32 running average of the trainable parameters of a module."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.values = {
            name: p.detach().float().clone()
            for name, p in module.named_parameters()
            if p.requires_grad
        }

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Take in the parameters as they are after `step`."""
        decay = min(self.decay, (1 + step) / (10 + step))
        mine = list(self.values.values())
        now: list[Tensor] = [p.float() for n, p in module.named_parameters() if n in self.values]
        torch._foreach_lerp_(mine, now, 1 - decay)

    def parts(self, module: nn.ModuleDict) -> Mapping[str, nn.Module]:
        """Copies of the module's parts that hold the averaged weights, in evaluation mode."""
        twin = copy.deepcopy(module)
        twin.load_state_dict(self.values, strict=False)
        return dict(twin.eval().requires_grad_(requires_grad=False).items())
