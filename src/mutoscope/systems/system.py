"""A published system: what it is called, what it can be asked for, how it generates and learns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, TypedDict, Unpack

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mutoscope.checked import Value
from mutoscope.clip import Clip
from mutoscope.core.samplers import Step
from mutoscope.request import Capabilities, ConditionRequest, Example, Request, Segment
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
    """

    card: Card
    weights: Mapping[str, str]
    precision: str
    took: Mapping[str, float]

    @abstractmethod
    def run(self, request: Request) -> Iterator[Step]:
        """Generate one clip step by step; close the iterator to cancel."""

    @abstractmethod
    def finish(self, step: Step, request: Request) -> Clip:
        """The clip as it stands after a step: the result after the last, a preview before."""

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

    def request(self, prompt: str, **asked: Unpack[Asked]) -> Request:
        """The whole request, this system's defaults filled in; refuses what it can't do."""
        return self.accepts().complete({**asked, "prompt": prompt, "system": self.card.name})

    def generate(self, prompt: str, *, count: int = 1, **asked: Unpack[Asked]) -> Clip:
        """Make clips of a prompt, one after another: clip i of `count` has seed + i."""
        request = self.request(prompt, **asked)
        clips = [self.make(one) for one in counted(request, count)]
        return replace(clips[0], frames=torch.cat([clip.frames for clip in clips]))

    def make(self, request: Request) -> Clip:
        """The clip of one request, start to end."""
        *_, last = self.run(request)
        return self.finish(last, request)


def counted(request: Request, count: int) -> list[Request]:
    """One request a clip: each with the seed after that of the clip before."""
    return [replace(request, seed=request.seed + index) for index in range(count)]
