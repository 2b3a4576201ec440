"""The controls of tab Make: what every request has, and a panel a system, drawn from its knobs."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from mutoscope.checked import Value
from mutoscope.errors import RequestError
from mutoscope.request import Request
from mutoscope.service.access import LOCAL
from mutoscope.service.desk import Desk
from mutoscope.service.jobs import Job
from mutoscope.service.offers import Offer
from mutoscope.studio import inputs, knobs
from mutoscope.studio.inputs import Input, Shown
from mutoscope.studio.knobs import Knob
from mutoscope.studio.look import html

SEEDS = 1_000_000
"""Seeds that are drawn are below this, to be read and typed easily; any other may be typed."""

COUNTS = (1, 2, 4, 6, 9)
"""How many variations fill a grid."""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """The controls of one system."""

    box: Any
    offer: Offer
    knobs: Sequence[Knob]
    controls: Mapping[str, Any]
    inputs: Sequence[Input]

    def asked(self, shown: Shown) -> dict[str, Any]:
        """The keys of a Request that the controls say."""
        return knobs.asked(self.knobs, {name: shown[one] for name, one in self.controls.items()})

    def given(self, shown: Shown, desk: Desk) -> list[dict[str, Any]]:
        """The conditions that were filled in; files become uploads of the service."""
        size = inputs.frame(self.offer)
        return [item for one in self.inputs for item in one.given(shown, desk, size)]


class Form:
    """All controls; made inside a Blocks.

    `families` are systems that can be tuned: each has one panel for all that were tuned.
    """

    def __init__(self, offers: Sequence[Offer], first: str, families: Sequence[Offer] = ()) -> None:
        names = self.names = [offer.name for offer in offers]
        offers = [*offers, *(family for family in families if family.name not in names)]
        with gr.Row(elem_classes="trio"):
            self.system = gr.Dropdown(names, value=first, label="System", scale=2, min_width=130)
            self.count = gr.Dropdown(list(COUNTS), value=1, label="Variations", min_width=90)
            self.seed = gr.Number(0, label="Seed", precision=0, minimum=0, min_width=110)
        self.lock = gr.Checkbox(
            value=False, label="Keep this seed, so that only what I change changes", elem_id="lock",
            container=False,
        )  # fmt: skip
        self.panels = {offer.name: _inputs(offer, offer.name == first) for offer in offers}
        with gr.Accordion("More settings", open=False, elem_id="more"):
            self.negative = gr.Textbox(
                label="Not to be seen", placeholder="what the clip shall keep away from", lines=1
            )
            for offer in offers:
                panel = self.panels[offer.name]
                self.panels[offer.name] = _panel(
                    panel, offer.name == first, tuned=offer.name not in names
                )

    @property
    def inputs(self) -> set[Any]:
        """Every control."""
        own = {self.system, self.count, self.seed, self.lock, self.negative}
        for panel in self.panels.values():
            own |= {*panel.controls.values()}.union(*(one.controls for one in panel.inputs))
        return own

    @property
    def boxes(self) -> list[Any]:
        """What is shown of the chosen system only."""
        return [box for panel in self.panels.values() for box in panel.box]

    def choose(self, system: str) -> list[Any]:
        """Show one system's panel; for `boxes`."""
        system = _family(system)
        return [gr.update(visible=n == system) for n, p in self.panels.items() for _ in p.box]

    def asked(self, shown: Shown, desk: Desk) -> list[dict[str, Any]]:
        """One request a variation, the first with the seed of the form, else with a drawn one."""
        panel = self.panels[_family(shown[self.system])]
        seed = shown[self.seed] if shown[self.lock] else secrets.randbelow(SEEDS)
        if seed is None:
            raise RequestError("the seed is empty; type a number from 0, or don't keep it")
        given = {
            **panel.asked(shown),
            "system": shown[self.system],
            "negative": shown[self.negative] or "",
            "conditions": panel.given(shown, desk),
        }
        return [{**given, "seed": int(seed) + index} for index in range(int(shown[self.count]))]

    def offered(self, desk: Desk, system: str | None = None) -> Any:  # noqa: ANN401
        """The choice of systems with those that were tuned by now, one of them chosen if told."""
        if system is not None and ":" in system:
            desk.offer(system, owner=LOCAL)  # refuses one that is gone
        tuned = [(_label(offer), offer.name) for offer in desk.tuned(owner=LOCAL)]
        chosen = {} if system is None else {"value": system}
        return gr.update(choices=[*((name, name) for name in self.names), *tuned], **chosen)

    def filled(self, job: Job, desk: Desk) -> dict[Any, Any]:
        """What the controls show for a job, to change and make it again."""
        request: Request = job.request
        panel = self.panels.get(_family(request.system))
        if panel is None:
            raise RequestError(f"the system {request.system} isn't here any more; choose another")
        if request.segments:
            raise RequestError("that clip tells a story, which this page can't make; /v1/jobs can")
        standing: Mapping[str, Value] = knobs.standing(panel.knobs, request)
        conditions = [one.filled(request, desk) for one in panel.inputs]
        return {
            self.system: self.offered(desk, request.system),
            self.negative: request.negative,
            self.seed: request.seed,
            self.lock: True,
            self.count: 1,
            **{panel.controls[name]: value for name, value in standing.items()},
            **{control: value for one in conditions for control, value in one.items()},
            **dict(zip(self.boxes, self.choose(request.system), strict=True)),
        }


def _inputs(offer: Offer, visible: bool) -> Panel:  # noqa: FBT001
    """The conditions of a system, above the settings; nothing where there are none."""
    with gr.Column(visible=visible, elem_classes="inputs") as box:
        drawn = [inputs.drawn(offer, kind) for kind in offer.accepts.conditions]
    return Panel(box=(box,), offer=offer, knobs=(), controls={}, inputs=drawn)


def _family(system: str) -> str:
    """The name of the panel of a system: all that were tuned of one have the same."""
    return system.partition(":")[0]


def _label(offer: Offer) -> str:
    """How a tuned system is called in the choice of systems: by what its clip shows."""
    assert offer.job is not None
    prompt = offer.job.request.prompt
    return f"tuned: {prompt[:40]}{'…' if len(prompt) > 40 else ''} ({offer.job.id[-4:]})"


def _panel(before: Panel, visible: bool, *, tuned: bool) -> Panel:  # noqa: FBT001
    """The knobs of a system."""
    offer, controls = before.offer, knobs.knobs(before.offer.accepts)
    with gr.Column(visible=visible, elem_classes="panel") as box:
        makes = "clips as long as the one that was learned" if tuned else ""
        makes = makes or knobs.summary(offer.accepts)
        html(f'<p class="makes">{offer.card.name} makes {makes}.</p>')
        drawn = {knob.name: _control(knob) for knob in controls}
    return Panel(
        box=(*before.box, box),
        offer=offer,
        knobs=controls,
        controls=drawn,
        inputs=before.inputs,
    )


def _control(knob: Knob) -> Any:  # noqa: ANN401
    said: dict[str, Any] = {"label": knob.label, "info": knob.help, "value": knob.default}
    if knob.kind == "slider":
        assert knob.low is not None
        assert knob.high is not None
        step = knob.step or (0.5 if knob.high - knob.low > 2 else 0.05)
        return gr.Slider(knob.low, knob.high, step=step, **said)
    if knob.kind == "number":
        return gr.Number(precision=0 if knob.whole else None, **said)
    if knob.kind == "choice":
        return gr.Dropdown(list(knob.choices), **said)
    if knob.kind == "switch":
        return gr.Checkbox(**said)
    return gr.Textbox(**said)
