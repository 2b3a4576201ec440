"""Tab Tune: a system learns one clip, watched, ended early if one likes; then it is in tab Make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from mutoscope import recipes
from mutoscope.checked import Span
from mutoscope.errors import MutoscopeError, RequestError
from mutoscope.recipes import Tunable
from mutoscope.service import lessons
from mutoscope.service.access import LOCAL
from mutoscope.service.desk import Desk
from mutoscope.service.offers import Offer
from mutoscope.studio import inputs
from mutoscope.studio.inputs import Shown
from mutoscope.studio.look import html
from mutoscope.studio.make import QUIET, sentence

STAGE = """
<section id="tune-stage" aria-label="What is being learned" aria-busy="false">
<div class="blank-stage"><p>Give a clip and say what it shows. It is learned in a few minutes while
you watch; what was learned makes clips with the same motion, in other words.</p></div></section>
<section id="tuned" aria-label="Tuned so far"></section>
"""


MISSING = """
<p class="empty">Tuning needs packages that aren't installed here: pip install 'mutoscope[train]',
then start the studio again.</p>
"""


def families(desk: Desk) -> list[Offer]:
    """What can be tuned, as tab Make shows it: the clip decides how long and how fast a clip is."""
    folder, found = desk.settings.weights_folder, []
    for name, recipe in desk.tunable().items():
        can = recipe.before(folder).accepts()
        plain = can.complete({})
        long = Span(low=plain.frames, high=plain.frames, step=1)
        fast = Span(low=plain.fps, high=plain.fps)
        can = replace(can, frames=long, fps=fast)
        found.append(Offer(card=recipes.find(name).CARD, accepts=can))
    return found


class Tune:
    """The tab's components and what they do."""

    def __init__(self, desk: Desk, tunable: Mapping[str, Tunable]) -> None:
        self.desk, first = desk, next(iter(tunable))
        with gr.Row(elem_classes="make"):
            with gr.Column(scale=5, min_width=320, elem_classes="ask"):
                self._draw(first, tunable)
            with gr.Column(scale=6, min_width=320, elem_classes="see"):
                self.shelf = html(STAGE, js_on_load="studio.tune.begin(element, trigger)")
        asking = {**QUIET, "inputs": {*self.asked.values()}, "outputs": [self.note, self.job]}
        asked = self.button.click(self.order, **asking)
        asked.then(None, self.job, js="job => { studio.tune.follow(job); }", **QUIET)

    def _draw(self, first: str, tunable: Mapping[str, Tunable]) -> None:
        self.clip = gr.File(
            label="Clip", file_types=["video", "image"], height=120, elem_classes="upload",
            elem_id="tune-clip",
        )  # fmt: skip
        self.prompt = gr.Textbox(
            label="What it shows", lines=2, placeholder="a red ball bounces on the grass",
            elem_id="tune-prompt",
        )  # fmt: skip
        self.preview = gr.Textbox(
            label="Show samples of this too", placeholder="a blue star bounces on the snow",
            lines=1, elem_id="tune-preview",
        )  # fmt: skip
        self.steps = gr.Slider(
            1, 1000, value=tunable[first].PLAN.steps, step=1, label="Steps",
            info="more learn the clip more closely; it can be ended at any, and kept",
        )  # fmt: skip
        with gr.Accordion("How much of the clip", open=False):
            self.system = gr.Dropdown(
                list(tunable), value=first, label="System", visible=len(tunable) > 1
            )
            self.frames = gr.Number(
                None, label="Frames", precision=0, info=f"{lessons.FRAMES}, or all, if empty"
            )
            self.fps = gr.Number(
                lessons.FPS, label="Frames a second", info="at which the clip is looked at"
            )
        with gr.Row(elem_classes="go"):
            self.button = gr.Button("Tune", variant="primary", elem_id="tune", scale=0)
        self.note = html("", html_template='<div class="said">${value}</div>', elem_id="tune-note")
        self.job = gr.Textbox("", visible="hidden")

    @property
    def asked(self) -> Mapping[str, Any]:
        """The control of each key of a tuning."""
        return {name: getattr(self, name) for name in lessons.KEYS}

    def order(self, shown: Shown) -> tuple[str, str]:
        """Ask for the job: what was wrong in one sentence, and the job's id."""
        given = {name: shown[one] for name, one in self.asked.items() if shown[one] is not None}
        try:
            if "clip" not in given:
                raise RequestError("there is no clip yet; give one")
            clip = inputs.uploaded(self.desk, Path(given["clip"]))
            steps = int(given["steps"])
            request = self.desk.lesson({**given, "clip": clip, "steps": steps}, owner=LOCAL)
            return "", self.desk.submit(request, task="tune").id
        except MutoscopeError as error:
            return sentence(error), ""
