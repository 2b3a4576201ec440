"""The inputs of tab Make: pictures, clips, strokes and words that a system takes as conditions.

A clip that is changed and made again keeps what it was given: its assets stand beside the field for
a new file, until they are taken away.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from mutoscope.controls import stroke
from mutoscope.errors import RequestError
from mutoscope.request import LITERALS, ConditionRequest, Request
from mutoscope.service.access import LOCAL
from mutoscope.service.assets import Asset
from mutoscope.service.desk import Desk
from mutoscope.service.jobs import Job, NotFoundError
from mutoscope.service.offers import Offer
from mutoscope.studio.pad import pad

Shown = Mapping[Any, Any]
"""What each component shows."""


@dataclass(frozen=True, kw_only=True)
class Input:
    """The controls of one condition: what is typed or uploaded, and what an earlier clip had.

    `held` shows nobody the conditions of that clip, as JSON; `keep`, of files only, is ticked while
    they are to be used.
    """

    kind: str
    field: Any
    held: Any
    keep: Any = None

    @property
    def controls(self) -> set[Any]:
        """All of them."""
        return {one for one in (self.field, self.held, self.keep) if one is not None}

    def given(self, shown: Shown, desk: Desk, size: tuple[int, int]) -> list[dict[str, Any]]:
        """The conditions they say; a field left as the earlier clip had it says all that it had."""
        said, held = shown[self.field], json.loads(shown[self.held] or "[]")
        if self.keep is not None:
            if said:
                return [{"kind": self.kind, "source": uploaded(desk, Path(said))}]
            return held if shown[self.keep] else []
        source = (said or "").strip()
        if held and source == held[0]["source"]:
            return held
        if source and self.kind == "stroke":
            source = stroke.written(stroke.points(source, size=size))
        return [{"kind": self.kind, "source": source}] if source else []

    def filled(self, request: Request, desk: Desk) -> dict[Any, Any]:
        """What they show for the request of an earlier clip."""
        held = [item for item in request.conditions if item.kind == self.kind]
        if self.keep is None:
            source = held[0].source if held else None
            return {self.field: source, self.held: _held(held)}
        there = [(item, asset) for item in held if (asset := _asset(desk, item)) is not None]
        what = " and ".join(_named(asset) for _, asset in there)
        return {
            self.field: None,
            self.held: _held([item for item, _ in there]),
            self.keep: gr.update(
                visible=bool(there), value=True, label=f"From the earlier clip: {what}"
            ),
        }


def drawn(offer: Offer, kind: str) -> Input:
    """The controls of one of a system's conditions; made inside a Blocks."""
    label = kind.capitalize() + (" (needed)" if kind in offer.accepts.needs else "")
    if kind == "stroke":
        field = pad(size=frame(offer), label=label, name=f"{offer.card.name}-stroke")
    elif kind in LITERALS:
        field = gr.Textbox(label=label)
    else:
        field = gr.File(
            label=f"{label}: a picture or clip", file_types=["image", "video"], height=120,
            elem_classes="upload",
        )  # fmt: skip
    keep = None
    if kind not in LITERALS:
        keep = gr.Checkbox(
            value=False, visible=False, label="From the earlier clip", container=False,
            info="used unless another file is given", elem_classes="earlier",
        )  # fmt: skip
    return Input(kind=kind, field=field, held=gr.Textbox("[]", visible="hidden"), keep=keep)


def frame(offer: Offer) -> tuple[int, int]:
    """The pixels a stroke is drawn on: the size that the system makes by itself."""
    return Request.from_json(dict(offer.accepts.defaults)).size


def lost(job: Job, desk: Desk) -> list[str]:
    """Kinds of conditions whose files an earlier clip had, and which aren't kept any more."""
    files = [item for item in job.request.conditions if item.kind not in LITERALS]
    return sorted({item.kind for item in files if _asset(desk, item) is None})


def _asset(desk: Desk, condition: ConditionRequest) -> Asset | None:
    try:
        return desk.assets.get(condition.source, owner=LOCAL)
    except NotFoundError:
        return None


def uploaded(desk: Desk, path: Path) -> str:
    """The id of the asset that a received file becomes."""
    if not path.is_file():
        raise RequestError("the file was received too long ago and is gone; give it again")
    return desk.upload(path, owner=LOCAL).id


def _held(conditions: Sequence[ConditionRequest]) -> str:
    return json.dumps([item.to_json() for item in conditions])


def _named(asset: Asset) -> str:
    size = f"{asset.width}x{asset.height} pixels"
    return f"a picture of {size}" if asset.frames == 1 else f"{asset.frames} frames of {size}"
