"""Quality over time: numbers of a clip, or of each of a batch, that need no network.

Frames are in [-1, 1]; x below is (frames + 1) / 2, so that every difference is in [0, 1]. Flow is
the world's: pixels, x right, y down, from frame k to k + 1, anchored at the source pixel, where the
middle of pixel p goes to p + flow(p). Where there is nothing to measure the answer is nan.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

Clips = Float[Tensor, "*b c T H W"]
Each = Float[Tensor, "*b"]
Flow = Float[Tensor, "*b 2 pairs H W"]
Known = Bool[Tensor, "*b pairs H W"]

STEADY = 8 / 255
"""What a smoothed pixel may change between frames and count as static (ours)."""
SAME = 2 / 255
"""What a smoothed pixel may change between two frames that count as one shown twice (ours)."""
SPREAD = 5
"""Pixels a side over which a change is smoothed, so that noise of a codec is none (ours)."""
FAST = 6 / 256
"""Pixels a frame, as a share of the shorter side, from which a pair of frames moves."""
TOP = 0.05
"""The share of pixels, the fastest ones, whose speed is a frame's."""
DARK, DARK_SHARE = 0.10, 0.98
"""Luma up to which a pixel is black, and the share of pixels that makes a frame black."""
LUMA = (0.299, 0.587, 0.114)
"""Rec. 601."""


def still(frames: Clips) -> Bool[Tensor, "*b H W"]:
    """Pixels that keep their place: |s_{k+1} - s_k| <= STEADY for every k and in every channel.

    s is x less its mean over the frame, smoothed over SPREAD pixels: neither a flash of the whole
    frame nor fine noise makes a region move, but a patch that boils does. Ours; where the truth is
    known, take that.
    """
    s = _smoothed(frames - frames.mean((-2, -1), keepdim=True)) / 2
    if s.shape[-3] < 2:
        return torch.zeros_like(s[..., 0, 0, :, :], dtype=torch.bool)
    change = s.diff(dim=-3).abs().amax(dim=-3)
    return (change <= STEADY).all(dim=-3)


def flicker(frames: Clips, region: Bool[Tensor, "*b H W"] | None = None) -> Each:
    """Mean |x_{k+1} - x_k| inside a static region, in [0, 1]; lower is better.

    `region` is where nothing moves, else what `still` finds; nan where it is empty. Source: VBench
    (Huang et al., 2024), temporal flickering, which is 1 - this over all pixels of static clips.
    """
    where = still(frames) if region is None else region
    change = _changes(frames).mean(dim=(-4, -3))
    return _mean(change, where, dims=(-2, -1))


def warp_error(frames: Clips, flow: Flow, known: Known | None = None) -> Each:
    """Mean (x_{k+1}(p + flow(p)) - x_k(p))², in [0, 1]; lower is better.

    Counted are pixels p that stay in the frame and are `known`: not hidden next, or known to the
    estimate. Values between pixels are bilinear. Source: Lai et al. (2018), eq. 10; EvalCrafter
    (Liu et al., 2023), warping error. Departs: flow is given, exact or estimated elsewhere.
    """
    c, T, H, W = frames.shape[-4:]
    x = (frames + 1) / 2
    pairs = x.movedim(-3, -4).reshape(-1, T, c, H, W)
    now, after = pairs[:, :-1].flatten(0, 1), pairs[:, 1:].flatten(0, 1)
    goes = flow.movedim(-3, -4).reshape(-1, 2, H, W)
    u = torch.arange(W, device=x.device) + 0.5 + goes[:, 0]
    v = torch.arange(H, device=x.device)[:, None] + 0.5 + goes[:, 1]
    grid = torch.stack([2 * u / W - 1, 2 * v / H - 1], dim=-1).to(x.dtype)
    there = F.grid_sample(after, grid, padding_mode="border", align_corners=False)
    inside = (u >= 0.5) & (u <= W - 0.5) & (v >= 0.5) & (v <= H - 0.5)
    where = inside.reshape(*frames.shape[:-4], T - 1, H, W)
    if known is not None:
        where = where & known
    error = ((there - now) ** 2).mean(dim=1).reshape(where.shape)
    return _mean(error, where, dims=(-3, -2, -1))


def changes(frames: Clips) -> Float[Tensor, "*b pairs"]:
    """Of every pair of neighbouring frames the mean |x_{k+1} - x_k|, in [0, 1]."""
    return _changes(frames).mean(dim=(-4, -2, -1))


