"""Clips with their maps as tensors, flipped and spoilt together, so that what is true stays true.

A warp that fetches pixel p of frame k from p + s_k(p) shows there what was true at that place; what
flows from it to q in the next frame is seen where p' + s_{k+1}(p') = q, so its flow is p' - p.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor

from mutoscope.data import degrade
from mutoscope.data.truths import Item
from mutoscope.networks.dense import nearness

STEPS = 4
"""Steps of p' = q - s(p'), each some fifth as far off as the one before (ours)."""


@dataclass(frozen=True)
class Target:
    """One clip and what is true of it; flow and `clear` (not occluded next) of all but the last.

    Frames are in [-1, 1], near as networks.dense has it, flow in pixels.
    """

    frames: Float[Tensor, "3 T H W"]
    near: Float[Tensor, "T H W"]
    things: Bool[Tensor, "T H W"]
    lines: Bool[Tensor, "T H W"]
    flow: Float[Tensor, "pairs H W 2"]
    clear: Bool[Tensor, "pairs H W"]


def targets(item: Item) -> list[Target]:
    """Picked clips one by one."""
    frames = rearrange(torch.from_numpy(item.rgb).float() / 127.5 - 1, "b t h w c -> b c t h w")
    near = nearness(torch.from_numpy(item.depth))
    rows = (
        frames, near, torch.from_numpy(item.ids > 0), torch.from_numpy(item.lines),
        torch.from_numpy(item.flow), torch.from_numpy(~item.occluded),
    )  # fmt: skip
    return [Target(*one) for one in zip(*rows, strict=True)]


def flipped(target: Target) -> Target:
    """The clip in a mirror: left is right."""
    turned = {name: one.flip(-1) for name, one in vars(target).items() if name != "flow"}
    flow = target.flow.flip(-2) * torch.tensor([-1.0, 1.0])
    return Target(**turned, flow=flow)


def spoilt(target: Target, kind: str, rng: torch.Generator, severity: float) -> Target:
    """The clip after a degradation of data.degrade, and what is true of it then."""
    if kind == "warp":
        T, H, W = target.near.shape
        return warped(target, degrade.shifts((T, H, W), rng, severity))
    return replace(target, frames=degrade.ALL[kind](target.frames, rng, severity))


def some(target: Target, rng: torch.Generator) -> Target:
    """Up to degrade.MANY random degradations of random severity, or none."""
    if float(torch.rand((), generator=rng)) < degrade.CLEAN:
        return target
    count = int(torch.randint(1, degrade.MANY + 1, (), generator=rng))
    order = torch.randperm(len(degrade.ALL), generator=rng)[:count].tolist()
    names = list(degrade.ALL)
    for index in order:
        severity = float(torch.rand((), generator=rng))
        target = spoilt(target, names[index], rng, severity)
    return replace(target, frames=target.frames.clamp(-1, 1))


def warped(target: Target, shift: Float[Tensor, "T H W 2"]) -> Target:
    """Everything fetched from `shift` away, maps from the nearest pixel, and the flow of that."""
    one = torch.stack([target.near, target.things.float(), target.lines.float()])
    near, things, lines = degrade.fetched(one, shift, "nearest")
    flow, clear = target.flow, target.clear
    if len(flow):
        both = torch.cat([rearrange(flow, "t h w k -> k t h w"), clear[None].float()])
        u, v, seen = degrade.fetched(both, shift[:-1], "nearest")
        # From p the way leads to q = p + s_k(p) + flow, seen where the next frame fetches q.
        there = shift[:-1] + torch.stack([u, v], dim=-1)
        after = rearrange(shift[1:], "t h w k -> k t h w")
        found = there
        for _ in range(STEPS):
            fetched = degrade.fetched(after, found)
            found = there - rearrange(fetched, "k t h w -> t h w k")
        flow, clear = found, seen > 0.5
    frames = degrade.fetched(target.frames, shift)
    return Target(frames, near, things > 0.5, lines > 0.5, flow, clear)
