"""Colours and letters: a warm paper by day, a warm dark by night, one accent.

Everything is served from here: Gradio's package holds the fonts, `static/` the styles and scripts.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
from gradio.themes.utils.colors import Color
from gradio.themes.utils.fonts import LocalFont

STATIC = Path(__file__).parent / "static"

SCRIPTS = ("studio.js", "gallery.js", "stroke.js", "tune.js")

WEIGHTS = (400, 700)
"""Those whose files are whole: what Gradio 6.31 ships as semi-bold lacks most letters."""

SIENNA = Color(
    name="sienna",
    c50="#fdf3ec", c100="#fae3d3", c200="#f4c6a8", c300="#eda67c", c400="#e58a5c", c500="#cf6434",
    c600="#b0481c", c700="#8e3916", c800="#6b2c13", c900="#4c2110", c950="#33160b",
)  # fmt: skip

PAPER = Color(
    name="paper",
    c50="#fbf9f5", c100="#f5f1ea", c200="#e7e0d4", c300="#d3c9b9", c400="#a59c8d", c500="#7d7568",
    c600="#625b50", c700="#3a352d", c800="#24211c", c900="#1b1916", c950="#141210",
)  # fmt: skip


def theme() -> gr.themes.Base:
    """What Gradio's own components look like."""
    fallback = ("system-ui", "sans-serif")
    plain = gr.themes.Base(
        primary_hue=SIENNA,
        secondary_hue=SIENNA,
        neutral_hue=PAPER,
        radius_size=gr.themes.sizes.radius_lg,
        font=(LocalFont("IBM Plex Sans", weights=WEIGHTS), *fallback),
        font_mono=(LocalFont("IBM Plex Mono", weights=WEIGHTS), "ui-monospace", "monospace"),
    )
    return plain.set(
        body_background_fill="*neutral_100",
        body_background_fill_dark="*neutral_900",
        body_text_color="#26221c",
        body_text_color_dark="#ece6db",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_400",
        background_fill_primary="#fffdfa",
        background_fill_primary_dark="*neutral_800",
        background_fill_secondary="*neutral_100",
        background_fill_secondary_dark="*neutral_900",
        border_color_primary="*neutral_200",
        border_color_primary_dark="*neutral_700",
        block_background_fill="transparent",
        block_background_fill_dark="transparent",
        block_border_width="0px",
        block_border_width_dark="0px",
        block_shadow="none",
        block_padding="0px",
        block_title_text_weight="600",
        block_title_text_color="*body_text_color",
        block_title_text_color_dark="*body_text_color",
        block_info_text_color="*body_text_color_subdued",
        block_info_text_color_dark="*body_text_color_subdued",
        block_label_background_fill="transparent",
        input_background_fill="#fffdfa",
        input_background_fill_dark="*neutral_800",
        input_border_color="*neutral_300",
        input_border_color_dark="*neutral_700",
        input_border_color_focus="*primary_600",
        input_border_color_focus_dark="*primary_400",
        input_placeholder_color="*neutral_500",
        input_placeholder_color_dark="*neutral_400",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="*primary_400",
        button_primary_background_fill_hover_dark="*primary_300",
        button_primary_text_color="white",
        button_primary_text_color_dark="*neutral_950",
        button_secondary_background_fill="transparent",
        button_secondary_background_fill_dark="transparent",
        button_secondary_background_fill_hover="*neutral_200",
        button_secondary_background_fill_hover_dark="*neutral_700",
        slider_color="*primary_600",
        slider_color_dark="*primary_400",
    )


def css() -> str:
    """Our own styles."""
    return (STATIC / "studio.css").read_text(encoding="utf-8")


def head() -> str:
    """Our own scripts, one after another."""
    scripts = [(STATIC / name).read_text(encoding="utf-8") for name in SCRIPTS]
    return "\n".join(f"<script>\n{script}</script>" for script in scripts)


def html(value: str, **said: Any) -> Any:  # noqa: ANN401
    """A piece of our own HTML, which our own styles alone apply to."""
    return gr.HTML(value, apply_default_css=False, **said)
