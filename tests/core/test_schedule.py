import pytest
import torch

from mutoscope.core.schedule import VE, VP, Betas, Cosine, Rectified, Shrunk, Table, ZeroTerminal
from mutoscope.errors import RequestError

from .oracles import SCHEDULES

TABLES = [s for s in SCHEDULES if isinstance(s, Table)]


def inside(count: int = 37) -> torch.Tensor:
    """Times between the knots of a table of 1000."""
    return (torch.arange(1, count + 1, dtype=torch.float64) / (count + 1) * 1000).floor() / 1000 + (
        0.37e-3
    )


def named(values):
    return pytest.mark.parametrize("schedule", values, ids=repr_short)


def repr_short(schedule) -> str:
    return repr(schedule)[:40].split("table")[0] + str(hash(schedule) % 97)


@named(SCHEDULES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_time_zero_is_exactly_clean(schedule, dtype):
    alpha, sigma = schedule(torch.zeros((), dtype=dtype))
    assert alpha == 1
    assert sigma == 0
    assert alpha.dtype == sigma.dtype == dtype


@named([Rectified(), Rectified(7.0), Cosine(), ZeroTerminal(Betas.linear())])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_pure_noise_is_exactly_pure_where_the_schedule_has_it(schedule, dtype):
    alpha, sigma = schedule(torch.ones(3, dtype=dtype))
    assert (alpha == 0).all()
    assert (sigma == 1).all()


@named(SCHEDULES)
def test_signal_falls_and_noise_rises(schedule):
    alpha, sigma = schedule(torch.linspace(0, 1, 2001, dtype=torch.float64))
    assert (sigma.diff() > 0).all()
    assert (alpha.diff() < 0).all() or (alpha == 1).all()


@named(SCHEDULES)
def test_closed_form_rates_are_autodiff(schedule):
    t = inside().requires_grad_()
    for closed, value in zip(schedule.rates(t.detach()), schedule(t), strict=True):
        (measured,) = torch.autograd.grad((value + 0 * t).sum(), t, retain_graph=True)
        torch.testing.assert_close(closed, measured, rtol=1e-10, atol=1e-12)


@named([Cosine(), VP(), *TABLES])
def test_variance_is_preserved_between_the_knots_too(schedule):
    alpha, sigma = schedule(inside())
    torch.testing.assert_close(alpha**2 + sigma**2, torch.ones_like(alpha), rtol=0, atol=1e-14)


@named(TABLES)
def test_a_table_is_reproduced_at_its_integers(schedule):
    t = torch.arange(1, 1001, dtype=torch.float64) / 1000
    alpha, sigma = schedule(t)
    torch.testing.assert_close(alpha**2, schedule.squared, rtol=1e-12, atol=1e-15)
    torch.testing.assert_close(sigma**2, 1 - schedule.squared, rtol=1e-10, atol=1e-15)
    torch.testing.assert_close(
        schedule.timestep(t), torch.arange(1000, dtype=torch.float64), rtol=0, atol=1e-9
    )


@named(TABLES)
def test_a_table_in_float32_differs_by_rounding_only(schedule):
    t = torch.arange(1, 1001, dtype=torch.float64) / 1000
    for wide, narrow in zip(schedule(t), schedule(t.float()), strict=True):
        torch.testing.assert_close(narrow.double(), wide, rtol=0, atol=5e-7)


def test_betas_are_a_product_of_survivals():
    squared = Betas.linear(0.1, 0.3, count=3).squared
    torch.testing.assert_close(squared.tolist(), [0.9, 0.9 * 0.8, 0.9 * 0.8 * 0.7])


def test_zero_terminal_keeps_the_first_alpha_and_loses_the_last():
    betas = Betas.scaled_linear()
    squared = ZeroTerminal(betas).squared
    assert squared[-1] == 0
    torch.testing.assert_close(squared[0], betas.squared[0])
    assert (squared.diff() < 0).all()
    assert (squared[1:] < betas.squared[1:]).all()


def test_a_clip_is_shrunk_as_videocrafters_table_has_it():
    """Its `scale_arr` with `fix_scale_bug`: 400 even numbers from 1 to scale_b, then scale_b."""
    scales = torch.cat([torch.linspace(1, 0.7, 400).double(), torch.full((600,), 0.7).double()])
    t, plain = torch.arange(1, 1001, dtype=torch.float64) / 1000, Betas.scaled_linear()
    alpha, sigma = Shrunk(plain, 0.7)(t)
    torch.testing.assert_close(alpha / plain(t)[0], scales, atol=1e-6, rtol=0)
    assert torch.equal(sigma, plain(t)[1])
    whole = Shrunk(plain, 1.0)
    assert all(torch.equal(a, b) for a, b in zip(whole(t), plain(t), strict=True))


def test_a_shift_multiplies_the_noise_to_signal_ratio():
    t = inside()
    (a, s), (b, r) = Rectified()(t), Rectified(5.0)(t)
    torch.testing.assert_close(r / b, 5 * s / a)


def test_vp_is_the_limit_of_its_own_table():
    vp, count = VP(), 20_000
    steps = (torch.arange(count, dtype=torch.float64) + 0.5) / count
    betas = Betas(tuple(((vp.low + (vp.high - vp.low) * steps) / count).tolist()))
    t = inside()
    torch.testing.assert_close(betas(t)[0], vp(t)[0], rtol=2e-3, atol=1e-5)


@named(SCHEDULES)
def test_when_finds_the_time_of_a_noise_level(schedule):
    ratio = torch.tensor([0.0, 1e-3, 0.02, 0.5, 1.0, 4.0], dtype=torch.float64)
    alpha, sigma = schedule(schedule.when(ratio))
    torch.testing.assert_close(sigma, ratio * alpha, rtol=1e-9, atol=1e-12)


def test_when_knows_infinity():
    assert Cosine().when(torch.tensor(torch.inf)) == 1


@named([VE(), Betas.scaled_linear(), VP()])
@pytest.mark.parametrize("ratio", [-0.1, 1e4])
def test_when_refuses_a_level_that_is_never_reached(schedule, ratio):
    with pytest.raises(RequestError, match="sigma / alpha must lie in"):
        schedule.when(torch.tensor([1.0, ratio]))


@pytest.mark.parametrize(
    ("make", "say"),
    [
        (lambda: Rectified(0.0), "shift must be above 0"),
        (lambda: Betas(()), "betas must be"),
        (lambda: Betas((0.5, 1.5)), "betas must be"),
        (lambda: Shrunk(Cosine(), 0.0), r"a scale in \(0, 1\]"),
        (lambda: Shrunk(Cosine(), 0.5, first=0.4), "from 0.4 to 0.4"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(make, say):
    with pytest.raises(RequestError, match=say):
        make()


def test_schedules_with_the_same_numbers_are_equal():
    assert Betas.linear() == Betas.linear() != Betas.scaled_linear()
    assert hash(ZeroTerminal(Betas.linear())) == hash(ZeroTerminal(Betas.linear()))


@named(SCHEDULES)
def test_raised_noise_has_the_level_of_the_later_time(schedule):
    low, high = torch.tensor(0.4, dtype=torch.float64), torch.tensor(0.7, dtype=torch.float64)
    x0, one, other = torch.eye(3, dtype=torch.float64)  # clean, old noise, new noise
    there = schedule.raised(schedule.mixed(x0, one, low), other, low, high)
    alpha, sigma = schedule(high)
    torch.testing.assert_close(there[0], alpha)
    torch.testing.assert_close(there[1:].norm(), sigma)
    still = schedule.raised(x0, other, high, high)
    torch.testing.assert_close(still, x0, atol=1e-7, rtol=0)


def test_raising_noise_to_pure_noise_leaves_nothing_and_going_down_is_refused():
    schedule = Rectified(2.0)
    x, noise = torch.randn(2, 1, 4, 4, generator=torch.Generator().manual_seed(0))[:, None]
    one, half, less = (torch.tensor(t) for t in (1.0, 0.5, 0.2))
    torch.testing.assert_close(schedule.raised(x, noise, half, one), noise)
    for low, high in ((half, less), (one, one)):
        with pytest.raises(RequestError, match="choose low <= high"):
            schedule.raised(x, noise, low, high)
