"""Everything a clip may be conditioned on, by the door it enters a network through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from jaxtyping import Bool, Float
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Condition:
    """A closed set of doors into a network; None is a door left shut."""

    text: Float[Tensor, "b l d"] | None = None
    text_mask: Bool[Tensor, "b l"] | None = None
    pooled: Float[Tensor, "b p"] | None = None
    image: Float[Tensor, "b n e"] | None = None
    concat: Float[Tensor, "b k t h w"] | None = None
    scalars: Mapping[str, Float[Tensor, " b"]] = field(default_factory=dict)
