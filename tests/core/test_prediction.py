import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mutoscope.core.condition import Condition
from mutoscope.core.prediction import Clean, Edm, Flow, Noise, Velocity
from mutoscope.core.schedule import VE, Betas, Cosine, Rectified, ZeroTerminal
from mutoscope.core.shapes import like
from mutoscope.errors import RequestError

from .oracles import PREDICTIONS, SCHEDULES, clips, condition, denoiser


def pair(t: torch.Tensor):
    return clips(len(t), seed=1), clips(len(t), seed=2), t


@pytest.mark.parametrize("prediction", PREDICTIONS, ids=repr)
@given(
    index=st.integers(0, len(SCHEDULES) - 1),
    times=st.lists(st.floats(0, 0.99), min_size=1, max_size=4),
)
@settings(deadline=None, derandomize=True, max_examples=40)
def test_what_f_should_say_means_the_clean_clip(prediction, index, times):
    schedule = SCHEDULES[index]
    x0, eps, t = pair(torch.tensor(times, dtype=torch.float64))
    x_t = schedule.mixed(x0, eps, t)
    _, c_skip, c_out = (like(c, x0) for c in prediction.row(schedule, t))
    got = c_skip * x_t + c_out * prediction.target(schedule, x0, eps, t)
    torch.testing.assert_close(got, x0, rtol=0, atol=1e-9)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: type(s).__name__)
def test_every_row_gives_the_same_clean_clip(schedule):
    x, t = clips(), torch.tensor([0.1, 0.9], dtype=torch.float64)
    said = [denoiser(p, schedule)(x, t, condition(3)) for p in PREDICTIONS]
    for other in said[1:]:
        torch.testing.assert_close(other, said[0], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("schedule", [Cosine(), Rectified(3.0), ZeroTerminal(Betas.linear())])
def test_noise_is_refused_by_name_where_alpha_is_zero(schedule):
    t = torch.tensor([0.5, 1.0])
    with pytest.raises(RequestError, match=r"noise prediction .* alpha = 0 .* t = 1"):
        denoiser(Noise(), schedule)(clips().float(), t, Condition())
    with pytest.raises(RequestError, match="noise prediction"):
        denoiser(Noise(), schedule).loss(clips(), t, clips(), Condition())


@pytest.mark.parametrize("prediction", [Clean(), Velocity(), Flow(), Edm()], ids=repr)
def test_every_other_row_holds_at_both_ends_of_the_clock(prediction):
    x0, eps, t = pair(torch.tensor([0.0, 1.0], dtype=torch.float64))
    schedule = Cosine()
    _, c_skip, c_out = (like(c, x0) for c in prediction.row(schedule, t))
    output = prediction.target(schedule, x0, eps, t)
    got = c_skip * schedule.mixed(x0, eps, t) + c_out * output
    torch.testing.assert_close(got, x0, rtol=0, atol=1e-12)


def test_velocity_is_the_turn_of_x():
    x0, eps, t = pair(torch.tensor([0.2, 0.7], dtype=torch.float64))
    d_alpha, d_sigma = Cosine().rates(t)
    turn = like(d_alpha, x0) * x0 + like(d_sigma, x0) * eps
    v = Velocity().target(Cosine(), x0, eps, t)
    torch.testing.assert_close(turn, v * torch.pi / 2)


def test_flow_is_the_same_under_any_shift_of_the_clock():
    x0, eps, t = pair(torch.tensor([0.2, 0.7], dtype=torch.float64))
    schedule = Rectified(4.0)
    d_alpha, d_sigma = (like(d, x0) for d in schedule.rates(t))
    flow = Flow().target(schedule, x0, eps, t)
    torch.testing.assert_close((d_alpha * x0 + d_sigma * eps) / d_sigma, flow)


def test_velocity_on_exploding_variance_is_the_preconditioning_of_svd():
    schedule, t = VE(high=700.0), torch.tensor([0.2, 0.5, 0.9], dtype=torch.float64)
    sigma = schedule(t)[1]
    c_in, c_skip, c_out = Velocity().row(schedule, t)
    torch.testing.assert_close(c_in, (sigma**2 + 1) ** -0.5)
    torch.testing.assert_close(c_skip, 1 / (sigma**2 + 1))
    torch.testing.assert_close(c_out, -sigma * (sigma**2 + 1) ** -0.5)


def test_edm_is_the_table_of_karras():
    schedule, t, d = VE(), torch.tensor([0.2, 0.5, 0.9], dtype=torch.float64), 0.5
    sigma = schedule(t)[1]
    c_in, c_skip, c_out = Edm(d).row(schedule, t)
    torch.testing.assert_close(c_in, (sigma**2 + d**2) ** -0.5)
    torch.testing.assert_close(c_skip, d**2 / (sigma**2 + d**2))
    torch.testing.assert_close(c_out, sigma * d * (sigma**2 + d**2) ** -0.5)


@pytest.mark.parametrize("data", [0.3, 0.5, 1.0])
def test_edm_keeps_what_goes_in_and_out_at_unit_variance(data):
    schedule, t = Cosine(), torch.tensor([0.05, 0.5, 0.95], dtype=torch.float64)
    alpha, sigma = schedule(t)
    c_in, _, _ = Edm(data).row(schedule, t)
    torch.testing.assert_close(c_in**2 * ((alpha * data) ** 2 + sigma**2), torch.ones_like(t))
    rng = torch.Generator().manual_seed(0)
    x0 = data * torch.randn(3, 1, 1, 100, 100, generator=rng, dtype=torch.float64)
    eps = torch.randn(x0.shape, generator=rng, dtype=torch.float64)
    spread = Edm(data).target(schedule, x0, eps, t).flatten(1).std(1)
    torch.testing.assert_close(spread, torch.ones_like(t), rtol=0.03, atol=0)


def test_errors_of_one_row_are_errors_of_another_by_a_known_factor():
    schedule, x, t = Cosine(), clips(1), torch.tensor([0.4], dtype=torch.float64)
    alpha, sigma = schedule(t)
    nudge, moved = 1e-3 * clips(1, seed=5), {}
    for prediction in (Clean(), Noise(), Velocity()):
        d = denoiser(prediction, schedule)
        output = d.output(x, t, Condition())
        moved[type(prediction)] = d.clean(output + nudge, x, t) - d.clean(output, x, t)
    torch.testing.assert_close(moved[Velocity], -sigma * moved[Clean])
    torch.testing.assert_close(moved[Noise] * alpha, -sigma * moved[Clean])
