"""A clip out of the image model: with everything off it is so many of its pictures."""

from collections import deque
from pathlib import Path

import pytest
import torch

from mutoscope import media, recipes
from mutoscope.clip import Clip
from mutoscope.core import samplers
from mutoscope.core.noise import Noise
from mutoscope.core.schedule import Betas, Rectified
from mutoscope.errors import RequestError
from mutoscope.recipes import text2video_zero
from tests import tiny

NAME = "text2video_zero"
OFF = {"motion": False, "cross_frame": False, "smoothing": False}


@pytest.fixture
def system():
    return tiny.system(NAME)


def test_everything_off_it_makes_the_image_systems_frames(system):
    request = tiny.request(system, seed=7, settings=OFF)
    made = system.make(request).frames
    image = tiny.system("image")
    plain = tiny.request(image, seed=7)
    noise = Noise([7]).framewise(system.empty(request))
    with torch.inference_mode():
        denoise, sampler = image.bind(plain), samplers.find(plain.sampler, Noise([0]))
        for k in range(request.frames):
            way = sampler(
                denoise, noise[:, :, k : k + 1], image.times(plain), image.denoiser.schedule
            )
            (last,) = deque(way, maxlen=1)
            frame = image.finish(last, plain).frames
            torch.testing.assert_close(made[:, :, k : k + 1], frame, atol=1e-4, rtol=0)


@pytest.mark.parametrize("off", [OFF, {"motion": False}])
def test_its_first_frame_is_the_image_systems_picture_of_the_seed(system, off):
    image = tiny.system("image")
    picture = image.make(tiny.request(image, seed=3)).frames
    made = system.make(tiny.request(system, seed=3, settings=off)).frames
    torch.testing.assert_close(made[:, :, :1], picture, atol=1e-4, rtol=0)
    assert (made[:, :, 1:] - picture).abs().max() > 0.01


@pytest.mark.parametrize("sampler", ["dpmpp_2m", "ancestral"])
def test_sixteen_frames_at_once_and_in_chunks_are_the_same(system, sampler):
    asked = {"frames": 16, "steps": 6, "sampler": sampler}
    once, *parts = (
        system.make(tiny.request(system, **asked, settings={"chunk": chunk})).frames
        for chunk in (15, 8, 4)
    )
    for part in parts:
        assert (part - once).abs().max() < 1e-4


def test_a_longer_clip_begins_like_a_shorter_one(system):
    short, long = (system.make(tiny.request(system, frames=n)).frames for n in (3, 7))
    torch.testing.assert_close(long[:, :, :3], short, atol=1e-4, rtol=0)


def test_every_knob_matters(system):
    reader = system.reader.maps
    torch.nn.init.zeros_(reader.weight)
    torch.nn.init.constant_(reader.bias, -1)  # there are no things: all is background
    knobs = {
        "motion": False, "right": -1.0, "down": 0.0, "strength": 256.0, "t0": 0.1, "t1": 1.0,
        "cross_frame": False, "smoothing": True,
    }  # fmt: skip
    usual = {"strength": 128.0}
    plain = system.make(tiny.request(system, settings=usual)).frames
    for name, value in knobs.items():
        made = system.make(tiny.request(system, settings={**usual, name: value})).frames
        assert not torch.allclose(made, plain, atol=1e-3), name
    smooth = {**usual, "smoothing": True}
    full, none = (
        system.make(tiny.request(system, settings={**smooth, "alpha": alpha})).frames
        for alpha in (1.0, 0.0)
    )
    torch.testing.assert_close(none, plain, atol=1e-4, rtol=0)
    assert not torch.allclose(full, none, atol=1e-3)


def test_smoothing_costs_the_steps_that_it_does_again():
    system = text2video_zero.outline(text2video_zero.Config.small())
    plain, smooth = (
        system.cost(system.request("snow", settings={"smoothing": on})) for on in (False, True)
    )
    assert 1.5 < smooth.operations / plain.operations <= 2


def test_its_times_hide_as_much_of_a_smaller_latent_as_the_papers():
    can = text2video_zero.Config.small().accepts()
    knobs = {knob.name: knob.default for knob in can.settings}
    for name, timestep in (("t0", 881), ("t1", 941)):
        theirs, ours = Betas.scaled_linear(), Rectified(2.0)
        levels = [
            float(sigma / alpha)
            for alpha, sigma in (
                theirs(torch.tensor((timestep + 1) / 1000, dtype=torch.float64)),
                ours(torch.tensor(knobs[name], dtype=torch.float64)),
            )
        ]
        assert levels[0] == pytest.approx(4 * levels[1], rel=1e-3), "64 / 16"
        assert any(f"{knobs[name]:.3f}" in line for line in text2video_zero.CARD.departs)


def test_the_paper_is_laid_out_at_its_size_with_its_numbers():
    system = text2video_zero.outline(text2video_zero.Config.paper())
    weights = [*system.denoiser.network.parameters()]
    assert all(weight.is_meta for weight in weights)
    assert sum(weight.numel() for weight in weights) == 859_520_964
    request = system.request("snow")
    assert (request.steps, request.guidance, request.sampler) == (50, 7.5, "ddim")
    assert (request.frames, request.fps, request.size) == (8, 4.0, (512, 512))
    asked, times = system.accepts().values(request), system.times(request)
    assert {asked["t0"], asked["t1"]} <= {round(t, 6) for t in times.tolist()}, "times it visits"
    assert system.cost(request).operations > 1e14


