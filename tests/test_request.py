import dataclasses
import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mutoscope.checked import Span
from mutoscope.errors import RequestError
from mutoscope.request import (
    KINDS,
    Capabilities,
    ConditionRequest,
    Example,
    Request,
    Segment,
    Setting,
)

WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
SAID = WORDS.filter(bool)
NUMBERS = st.floats(-1e6, 1e6)
VALUES = st.dictionaries(WORDS, WORDS | NUMBERS | st.booleans() | st.integers(-99, 99), max_size=3)
CONDITIONS = st.lists(
    st.fixed_dictionaries(
        {"kind": st.sampled_from(KINDS), "source": SAID},
        optional={
            "frame": st.none() | st.integers(-9, 99),
            "strength": st.floats(0, 9),
            "set": VALUES,
        },
    ),
    max_size=2,
)
COUNTS = st.integers(1, 10**6)
SEGMENTS = st.lists(
    st.fixed_dictionaries({"prompt": WORDS, "frames": COUNTS, "conditions": CONDITIONS}), max_size=2
)
REQUESTS = st.fixed_dictionaries(
    {},
    optional={
        "system": SAID,
        "prompt": WORDS,
        "negative": WORDS,
        "frames": COUNTS,
        "fps": st.floats(0.01, 1e3),
        "size": st.tuples(COUNTS, COUNTS),
        "steps": COUNTS,
        "guidance": NUMBERS,
        "sampler": SAID,
        "seed": st.integers(0, 2**63 - 1),
        "conditions": CONDITIONS,
        "settings": VALUES,
        "segments": SEGMENTS,
    },
)
"""Plain data: beartype draws random numbers, which no strategy may."""
PLAIN = {"frames": 5, "fps": 8.0, "size": [64, 64], "sampler": "ddim", "guidance": 2.0}


@given(data=REQUESTS)
@settings(deadline=None, derandomize=True, max_examples=60)
def test_a_request_survives_json(data):
    request = Request.from_json(data)
    text = json.dumps(request.to_json())
    assert Request.from_json(text) == request
    assert Request.from_json(json.loads(text)).to_json() == request.to_json()


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)


@given(key=st.sampled_from(sorted(Request().to_json())), value=ANYTHING)
@settings(deadline=None, derandomize=True, max_examples=150)
def test_any_value_is_taken_or_refused_in_a_sentence(key, value):
    said = ""
    try:
        request = Request.from_json({key: value})
    except RequestError as error:
        said = str(error)
    else:
        assert Request.from_json(json.dumps(request.to_json())) == request
    assert "\n" not in said


def test_the_json_has_the_keys_that_are_fixed():
    request = Request(
        conditions=[ConditionRequest(kind="first", source="a.png")],
        segments=[Segment(prompt="a", frames=1)],
    )
    data = request.to_json()
    assert list(data) == [
        "system", "prompt", "negative", "frames", "fps", "size", "steps", "guidance", "sampler",
        "seed", "conditions", "settings", "segments",
    ]  # fmt: skip
    assert list(data["conditions"][0]) == ["kind", "source", "frame", "strength", "set"]
    assert list(data["segments"][0]) == ["prompt", "frames", "conditions"]


