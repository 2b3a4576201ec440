"""A clip's own noise, of a tiny network that answers to everything."""

from collections import deque
from pathlib import Path

import pytest
import torch

from mutoscope.core import grids
from mutoscope.core.condition import Condition
from mutoscope.core.denoiser import Denoiser
from mutoscope.core.prediction import Flow
from mutoscope.core.samplers import ddim
from mutoscope.core.schedule import Rectified
from mutoscope.errors import WeightsError
from mutoscope.networks.small3d import SmallUNet3D
from mutoscope.systems.inversion import Inverted, inverted
from tests.tiny import awake

TINY = {"channels": 4, "width": 8, "inner": 16, "depth": 1, "heads": 2, "text": 8}


def drawn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def denoise():
    network = awake(SmallUNet3D(**TINY, temporal=False, sees="sparse", over_time=True)).eval()
    denoiser = Denoiser(network, Rectified(2.0), Flow())
    told = Condition(text=drawn(1, 3, 8))
    return lambda x, t: denoiser(x, t, told)


def psnr(made, clean):
    peak = clean.max() - clean.min()
    return float(10 * torch.log10(peak**2 / (made - clean).square().mean()))


@torch.inference_mode()
def back(denoise, found, schedule):
    (last,) = deque(ddim(denoise, found.noise, found.grid, schedule), maxlen=1)
    return psnr(last.x, found.clean)


@pytest.mark.parametrize("shift", [2.0, 8.0])
def test_the_sampler_returns_from_a_clips_own_noise_to_the_clip(denoise, shift):
    schedule, clean = Rectified(2.0), drawn(1, 4, 4, 4, 4, seed=1)
    grid = grids.straight(20, schedule, shift=shift)
    once, thrice = (inverted(denoise, clean, grid, schedule, rounds=r) for r in (1, 3))
    assert back(denoise, thrice, schedule) >= 25
    assert back(denoise, thrice, schedule) > back(denoise, once, schedule)
    stranger = Inverted(clean=clean, noise=drawn(1, 4, 4, 4, 4, seed=2), grid=grid)
    assert back(denoise, stranger, schedule) < 20


def test_own_noise_is_kept_with_its_clip_and_its_times(tmp_path: Path, denoise):
    schedule, clean = Rectified(2.0), drawn(1, 4, 2, 4, 4)
    grid = grids.trailing(3)
    found = inverted(denoise, clean, grid, schedule)
    found.save(tmp_path / "x.safetensors")
    again = Inverted.load(tmp_path / "x.safetensors")
    assert torch.equal(again.noise, found.noise)
    assert torch.equal(again.clean, clean)
    assert again.fits(grid)
    assert not again.fits(grids.trailing(4))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.safetensors"]
    (tmp_path / "y.safetensors").write_bytes(b"no")
    for name in ("y", "z"):
        with pytest.raises(WeightsError, match="tune to the clip again"):
            Inverted.load(tmp_path / f"{name}.safetensors")


def test_fresh_noise_takes_the_place_of_its_own_without_changing_the_spread():
    own, fresh = drawn(1, 4, 8, 16, 16), drawn(1, 4, 8, 16, 16, seed=1)
    found = Inverted(clean=own, noise=own, grid=grids.trailing(2))
    assert found.mixed(fresh, 1.0) is own
    assert torch.equal(found.mixed(fresh, 0.0), fresh)
    assert float(found.mixed(fresh, 0.6).std()) == pytest.approx(1, abs=0.03)
