"""Tab Make: a prompt becomes a clip, or a grid of them, before one's eyes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from typing import Any

import gradio as gr

from mutoscope import recipes
from mutoscope.errors import MutoscopeError, RequestError
from mutoscope.service.access import LOCAL
from mutoscope.service.desk import Desk
from mutoscope.service.offers import Offer
from mutoscope.studio.form import Form
from mutoscope.studio.inputs import Shown, lost
from mutoscope.studio.look import html
from mutoscope.systems import shipped

EXAMPLES = (
    "a red ball bounces on the grass",
    "a yellow star spins on the snow under a night sky",
    "a blue cube slides left on a wooden floor",
    "the camera zooms in on a green cone on the sand at sunset",
    "an animated sticker of a fox face on a plain yellow background",
)

QUIET: dict[str, Any] = {
    "queue": False,
    "show_progress": "hidden",
    "api_visibility": "private",
}
"""Our handlers answer at once: what takes long is a job."""

BLANK = """
<section id="stage" aria-label="What was made" aria-busy="false" data-count="0"></section>
<template id="blank"><div class="blank-stage"><div class="reel" aria-hidden="true">
<i></i><i></i><i></i><i></i><i></i></div><p>Say what shall be seen, or press an example.</p></div>
</template>
"""


class Make:
    """The tab's components and what they do."""

    def __init__(self, desk: Desk, families: Sequence[Offer] = ()) -> None:
        self.desk = desk
        offers = desk.offers()
        if not offers:
            raise RequestError(
                "no system's weights are here; train one: mutoscope train modelscope"
            )
        names = [offer.name for offer in offers]
        first = "modelscope" if "modelscope" in names else names[0]
        with gr.Row(elem_classes="make"):
            with gr.Column(scale=5, min_width=320, elem_classes="ask"):
                self._draw_prompt()
                self.form = Form(offers, first, families)
            with gr.Column(scale=6, min_width=320, elem_classes="see"):
                html(BLANK, js_on_load="studio.begin(element)", elem_id="see")
        self._wire()

    def _draw_prompt(self) -> None:
        self.prompt = gr.Textbox(
            label="Prompt", lines=3, max_lines=8, placeholder="a red ball bounces on the grass",
            elem_id="prompt", autofocus=True,
        )  # fmt: skip
        self.words = html("", elem_id="words")
        with gr.Row(elem_classes="go"):
            self.button = gr.Button(
                "Make", variant="primary", elem_id="make", scale=0, interactive=False
            )
            self.stop = gr.Button("Cancel", elem_id="cancel", scale=0)
            html('<p class="keys"><kbd>Enter</kbd> makes it, <kbd>Esc</kbd> cancels</p>')
        self.note = html("", html_template='<div class="said">${value}</div>', elem_id="note")
        html('<p class="label" id="try">Try one</p>')
        with gr.Row(elem_classes="examples"):
            self.examples = [
                gr.Button(text, size="sm", scale=0, interactive=False) for text in EXAMPLES
            ]
        self.made = gr.Textbox("[]", visible="hidden")

    def _wire(self) -> None:
        asking = {**QUIET, "inputs": {self.prompt, *self.form.inputs}}
        outputs = [self.note, self.made, self.form.seed]
        show: dict[str, Any] = {**QUIET, "fn": None, "inputs": self.made}
        show["js"] = "made => { studio.show(made); }"
        self.button.click(self.order, outputs=outputs, **asking).then(**show)
        for button, text in zip(self.examples, EXAMPLES, strict=True):
            said = button.click(None, js=f"() => {json.dumps(text)}", outputs=self.prompt, **QUIET)
            said.then(self.order, outputs=outputs, **asking).then(**show)
        self.stop.click(None, js="() => { studio.cancel(); }", **QUIET)
        named: dict[str, Any] = {**QUIET, "inputs": [self.prompt, self.form.system]}
        self.prompt.change(self.unread, outputs=self.words, trigger_mode="always_last", **named)
        chosen = [*self.form.boxes]
        self.form.system.change(self.form.choose, self.form.system, chosen, **QUIET)
        self.form.system.change(self.unread, outputs=self.words, **named)

    def order(self, shown: Shown) -> dict[Any, Any]:
        """Ask for the jobs; what was wrong is one sentence below the button."""
        ids: list[str] = []
        answer: dict[Any, Any] = {self.note: "", self.made: "[]"}
        try:
            asked = self.form.asked(shown, self.desk)
            answer[self.form.seed] = asked[0]["seed"]
            for given in asked:
                given = {**given, "prompt": shown[self.prompt] or ""}
                request = self.desk.request(given, owner=LOCAL)
                ids.append(self.desk.submit(request).id)
                self.desk.store.watch(ids[-1])  # a preview is drawn from the first step on
        except MutoscopeError as error:
            answer[self.note] = sentence(error)
        return {**answer, self.made: json.dumps(ids)}

    def unread(self, prompt: str, system: str) -> str:
        """Name the words that no prompt in training had."""
        new: tuple[str, ...] = ()
        if not self.desk.settings.weights:
            offer = self.desk.offer(system, owner=LOCAL)
            new = shipped.unread(recipes.stored(offer.card.name), prompt or "")
            if offer.job is not None:
                learned = offer.job.request.prompt.lower().split()
                new = tuple(word for word in new if word not in learned)
        if not new:
            return ""
        listed = ", ".join(f"<b>{escape(word)}</b>" for word in new)
        return f'<p class="hint" role="status">Never seen in training: {listed}.</p>'

    def again(self, number: str) -> dict[Any, Any]:
        """The form as it was for a job, its seed kept; for `shown_again`."""
        try:
            job = self.desk.get(number, owner=LOCAL)
            form = self.form.filled(job, self.desk)
            note = _missing(lost(job, self.desk))
            return {**form, self.prompt: job.request.prompt, self.note: note}
        except MutoscopeError as error:
            return {self.note: sentence(error)}

    def recalled(self, number: str) -> dict[Any, Any]:
        """What the page begins with, now that it listens: buttons that can be pressed.

        And the form as it was for the job last made in this browser, if that is still here.
        """
        open_: dict[Any, Any] = {
            button: gr.Button(interactive=True) for button in (self.button, *self.examples)
        }
        try:
            job = self.desk.get(number, owner=LOCAL)
            form = self.form.filled(job, self.desk)
        except MutoscopeError:
            return {**open_, self.note: "", self.form.system: self.form.offered(self.desk)}
        note = _missing(lost(job, self.desk))
        said = {self.prompt: job.request.prompt, self.note: note}
        return {**open_, **form, **said, self.form.lock: False}

    def chosen(self, system: str) -> dict[Any, Any]:
        """The form for a system that was tuned just now; for `shown_again`."""
        try:
            boxes = dict(zip(self.form.boxes, self.form.choose(system), strict=True))
            return {self.form.system: self.form.offered(self.desk, system), **boxes}
        except MutoscopeError as error:
            return {self.note: sentence(error)}

    @property
    def shown_again(self) -> list[Any]:
        """What `again` changes."""
        return [self.prompt, self.note, *self.form.inputs, *self.form.boxes]

    @property
    def first_shown(self) -> list[Any]:
        """What `recalled` changes."""
        return [*self.shown_again, self.button, *self.examples]


def _missing(kinds: Sequence[str]) -> str:
    """What the page says of inputs that an earlier clip had and that are gone."""
    said = f"what the earlier clip had as {' and '.join(kinds)} isn't kept any more; give it again"
    return sentence(RequestError(said)) if kinds else ""


def sentence(error: MutoscopeError) -> str:
    """An error as the page shows it: one sentence, its first letter large, a full stop."""
    said = str(error)
    return f'<p class="error" role="alert">{escape(said[:1].upper() + said[1:])}.</p>'
