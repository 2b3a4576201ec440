"""Each clip of a run against its own prompt and against the others', as the aligner has them.

    text similarity  the cosine of a clip and its prompt; beside it that of another clip's prompt
    R-precision      whether no other prompt of the run is as near, among RIVALS of them or as many
                     as there are

A prompt of which the world's language makes nothing has no figure and is no rival; nor is one that
says no more than a clip's own does, as to rank that one first would be no mistake.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import permutations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mutoscope import zoo
from mutoscope.encoders import MiniLM
from mutoscope.errors import RequestError
from mutoscope.evaluate import alignment, report
from mutoscope.evaluate.alignment import RIVALS, Encode
from mutoscope.evaluate.faithfulness import disordered
from mutoscope.evaluate.folder import LeftOut
from mutoscope.evaluate.report import Report
from mutoscope.evaluate.similarity import competing, r_precision
from mutoscope.networks.alignment import Aligner
from mutoscope.world.facts import SILENCE, Facts, agrees
from mutoscope.world.parse import parse
from mutoscope.world.scene import Scene

SIMILAR, PRECISE = "text similarity", "R-precision"
SEED = 0
"""Of which prompts a clip is held against."""
MANY = 4
"""Things above which what a prompt says isn't looked for in another."""

Vector = Float[Tensor, " e"]


@dataclass(frozen=True)
class Ear:
    """What hears prompts and sees clips; `encode` is the frozen sentence encoder."""

    aligner: Aligner
    encode: Encode


@dataclass(frozen=True, kw_only=True)
class Match:
    """A clip and its prompt: their cosine, and that of the clip and another's prompt.

    `first`: whether the own prompt is nearest among `rivals` others; None where there are none.
    """

    similarity: float
    other: float | None
    first: bool | None
    rivals: int


@dataclass(frozen=True, kw_only=True)
class Heard:
    """The prompts of a run, one a clip: unit vectors of those that are read, by prompt.

    By clip: the prompts that compete with its own, and another's that stands for chance. `refused`
    says of prompts why they can't be heard.
    """

    prompts: Sequence[str]
    vectors: Mapping[str, Vector]
    rivals: Sequence[Sequence[str]]
    others: Sequence[str | None]
    refused: Mapping[str, str] = field(default_factory=dict)

    def matches(self, seen: Sequence[Sequence[float]]) -> list[Match | None]:
        """Of the first clips of the run, as unit vectors; [] is a clip that can't be seen."""
        return [self._match(k, torch.tensor(vector)) for k, vector in enumerate(seen)]

    def _match(self, k: int, clip: Float[Tensor, " e"]) -> Match | None:
        own = self.vectors.get(self.prompts[k])
        if own is None or not len(clip):
            return None
        near = float(clip @ own)
        other = self.others[k]
        rivals = [float(clip @ self.vectors[prompt]) for prompt in self.rivals[k]]
        return Match(
            similarity=near,
            other=None if other is None else float(clip @ self.vectors[other]),
            first=r_precision(np.array([[near, *rivals]]), [0])[0] if rivals else None,
            rivals=len(rivals),
        )


def shipped() -> Ear | None:
    """The aligner of the zoo with its encoder, or None where the zoo has none."""
    return Ear(alignment.shipped(), MiniLM()) if alignment.NAME in zoo.names() else None


def heard(
    prompts: Sequence[str], ear: Ear, *, scenes: Sequence[Scene] | None = None, count: int = RIVALS
) -> Heard:
    """Listen to the prompts of a run; of `scenes`, a clip's own, it is known what else is true."""
    told = {prompt: parse(prompt) for prompt in dict.fromkeys(prompts)}
    read = [prompt for prompt, facts in told.items() if replace(facts, unknown=()) != SILENCE]
    vectors, refused = _vectors(read, ear)
    known = [prompt for prompt in read if prompt in vectors]
    rng = np.random.default_rng(SEED)
    rivals = [
        competing(prompt, known, _true(told, prompt, scenes[k] if scenes else None), rng, count)
        if prompt in vectors
        else []
        for k, prompt in enumerate(prompts)
    ]
    others: list[str | None] = [None] * len(prompts)
    able = [k for k, prompt in enumerate(prompts) if prompt in vectors]
    for k, other in zip(able, disordered(able, SEED), strict=True):
        others[k] = prompts[other] if prompts[other] != prompts[k] else None
    return Heard(prompts=prompts, vectors=vectors, rivals=rivals, others=others, refused=refused)


