"""Any subset of conditions at once: words, a token, maps as one sum; and two sets of them.

    said = F(x_t, t; words, s token, sum_k s_k E_k(map_k))
    F_1 + scale (F_2 - F_1)

s_k says whether map k is there and how much it counts: 0 is absent, whatever the map holds, so that
a map of zeros is a condition like any other. Set 2 is all that is given; set 1 has less: its s_k
are 0 for what it lacks, its words are the null's. What both sets have is a plain condition, what
only set 2 has is amplified.

    first     image, first       latent of the frame, the same in every frame
    sketch    sketch             lines of one frame, likewise
    sketches  sketches           lines of every frame
    depth     depth, structure   nearness
    motion    motion, stroke     where each block came from
    mask      mask + structure   latents of the clip with grey where it is masked; what is kept
    image     style              one vector of the aligner, as a token

Maps lie on the latent's cells, finer detail folded into channels (`DETAIL`).

In training each condition is dropped by itself with chance EACH; with chance NONE all are, with
chance ALL none is. Source: Wang et al. (2023), VideoComposer, section 3.2 and released code.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from einops import repeat
from jaxtyping import Bool, Float
from torch import Tensor
from typing_extensions import override

from mutoscope import checked, controls, zoo
from mutoscope.clip import Frames
from mutoscope.controls import given
from mutoscope.controls.control import Map, Size, Told, folded
from mutoscope.controls.tubes import tubes
from mutoscope.core.condition import Condition
from mutoscope.core.denoiser import Denoiser
from mutoscope.core.guidance import ClassifierFree
from mutoscope.core.shapes import Denoise, Latent
from mutoscope.errors import RequestError
from mutoscope.networks.alignment import Aligner
from mutoscope.request import ConditionRequest, Request, Setting
from mutoscope.systems import sight
from mutoscope.systems.diffusion import Parts
from mutoscope.systems.steered import Shown, Steered

EACH, NONE, ALL = 0.5, 0.1, 0.1
"""Chances in training; NONE and ALL exclude each other."""
WORDS, STYLE = "text", "image"
"""What the words and the picture's token are called beside the maps."""
ENTERS: Mapping[str, str] = {
    "image": "first", "first": "first", "sketch": "sketch", "sketches": "sketches",
    "style": STYLE, "depth": "depth", "structure": "depth", "motion": "motion",
    "stroke": "motion", "mask": "mask",
}  # fmt: skip
"""Kinds of conditions, and what each is to the network."""
NAMES = ("first", "sketch", "sketches", "depth", "motion", "mask", STYLE)
DETAIL: Mapping[str, int] = {"sketch": 8, "sketches": 8, "depth": 4, "motion": 1, "mask": 8}
"""Places of a map along a side of a cell; ours."""
SET1 = Setting(
    name="set1",
    type="text",
    default="image,sketch,sketches,depth,motion,mask",
    help="conditions (and text) that guidance leaves plain; what else is given is amplified",
)
"""Source: the released script, which takes words and style alone from the first set."""

Laid = Mapping[str, Float[Tensor, "b _k t h w"]]
"""Maps of one size by name, each with channels of its own."""
Stay = Mapping[str, Bool[Tensor, " b"]]
Much = Mapping[str, Float[Tensor, " b"]]


def layout(channels: int) -> dict[str, Any]:
    """The doors of a network whose latents have so many channels."""
    maps = {"first": channels, "sketch": 64, "sketches": 64, "depth": 16, "motion": 3}
    return {"maps": {**maps, "mask": channels + 64}, "image": sight.VECTOR}


