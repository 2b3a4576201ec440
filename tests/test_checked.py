import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mutoscope import checked
from mutoscope.checked import Span
from mutoscope.errors import RequestError

SPANS = st.builds(
    lambda low, steps, step: Span(low=low, high=low + steps * step, step=step),
    low=st.integers(-50, 50), steps=st.integers(0, 30), step=st.sampled_from([0, 1, 4, 0.1, 0.25]),
)  # fmt: skip


@given(span=SPANS, value=st.floats(-100, 100))
@settings(deadline=None, derandomize=True)
def test_the_nearest_numbers_are_allowed_and_none_lies_between(span, value):
    near = span.nearest(value)
    assert 1 <= len(near) <= 2
    assert all(number in span for number in near)
    if len(near) == 2:
        assert near[0] <= value + 1e-6
        assert near[1] >= value - 1e-6
        assert near[1] - near[0] == pytest.approx(span.step)
    if value in span:
        assert min(abs(number - value) for number in near) < 1e-6


@given(span=SPANS, step=st.integers(0, 30))
@settings(deadline=None, derandomize=True)
def test_every_step_of_a_span_is_in_it(span, step):
    value = span.low + step * span.step
    assert (value in span) == (value <= span.high)


def test_a_span_says_itself():
    assert str(Span(low=1, high=81, step=4)) == "1 to 81 in steps of 4"
    assert str(Span(low=0, high=1)) == "0 to 1"
    assert str(Span(low=16, high=16)) == "16"


@pytest.mark.parametrize(("low", "high", "step"), [(2, 1, 0), (0, 1, -1), (float("nan"), 1, 0)])
def test_a_span_that_holds_nothing_is_refused(low, high, step):
    with pytest.raises(RequestError, match="needs low <= high"):
        Span(low=low, high=high, step=step)


@pytest.mark.parametrize(
    ("written", "value"),
    [("3", 3), ("-0.5", -0.5), ("true", True), ("false", False), ("1e3", 1000.0), ("soft", "soft")],
)
def test_a_word_means_what_it_looks_like(written, value):
    found = checked.literal(written)
    assert found == value
    assert type(found) is type(value)
