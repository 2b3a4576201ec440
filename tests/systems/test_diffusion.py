"""The straight pass: noise by seed, the network's number format, what costs how much."""

import pytest
import torch
from torch import nn

from mutoscope import machine
from mutoscope.core.noise import Noise
from mutoscope.systems import cost
from mutoscope.systems.diffusion import Parts
from mutoscope.systems.system import spread
from tests import tiny


def test_the_noise_a_run_begins_with_is_the_noise_of_its_seed():
    system = tiny.system("modelscope")
    request = tiny.request(system, seed=3, guidance=1.0)
    step = next(system.run(request))
    noise = Noise([3]).like(step.x)
    alpha, sigma = system.denoiser.schedule(system.times(request)[1])
    expected = alpha * step.clean + sigma * noise
    torch.testing.assert_close(step.x, expected.float(), atol=1e-5, rtol=1e-5)


def test_a_preview_is_the_clean_clip_and_the_result_the_last_x():
    system = tiny.system("modelscope")
    request = tiny.request(system)
    first, *_, last = system.run(request)
    decode = system.autoencoder.decode
    assert torch.equal(system.finish(first, request).frames, decode(first.clean))
    assert torch.equal(system.finish(last, request).frames, decode(last.x))


def test_a_cheap_preview_has_some_of_the_same_frames():
    system = tiny.system("modelscope")
    request = tiny.request(system)
    step = next(system.run(request))
    whole = system.finish(step, request).frames
    for most in (1, 2, 3, 99):
        picked = whole[:, :, spread(whole.shape[2], most)]
        few = system.finish(step, request, most=most).frames
        torch.testing.assert_close(few, picked, atol=1e-5, rtol=1e-5)


def test_the_stages_of_a_run_are_timed():
    system = tiny.system("image")
    system.make(tiny.request(system))
    assert set(system.took) == {"text", "denoise", "decode"}
    assert all(seconds >= 0 for seconds in system.took.values())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_network_runs_in_the_format_it_is_made_ready_in(dtype: torch.dtype):
    system = tiny.system("modelscope")
    parts = Parts(denoiser=system.denoiser, autoencoder=system.autoencoder, text=system.text)
    parts.ready(dtype)
    assert {p.dtype for p in system.parts()["network"].parameters()} == {dtype}
    clip = system.make(tiny.request(system))
    assert clip.frames.dtype == torch.float32
    assert clip.frames.isfinite().all()


def test_frames_a_second_reach_the_network():
    system = tiny.system("modelscope")
    slow, fast = (system.make(tiny.request(system, fps=fps)).frames for fps in (4.0, 16.0))
    assert not torch.equal(slow, fast)


def test_operations_and_live_bytes_are_counted_exactly():
    with torch.device("meta"):
        layers = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 16))
        x = torch.empty(32, 64)
    operations, peak = cost.counted(lambda: layers(x))
    assert operations == 2 * 32 * (64 * 128 + 128 * 16)
    assert peak == 4 * 32 * (128 + 128)
    assert cost.held(layers) == 4 * (64 * 128 + 128 + 128 * 16 + 16)


def test_threads_are_those_that_are_free_or_that_were_asked_for(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert 1 <= machine.threads() <= torch.get_num_threads()
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert machine.threads() == torch.get_num_threads()


def test_the_machine_says_what_it_is():
    assert machine.precision() in (torch.float32, torch.bfloat16)
    assert (machine.precision() == torch.bfloat16) == bool(
        machine.instructions() & set(machine.FAST)
    )
    assert machine.processor()
    assert cost.rate(torch.float32, seconds=0.01) > 1e8