class Composed(Steered):
    """A system that takes any of these conditions together."""

    def __init__(self, parts: Parts, aligner: Aligner) -> None:
        super().__init__(parts)
        self.aligner = aligner
        network = zoo.arguments(parts.denoiser.network)
        self.sizes: Mapping[str, int] = network["maps"]
        self.width = int(network["image"])

    @override
    def bind(self, request: Request) -> Denoise:
        asked = self.accepts().values(request)
        has = named(str(asked[SET1.name]))
        if WORDS in has and request.negative:
            raise RequestError(
                f"with {WORDS} in {SET1.name} a negative prompt says nothing; leave one of them out"
            )
        told, null = self.read([request.prompt], request.fps, negative=request.negative)
        told = self.told(request, told)
        first, rescale = fewer(told, null, has), float(asked["rescale"])
        scale = float(request.guidance)
        return between(self.denoiser, first, told, scale=scale, rescale=rescale)

    @override
    def doors(self, x: Latent) -> Condition:
        b, _, t, h, w = x.shape
        return Condition(
            concat=x.new_zeros(b, sum(self.sizes.values()), t, h, w),
            image=x.new_zeros(b, 1, self.width),
            scalars={name: x.new_ones(b) for name in NAMES},
        )

    def told(self, request: Request, words: Condition) -> Condition:
        """All that a request gives; refuses two conditions of one door, and half of a mask."""
        asked, source = _paired({one.kind: one for one in request.given()})
        plain = replace(request, conditions=list(asked.values()), segments=())
        maps: dict[str, Told] = {}
        much: dict[str, Tensor] = {}
        style = None
        for kind, (one, values) in self.maps(plain).items():
            name = ENTERS[kind]
            much[name] = torch.full((1,), float(one.strength))
            if name == STYLE:
                style = sight.seen(self.aligner, values).vector[:, None]
            elif name == "mask":
                assert source is not None
                maps[name] = self.hidden(given.clip(source, request), values)
            else:
                maps[name] = self._map(kind, values, _cells(self.empty(request)))
        return self._opened(words, maps, much, style)

    @override
    def taught(
        self, shown: Shown, told: Condition, null: Condition, rng: torch.Generator
    ) -> Condition:
        x0 = shown["x0"]
        b, size = len(x0), _cells(x0)
        stay = kept((*NAMES, WORDS), b, rng)
        lines = folded(shown["lines"], size[1:])
        maps = {
            "first": _held(x0[:, :, :1], size),
            "sketch": _held(lines[:, :, :1], size),
            "sketches": lines,
            "depth": folded(shown["depth"], size[1:]),
            "motion": folded(shown["motion"], size[1:]),
        }
        rows = stay["mask"].nonzero()[:, 0]
        if len(rows):
            frames = self.autoencoder.decode(x0[rows])
            part = self.hidden(frames, tubes(len(rows), _sides(frames), rng).to(frames))
            maps["mask"] = part.new_zeros(b, *part.shape[1:]).index_copy(0, rows, part)
        place = torch.randint(shown["vectors"].shape[1], (b,), generator=rng)
        style = shown["vectors"][torch.arange(b), place][:, None].to(x0)
        words = told.replaced(null, ~stay[WORDS], doors=(WORDS,))
        much = {name: stay[name].to(x0) for name in NAMES}
        return self._opened(words, maps, much, style)

    def hidden(self, frames: Frames, mask: Float[Tensor, "b 1 _T H W"]) -> Told:
        """Latents of frames whose masked places are grey, and which pixels are kept."""
        from mutoscope.controls import mask as control  # late: it brings the renderer along

        told = control.hidden(frames, mask.expand(-1, -1, frames.shape[2], -1, -1))
        latents = self.coded(told[:, :3])
        return torch.cat([latents, folded(told[:, 3:], _cells(latents)[1:])], dim=1)

    def _map(self, kind: str, values: Map, size: Size) -> Told:
        if ENTERS[kind] == "first":
            return _held(self.coded(values), size)
        t, (h, w), fine = values.shape[2], size[1:], DETAIL[ENTERS[kind]]
        control = controls.writing(kind) if kind == "stroke" else controls.of(kind)
        return _held(folded(control.encoded(values, (t, fine * h, fine * w)), (h, w)), size)

    def _opened(self, words: Condition, maps: Laid, much: Much, style: Tensor | None) -> Condition:
        """Words with what lies beside them; a door that nothing enters stays shut."""
        concat = beside(maps, self.sizes) if maps else None
        scalars = {**words.scalars, **much}
        return replace(words, concat=concat, image=style, scalars=scalars)