def test_a_request_is_not_changed_by_who_made_it():
    given_settings = {"tau": 1}
    request = Request(settings=given_settings)
    given_settings["tau"] = 2
    assert request.settings == {"tau": 1}
    with pytest.raises(dataclasses.FrozenInstanceError):
        request.seed = 3


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"promt": "x"}, "the key of a request 'promt' is not known; did you mean 'prompt'?"),
        ({"frames": 0}, r"frames must be a whole number from 1 \(got 0\)"),
        ({"frames": 2.5}, "frames must be a whole number"),
        ({"seed": True}, "seed must be a whole number from 0 to 9223372036854775807"),
        ({"fps": 0}, r"fps must be 0.01 or more \(got 0\)"),
        ({"guidance": float("nan")}, "guidance must be a finite number"),
        ({"guidance": 10**400}, "guidance must be a finite number"),
        ({"size": [64]}, r"size must be \[W, H\] \(got \[64\]\)"),
        ({"size": "64x64"}, "size must be a list"),
        ({"size": [64, 0]}, "the height must be a whole number from 1"),
        ({"prompt": "a\0b"}, "prompt holds characters that can't be stored"),
        ({"prompt": "\ud800"}, "prompt holds characters that can't be stored"),
        ({"settings": {"a": [1]}}, "'a' in settings must be a number"),
        ({"conditions": {"kind": "first"}}, "conditions must be a list"),
        ({"conditions": [{"kind": "first"}]}, r"a condition needs 'source' \(got kind\)"),
        ({"conditions": [{"kind": "frist", "source": "a"}]}, "did you mean 'first'?"),
        ({"conditions": [{"kind": "first", "source": ""}]}, "source of a condition is empty"),
        ({"conditions": ["first"]}, "a condition must be an object"),
        ({"segments": [{"prompt": "x"}]}, "a segment needs 'frames'"),
        ("{", "the request is not JSON"),
        ("[" * 10_000, "the request is not JSON"),
        ("3", r"a request must be an object \(got 3\)"),
    ],
)
def test_what_is_wrong_with_a_request_is_said(data, says):
    with pytest.raises(RequestError, match=says):
        Request.from_json(data)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("first=a.png", {"kind": "first", "source": "a.png"}),
        ("camera=pan:0.5,zoom:-0.2", {"kind": "camera", "source": "pan:0.5,zoom:-0.2"}),
        ("stroke=10,60;90,60", {"kind": "stroke", "source": "10,60;90,60"}),
        ("depth=C:/a=b.mp4:strength=0.5", {"source": "C:/a=b.mp4", "strength": 0.5}),
        ("image=a.png:frame=-1,blur=2,loop=true,mode=soft",
         {"frame": -1, "set": {"blur": 2, "loop": True, "mode": "soft"}}),
    ],
)  # fmt: skip
def test_a_condition_is_read_off_the_command_line(text, wanted):
    data = ConditionRequest.parse(text).to_json()
    assert {key: data[key] for key in wanted} == wanted


@pytest.mark.parametrize(
    "text",
    ["first", "first=", "nothing=a", "first=a:frame=x", "first=a:strength=-1", "first=a:frame=1,b"],
)
def test_a_condition_that_says_nothing_is_refused(text):
    with pytest.raises(RequestError):
        ConditionRequest.parse(text)


def able(**given) -> Capabilities:
    kept = {
        "frames": Span(low=1, high=81, step=4),
        "fps": Span(low=4, high=24),
        "side": Span(low=32, high=128, step=16),
        "conditions": ("first", "camera"),
        "settings": (
            Setting(name="tau", type="number", default=0.5, range=Span(low=0, high=1), help="late"),
            Setting(name="mode", type="choice", default="a", choices=("a", "b"), help="which"),
            Setting(name="loop", type="switch", default=False, help="close the circle"),
            Setting(name="k", type="integer", default=2, help="how many"),
        ),
    }
    return Capabilities(**{**kept, **given})


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"frames": 16}, r"frames .* must be 1 to 81 in steps of 4 \(got 16\); use 13 or 17$"),
        ({"frames": 500}, "use 81$"),
        ({"fps": 30}, "fps for modelscope must be 4 to 24 .got 30.; use 24"),
        ({"size": [100, 60]}, "nearest that works is 96x64"),
        ({"steps": 5000}, "use 1000"),
        ({"guidance": -1}, "use 0$"),
        ({"sampler": "dim"}, "did you mean 'ddim'"),
        ({"conditions": [{"kind": "depth", "source": "a"}]},
         "modelscope can't use condition 'depth'; it takes first, camera"),
        ({"settings": {"tua": 1}}, "did you mean 'tau'"),
        ({"settings": {"tau": 2}}, "setting 'tau' must be 0 to 1 .got 2.; use 1"),
        ({"settings": {"mode": "c"}}, "use one of: a, b"),
        ({"settings": {"loop": 1}}, "must be true or false"),
        ({"settings": {"k": 1.5}}, "must be a whole number"),
        ({"segments": [{"prompt": "a", "frames": 5}] * 2}, "can tell no story"),
        ({"segments": [{"prompt": "a", "frames": 6}]}, "use 5 or 9"),
    ],
)  # fmt: skip
def test_what_a_system_can_not_do_is_refused_with_the_nearest_that_it_can(given, says):
    with pytest.raises(RequestError, match=says):
        able().complete({**PLAIN, **given})


