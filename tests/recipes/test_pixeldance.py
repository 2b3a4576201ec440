"""A clip between two frames: what is told where, when it is seen, and how it is taught."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mutoscope import media, recipes, zoo
from mutoscope.clip import Clip
from mutoscope.core.guidance import TwoSet
from mutoscope.errors import RequestError
from mutoscope.recipes import pixeldance
from mutoscope.recipes.pixeldance import DELTA, Config, Teaching
from mutoscope.request import ConditionRequest
from mutoscope.systems.keyframes import Key, placed
from mutoscope.training import deltas, tuning
from tests import tiny
from tests.training.test_deltas import cached

NAME = "pixeldance"


@pytest.fixture
def system():
    return tiny.system(NAME)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """A first and a last frame, others of both, and a drawing."""
    rng = torch.Generator().manual_seed(0)
    found = {}
    for name in ("first", "last", "other"):
        frames = torch.rand(1, 3, 1, 32, 32, generator=rng) * 2 - 1
        found[name] = str(media.write(Clip(frames=frames, fps=8), tmp_path / f"{name}.png"))
    lines = torch.ones(1, 3, 1, 32, 32)
    lines[..., 8:24, 16] = -1
    found["sketch"] = str(media.write(Clip(frames=lines, fps=8), tmp_path / "sketch.png"))
    return found


def given(files, *kinds, strength=1.0):
    return [ConditionRequest(kind=k, source=files[k], strength=strength) for k in kinds]


def made(system, conditions, **asked):
    return system.make(tiny.request(system, frames=4, conditions=conditions, **asked)).frames


def told(system, request, number):
    """What the network is told beside z_t in its calls of one run, two calls in one."""
    seen = []
    hook = system.denoiser.network.register_forward_pre_hook(
        lambda _, args: seen.append(args[2].concat)
    )
    system.make(request)
    hook.remove()
    assert len(seen) == number
    return seen


def test_before_it_is_taught_it_is_its_base_to_the_bit(tmp_path: Path, files):
    base = tiny.folder(tmp_path / "zoo", "modelscope")
    plain = recipes.find("modelscope").load(base, dtype=torch.float32)
    grown = pixeldance.start(base)
    asked = {"frames": 4, "seed": 5, "sampler": "euler"}
    clip = plain.make(tiny.request(plain, **asked)).frames
    assert torch.equal(grown.make(tiny.request(grown, **asked)).frames, clip)
    shown = given(files, "first", "last")
    request = tiny.request(grown, conditions=shown, settings={"keep": False}, **asked)
    assert torch.equal(grown.make(request).frames, clip)


def test_every_frame_that_is_given_changes_the_clip_and_strength_0_is_none(system, files):
    wishes = [(), ("first",), ("last",), ("sketch",), ("first", "last"), ("first", "sketch")]
    clips = [made(system, given(files, *kinds)) for kinds in wishes]
    for index, one in enumerate(clips):
        for other in clips[index + 1 :]:
            assert not torch.allclose(one, other, atol=1e-4)
    for kinds in wishes[1:]:
        shut = made(system, given(files, *kinds, strength=0.0), sampler="euler")
        torch.testing.assert_close(shut, made(system, [], sampler="euler"), atol=1e-5, rtol=0)
    half = made(system, given(files, "first", strength=0.5))
    assert not torch.allclose(half, clips[1], atol=1e-4)


def test_frames_lie_at_both_ends_zeros_between_and_flags_say_what_they_are(system, files):
    request = tiny.request(system, frames=5, conditions=given(files, "first", "last"), steps=1,
                           settings={"tau": 1.0})  # fmt: skip
    (concat,) = told(system, request, 1)
    assert concat.shape == (2, 6, 5, 4, 4)
    assert torch.equal(concat[0], concat[1]), "both branches of the guidance see the frames"
    first = system.coded(media.read(files["first"]).frames)[0, :, 0]
    assert torch.equal(concat[0, :4, 0], first), "the first frame is told without noise"
    assert concat[0, :, 1:4].abs().max() == 0
    assert (concat[0, 4, [0, -1]] == 1).all()
    assert concat[0, 5].abs().max() == 0
    drawn = replace(request, conditions=given(files, "sketch"))
    (concat,) = told(system, drawn, 1)
    assert concat[0, :, 0].abs().max() == 0
    assert (concat[0, 4:, -1].amax((-1, -2)) == torch.tensor([0.0, 1.0])).all()


def test_the_first_frame_stands_as_the_autoencoder_has_it_and_strength_and_keep_loosen_it(
    system, files
):
    latent = system.coded(media.read(files["first"]).frames)
    with torch.inference_mode():
        expected = system.autoencoder.decode(latent)[:, :, 0]
    for sampler in ("dpmpp_2m", "euler", "ancestral"):
        clip = made(system, given(files, "first", "last"), sampler=sampler)
        torch.testing.assert_close(clip[:, :, 0], expected, atol=1e-4, rtol=0)
    shown = given(files, "first")
    told = made(system, shown, settings={"keep": False})
    half = made(system, given(files, "first", strength=0.5))
    for clip in (told, half):
        assert not torch.allclose(clip[:, :, 0], expected, atol=1e-2)
    clip = made(system, shown)
    assert not torch.equal(clip[:, :, 1:], told[:, :, 1:]), "other frames see it in x_t too"
    assert not torch.allclose(made(system, given(files, "last"))[:, :, -1], clip[:, :, -1])


def test_the_last_frame_is_under_the_noise_of_training_and_its_seed_alone_draws_it(system, files):
    last = system.coded(media.read(files["last"]).frames)
    asked = {"frames": 4, "conditions": given(files, "last"), "settings": {"tau": 1.0}, "steps": 1}
    one, again, other = (
        told(system, tiny.request(system, seed=seed, **asked), 1)[0][:1, :4, -1:]
        for seed in (1, 1, 2)
    )
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    alpha, sigma = 0.9463, 0.3233  # sqrt(abar), sqrt(1 - abar) after 100 of 1000 steps
    eps = (one - alpha * last) / sigma
    assert 0.5 < eps.std() < 1.5
    clear = Config(sizes=system.config.sizes, teaching=Teaching(noise=0))
    system.config = clear
    (exact,) = told(system, tiny.request(system, **asked), 1)
    assert torch.equal(exact[:1, :4, -1:], last)


def test_tau_is_the_share_of_the_steps_that_see_the_last_frame(system, files):
    for tau, count in ((0.0, 0), (0.25, 2), (0.5, 4), (1.0, 8)):
        for sampler in ("dpmpp_2m", "euler", "ancestral"):
            request = tiny.request(
                system, conditions=given(files, "first", "last"), steps=8, sampler=sampler,
                settings={"tau": tau},
            )  # fmt: skip
            seen = [bool(one[0, 4, -1].any()) for one in told(system, request, 8)]
            assert seen == [True] * count + [False] * (8 - count)
            assert system.seen(request) == count


def test_at_tau_0_there_is_no_last_frame_and_without_one_tau_says_nothing(system, files):
    both = made(system, given(files, "first", "last"), settings={"tau": 0.0})
    basic = made(system, given(files, "first"))
    assert torch.equal(both, basic)
    assert torch.equal(basic, made(system, given(files, "first"), settings={"tau": 1.0}))


def test_a_sampler_that_looks_back_begins_anew_where_the_last_frame_goes(system, files):
    """Were it one run, the step after the change would be extrapolated over it."""
    asked = {"steps": 4, "settings": {"tau": 0.5}}
    shown = given(files, "first", "last")
    numbers = [
        (step.index, step.total)
        for step in system.run(tiny.request(system, conditions=shown, **asked))
    ]
    assert numbers == [(k, 4) for k in range(4)]
    request = tiny.request(system, conditions=shown, **asked)
    _, second, third, _ = system.run(request)
    alpha, sigma = system.denoiser.schedule(system.times(request))
    noise = (second.x - alpha[2] * third.clean) / sigma[2]
    torch.testing.assert_close(
        third.x, (alpha[3] * third.clean + sigma[3] * noise).float(), atol=1e-4, rtol=1e-4
    )


def test_only_what_the_words_add_is_amplified(system, files):
    request = tiny.request(system, frames=4, conditions=given(files, "first"),
                           settings={"keep": False})  # fmt: skip
    words, null = system.read([request.prompt], request.fps)
    concat = told(system, request, 3)[0][:1]
    x, t = torch.randn(1, 4, 4, 4, 4), torch.tensor([0.7])
    with torch.inference_mode():
        guided = system.bind(request)(x, t)
        yes, no = (
            system.denoiser.output(x, t, replace(one, concat=concat)) for one in (words, null)
        )
        mixed = system.denoiser.clean(no + request.guidance * (yes - no), x, t)
        torch.testing.assert_close(guided, mixed, atol=1e-4, rtol=1e-4)
        plain = system.bind(replace(request, guidance=1.0))(x, t)
        assert torch.equal(plain, TwoSet(scale=1.0)(
            system.denoiser, replace(words, concat=concat), null)(x, t))  # fmt: skip


def test_the_order_in_which_frames_are_given_says_nothing(system, files):
    one, other = (
        made(system, given(files, *kinds)) for kinds in (("first", "last"), ("last", "first"))
    )
    assert torch.equal(one, other)


def test_two_last_frames_and_other_conditions_are_refused(system, files):
    with pytest.raises(RequestError, match="last and sketch are the same frame"):
        made(system, given(files, "last", "sketch"))
    with pytest.raises(RequestError, match="can't use condition 'depth'"):
        tiny.request(system, conditions=[{"kind": "depth", "source": files["first"]}])
    with pytest.raises(RequestError, match="frames"):
        tiny.request(system, frames=1)


def batch(system, count):
    rng = torch.Generator().manual_seed(1)
    words, null = system.read(["a red ball"] * count, 8.0)
    rates = {"fps": torch.arange(count).float() + 4}
    shown = {
        "x0": torch.randn(count, 4, 6, 4, 4, generator=rng),
        "lines": (torch.rand(count, 1, 6, 32, 32, generator=rng) < 0.1).float(),
    }
    return shown, replace(words, scalars=rates), null


def test_training_drops_and_draws_as_often_as_it_says(system):
    shown, words, null = batch(system, 600)
    taught = system.taught(shown, words, null, torch.Generator().manual_seed(2))
    first, last, drawn = (
        taught.concat[:, 4 + flag, at].amax((-1, -2)) for flag, at in ((0, 0), (0, -1), (1, -1))
    )
    how = system.config.teaching
    assert float(first.mean()) == pytest.approx(1 - how.blind, abs=0.04)
    assert float((last + drawn).mean()) == pytest.approx(1 - how.drop, abs=0.05)
    assert float(drawn.mean()) == pytest.approx((1 - how.drop) * how.drawn, abs=0.05)
    assert (last * drawn).max() == 0
    assert taught.concat[:, :, 1:-1].abs().max() == 0
    kept = first.bool()
    assert torch.equal(taught.concat[kept, :4, 0], shown["x0"][kept, :, 0])
    assert taught.concat[~kept, :4, 0].abs().max() == 0
    assert torch.equal(taught.scalars["fps"], words.scalars["fps"]), "no clip loses its rate"
    silent = (taught.text == null.text).flatten(1).all(1).float().mean()
    assert float(silent) == pytest.approx(0.1, abs=0.04)


def test_the_last_frame_is_one_of_the_last_three_under_its_noise(system):
    shown, words, null = batch(system, 300)
    still = Teaching(noise=0, drop=0.0, drawn=0.0, blind=0.0)
    system.config = replace(system.config, teaching=still)
    concat = system.taught(shown, words, null, torch.Generator().manual_seed(3)).concat
    equal = (concat[:, :4, -1:] == shown["x0"]).flatten(3).all(3).all(1)
    counts = equal.sum(0)
    assert counts[:3].sum() == 0
    assert counts[3:].sum() == 300
    assert counts[3:].min() > 60
    system.config = replace(system.config, teaching=replace(still, late=1, noise=100))
    noised = system.taught(shown, words, null, torch.Generator().manual_seed(3)).concat[:, :4, -1]
    eps = (noised - 0.9463 * shown["x0"][:, :, -1]) / 0.3233
    assert float(eps.std()) == pytest.approx(1, abs=0.03)
    again = system.taught(shown, words, null, torch.Generator().manual_seed(3)).concat[:, :4, -1]
    assert torch.equal(noised, again)


def test_a_drawing_is_the_lines_of_the_frame_that_was_chosen(system):
    shown, words, null = batch(system, 8)
    system.config = replace(
        system.config, teaching=Teaching(late=1, noise=0, drop=0.0, drawn=1.0, blind=0.0)
    )
    concat = system.taught(shown, words, null, torch.Generator().manual_seed(0)).concat
    picture = (1 - shown["lines"][:, :, -1:]) * 2 - 1
    expected = system.coded(picture.repeat(1, 3, 1, 1, 1))
    torch.testing.assert_close(concat[:, :4, -1:], expected)
    assert (concat[:, 5, -1] == 1).all()


def test_a_frozen_base_learns_to_be_told(tmp_path: Path):
    system = pixeldance.start(tiny.folder(tmp_path, "modelscope"))
    system.delta = replace(DELTA, learns=("beside.*", "before.*"), batch=4)
    task = deltas.DeltaTask(system, *cached(), system.text([""]))
    batch = task.batch(np.random.default_rng(0), 1)
    one, two = (task.loss(batch, torch.Generator().manual_seed(3))["loss"] for _ in range(2))
    assert one == two
    one.backward()
    network = system.denoiser.network
    assert network.beside.weight.grad.abs().max() > 0
    assert network.enter.weight.grad is None


def test_without_flags_it_is_told_as_many_channels_as_a_latent_has(system):
    x, latent = torch.zeros(1, 4, 3, 2, 2), torch.ones(1, 4, 1, 2, 2)
    key = Key(at=-1, latent=latent, much=torch.tensor([0.5]))
    for extra in (4, 6, 8):
        lies = placed(x, [key], extra)
        assert lies.shape == (1, extra, 3, 2, 2)
        assert (lies[:, :4, -1] == 0.5).all()
        assert extra == 4 or (lies[:, 4, -1] == 0.5).all()
        assert lies[:, :, :-1].abs().max() == 0


def test_the_paper_is_laid_out_at_its_size():
    system = pixeldance.outline(Config.paper())
    network = system.denoiser.network
    assert all(p.is_meta for p in network.parameters())
    assert network.conv_in.weight.shape == (320, 8, 3, 3)
    assert network.conv_out.weight.shape[0] == 4
    # ModelScope's 1,411,233,860 and 4 channels more; PixelDance has 1.5 B with text and autoencoder
    assert sum(p.numel() for p in network.parameters()) == 1_411_233_860 + 4 * 9 * 320
    request = system.request("a man is surfing")
    assert (request.frames, request.fps, request.size) == (16, 4.0, (256, 256))
    assert system.cost(system.request("snow", steps=1)).operations > 1e12
    assert Config.paper().teaching == Teaching(drawn=0.0, strict=100, blind=0.0)


def test_what_learns_fits_into_two_megabytes():
    sizes = Config.small().sizes
    network = pixeldance.outline(Config.small()).denoiser.network
    weights = {name: weight.numel() for name, weight in network.named_parameters()}
    learns = tuning.freed(network, DELTA.learns)
    assert 2 * sum(weights[name] for name in learns) <= 2_000_000
    assert sizes.network["extra"] == 6 + 2
    assert zoo.config("modelscope")["channels"] == 6
