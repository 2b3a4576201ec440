"""Whether references stand in the right order, said in words."""

import pytest

from mutoscope.evaluate.report import Entry
from mutoscope.evaluate.standing import order


def _entry(better, **baselines):
    return Entry(value=0.5, interval=(0.4, 0.6), n=9, better=better, baselines=baselines)


@pytest.mark.parametrize(
    ("name", "entry", "words"),
    [
        ("colour", _entry("higher", truth=0.9, untrained=0.1, chance=0.2), "in order"),
        ("colour", _entry("higher", truth=0.9, untrained=0.5), "not told apart: untrained"),
        ("colour", _entry("higher", truth=0.45, untrained=0.1), "not told apart: truth"),
        ("colour", _entry("higher", truth=0.3, untrained=0.7), "out of order: truth, untrained"),
        ("distance: frechet", _entry("lower", real=0.1, untrained=3.0, frozen=0.2), "in order"),
        ("distance: frechet", _entry("lower", real=0.8, untrained=3.0), "out of order: real"),
        ("colour", _entry("higher"), ""),
        ("flicker", _entry("lower", truth=0.9, untrained=0.1), ""),
    ],
)
def test_order_is_named(name, entry, words):
    assert order(name, entry) == words
