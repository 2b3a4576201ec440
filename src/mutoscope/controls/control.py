"""What a control is, and the few functions that all of them share.

    from_truth   Render        -> Map   what is true of a render of the world
    from_clip    Clip          -> Map   what is read of anybody's clip, with parts that work offline
    shown        Map           -> Frames   the map as a person sees it: what `extract` writes
    from_shown   Frames        -> Map   the same taken back, for maps that come as a file
    encoded      Map, (t h w)  -> Told   of the size and the range that a network is given

A map is `b c T H W`, float32, in the unit that its control names. It holds every frame, whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

import torch
from einops import rearrange, repeat
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from mutoscope.checked import Number
from mutoscope.clip import Clip, Frames
from mutoscope.errors import RequestError

if TYPE_CHECKING:  # the renderer is slow to import, and nothing here calls it
    from mutoscope.world.render import Render

Map = Float[Tensor, "b c T H W"]
Told = Float[Tensor, "b k t h w"]
"""What a network is given of a map."""
Size = tuple[int, int, int]
"""Frames, height and width of a latent."""

LUMA = (0.299, 0.587, 0.114)
"""Rec. 601."""


@runtime_checkable
class Control(Protocol):
    """What the module of a control holds.

    `TRUTHS` are those of `world.render.TRUTHS` that `from_truth` needs, `CHANNELS` those of what
    `encoded` answers.
    """

    TRUTHS: tuple[str, ...]
    CHANNELS: int

    def from_truth(self, made: Render, /) -> Map:
        """The map of a render of the world, exactly."""
        ...

    def from_clip(self, clip: Clip, /) -> Map:
        """The map that is read of a clip."""
        ...

    def shown(self, values: Map, /) -> Frames:
        """The map as pictures."""
        ...

    def from_shown(self, frames: Frames, /) -> Map:
        """The map that such pictures show."""
        ...

    def encoded(self, values: Map, size: Size, /) -> Told:
        """The map for a network, of the size of its latent."""
        ...


@runtime_checkable
class Written(Protocol):
    """What the module of a control holds whose source is a text."""

    CHANNELS: int

    def from_text(self, text: str, /, *, frames: int, size: tuple[int, int], fps: Number) -> Map:
        """The map that the text says for a clip of (W, H)."""
        ...

    def encoded(self, values: Map, size: Size, /) -> Told:
        """The map for a network, of the size of its latent."""
        ...


def grey(values: Float[Tensor, "b 1 T H W"]) -> Frames:
    """Values in [0, 1] as frames, 0 black."""
    return (values * 2 - 1).repeat(1, 3, 1, 1, 1)


def lit(frames: Frames) -> Float[Tensor, "b 1 T H W"]:
    """How light frames are, in [0, 1]."""
    weights = torch.tensor(LUMA, dtype=frames.dtype, device=frames.device)
    return (((frames + 1) / 2) * weights.view(1, 3, 1, 1, 1)).sum(1, keepdim=True)


def pooled(values: Map, size: Size, *, most: bool = False) -> Float[Tensor, "b c t h w"]:
    """The mean of every cell of a latent, or the most; refuses a latent that is larger."""
    if any(cells > pixels for cells, pixels in zip(size, values.shape[2:], strict=True)):
        raise RequestError(
            f"a map of {_said(values.shape[2:])} can't fill a latent of {_said(size)};"
            " give a larger clip"
        )
    return F.adaptive_max_pool3d(values, size) if most else F.adaptive_avg_pool3d(values, size)


def folded(values: Map, cells: tuple[int, int]) -> Told:
    """A map on the cells (h, w) of a latent: finer detail lies on channels, coarser is repeated.

    Refuses sides that aren't whole multiples of one another.
    """
    (H, W), (h, w) = values.shape[3:], cells
    if H % h == 0 and W % w == 0:
        p, q = H // h, W // w
        return rearrange(values, "b c t (h p) (w q) -> b (c p q) t h w", p=p, q=q)
    if h % H == 0 and w % W == 0:
        return repeat(values, "b c t h w -> b c t (h p) (w q)", p=h // H, q=w // W)
    raise RequestError(f"a map of {W}x{H} can't lie on {w}x{h} cells; give whole multiples")


def _said(size: torch.Size | Size) -> str:
    return f"{size[0]} frames of {size[2]}x{size[1]}"
