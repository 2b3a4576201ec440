import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mutoscope.core import grids
from mutoscope.core.schedule import VE, Betas, Cosine, Rectified, ZeroTerminal
from mutoscope.errors import RequestError


@given(steps=st.integers(1, 1000))
@settings(deadline=None, derandomize=True, max_examples=40)
def test_every_grid_falls_from_noise_to_clean_in_the_steps_asked(steps):
    for grid in (
        grids.trailing(steps),
        grids.trailing(steps, table=1000),
        grids.linear(steps),
        grids.leading(steps),
    ):
        assert len(grid) == steps + 1
        assert (grid.diff() < 0).all()
        assert grid[0] <= 1
        assert grid[-1] == 0


def test_trailing_and_linear_start_at_pure_noise_and_leading_does_not():
    assert grids.trailing(7)[0] == grids.linear(7)[0] == grids.trailing(7, table=1000)[0] == 1
    assert grids.leading(10)[0] == 0.901
    assert grids.leading(10, offset=1)[0] == 0.902


@pytest.mark.parametrize("table", [None, 1000])
def test_trailing_is_even(table):
    torch.testing.assert_close(grids.trailing(4, table=table).tolist(), [1.0, 0.75, 0.5, 0.25, 0.0])


def test_a_grid_may_end_before_clean():
    assert grids.leading(5, offset=1, last=1 / 1000)[-1] == 1 / 1000


@pytest.mark.parametrize("schedule", [Rectified(), Cosine(), VE(700.0), Betas.scaled_linear()])
def test_karras_levels_are_even_in_their_root(schedule):
    alpha, sigma = schedule(grids.karras(9, schedule, low=0.03, high=12.0))
    roots = (sigma / alpha)[:-1] ** (1 / 7)
    torch.testing.assert_close(roots.diff(), roots.diff().mean().expand(8), rtol=1e-6, atol=0)
    torch.testing.assert_close(roots[[0, -1]] ** 7, torch.tensor([12.0, 0.03]).double())
    assert sigma[-1] == 0


def test_straight_levels_are_those_of_the_straight_path():
    for shift in (1.0, 2.0, 8.0):
        own = grids.straight(9, Rectified(shift), shift=shift)
        torch.testing.assert_close(own, grids.trailing(9), rtol=0, atol=1e-12)
    wanted = Rectified(8.0)(grids.trailing(9))
    for schedule in (Rectified(2.0), Cosine()):
        alpha, sigma = schedule(grids.straight(9, schedule, shift=8.0))
        torch.testing.assert_close(sigma[1:] / alpha[1:], (wanted[1] / wanted[0])[1:])
        assert alpha[0] == 0
    with pytest.raises(RequestError, match="shift must be above 0"):
        grids.straight(9, Rectified(), shift=0.0)


def test_karras_refuses_levels_the_schedule_has_not():
    with pytest.raises(RequestError, match=r"14\.61"):
        grids.karras(5, Betas.scaled_linear(), high=80.0)
    assert grids.karras(5, ZeroTerminal(Betas.scaled_linear()), high=80.0)[0] < 1


def test_a_grid_can_begin_in_the_middle():
    torch.testing.assert_close(grids.below(grids.trailing(4), 0.6).tolist(), [0.6, 0.5, 0.25, 0.0])
    assert torch.equal(grids.below(grids.trailing(4), 0.5), grids.trailing(4)[2:])
    for t in (0.0, 1.2):
        with pytest.raises(RequestError, match="starting time"):
            grids.below(grids.trailing(4), t)


@pytest.mark.parametrize("steps", [0, -1, 1001])
def test_an_impossible_number_of_steps_is_refused(steps):
    with pytest.raises(RequestError, match="steps must be at least 1"):
        grids.leading(steps)


def test_a_grid_is_led_through_a_time():
    grid = grids.trailing(5)
    there = grids.through(grid, 0.77)
    assert len(there) == len(grid)
    torch.testing.assert_close(there, torch.tensor([1, 0.77, 0.6, 0.4, 0.2, 0]).to(grid))
    torch.testing.assert_close(grids.through(grid, 0.93)[1], torch.tensor(0.93).to(grid))
    assert torch.equal(grids.through(grid, 1.0), grid)
    for steps, t in ((1, 0.5), (5, 1.5)):
        with pytest.raises(RequestError, match="two or more steps"):
            grids.through(grids.trailing(steps), t)
