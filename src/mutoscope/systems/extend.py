"""A film of clips, each of which begins with the frame that the one before ended on.

    clip k + 1 = system(prompt k + 1, first = last frame of clip k)

For any system that takes `first`: what clip k + 1 is given is that frame as a file holds it, so a
piece is what the system makes of it by itself. The frame that two clips share is shown once. Of a
clip that is whole nothing is kept but its last frame, so memory doesn't grow with their number.
Source: Zeng et al. (2023), PixelDance, long video generation; joining them so is ours.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from mutoscope import media
from mutoscope.clip import Clip
from mutoscope.core.samplers import Step
from mutoscope.request import ConditionRequest, Request
from mutoscope.systems.cost import Cost
from mutoscope.systems.system import System

SEEDS = 1000
"""Seeds from one piece to the next, so that clips of a count share none with it (ours)."""
OPENS, CLOSES = "first", "last"
"""Conditions of a whole story that are of its first, and of its last piece alone."""


def pieces(request: Request) -> list[Request]:
    """What is asked of each piece by itself; of later ones, all but the frame they begin with.

    Conditions of the story are of every piece but OPENS and CLOSES; a piece's own of the same kind
    take their place. Its seed is that of the piece before and SEEDS more.
    """
    last = len(request.segments) - 1
    found = []
    for k, part in enumerate(request.segments):
        without = {one.kind for one in part.conditions}
        without |= {OPENS} if k > 0 else set()
        without |= {CLOSES} if k < last else set()
        shared = [one for one in request.conditions if one.kind not in without]
        asked = replace(
            request, prompt=part.prompt, frames=part.frames, segments=(),
            conditions=[*shared, *part.conditions], seed=(request.seed + k * SEEDS) % 2**63,
        )  # fmt: skip
        found.append(asked)
    return found


def chained(system: System, request: Request) -> Iterator[Step]:
    """The steps of a story, numbered through; that which ends a piece carries its new frames."""
    parts, took = pieces(request), Counter[str]()
    with TemporaryDirectory() as folder:
        before = Path(folder, "first.png")
        for k, part in enumerate(parts):
            joins = k > 0 and OPENS not in {one.kind for one in part.conditions}
            for step in system.run(begun(part, before) if joins else part):
                counted = replace(
                    step, index=k * step.total + step.index, total=len(parts) * step.total
                )
                if step.index + 1 < step.total:
                    yield counted
                    continue
                clip = system.finish(step, part)
                media.write(_last(clip), before, metadata=False)
                took.update(system.took)
                system.took = dict(took)
                yield replace(counted, segment=clip.frames[:, :, 1:] if joins else clip.frames)


def begun(part: Request, frame: Path) -> Request:
    """A piece that begins with the picture in a file."""
    first = ConditionRequest(kind=OPENS, source=str(frame))
    return replace(part, conditions=[*part.conditions, first])


def cost(system: System, parts: Sequence[Request]) -> Cost:
    """What pieces cost one after another."""
    found = [system.cost(part) for part in parts]
    return replace(
        max(found, key=lambda one: one.memory), operations=sum(one.operations for one in found)
    )


def _last(clip: Clip) -> Clip:
    return Clip(frames=clip.frames[:, :, -1:], fps=clip.fps)