def test_a_system_says_what_it_can_not_do_without():
    with pytest.raises(RequestError, match="needs condition 'first'; give first=SOURCE"):
        able(needs=("first",)).complete(PLAIN)
    with pytest.raises(RequestError, match="nearest that works is 48x48"):
        able(sizes=((48, 48), (32, 64))).complete(PLAIN)
    with pytest.raises(RequestError, match="has no settings"):
        able(settings=()).complete({**PLAIN, "settings": {"tau": 1}})


def test_what_is_not_asked_for_is_the_systems_own_default():
    can = able(defaults={**PLAIN, "steps": 4, "guidance": 3})
    request = can.complete({"prompt": "a ball", "steps": 5, "settings": {"tau": 1}})
    assert (request.prompt, request.steps, request.guidance) == ("a ball", 5, 3.0)
    assert can.values(request) == {"tau": 1, "mode": "a", "loop": False, "k": 2}


@given(frames=st.integers(1, 120), sides=st.tuples(st.integers(1, 300), st.integers(1, 300)))
@settings(deadline=None, derandomize=True, max_examples=60)
def test_the_nearest_that_is_named_works(frames, sides):
    can = able()
    for span, value in ((can.frames, frames), (can.side, sides[0]), (can.side, sides[1])):
        assert all(near in span for near in span.nearest(value))
    size = [int(min(can.side.nearest(s), key=lambda n, s=s: abs(n - s))) for s in sides]
    for near in can.frames.nearest(frames):
        can.complete({**PLAIN, "frames": int(near), "size": size})


def test_settings_are_read_off_the_command_line():
    knobs = {knob.name: knob for knob in able().settings}
    assert knobs["tau"].parse("0.25") == 0.25
    assert knobs["loop"].parse("true") is True
    assert knobs["mode"].parse("b") == "b"
    with pytest.raises(RequestError, match="must be a number"):
        knobs["tau"].parse("much")
    with pytest.raises(RequestError, match="use 0"):
        Setting(name="bad", type="number", default=-1, range=Span(low=0, high=1), help="")


def test_capabilities_are_json():
    data = able().to_json()
    assert json.loads(json.dumps(data)) == data
    assert data["settings"][0]["range"] == {"low": 0, "high": 1, "step": 0}


def test_an_example_has_a_prompt_a_clip():
    with pytest.raises(RequestError, match="got 1 prompts, 2 clips"):
        Example(frames=torch.zeros(2, 3, 1, 2, 2), prompts=["a"])


def test_a_request_speaks_by_words_or_by_conditions_and_a_story_by_words():
    picture = ConditionRequest(kind="image", source="a.png")
    said, silent = Segment(prompt="a", frames=16), Segment(prompt=" ", frames=16)
    assert Request(prompt="a").speaks
    assert not Request(prompt=" ").speaks
    assert Request(conditions=[picture]).speaks
    assert Request(segments=[said]).speaks
    assert not Request(segments=[said, silent], conditions=[picture]).speaks


def test_pieces_of_a_story_share_the_frame_they_meet_in_unless_there_is_a_cut():
    first = ConditionRequest(kind="first", source="a.png")
    parts = [Segment(prompt="a", frames=16), Segment(prompt="b", frames=9)]
    assert Request(frames=5).length == 5
    assert Request(frames=5, segments=parts[:1]).length == 16
    assert Request(segments=parts).length == 24
    cut = Segment(prompt="c", frames=4, conditions=[first])
    assert Request(segments=[*parts, cut]).length == 28
