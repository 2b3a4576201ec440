"""Tab Gallery: the jobs that were asked for without a key; opened, compared, changed, deleted."""

from __future__ import annotations

from typing import Any

import gradio as gr

from mutoscope.service.desk import Desk
from mutoscope.studio import cards, listing
from mutoscope.studio.look import html
from mutoscope.studio.make import QUIET

PAGE = 24
"""Cards that are shown at once."""

ANY = "Any system"


class Gallery:
    """The tab's components and what they do."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        systems = [ANY, *(offer.name for offer in desk.offers())]
        with gr.Row(elem_classes="filters"):
            self.text = gr.Textbox(
                label="Find", placeholder="words of the prompt, or a seed", scale=3, min_width=200
            )
            self.state = gr.Dropdown([*listing.GROUPS], label="State", min_width=150)
            self.system = gr.Dropdown(systems, label="System", min_width=150)
        self.board = html("", elem_id="board", js_on_load="studio.board(element, trigger, watch)")
        self.more = gr.Button("Show more", visible=False, elem_id="more-cards", scale=0)
        self.limit = gr.State(PAGE)
        html('<div id="picked" role="status" hidden></div>')
        self.timer = gr.Timer(2.0, active=False)
        self._wire()

    def _wire(self) -> None:
        seen: dict[str, Any] = {
            **QUIET,
            "inputs": [self.text, self.state, self.system, self.limit, self.board],
            "outputs": [self.board, self.more],
        }
        for control in (self.text, self.state, self.system):
            control.change(self.drawn, trigger_mode="always_last", **seen)
        for event in (self.timer.tick, self.board.delete, self.limit.change):
            event(self.drawn, **seen)
        self.more.click(lambda limit: limit + PAGE, self.limit, self.limit, **QUIET)
        self.seen = seen

    def drawn(self, text: str, state: str, system: str, limit: int, before: str) -> tuple[Any, Any]:
        """The board as it is now, unless it shows that already."""
        wanted = listing.Wanted(
            text=text or "",
            states=listing.GROUPS[state],
            system=None if system == ANY else system,
        )
        jobs, more = listing.found(self.desk.store, wanted, limit=limit)
        board = cards.board(jobs, filtered=wanted != listing.Wanted())
        return gr.skip() if board == before else board, gr.update(visible=more)
