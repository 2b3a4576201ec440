"""A tuning as it is asked for: a Request of which the system learns a clip before it makes any.

Its prompt says what the clip shows, its steps are those of learning, its one condition is the clip,
an upload. Frames and fps say how much of that is learned.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mutoscope import checked
from mutoscope.errors import RequestError
from mutoscope.recipes import Tunable
from mutoscope.request import ConditionRequest, Request
from mutoscope.service.assets import Asset

KEYS = ("system", "clip", "prompt", "preview", "frames", "fps", "steps")
"""What may be said of one; `clip` is an upload's id, `preview` a prompt that samples show too."""

NUMBERS = ("frames", "fps", "steps")

FRAMES, FPS = 16, 8.0
"""How much of a clip is learned unless told, or as much as there is."""

CLIP = "structure"
"""The kind of condition as which the clip stands in the request."""

PREVIEW = "preview"
"""The setting that holds a further prompt."""


def request(
    given: Mapping[str, Any], clip: Asset, recipe: Tunable, weights: Path | None
) -> Request:
    """The whole request of some keys; refuses a picture, and more frames than the clip has."""
    if clip.frames == 1:
        raise RequestError("a picture doesn't move, so there is no motion to learn; give a clip")
    can, system = recipe.before(weights).accepts(), given["system"]
    fps = checked.within(f"fps for {system}", given.get("fps", FPS), can.fps)
    there = max(1, int(clip.frames / clip.fps * fps + 0.01))
    asked = can.complete(
        {
            "system": system,
            "prompt": given.get("prompt", ""),
            "frames": given.get("frames", min(FRAMES, there)),
            "fps": fps,
            "steps": given.get("steps", recipe.PLAN.steps),
        }
    )
    if asked.frames > there:
        raise RequestError(
            f"the clip has {there} frames at {fps:g} a second (got {asked.frames}); ask for fewer"
        )
    preview = checked.text("preview", given.get("preview", ""))
    return replace(
        asked,
        conditions=(ConditionRequest(kind=CLIP, source=clip.id),),
        settings={PREVIEW: preview} if preview else {},
    )


def prompts(asked: Request) -> tuple[str, ...]:
    """What the samples of a tuning show: the clip in its own words, then in others, if any."""
    other = asked.settings.get(PREVIEW)
    return (asked.prompt, str(other)) if other else (asked.prompt,)