def rows(found: Sequence[Match | None], beside: Mapping[str, Sequence[Match | None]]) -> Report:
    """SIMILAR and PRECISE over the clips that have one, with chance, and other clips `beside`."""
    mine = [match for match in found if match is not None]
    if not mine:
        return {}
    others = {name: [m for m in row if m is not None] for name, row in beside.items()}
    near = {
        name: float(np.mean([m.similarity for m in row])) for name, row in others.items() if row
    }
    apart = [m.other for m in mine if m.other is not None]
    chance = {"chance": float(np.mean(apart))} if apart else {}
    told = {
        SIMILAR: report.mean(
            [m.similarity for m in mine], better="higher", baselines={**chance, **near}
        )
    }
    if ranked := [m for m in mine if m.first is not None]:
        right = {name: _firsts(row) for name, row in others.items() if _ranked(row)}
        blind = {"chance": float(np.mean([1 / (1 + m.rivals) for m in ranked]))}
        told[PRECISE] = report.share((bool(m.first) for m in ranked), {**blind, **right})
    return told


def unheard(of: Heard) -> list[LeftOut]:
    """The prompts that can't be heard, with the reason."""
    return [
        LeftOut(f"{SIMILAR} of '{prompt[:40]}...'", f"has no figure: {reason}")
        for prompt, reason in of.refused.items()
    ]


def implied(said: Facts, own: Facts) -> bool:
    """Whether whoever says `own` has said all of `said` too."""
    scalars = ("floor", "sky", "light", "fog", "move", "pace", "look", "sign", "count")
    if any(getattr(said, name) not in {None, getattr(own, name)} for name in scalars):
        return False
    if not set(said.unknown) <= set(own.unknown) or len(own.things) > MANY:
        return False
    return any(
        _holds(said, own, naming)
        for naming in permutations(range(len(own.things)), len(said.things))
    )


def _holds(said: Facts, own: Facts, naming: Sequence[int]) -> bool:
    for thing, index in zip(said.things, naming, strict=True):
        other = None if thing.other is None else naming[thing.other]
        wish, there = vars(replace(thing, other=other)), vars(own.things[index])
        if any(value not in {None, there[name]} for name, value in wish.items()):
            return False
    related = {(naming[i], relation, naming[j]) for i, relation, j in said.relations}
    return related <= set(own.relations)


def _true(told: Mapping[str, Facts], prompt: str, scene: Scene | None) -> Callable[[str], bool]:
    """Whether another prompt is true of a clip, as far as its scene or its own prompt tells."""
    if scene is not None:
        return lambda other: agrees(told[other], scene)
    return lambda other: implied(told[other], told[prompt])


def _vectors(prompts: Sequence[str], ear: Ear) -> tuple[dict[str, Vector], dict[str, str]]:
    """Prompts as unit vectors, and why some can't be heard."""
    if not prompts:
        return {}, {}
    try:
        return dict(
            zip(prompts, alignment.heard(ear.aligner, prompts, ear.encode), strict=True)
        ), {}
    except RequestError:
        pass  # one of them is too long; which one is asked below
    found: dict[str, Vector] = {}
    refused: dict[str, str] = {}
    for prompt in prompts:
        try:
            found[prompt] = alignment.heard(ear.aligner, [prompt], ear.encode)[0]
        except RequestError as error:
            refused[prompt] = str(error)
    return found, refused


def _ranked(row: Sequence[Match]) -> list[bool]:
    return [m.first for m in row if m.first is not None]


def _firsts(row: Sequence[Match]) -> float:
    return float(np.mean(_ranked(row)))
