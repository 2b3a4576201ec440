import json

import pytest
import torch
from diffusers import DDIMScheduler

from mutoscope.core.prediction import Clean, Edm, Flow, Noise, Velocity
from mutoscope.core.schedule import VE, VP, Betas, Cosine, Rectified, Shrunk, ZeroTerminal
from mutoscope.errors import WeightsError
from mutoscope.hub import keys

PUBLISHED = {
    "_class_name": "DDIMScheduler",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "clip_sample": False,
    "set_alpha_to_one": False,
    "steps_offset": 1,
}
SCHEDULES = [
    Rectified(3.0),
    Cosine(),
    VP(),
    VE(700.0),
    Betas.scaled_linear(),
    ZeroTerminal(Betas.linear(count=10)),
    Shrunk(Betas.linear(count=10), 0.3),
]


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: type(s).__name__)
def test_a_schedule_comes_back_from_json(schedule):
    assert keys.schedule_of(json.loads(json.dumps(keys.said(schedule)))) == schedule


@pytest.mark.parametrize("prediction", [Clean(), Noise(), Velocity(), Flow(), Edm(0.7)])
def test_a_prediction_comes_back_from_json(prediction):
    assert keys.prediction_of(json.loads(json.dumps(keys.said(prediction)))) == prediction


@pytest.mark.parametrize("kind", ["Schedule", "Tensor", "annotations", "", "Table"])
def test_a_name_that_is_no_schedule_is_refused(kind):
    with pytest.raises(WeightsError, match=f"no schedule is called '{kind}'"):
        keys.schedule_of({"kind": kind})


@pytest.mark.parametrize("steps", [2, 4, 25, 50, 1000])
@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace"])
def test_times_are_those_that_diffusers_visits(steps, spacing):
    told = {**PUBLISHED, "timestep_spacing": spacing, "steps_offset": 0, "set_alpha_to_one": True}
    theirs = DDIMScheduler(**{k: v for k, v in told.items() if k != "_class_name"})
    theirs.set_timesteps(steps)
    grid = keys.spacing(told)(steps)
    assert (grid[:-1] * 1000 - 1).round().long().tolist() == theirs.timesteps.tolist()
    assert grid[-1] == 0


def test_the_published_grid_ends_at_the_first_timestep():
    grid = keys.spacing(PUBLISHED)(4)
    assert torch.allclose(grid * 1000 - 1, torch.tensor([751.0, 501, 251, 1, 0]).double())


def test_a_last_step_that_goes_nowhere_is_left_out():
    grid = keys.spacing({**PUBLISHED, "steps_offset": 0})(4)
    assert torch.allclose(grid * 1000 - 1, torch.tensor([750.0, 500, 250, 0]).double())


def test_a_dpm_scheduler_spaces_from_end_to_end():
    told = {**PUBLISHED, "_class_name": "DPMSolverMultistepScheduler"}
    grid = keys.spacing(told)(10)
    assert grid[0] == 1
    assert grid[-1] == 0


def test_a_table_of_betas_is_taken_as_it_is():
    table = Betas.linear(count=1000).table
    assert keys.table({**PUBLISHED, "trained_betas": list(table)}) == Betas(table)