def test_t0_after_t1_and_a_single_step_are_refused(system):
    with pytest.raises(RequestError, match="t0 <= t1"):
        system.generate("a red ball", settings={"t0": 0.9, "t1": 0.5})
    with pytest.raises(RequestError, match="steps for text2video_zero must be 2"):
        system.generate("a red ball", steps=1)


def test_it_runs_the_image_systems_weights(tmp_path: Path):
    saved = tiny.folder(tmp_path, "image")
    system = recipes.find(NAME).load(saved, dtype=torch.float32)
    assert set(system.weights) == {"image", "autoencoder", "dense-readers"}
    assert recipes.stored(NAME) == "image"
    smooth = {"smoothing": True}
    assert system.make(tiny.request(system, frames=3, settings=smooth)).frames.isfinite().all()
    assert all(path.name == "weights.safetensors" for path in recipes.find(NAME).files(saved))


@pytest.fixture
def filmed(tmp_path: Path):
    """A map of every frame as a file that says what it is: a shade that goes from left to right."""
    ramp = torch.linspace(-1, 1, 32).expand(1, 3, 4, 32, 32)
    frames = torch.stack([ramp[:, :, k].roll(8 * k, -1) for k in range(4)], dim=2)
    near = media.write(
        Clip(frames=frames, fps=8.0), tmp_path / "near", record={"extracted": "depth"}
    )
    return {"kind": "depth", "source": str(near)}


def test_every_frame_is_drawn_after_its_own_map_and_without_one_nothing_changes(system, filmed):
    plain = system.make(tiny.request(system)).frames
    alone = {"cross_frame": False}
    made = system.make(tiny.request(system, conditions=[filmed], settings=alone)).frames
    assert (made - plain).abs().max() > 1e-3
    picture = tiny.system("controlnet")  # of the same weights as the part that draws after maps
    for k in range(4):
        still = media.read(Path(filmed["source"])).frames[:, :, k : k + 1]
        at = Path(filmed["source"]).with_name(f"{k}.png")
        media.write(Clip(frames=still, fps=8.0), at, record={"extracted": "depth"})
        asked = tiny.request(picture, conditions=[{"kind": "depth", "source": str(at)}])
        torch.testing.assert_close(
            made[:, :, k : k + 1], picture.make(asked).frames, atol=1e-4, rtol=0
        )


def test_with_maps_all_frames_share_one_noise_and_look_at_the_first(system, filmed):
    still = {**filmed, "source": str(Path(filmed["source"]).with_name("one.png"))}
    frames = media.read(Path(filmed["source"])).frames[:, :, :1]
    media.write(Clip(frames=frames, fps=8.0), Path(still["source"]), record={"extracted": "depth"})
    same = system.make(tiny.request(system, conditions=[still])).frames
    torch.testing.assert_close(same, same[:, :, :1].expand_as(same), atol=1e-4, rtol=0)
    own = {"motion": False}
    apart = system.make(tiny.request(system, conditions=[still], settings=own)).frames
    assert (apart[:, :, 1:] - apart[:, :, :1]).abs().max() > 1e-2
    moved = {"strength": 300.0, "t0": 0.1}
    told = system.make(tiny.request(system, conditions=[still], settings=moved)).frames
    assert torch.equal(told, same), "the map moves what is seen, not the latent"
    one, alone = (
        system.make(tiny.request(system, conditions=[filmed], settings={"cross_frame": on})).frames
        for on in (True, False)
    )
    torch.testing.assert_close(one[:, :, :1], alone[:, :, :1], atol=1e-4, rtol=0)
    assert (one[:, :, 1:] - alone[:, :, 1:]).abs().max() > 1e-3


def test_maps_are_cut_with_the_frames_of_a_chunk(system, filmed):
    once, parts = (
        system.make(tiny.request(system, conditions=[filmed], settings={"chunk": chunk})).frames
        for chunk in (3, 1)
    )
    assert (once - parts).abs().max() < 1e-4


def test_strength_scales_a_map(system, filmed):
    whole, half = (
        system.make(tiny.request(system, conditions=[{**filmed, "strength": much}])).frames
        for much in (1.0, 0.5)
    )
    assert (whole - half).abs().max() > 1e-4


def test_maps_are_taken_only_where_the_part_that_reads_them_is(tmp_path: Path, filmed):
    saved = tiny.folder(tmp_path / "zoo", "image")
    system = recipes.find(NAME).load(saved, dtype=torch.float32)
    assert system.accepts().conditions == ()
    with pytest.raises(RequestError, match="depth"):
        system.generate("a red ball", conditions=[filmed])
    plain = system.make(tiny.request(system, frames=4)).frames
    tiny.folder(saved, "controlnet")
    system = recipes.find(NAME).load(saved, dtype=torch.float32)
    assert set(system.accepts().conditions) == {"depth", "edge", "sketch", "sketches"}
    assert set(system.weights) == {"image", "controlnet", "autoencoder", "dense-readers"}
    assert recipes.stored(NAME) == "image"
    names = [path.parent.name for path in recipes.find(NAME).files(saved)]
    assert sorted(names) == ["autoencoder", "controlnet", "dense-readers", "image"]
    assert torch.equal(system.make(tiny.request(system, frames=4)).frames, plain)
    told = system.make(tiny.request(system, frames=4, conditions=[filmed])).frames
    assert (told - plain).abs().max() > 1e-3
