"""From an image network to a video network: what is new starts as nothing, what is old stays.

A layer over time whose last kernel is zero adds nothing, so that at step 0 a clip is so many
independent images. Source: Blattmann et al. (2023), section 3.1; Wang et al. (2023), section 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mutoscope.errors import WeightsError

Layer = TypeVar("Layer", bound=nn.Module)


def zeroed(layer: Layer) -> Layer:
    """The layer with zeros in all its weights, so that what it ends starts as no change."""
    for weight in layer.parameters():
        nn.init.zeros_(weight)
    return layer


def inflated(
    kernel: Float[Tensor, "o i h w"], frames: int, *, how: Literal["centre", "mean"] = "centre"
) -> Float[Tensor, "o i t h w"]:
    """A 2-D kernel as one over an odd number of frames, which says the same of a still clip.

    "centre" looks at the middle frame alone and is the image layer on every frame of any clip;
    "mean" looks at all alike and is the image layer on still clips, away from padded ends.
    Source: Carreira & Zisserman (2017), section 2.4 for "mean".
    """
    if frames % 2 == 0:
        raise WeightsError(f"a kernel over time needs an odd length (got {frames}); 3 is usual")
    share = torch.zeros(frames).to(kernel)
    if how == "centre":
        share[frames // 2] = 1
    else:
        share[:] = 1 / frames
    return kernel[:, :, None] * share[:, None, None]


def grow(video: nn.Module, image: Mapping[str, Tensor]) -> list[str]:
    """Copy an image network's weights into the layers of the same name; the names of the new ones.

    1x1 kernels fit linear layers and the other way round. Refuses a weight that has no place.
    """
    own = video.state_dict()
    stray = sorted(name for name in image if name not in own)
    odd = sorted(n for n in image if n in own and image[n].numel() != own[n].numel())
    if stray or odd:
        raise WeightsError(
            f"{len(stray)} weights have no place and {len(odd)} another size "
            f"(first: {(stray + odd)[0]}); the image network must have the video network's widths"
        )
    fitting = {name: weight.reshape(own[name].shape) for name, weight in image.items()}
    video.load_state_dict({**own, **fitting})
    return [name for name in own if name not in image]
