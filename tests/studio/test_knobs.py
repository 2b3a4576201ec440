"""Controls drawn from Capabilities, and what they say."""

from __future__ import annotations

import pytest

from mutoscope import recipes
from mutoscope.checked import Span
from mutoscope.errors import RequestError
from mutoscope.request import Capabilities, Request, Setting
from mutoscope.studio import knobs

ANY = Capabilities(
    frames=Span(low=1, high=200, step=1),
    fps=Span(low=4, high=24),
    side=Span(low=64, high=512, step=8),
    samplers=("ddim", "heun"),
    settings=(
        Setting(name="tau", type="number", default=0.5, range=Span(low=0, high=1), help="how far"),
        Setting(name="first_pass", type="integer", default=3, help="how many"),
        Setting(name="mild", type="switch", default=True, help="whether"),
        Setting(name="mode", type="choice", default="a", choices=("a", "b"), help="which"),
    ),
)


@pytest.mark.parametrize("name", [*recipes.TABLE])
def test_untouched_controls_ask_for_what_the_system_makes_by_itself(name: str):
    can = recipes.find(name).Config.small().accepts()
    drawn = knobs.knobs(can)
    asked = knobs.asked(drawn, {knob.name: knob.default for knob in drawn})
    needs = [{"kind": kind, "source": "a.png"} for kind in can.needs]
    told = {"system": name, "prompt": "a red ball", "conditions": needs}
    request, plain = can.complete({**asked, **told}), can.complete(told)
    assert request == Request.from_json({**plain.to_json(), "settings": dict(can.values(plain))})


def test_what_stands_is_what_was_asked():
    drawn = knobs.knobs(ANY)
    shown = {
        "width": 128, "height": 64, "frames": 7, "fps": 12.5, "steps": 9, "guidance": 2.5,
        "sampler": "heun", "tau": 0.25, "first_pass": 4, "mild": False, "mode": "b",
    }  # fmt: skip
    assert [knob.name for knob in drawn] == [*shown]
    request = ANY.complete({**knobs.asked(drawn, shown), "prompt": "x"})
    assert request.size == (128, 64)
    assert knobs.standing(drawn, request) == shown


def test_a_control_with_one_position_is_not_drawn():
    one = Span(low=1, high=1, step=1)
    can = Capabilities(
        frames=one, fps=Span(low=8, high=8), side=Span(low=32, high=32), sizes=((32, 32),)
    )
    assert [knob.name for knob in knobs.knobs(can)] == ["steps", "guidance"]


def test_a_long_range_is_typed_and_a_short_one_slides():
    kinds = {knob.name: knob.kind for knob in knobs.knobs(ANY)}
    assert kinds["frames"] == "number"
    assert kinds["width"] == "slider"
    assert kinds["tau"] == "slider"
    assert kinds["mild"] == "switch"


def test_an_empty_number_is_refused_with_what_it_may_be():
    drawn = knobs.knobs(ANY)
    shown = {knob.name: knob.default for knob in drawn}
    with pytest.raises(RequestError, match="frames is empty; give a number from 1 to 200"):
        knobs.asked(drawn, {**shown, "frames": None})


def test_a_whole_number_stays_whole_whatever_the_browser_sends():
    drawn = knobs.knobs(ANY)
    shown = {knob.name: knob.default for knob in drawn}
    asked = knobs.asked(drawn, {**shown, "frames": 8.0, "first_pass": 2.0})
    assert repr(asked["frames"]) == "8"
    assert repr(asked["settings"]["first_pass"]) == "2"
    with pytest.raises(RequestError, match="frames must be a whole number"):
        ANY.complete({**knobs.asked(drawn, {**shown, "frames": 8.5}), "prompt": "x"})


def test_a_system_is_summed_up_in_a_line():
    sides = "sides of 64 to 512 in steps of 8 pixels"
    assert knobs.summary(ANY) == f"1 to 200 frames, 4 to 24 a second, {sides}"