def named(text: str) -> frozenset[str]:
    """What the kinds in a list, comma by comma, are to the network; refuses unknown ones."""
    kinds = [kind.strip() for kind in text.split(",") if kind.strip()]
    for kind in kinds:
        checked.one_of(f"what {SET1.name} names", kind, (WORDS, *ENTERS))
    return frozenset(ENTERS.get(kind, kind) for kind in kinds)


def kept(names: Sequence[str], count: int, rng: torch.Generator) -> Stay:
    """Which of so many clips keep each of the conditions."""
    stay = torch.rand(count, len(names), generator=rng) >= EACH
    which = torch.rand(count, 1, generator=rng)
    stay = (stay | (which >= 1 - ALL)) & (which >= NONE)
    return dict(zip(names, stay.unbind(1), strict=True))


def beside(maps: Laid, sizes: Mapping[str, int]) -> Told:
    """Maps side by side in the order of `sizes`, which says how many channels each has.

    Whatever the order of `maps` the answer is the same; one that isn't given is zeros. At least one
    is.
    """
    one = next(iter(maps.values()))
    b, _, t, h, w = one.shape
    rows = [maps.get(name, one.new_zeros(b, width, t, h, w)) for name, width in sizes.items()]
    return torch.cat(rows, dim=1)


def fewer(told: Condition, null: Condition, has: Collection[str]) -> Condition:
    """Set 1: of NAMES only those that it `has`, and WORDS or the null's."""
    scalars = {
        name: torch.zeros_like(value) if name in NAMES and name not in has else value
        for name, value in told.scalars.items()
    }
    words = told if WORDS in has else null
    return replace(
        told, text=words.text, text_mask=words.text_mask, pooled=words.pooled, scalars=scalars
    )


def between(
    denoiser: Denoiser, first: Condition, told: Condition, *, scale: float, rescale: float
) -> Denoise:
    """Guidance from set 1 to set 2; where both are the same the scale says nothing, to the bit."""
    guide = ClassifierFree(scale=1.0 if _same(first, told) else scale, rescale=rescale)
    return guide(denoiser, told, first)


def _same(first: Condition, told: Condition) -> bool:
    """Whether two sets that share their maps say the same."""
    pairs: list[tuple[Tensor | None, Tensor | None]] = [
        (value, told.scalars[name]) for name, value in first.scalars.items()
    ]
    pairs += [(first.text, told.text), (first.text_mask, told.text_mask)]
    return all(a is b or (a is not None and b is not None and torch.equal(a, b)) for a, b in pairs)


def _paired(
    asked: Mapping[str, ConditionRequest],
) -> tuple[dict[str, ConditionRequest], ConditionRequest | None]:
    """The conditions that enter by themselves, and the clip that a mask is laid on."""
    rest, source = dict(asked), None
    if "mask" in rest:
        source = rest.pop("structure", None) or rest["mask"]
        if source is rest["mask"] and given.is_map(source):
            raise RequestError(
                "a mask needs the clip it is laid on: give structure=CLIP beside"
                f" mask={source.source}"
            )
        if source is not rest["mask"] and source.strength != 1:
            raise RequestError(
                f"structure takes no strength beside a mask (got {source.strength:g}); give it to"
                " the mask"
            )
    taken: dict[str, str] = {}
    for kind in rest:
        other = taken.setdefault(ENTERS[kind], kind)
        if other != kind:
            raise RequestError(f"'{other}' and '{kind}' say the same thing; give one of them")
    return rest, source


def _cells(latent: Latent) -> Size:
    """Frames, height and width of a latent."""
    t, h, w = latent.shape[2:]
    return t, h, w


def _sides(frames: Frames) -> tuple[int, int]:
    H, W = frames.shape[3:]
    return H, W


def _held(values: Float[Tensor, "b k _t h w"], size: Size) -> Told:
    """One frame's for all frames; what has all of them stays."""
    if values.shape[2] == size[0]:
        return values
    return repeat(values, "b k 1 h w -> b k t h w", t=size[0])
