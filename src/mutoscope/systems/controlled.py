"""Pictures drawn after maps: depth, lines and edges beside x, any of them together, as one sum.

    said = F(x_t, t; words, sum_k s_k E_k(map_k))

s_k says whether map k is there and how much it counts: 0 is absent, whatever the map holds
(`nn.doors.Maps`). An encoder sees one frame, so a clip whose frames never meet is drawn frame by
frame, each after its own map. Guidance is of the words alone: both its branches have the maps.

    depth    depth               nearness
    sketch   sketch, sketches    lines of one frame for all, or of every frame
    edges    edge                where the picture changes sharply

Maps lie on the latent's cells, finer detail folded into channels (`DETAIL`). In training each map
is dropped by itself with chance EACH, and words with chance SILENT, so that a map alone says what
is seen. Source: Zhang et al. (2023), ControlNet, section 3.4, for SILENT.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from mutoscope import controls, zoo
from mutoscope.controls import given
from mutoscope.controls.control import Told, folded
from mutoscope.core.condition import Condition
from mutoscope.core.denoiser import Denoiser
from mutoscope.core.shapes import Latent
from mutoscope.errors import RequestError
from mutoscope.request import ConditionRequest, Request
from mutoscope.systems import shipped, steered
from mutoscope.systems.shipped import Sizes
from mutoscope.systems.steered import Shown

EACH, SILENT = 0.5, 0.5
"""Chances in training; EACH is ours."""
ENTERS: Mapping[str, str] = {
    "depth": "depth", "edge": "edges", "sketch": "sketch", "sketches": "sketch"
}  # fmt: skip
"""Kinds of conditions, and which map each is."""
DETAIL: Mapping[str, int] = {"depth": 4, "sketch": 8, "edges": 8}
"""Maps in the order of the door, and places of each along a side of a cell; ours."""
TRUE: Mapping[str, str] = {"depth": "depth", "sketch": "lines", "edges": "edges"}
"""What each is called among what is true of a picture (`data.exact`)."""


def layout() -> dict[str, Any]:
    """The doors of such a network."""
    maps = {name: fine**2 for name, fine in DETAIL.items()}
    return {"maps": maps, "maps_over_time": False}


def grown(sizes: Sizes) -> Sizes:
    """The sizes of an image model with these doors."""
    return replace(sizes, network={**sizes.network, **layout()})


def there(name: str, folder: Path | None) -> bool:
    """Whether such a network has been taught, in a folder laid out like the zoo or in the zoo."""
    return name in zoo.names(folder or zoo.FOLDER)


def files(name: str, folder: Path | None) -> Sequence[Path]:
    """The weight files of one that is there."""
    return shipped.files(name, folder) if there(name, folder) else ()


def opened(
    name: str, folder: Path | None, dtype: torch.dtype | None
) -> tuple[Denoiser | None, Mapping[str, str]]:
    """One that is there, ready to generate, and the hashes of its files by part."""
    if not there(name, folder):
        return None, {}
    parts = shipped.opened(name, folder, dtype)
    return parts.denoiser, parts.sha256


def told(request: Request, latent: Latent) -> Condition:
    """The maps of a request for a latent of its size; no door is open if it gives none.

    Refuses two conditions that are one map.
    """
    maps: dict[str, Told] = {}
    much: dict[str, Tensor] = {}
    for name, one in _asked(request).items():
        maps[name] = _laid(name, one, request, latent)
        much[name] = torch.full((1,), float(one.strength))
    return _opened(maps, much) if maps else Condition()


def taught(shown: Shown, words: Condition, null: Condition, rng: torch.Generator) -> Condition:
    """The whole condition of a batch in training."""
    x0 = shown["x0"]
    b, cells = len(x0), (x0.shape[3], x0.shape[4])
    maps = {name: folded(shown[TRUE[name]], cells) for name in DETAIL}
    much = {name: (~steered.chance(b, EACH, rng)).to(x0) for name in DETAIL}
    silent = steered.chance(b, SILENT, rng)
    return words.replaced(null, silent, doors=("text",)).merged(_opened(maps, much))


def door(latent: Latent) -> Condition:
    """All maps of a latent, of which nothing is said, to count what they cost."""
    size = latent.shape[2:]
    maps = {name: latent.new_zeros(1, fine**2, *size) for name, fine in DETAIL.items()}
    return _opened(maps, {name: latent.new_ones(1) for name in DETAIL})


def _asked(request: Request) -> dict[str, ConditionRequest]:
    found: dict[str, ConditionRequest] = {}
    for one in request.given():
        other = found.get(ENTERS[one.kind], one)
        if other.kind != one.kind:
            raise RequestError(f"'{other.kind}' and '{one.kind}' are one map; give one of them")
        found[ENTERS[one.kind]] = one
    return found


def _laid(name: str, one: ConditionRequest, request: Request, latent: Latent) -> Told:
    """One map on the cells of a latent; a single frame's for all frames."""
    (t, h, w), fine = latent.shape[2:], DETAIL[name]
    values = given.given(one, request)
    size = (values.shape[2], fine * h, fine * w)
    laid = folded(controls.of(one.kind).encoded(values, size), (h, w))
    return laid.expand(-1, -1, t, -1, -1)


def _opened(maps: Mapping[str, Told], much: Mapping[str, Float[Tensor, " b"]]) -> Condition:
    """Maps side by side in the order of the door; one that isn't given is zeros."""
    one = next(iter(maps.values()))
    b, _, t, h, w = one.shape
    rows = [maps.get(name, one.new_zeros(b, fine**2, t, h, w)) for name, fine in DETAIL.items()]
    return Condition(concat=torch.cat(rows, dim=1), scalars=much)
