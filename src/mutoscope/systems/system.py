"""A published system: what it is called, what it can be asked for, how it generates and learns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypedDict, Unpack

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mutoscope import __version__, media
from mutoscope.checked import Value
from mutoscope.clip import Clip
from mutoscope.core.samplers import Step
from mutoscope.errors import IgnoredError
from mutoscope.record import Record, record_of
from mutoscope.request import (
    LITERALS,
    Capabilities,
    ConditionRequest,
    Example,
    Request,
    Segment,
)
from mutoscope.systems.cost import Cost


@dataclass(frozen=True, kw_only=True)
class Card:
    """What a system is and is not.

    `weights` says whether its authors published theirs, `departs` where this reconstruction
    differs from the paper.
    """

    name: str
    title: str
    authors: str
    year: int
    arxiv: str
    weights: str
    departs: Sequence[str] = ()

    def to_json(self) -> dict[str, Any]:
        """The card as a JSON object."""
        return {**asdict(self), "departs": list(self.departs)}


class Asked(TypedDict, total=False):
    """What may be asked for besides the prompt; the same words as in a Request."""

    negative: str
    frames: int
    fps: float
    size: tuple[int, int]
    steps: int
    guidance: float
    sampler: str
    seed: int
    conditions: Sequence[ConditionRequest]
    settings: Mapping[str, Value]
    segments: Sequence[Segment]


class System(ABC):
    """One system, ready to run.

    `weights` maps the parts that were loaded to their sha256, `precision` is the number format its
    networks run in, `took` holds the seconds that the stages of the newest run took so far.
    `others`, told a kind of condition, names the systems that use it, for who asks the wrong one.
    """

    card: Card
    weights: Mapping[str, str]
    precision: str
    took: Mapping[str, float]
    others: Callable[[str], Sequence[str]] | None = None

    @abstractmethod
    def run(self, request: Request) -> Iterator[Step]:
        """Generate one clip step by step; close the iterator to cancel.

        Of a story, piece after piece: a step that ends one carries its frames, and nothing of
        earlier ones is kept.
        """

    @abstractmethod
    def finish(self, step: Step, request: Request, *, most: int | None = None) -> Clip:
        """The clip as it stands after a step: the result after the last, a preview before.

        Of a story it is the piece that the step is of, from its new frames on where it is whole.
        With `most` only so many of its frames, spread evenly from the first on: a cheap preview.
        """

    @abstractmethod
    def loss(self, example: Example, seeds: Sequence[int]) -> Float[Tensor, " b"]:
        """What training minimises, a number and a seed a clip; nothing else is random."""

    @abstractmethod
    def parts(self) -> Mapping[str, nn.Module]:
        """The learnable parts, by name: what is trained, saved and moved."""

    @abstractmethod
    def accepts(self) -> Capabilities:
        """What can be asked for."""

    @abstractmethod
    def cost(self, request: Request) -> Cost:
        """What a request would cost; asked of a system on the `meta` device, nothing is run."""

    def words(self, request: Request) -> str:
        """What its network reads of a request: the prompt, unless the system says it otherwise."""
        return request.prompt

    def request(self, prompt: str, **asked: Unpack[Asked]) -> Request:
        """The whole request, this system's defaults filled in; refuses what it can't do."""
        try:
            return self.accepts().complete({**asked, "prompt": prompt, "system": self.card.name})
        except IgnoredError as error:
            if self.others is None:
                raise
            raise error.used_by(self.others(error.kind)) from None

    def generate(self, prompt: str, *, count: int = 1, **asked: Unpack[Asked]) -> Clip:
        """Make clips of a prompt, one after another: clip i of `count` has seed + i.

        The record that `verify` makes them again from is with them.
        """
        request = self.request(prompt, **asked)
        clips, took = [], Counter[str]()
        for one in counted(request, count):
            clips.append(self.make(one))
            took.update(self.took)
        clip = replace(clips[0], frames=torch.cat([clip.frames for clip in clips]))
        record = self.record(request, clip.grid(), seconds=took, count=count)
        return replace(clip, record=record.to_json())

    def record(
        self, request: Request, clip: Clip, *, seconds: Mapping[str, float], count: int = 1
    ) -> Record:
        """The record of a clip, or of a grid of `count`, that this system just made.

        It names every setting, so that the clip outlives the defaults of today.
        """
        rounded = {name: round(value, 3) for name, value in seconds.items()}
        whole = replace(request, settings=self.accepts().values(request))
        found = record_of(
            whole, clip, version=__version__, weights=self.weights, seconds=rounded,
            sources=_sources(request),
        )  # fmt: skip
        words = self.words(request)
        own = "" if words == request.prompt else words
        return replace(found, precision=self.precision, count=count, words=own)

    def make(self, request: Request) -> Clip:
        """The clip of one request, start to end; of a story all its pieces, joined."""
        return joined([self.finish(step, request) for step in self.run(request) if whole(step)])


def _sources(request: Request) -> dict[str, str]:
    """The SHA-256 of every file or folder that a condition names, by its source as it was asked."""
    named = sorted({c.source for c in request.given() if c.kind not in LITERALS})
    return {source: media.sha256(source) for source in named if Path(source).exists()}


def whole(step: Step) -> bool:
    """Whether `finish` gives after this step what stays: the clip, or a piece of a story."""
    return step.segment is not None or step.index + 1 == step.total


def joined(pieces: Sequence[Clip]) -> Clip:
    """Pieces of a story, one after another."""
    if len(pieces) == 1:
        return pieces[0]
    return replace(pieces[0], frames=torch.cat([piece.frames for piece in pieces], dim=2))


def spread(count: int, most: int | None) -> list[int]:
    """The numbers of at most `most` of `count` frames, evenly apart, the first among them.

    >>> spread(16, 4)
    [0, 4, 8, 12]
    """
    few = count if most is None else min(most, count)
    return [index * count // few for index in range(few)]


def counted(request: Request, count: int) -> list[Request]:
    """One request a clip: each with the seed after that of the clip before."""
    return [replace(request, seed=request.seed + index) for index in range(count)]
