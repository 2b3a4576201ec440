"""The drift meter, on clips that drift by a known amount or not at all."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from mutoscope.evaluate.drift import drift, quantile, slope

FPS = 8.0


@pytest.fixture(scope="module")
def steady():
    """Four seconds of one picture with a little noise of its own in every frame."""
    rng = torch.Generator().manual_seed(0)
    coarse = torch.rand(1, 3, 12, 12, generator=rng) - 0.5
    picture = F.interpolate(coarse, size=(48, 48), mode="bilinear")[0]
    noise = torch.randn(3, 32, 48, 48, generator=rng) * 0.02
    return picture[:, None] + noise


def test_what_does_not_drift_has_a_slope_of_nothing(steady):
    for name, found in drift(steady, FPS).items():
        assert abs(found.value) < 0.002, name
        assert found.n == 32
    low, high = drift(steady, FPS)["contrast"].interval
    assert low < 0 < high


def test_a_fade_is_told_by_the_second_and_is_no_blur(steady):
    t = torch.arange(32).view(1, 32, 1, 1) / FPS
    mean = steady.mean((-2, -1), keepdim=True)
    found = drift(mean + (steady - mean) * (1 - 0.1 * t), FPS)
    wanted = -0.1 / (1 - 0.1 * 31 / FPS / 2)
    assert found["contrast"].value == pytest.approx(wanted, rel=0.03)
    assert abs(found["sharpness"].value) < 0.005
    low, high = found["contrast"].interval
    assert low < wanted < high < 0


def test_a_colour_that_turns_is_told_by_the_second(steady):
    t = torch.arange(32).view(1, 32, 1, 1) / FPS
    tint = torch.tensor([0.1, 0.0, 0.0]).view(3, 1, 1, 1)
    found = drift(steady + tint * t, FPS)
    assert found["colour"].value == pytest.approx(0.05, rel=0.1)
    assert abs(found["contrast"].value) < 0.05
    assert found["colour"].interval[0] > 0.04


def test_a_blur_that_grows_is_told(steady):
    kernels = np.linspace(1, 9, 32)
    frames = [
        F.avg_pool2d(
            steady[:, k], 2 * int(size // 2) + 1, 1, int(size // 2), count_include_pad=False
        )
        for k, size in enumerate(kernels)
    ]
    found = drift(torch.stack(frames, dim=1), FPS)
    assert found["sharpness"].value < -0.02
    assert found["sharpness"].interval[1] < 0


def test_flat_or_short_clips_have_no_such_slopes(steady):
    assert drift(steady[:, :7], FPS) == {}
    assert set(drift(torch.zeros(3, 16, 8, 8), FPS)) == {"colour"}


def test_intervals_hold_the_slope_as_often_as_they_say():
    rng, times, held = np.random.default_rng(0), np.arange(60) / FPS, 0
    for _ in range(300):
        noise = rng.normal(size=61)
        noise = noise[1:] + 0.5 * noise[:-1]
        low, high = slope(0.3 * times + noise, times).interval
        held += low <= 0.3 <= high
    assert 0.89 <= held / 300 <= 0.99


def test_the_quantile_is_students():
    for freedom, wanted in ((3.0, 3.182), (5.0, 2.571), (10.0, 2.228), (30.0, 2.042), (1e6, 1.960)):
        assert quantile(freedom) == pytest.approx(wanted, rel=0.015)
