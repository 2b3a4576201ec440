"""The pad that a stroke is drawn on, and the field that it is typed in."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr

from mutoscope.studio.look import html


def pad(*, size: tuple[int, int], label: str = "Stroke", name: str = "stroke") -> Any:  # noqa: ANN401
    """A field for the points and, above it, a pad of (W, H) to draw them on; the field.

    `name` tells several pads of a page apart.
    """
    width, height = size
    sheet = (
        f'<svg class="pad" data-field="{name}-points" viewBox="0 0 {width} {height}"'
        f' role="img" aria-label="{label}: draw here, or type its points below">'
        '<polyline fill="none"></polyline><g></g></svg>'
    )
    html(sheet, js_on_load=f"studio.pad(element, {json.dumps(name + '-points')})")
    return gr.Textbox(
        label=f"{label}, as points",
        info="x,y in pixels from the upper left, in order, with ; between them",
        placeholder="10,60;90,60",
        elem_id=f"{name}-points",
    )
