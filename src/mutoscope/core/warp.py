"""A latent carried across the frame, by whole cells, so that noise stays noise.

Bilinear values between cells are means of noise: their variance shrinks, and a denoiser takes what
is left for a smooth picture. So a way is rounded to whole cells (half a cell goes up) and each cell
is some cell of the source; beyond the border lies the mirror image.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mutoscope.core.shapes import Latent


def moved(x: Latent, shifts: Float[Tensor, "n 2"]) -> Float[Tensor, "b c n h w"]:
    """Frame k of x carried by `shifts[k]`; one frame serves for all.

    Shifts are shares of the frame's width and height, + right and + down. Source: Khachatryan et
    al. (2023), section 3.3, nearest with reflection as in their code. Departs: the way is rounded,
    not the place, where a half would double some cells and lose their neighbours.
    """
    n, (h, w) = len(shifts), x.shape[3:]
    cells = torch.floor(shifts.double() * shifts.new_tensor([w, h]).double() + 0.5).long()
    columns = _mirrored(torch.arange(w) - cells[:, :1], w)
    rows = _mirrored(torch.arange(h) - cells[:, 1:], h)
    frame = torch.arange(n) if x.shape[2] > 1 else torch.zeros(n, dtype=torch.long)
    return x[:, :, frame[:, None, None], rows[:, :, None], columns[:, None, :]]


def _mirrored(place: Int[Tensor, "n _k"], side: int) -> Int[Tensor, "n _k"]:
    """Where a place beyond the border lies when the frame is mirrored there, again and again."""
    turn = place.remainder(2 * side)
    return torch.where(turn < side, turn, 2 * side - 1 - turn)
