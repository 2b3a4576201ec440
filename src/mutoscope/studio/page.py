"""The page: its tabs, side by side, and how it gets onto the service."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import gradio as gr
from fastapi import FastAPI
from fastapi.responses import RedirectResponse, Response

from mutoscope.errors import RequestError
from mutoscope.service.desk import Desk
from mutoscope.studio import look
from mutoscope.studio.gallery import Gallery
from mutoscope.studio.look import html
from mutoscope.studio.make import QUIET, Make
from mutoscope.studio.tune import MISSING, Tune, families

PATH = "/studio"
"""Where the page is."""

RECEIVED = (3600, 86400)
"""Seconds between two looks at the files that browsers sent, and after which one is removed.

Those that became an input of a job lie with the service's uploads by then.
"""

HEADER = """
<header class="top"><h1><span class="mark" aria-hidden="true"></span>mutoscope
<small>studio</small></h1>
<button type="button" id="theme" aria-pressed="false" aria-label="Dark colours">
<span aria-hidden="true"></span></button></header>
"""

ICON = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="5"
fill="none" stroke="#cf6434" stroke-width="5" stroke-dasharray="3 .93"/></svg>"""
"""The mark beside the name; browsers ask for it by themselves."""


def mount(app: FastAPI, desk: Desk) -> None:
    """Put the studio onto a service, at `/studio/`; the bare address leads there."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # the page asks nobody but this machine
    _receive(desk.settings.home / "received")
    app.add_api_route(
        "/", lambda: RedirectResponse(f"{PATH}/"), methods=["GET"], include_in_schema=False
    )
    app.add_api_route(
        "/favicon.ico",
        lambda: Response(ICON, media_type="image/svg+xml"),
        methods=["GET"],
        include_in_schema=False,
    )
    gr.mount_gradio_app(
        app,
        blocks(desk),
        path=PATH,
        theme=look.theme(),
        css=look.css(),
        head=look.head(),
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        mcp_server=False,
        max_file_size=desk.settings.upload,
        show_error=False,
    )


def _receive(folder: Path) -> None:
    """Have Gradio keep what it receives in this folder, empty at first, and open nothing else.

    By itself it copies any file, and fetches any URL, that a request names in an upload's place.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    os.environ["GRADIO_TEMP_DIR"] = str(folder)

    async def received(_block: object, path: str | Path | None) -> str | None:
        if path is None:
            return None
        found = Path(path).resolve()
        if not found.is_relative_to(folder.resolve()):
            raise RequestError("a request may name no file but one that was uploaded")
        return str(found)

    gr.blocks.Block.async_move_resource_to_block_cache = received


def blocks(desk: Desk) -> gr.Blocks:
    """The page itself. Further tabs (Story, Compare, World, Measure) are further lines here."""
    with gr.Blocks(
        title="mutoscope studio", analytics_enabled=False, fill_width=True, delete_cache=RECEIVED
    ) as page:
        last = gr.Textbox(visible="hidden")
        html(HEADER, js_on_load="studio.colours(element)")
        with gr.Tabs(selected="make", elem_id="tabs") as tabs:
            with gr.Tab("Make", id="make"):
                make = Make(desk, families(desk))
            tunable = desk.tunable()
            with gr.Tab("Tune", id="tune"):
                tune = Tune(desk, tunable) if tunable else html(MISSING)
            with gr.Tab("Gallery", id="gallery", elem_id="gallery-tab") as shelf:
                gallery = Gallery(desk)
        _wire(tabs, shelf, make, gallery)
        if isinstance(tune, Tune):
            _lead(tabs, make, tune)
        page.load(make.recalled, last, make.first_shown, js="() => studio.last()", **QUIET)
    return page


def _lead(tabs: Any, make: Make, tune: Tune) -> None:  # noqa: ANN401
    """From what was tuned to making clips with it."""

    def use(event: gr.EventData) -> dict[Any, Any]:
        return {tabs: gr.update(selected="make"), **make.chosen(event.system)}

    tune.shelf.select(use, outputs=[tabs, *make.shown_again], **QUIET)


def _wire(tabs: Any, shelf: Any, make: Make, gallery: Gallery) -> None:  # noqa: ANN401
    """What leads from one tab to the other."""

    def again(event: gr.EventData) -> dict[Any, Any]:
        return {tabs: gr.update(selected="make"), **make.again(event.job)}

    def live(event: gr.SelectData) -> gr.Timer:
        return gr.Timer(active=event.value == "Gallery")

    gallery.board.select(again, outputs=[tabs, *make.shown_again], **QUIET)
    shelf.select(gallery.drawn, **gallery.seen)
    tabs.select(live, outputs=gallery.timer, **QUIET)
