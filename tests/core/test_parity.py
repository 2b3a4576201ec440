"""The same numbers as diffusers' schedulers, in float64, at the same integer timesteps."""

from functools import partial

import diffusers
import numpy as np
import pytest
import torch
from diffusers.schedulers import scheduling_ddpm, scheduling_euler_ancestral_discrete

from mutoscope.core import grids
from mutoscope.core.noise import Noise
from mutoscope.core.prediction import Flow, Prediction, Velocity
from mutoscope.core.prediction import Noise as Eps
from mutoscope.core.samplers import ancestral, ddim, dpmpp_2m, euler, heun, heun_flow, invert
from mutoscope.core.schedule import Betas, Rectified, Schedule, ZeroTerminal
from mutoscope.core.shapes import like

from .oracles import DATA, clips

TABLE = 1000
SCHEDULE = Betas.scaled_linear()
VP = {
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "num_train_timesteps": TABLE,
}
PLAIN = {"clip_sample": False}
ROWS: dict[str, Prediction] = {"epsilon": Eps(), "v_prediction": Velocity()}
SPACINGS = {
    "trailing": lambda n: grids.trailing(n, table=TABLE),
    "linspace": lambda n: grids.linear(n, table=TABLE),
    "leading": lambda n: grids.leading(n, table=TABLE, offset=1),
}
# diffusers hands torch tensors to np.array, which NumPy 2 deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
close = partial(torch.testing.assert_close, rtol=1e-6, atol=1e-6)


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    """Diffusers keeps sigmas and samples in float32; here it keeps float64, to compare formulas."""
    monkeypatch.setattr(torch, "float32", torch.float64)
    monkeypatch.setattr(np, "float32", np.float64)


def said(prediction: Prediction, schedule: Schedule, x, t: float):
    """What an ideal network of that prediction answers at time t."""
    time = torch.full((len(x),), t, dtype=torch.float64)
    clean = DATA["bimodal"].denoise(schedule, x, time)
    _, skip, out = (like(c, x) for c in prediction.row(schedule, time))
    return (clean - skip * x) / out


def theirs(scheduler, prediction, schedule, x, **step):
    """Diffusers' loop; the network sees what `scale_model_input` makes of the sample."""
    for timestep in scheduler.timesteps:
        t = (float(timestep) + 1) / TABLE
        output = said(prediction, schedule, scheduler.scale_model_input(x, timestep), t)
        x = scheduler.step(output, timestep, x, **step).prev_sample
    return x


def ours(sampler, schedule, x, grid, **settings):
    *_, step = sampler(
        lambda y, t: DATA["bimodal"].denoise(schedule, y, t), x, grid, schedule, **settings
    )
    return step.x


def visits(scheduler, grid) -> None:
    """The grid stops at the very timesteps of the scheduler."""
    close(grid[:-1] * TABLE - 1, scheduler.timesteps.double().unique().flip(0))


