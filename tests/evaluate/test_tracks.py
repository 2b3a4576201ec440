"""A square whose way is known is tracked along it."""

import numpy as np
import pytest

from mutoscope.evaluate.tracks import Track, side, track


def _square(middles, side=4, size=32):
    masks = np.zeros((len(middles), size, size))
    for mask, (x, y) in zip(masks, middles, strict=True):
        mask[y - side // 2 : y + side // 2, x - side // 2 : x + side // 2] = 1
    return masks


@pytest.mark.parametrize(
    ("dx", "dy", "direction"),
    [(2, 0, "right"), (-2, 0, "left"), (0, -2, "up"), (2, 2, "down right"), (0, 0, None)],
)
def test_speed_and_direction_are_those_of_the_motion(dx, dy, direction):
    found = track(_square([(16 + dx * k, 16 + dy * k) for k in range(6)]), 0.25)
    assert found.direction == direction
    assert found.speed == pytest.approx(np.hypot(dx, dy) / 32 / 0.25)
    assert found.jitter == pytest.approx(0)
    assert found.areas == pytest.approx(16 / 1024)


def test_jitter_is_the_mean_second_difference():
    found = track(_square([(16 + (k % 2), 16) for k in range(6)]), 0.25)
    assert found.jitter == pytest.approx(2 / 32)


def test_what_is_hidden_has_no_place_and_what_is_seen_once_no_speed():
    masks = _square([(16, 16), (18, 16), (20, 16)])
    masks[1] = 0
    found = track(masks, 0.5)
    assert found.visible.tolist() == [True, False, True]
    assert found.speed == pytest.approx(4 / 32 / 1.0)
    masks[2] = 0
    once = track(masks, 0.5)
    assert once.velocity is None
    assert once.direction is None
    assert isinstance(once, Track)


def test_a_thing_begins_left_or_right_of_another_or_neither_or_is_not_seen():
    left, right, near = (track(_square([(x, 16), (30 - x, 16)]), 0.25) for x in (6, 20, 8))
    assert side(left, right) == "left of"
    assert side(right, left) == "right of"
    assert side(left, near) == side(near, left) == "neither"
    masks = _square([(20, 16), (20, 16)])
    masks[0] = 0
    assert side(left, track(masks, 0.25)) is None
