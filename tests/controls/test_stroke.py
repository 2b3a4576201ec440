"""A stroke as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mutoscope.controls import stroke
from mutoscope.errors import RequestError

PIXELS = st.tuples(st.integers(0, 128), st.integers(0, 64))


@given(st.lists(PIXELS, min_size=2, max_size=40))
def test_a_stroke_survives_being_written(drawn):
    assert stroke.points(stroke.written(drawn), size=(128, 64)) == tuple(drawn)


def test_spaces_and_a_last_semicolon_are_no_mistake():
    assert stroke.points(" 10, 60 ; 90,60.5; ", size=(128, 64)) == ((10, 60), (90, 60.5))
    assert stroke.points("", size=(128, 64)) == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("10,60", "two points at least"),
        ("10,60;90", "a point of a stroke is x,y"),
        ("10,60;a,b", "got 'a,b'"),
        ("10,60;129,60", "stays on the frame of 128x64"),
        ("10,60;nan,60", "stays on the frame"),
        (";".join(["1,1"] * 300), "256 points at most"),
    ],
)
def test_what_is_no_stroke_is_refused_in_a_sentence(text: str, said: str):
    with pytest.raises(RequestError, match=said):
        stroke.points(text, size=(128, 64))