def test_tables_of_betas_are_diffusers():
    for theirs_, mine in (
        ("linear", Betas.linear(0.00085, 0.012)),
        ("scaled_linear", Betas.scaled_linear()),
        ("squaredcos_cap_v2", Betas.squared_cosine()),
    ):
        scheduler = diffusers.DDIMScheduler(**{**VP, "beta_schedule": theirs_})
        close(mine.squared, scheduler.alphas_cumprod, rtol=1e-12, atol=1e-15)
    scheduler = diffusers.DDIMScheduler(**VP, rescale_betas_zero_snr=True)
    close(ZeroTerminal(SCHEDULE).squared, scheduler.alphas_cumprod, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("spacing", ["trailing", "leading"])  # its ddim steps by N // n timesteps
@pytest.mark.parametrize("to_one", [True, False])
def test_ddim_is_diffusers_ddim(spacing, row, to_one):
    n = 20
    scheduler = diffusers.DDIMScheduler(
        **VP, **PLAIN, prediction_type=row, timestep_spacing=spacing, steps_offset=1,
        set_alpha_to_one=to_one,
    )  # fmt: skip
    scheduler.set_timesteps(n)
    grid = SPACINGS[spacing](n)
    visits(scheduler, grid)
    grid[-1] = 0 if to_one else 1 / TABLE
    x = clips()
    close(ours(ddim, SCHEDULE, x, grid), theirs(scheduler, ROWS[row], SCHEDULE, x))


@pytest.mark.parametrize("eta", [0.4, 1.0])
def test_ddim_with_eta_is_diffusers_with_the_same_noise(eta):
    n, x = 10, clips()
    scheduler = diffusers.DDIMScheduler(**VP, **PLAIN, timestep_spacing="trailing")
    scheduler.set_timesteps(n)
    noise, y = Noise([1, 2]), x
    for timestep in scheduler.timesteps:
        output = said(Eps(), SCHEDULE, y, (float(timestep) + 1) / TABLE)
        y = scheduler.step(output, timestep, y, eta=eta, variance_noise=noise.like(y)).prev_sample
    close(ours(ddim, SCHEDULE, x, grids.trailing(n), eta=eta, noise=Noise([1, 2])), y)


def test_ddim_from_zero_terminal_snr_is_diffusers():
    schedule, n, x = ZeroTerminal(SCHEDULE), 20, clips()
    scheduler = diffusers.DDIMScheduler(
        **VP, **PLAIN, prediction_type="v_prediction", timestep_spacing="trailing",
        rescale_betas_zero_snr=True,
    )  # fmt: skip
    scheduler.set_timesteps(n)
    assert schedule(grids.trailing(n)[0])[0] == 0
    close(ours(ddim, schedule, x, grids.trailing(n)), theirs(scheduler, Velocity(), schedule, x))


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize(
    ("sampler", "name"), [(euler, "EulerDiscreteScheduler"), (heun, "HeunDiscreteScheduler")]
)
def test_euler_and_heun_are_diffusers(sampler, name, spacing, row):
    n, x = 28, clips()  # 999 = 27 * 37: linspace meets whole timesteps too
    scheduler = getattr(diffusers, name)(
        **VP, prediction_type=row, timestep_spacing=spacing, steps_offset=1
    )
    scheduler.set_timesteps(n)
    grid = SPACINGS[spacing](n)
    visits(scheduler, grid)
    start = x / SCHEDULE(grid[0])[0]  # diffusers carries x / alpha
    close(ours(sampler, SCHEDULE, x, grid), theirs(scheduler, ROWS[row], SCHEDULE, start))


def test_karras_levels_are_diffusers():
    n = 15
    scheduler = diffusers.EulerDiscreteScheduler(**VP, use_karras_sigmas=True)
    scheduler.set_timesteps(n)
    grid = grids.karras(
        n, SCHEDULE, low=float(scheduler.sigmas[-2]), high=float(scheduler.sigmas[0])
    )
    alpha, sigma = SCHEDULE(grid)
    close(sigma / alpha, scheduler.sigmas)


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("spacing", ["trailing", "linspace"])
@pytest.mark.parametrize("final", ["zero", "sigma_min"])
@pytest.mark.parametrize("n", [10, 20])
def test_dpmpp_2m_is_diffusers(n, final, spacing, row):
    scheduler = diffusers.DPMSolverMultistepScheduler(
        **VP, prediction_type=row, timestep_spacing=spacing, final_sigmas_type=final,
        lower_order_final=False,
    )  # fmt: skip
    scheduler.set_timesteps(n)
    ends = torch.tensor([0.0 if final == "zero" else 1 / TABLE]).double()
    grid = torch.cat([(scheduler.timesteps.double() + 1) / TABLE, ends])
    if spacing == "trailing":
        visits(scheduler, grids.trailing(n, table=TABLE))
    x = clips()
    close(ours(dpmpp_2m, SCHEDULE, x, grid), theirs(scheduler, ROWS[row], SCHEDULE, x))


def flow_loop(scheduler, schedule, x):
    for timestep in scheduler.timesteps:
        sigma = float(timestep) / TABLE
        t = float(schedule.when(torch.tensor(sigma / (1 - sigma) if sigma < 1 else torch.inf)))
        x = scheduler.step(said(Flow(), schedule, x, t), timestep, x).prev_sample
    return x


@pytest.mark.parametrize("shift", [1.0, 3.0, 7.0])
def test_flow_matching_by_euler_is_diffusers(shift):
    n, x, schedule = 20, clips(), Rectified(shift)
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(shift=shift)
    scheduler.set_timesteps(sigmas=grids.trailing(n)[:-1].tolist())
    close(scheduler.sigmas, schedule(grids.trailing(n))[1])
    for sampler in (euler, ddim):
        close(ours(sampler, schedule, x, grids.trailing(n)), flow_loop(scheduler, schedule, x))
        scheduler.set_timesteps(sigmas=grids.trailing(n)[:-1].tolist())


def test_flow_matching_by_heun_is_diffusers():
    n, x, schedule = 12, clips(), Rectified()
    scheduler = diffusers.FlowMatchHeunDiscreteScheduler()
    scheduler.set_timesteps(n)
    sigmas = scheduler.sigmas
    grid = torch.cat([sigmas[:1], sigmas[1:-1:2], sigmas[-1:]]).unique().flip(0)
    close(ours(heun_flow, schedule, x, grid), flow_loop(scheduler, schedule, x))


@pytest.mark.parametrize(("variance", "gamma"), [("fixed_small", 0.0), ("fixed_large", 1.0)])
def test_ancestral_is_diffusers_ddpm_at_both_variances(variance, gamma, monkeypatch):
    n, x, noise = 10, clips(), Noise([1, 2])
    monkeypatch.setattr(scheduling_ddpm, "randn_tensor", lambda shape, **_: noise.like(x))
    scheduler = diffusers.DDPMScheduler(
        **VP, **PLAIN, variance_type=variance, timestep_spacing="trailing"
    )
    scheduler.set_timesteps(n)
    theirs_ = theirs(scheduler, Eps(), SCHEDULE, x)
    # Their last step visits timestep 99 and still adds noise: the walk down to timestep 99 agrees.
    grid, mine = grids.trailing(n), Noise([1, 2])
    steps = list(
        ancestral(
            lambda y, t: DATA["bimodal"].denoise(SCHEDULE, y, t), x, grid, SCHEDULE,
            noise=mine, gamma=gamma,
        )
    )  # fmt: skip
    before, after = steps[-2].x, theirs_
    share = said(Eps(), SCHEDULE, before, float(grid[-2]))
    alpha, sigma = SCHEDULE(grid[-2])
    clean = (before - sigma * share) / alpha
    spread = 0.0 if gamma == 0 else sigma
    close(after, clean + spread * mine.like(x), rtol=1e-6, atol=1e-6)


def test_ancestral_is_diffusers_euler_ancestral(monkeypatch):
    n, x, noise = 10, clips(), Noise([1, 2])
    monkeypatch.setattr(
        scheduling_euler_ancestral_discrete, "randn_tensor", lambda shape, **_: noise.like(x)
    )
    scheduler = diffusers.EulerAncestralDiscreteScheduler(**VP, timestep_spacing="trailing")
    scheduler.set_timesteps(n)
    start = x / SCHEDULE(torch.tensor(1.0).double())[0]
    other = theirs(scheduler, Eps(), SCHEDULE, start)
    close(ours(ancestral, SCHEDULE, x, grids.trailing(n), noise=Noise([1, 2])), other)


def test_inversion_is_diffusers_ddim_inverse():
    n, x = 20, clips() / 2
    scheduler = diffusers.DDIMInverseScheduler(**VP, **PLAIN, timestep_spacing="leading")
    scheduler.set_timesteps(n)
    y = x
    for timestep in scheduler.timesteps:
        output = said(Eps(), SCHEDULE, y, (float(timestep) + 1) / TABLE)
        y = scheduler.step(output, timestep, y).prev_sample
    grid = grids.leading(n, table=TABLE)
    close(ours(invert, SCHEDULE, x, grid), y)