def seams(changed: Float[Tensor, " pairs"], starts: Sequence[int]) -> Float[Tensor, " _"]:
    """Of each seam the change across it over the median change elsewhere; 1 is invisible.

    `changed` is what `changes` gives of one clip, `starts` are the frames, from 1, that begin a
    later segment. At least 0; a cut is far above 1, a frame shown twice below. nan where no pair
    lies elsewhere, or nothing changes there. Source: ours.
    """
    across = torch.zeros(len(changed), dtype=torch.bool)
    across[[k - 1 for k in starts]] = True
    rest = changed[~across].quantile(0.5) if bool((~across).any()) else changed.new_tensor(0.0)
    return torch.where(rest > 0, changed[across] / rest, math.nan)


def smoothness(frames: Clips) -> Each:
    """1 - mean |x_k - (x_{k-1} + x_{k+1}) / 2| over odd k, in [0, 1]; higher is better.

    1 for a frozen clip and for an even fade; nan below 3 frames. Source: VBench, motion smoothness.
    Departs: the frame between is the mean of its neighbours, not a network's, so that fast
    motion of sharp edges costs something however even it is; compare clips of like motion.
    """
    x = (frames + 1) / 2
    T = x.shape[-3]
    odd = x[..., 1 : T - 1 : 2, :, :]
    count = odd.shape[-3]
    around = (x[..., 0 : T - 2 : 2, :, :] + x[..., 2:T:2, :, :]) / 2
    return 1 - (odd - around[..., :count, :, :]).abs().mean(dim=(-4, -3, -2, -1))


def repeated(frames: Clips) -> Each:
    """The share of frames but the first that show what the one before showed, in [0, 1].

    Lower is better; a clip at 1 is frozen. Two frames are the same where no pixel, smoothed over
    SPREAD pixels, changes by more than SAME. Ours; nan for one frame.
    """
    change = _smoothed(frames).diff(dim=-3).abs() / 2
    return (change.amax(dim=(-4, -2, -1)) <= SAME).to(frames.dtype).mean(dim=-1)


def black(frames: Clips) -> Each:
    """The share of black frames, in [0, 1]; lower is better.

    Black is a frame of which DARK_SHARE of the pixels have a luma of at most DARK. Source: FFmpeg's
    blackdetect, its defaults.
    """
    weights = torch.tensor(LUMA, device=frames.device, dtype=frames.dtype)
    luma = ((frames + 1) / 2 * weights[:, None, None, None]).sum(dim=-4)
    dark = (luma <= DARK).to(frames.dtype).mean(dim=(-2, -1))
    return (dark >= DARK_SHARE).to(frames.dtype).mean(dim=-1)


def broken(frames: Clips) -> Each:
    """The share of frames that hold NaN or infinity, in [0, 1]; lower is better. Ours."""
    whole = torch.isfinite(frames).all(dim=-1).all(dim=-1).all(dim=-2)
    return (~whole).to(frames.dtype).mean(dim=-1)


def speeds(flow: Flow) -> Float[Tensor, "*b pairs"]:
    """The mean length of the TOP longest vectors of each pair, in pixels a frame.

    Source: VBench, dynamic degree.
    """
    lengths = flow.norm(dim=-4).flatten(-2)
    most = max(1, math.floor(TOP * lengths.shape[-1]))
    return lengths.topk(most, dim=-1).values.mean(dim=-1)


def dynamic(flow: Flow) -> Bool[Tensor, "*b"]:
    """Whether a clip moves: `speeds` above FAST of the shorter side in round(T / 4) pairs or more.

    Meant for flow at about 8 frames a second; more motion is not better or worse by itself, too
    little is a known way to score well on everything else. Source: VBench, dynamic degree. Departs:
    at least one pair must move, however short the clip.
    """
    pairs, H, W = flow.shape[-3:]
    moving = (speeds(flow) > FAST * min(H, W)).sum(dim=-1)
    return moving >= max(1, round((pairs + 1) / 4))


def flow_score(flow: Flow, fps: float) -> Each:
    """The mean length of all vectors, in shorter sides a second; for flow at `fps` frames a second.

    As with `dynamic`, more is not better by itself. Source: EvalCrafter, flow score. Departs: sides
    a second instead of pixels a frame, so that clips of other sizes and rates compare.
    """
    return flow.norm(dim=-4).mean(dim=(-3, -2, -1)) * fps / min(flow.shape[-2:])


def _changes(frames: Clips) -> Float[Tensor, "*b c pairs H W"]:
    return frames.diff(dim=-3).abs() / 2


def _smoothed(frames: Clips) -> Clips:
    flat = frames.reshape(-1, 1, *frames.shape[-2:])
    wide = F.avg_pool2d(flat, SPREAD, 1, SPREAD // 2, count_include_pad=False)
    return wide.reshape(frames.shape)


def _mean(values: Tensor, where: Tensor, *, dims: tuple[int, ...]) -> Tensor:
    """The mean of values where told, nan where that is nowhere."""
    kept = torch.where(where, values, torch.zeros_like(values))
    return kept.sum(dim=dims) / where.sum(dim=dims)
