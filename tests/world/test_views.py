"""Laws of views: an orbit is a rigid turn, known exactly, and closes."""

import math

import numpy as np
import pytest

from mutoscope.errors import DataError
from mutoscope.world.render import render
from mutoscope.world.sample import sample
from mutoscope.world.scene import Scene, Thing
from mutoscope.world.views import orbit, turned


def test_an_orbit_closes_and_half_a_turn_swaps_left_and_right():
    drawn = sample(2, 5)
    whole = turned(drawn, 2 * math.pi)
    for thing, same in zip(drawn.things, whole.things, strict=True):
        assert (same.x, same.z) == pytest.approx((thing.x, thing.z))
    half = turned(drawn, math.pi)
    for thing, back in zip(drawn.things, half.things, strict=True):
        assert (back.x, back.z) == pytest.approx((-thing.x, -thing.z))


def test_whoever_walks_to_the_right_sees_the_right_side_come_near():
    drawn = sample(2, 5)
    seen = turned(drawn, math.pi / 2)
    for thing, moved in zip(drawn.things, seen.things, strict=True):
        assert (moved.x, moved.z) == pytest.approx((-thing.z, thing.x))


def test_poses_see_the_unturned_things_where_the_turned_ones_are_seen():
    drawn = sample(2, 7)
    rest = render(turned(drawn, 0.0), frames=1, size=(32, 32))
    for view in orbit(drawn, 5, start=0.3):
        shot = render(view.scene, frames=1, size=(32, 32))
        pose = view.pose(shot.pose)[0]
        for here, there in zip(rest.centres[0], shot.centres[0], strict=True):
            seen = pose[:, :3] @ here + pose[:, 3]
            assert seen == pytest.approx(shot.pose[0, :, :3] @ there + shot.pose[0, :, 3], abs=1e-4)


def test_a_ball_in_the_middle_looks_the_same_from_everywhere():
    ball = Scene(things=(Thing(shape="ball", colour="red"),))
    pictures = [render(v.scene, frames=1, size=(32, 32)).rgb for v in orbit(ball, 4)]
    assert all(np.array_equal(pictures[0], picture) for picture in pictures)


def test_an_orbit_without_views_is_refused():
    with pytest.raises(DataError, match="views >= 1"):
        orbit(sample(2, 0), 0)
