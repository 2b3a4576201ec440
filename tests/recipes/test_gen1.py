"""Gen-1: what each door does, exactness of its guidance, what it learns, edits and modes."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from einops import rearrange

from mutoscope import cli, media
from mutoscope.clip import Clip
from mutoscope.controls import given
from mutoscope.core.condition import Condition
from mutoscope.core.noise import Noise
from mutoscope.errors import RequestError
from mutoscope.recipes import gen1
from mutoscope.recipes.gen1 import DELTA, Config
from mutoscope.systems import shipped
from mutoscope.training import deltas, tuning
from tests import tiny
from tests.clips import sliding, waves
from tests.training.test_deltas import cached

FRAMES = 4
LOSSLESS = media.Options(lossless=True)


@pytest.fixture(scope="module")
def system():
    return tiny.system("gen1")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Maps of nearness and pictures, by name; `film` is a clip and `holes` a mask for it."""
    at = tmp_path_factory.mktemp("files")
    clips = {
        "still": waves(count=1, height=32, width=32),
        "moving": waves(count=FRAMES, height=32, width=32),
        "other": sliding(3, 1, count=FRAMES, height=32, width=32),
        "red": Clip(frames=torch.tensor([0.8, -0.9, -0.7]).view(1, 3, 1, 1, 1) * torch.ones(1, 3, 1, 32, 32), fps=1),  # noqa: E501
        "film": sliding(1, 2, count=FRAMES, height=32, width=32),
    }  # fmt: skip
    found = {
        k: str(media.write(clip, at / f"{k}.webp", options=LOSSLESS)) for k, clip in clips.items()
    }
    holes = np.zeros((1, 1, 32, 32, 3), np.uint8)
    holes[..., 8:24, 4:20, :] = 255
    found["holes"] = str(media.write(Clip.from_uint8(holes, fps=1), at / "holes.png"))
    return found


def structure(path):
    return {"kind": "structure", "source": path, "set": {"map": True}}


def asked(system, path, *more, prompt="a red ball", **knobs):
    settings = {key: knobs.pop(key) for key in ("t_s", "omega_t") if key in knobs}
    return system.request(
        prompt, conditions=[structure(path), *more], settings=settings,
        **{"frames": FRAMES, "steps": 3, **knobs},
    )  # fmt: skip


def answers(system, request):
    """What the bound denoiser says at one time of one noise."""
    x = Noise([3]).like(system.empty(request))
    with torch.inference_mode():
        return system.bind(request)(x, torch.tensor([0.6]))


def test_at_step_0_it_is_its_base_whatever_is_told(tmp_path, files):
    at = tiny.folder(tmp_path, "modelscope")
    base, grown = shipped.opened("modelscope", at, torch.float32), gen1.start(at)
    assert grown.sees.prior is None
    request = asked(grown, files["moving"], {"kind": "style", "source": files["red"]}, guidance=1)
    x = Noise([3]).like(grown.empty(request))
    silent, _ = grown.read([""], request.fps)
    with torch.inference_mode():
        plain = base.denoiser(x, torch.tensor([0.6]), silent)
    assert torch.equal(answers(grown, request), plain)


def test_each_condition_and_knob_changes_the_clip(system, files):
    red, other = ({"kind": "style", "source": files[name]} for name in ("red", "other"))
    clips = [
        system.make(request).frames
        for request in (
            asked(system, files["moving"]),
            asked(system, files["other"]),
            asked(system, files["moving"], t_s=2),
            asked(system, files["moving"], t_s=5),
            asked(system, files["moving"], omega_t=0.0),
            asked(system, files["moving"], red),
            asked(system, files["moving"], other),
            asked(system, files["moving"], {**red, "strength": 0.5}),
        )
    ]
    for k, one in enumerate(clips):
        for later in clips[k + 1 :]:
            assert (one - later).abs().max() > 1e-3


def test_a_picture_is_the_same_under_both_names_and_its_share_leaves_the_rest_to_the_prompt(
    system, files
):
    picture = {"source": files["red"]}
    style, image = (
        answers(system, asked(system, files["moving"], {**picture, "kind": kind}))
        for kind in ("style", "image")
    )
    assert torch.equal(style, image)
    said = answers(
        system,
        asked(system, files["moving"], {**picture, "kind": "style"}, prompt="another cone"),
    )
    assert torch.equal(style, said)
    absent = {**picture, "kind": "style", "strength": 0}
    words = answers(system, asked(system, files["moving"]))
    torch.testing.assert_close(answers(system, asked(system, files["moving"], absent)), words)


def test_content_can_be_shut_and_structure_can_not(system, files):
    shut = [
        answers(system, asked(system, files[name], prompt=prompt, guidance=0))
        for name, prompt in (("moving", "a red ball"), ("moving", "snow"), ("other", "snow"))
    ]
    assert torch.equal(shut[0], shut[1])
    assert (shut[1] - shut[2]).abs().max() > 1e-3


def test_guidance_is_affine_in_both_scales(system, files):
    def said(smooth, scale):
        return answers(system, asked(system, files["moving"], omega_t=smooth, guidance=scale))

    image, null, told = said(0.0, 0.0), said(1.0, 0.0), said(1.0, 1.0)
    for smooth, scale in ((1.5, 4.0), (0.5, 1.0), (0.0, 2.0)):
        mixed = image + smooth * (null - image) + scale * (told - null)
        torch.testing.assert_close(said(smooth, scale), mixed, atol=1e-4, rtol=1e-4)


def test_without_smoothness_and_guidance_each_frame_is_made_by_itself(system, files):
    request = asked(system, files["still"], omega_t=0.0, guidance=0.0)
    x = Noise([3]).like(system.empty(request))
    t = torch.tensor([0.6])
    with torch.inference_mode():
        whole = system.bind(request)(x, t)
        for smooth in (0.0, 1.0, 2.0):
            alone = replace(request, frames=1, settings={"omega_t": smooth})
            for k in range(FRAMES):
                one = system.bind(alone)(x[:, :, k : k + 1], t)
                torch.testing.assert_close(one, whole[:, :, k : k + 1], atol=1e-5, rtol=1e-5)


def test_a_frame_by_itself_keeps_its_own_structure(system, files, tmp_path):
    clip = media.read(files["moving"])
    frames = clip.frames.clone()
    frames[:, :, 2] = -frames[:, :, 2]
    turned = media.write(replace(clip, frames=frames), tmp_path / "a.webp", options=LOSSLESS)
    one, other = (
        answers(system, asked(system, str(path), omega_t=0.0, guidance=0.0))
        for path in (files["moving"], turned)
    )
    moved = (one - other).abs().amax((0, 1, 3, 4))
    assert moved[2] > 1e-3
    assert (moved[[0, 1, 3]] < 1e-5).all()


def test_frames_by_themselves_cost_half_a_call_more(system, files):
    calls = [
        system.calls(asked(system, files["still"], omega_t=smooth, guidance=scale, steps=10))
        for smooth, scale in ((1.0, 4.0), (0.5, 4.0), (0.5, 1.0))
    ]
    assert calls == [10, 15, 30]


def test_what_can_not_be_meant_is_refused_in_a_sentence(system, files):
    style, image = ({"kind": kind, "source": files["red"]} for kind in ("style", "image"))
    mask = {"kind": "mask", "source": files["holes"]}
    wrong = {
        "style and image both say how it shall look": (style, image),
        r"strength of style is its share, 0 to 1": ({**style, "strength": 2},),
        "'mask' takes no strength": ({**mask, "strength": 0.5},),
        "is a map and doesn't show what was filmed": (mask,),
    }
    for sentence, more in wrong.items():
        with pytest.raises(RequestError, match=sentence):
            system.make(asked(system, files["moving"], *more))
    half = {**structure(files["moving"]), "strength": 0.5}
    with pytest.raises(RequestError, match="'structure' takes no strength"):
        system.make(system.request("a ball", conditions=[half], frames=FRAMES, steps=2))
    with pytest.raises(RequestError, match="t_s"):
        asked(system, files["moving"], t_s=6)


def shown(count=400):
    rng = torch.Generator().manual_seed(1)
    return {
        "x0": torch.zeros(count, 4, 2, 4, 4),
        "depth": torch.rand(count, 1, 2, 16, 16, generator=rng),
        "vectors": torch.randn(count, 4, 16, generator=rng).half(),
    }


def test_structure_is_always_told_and_content_is_dropped_one_time_in_ten(system):
    true, rng = shown(), torch.Generator().manual_seed(0)
    both = system.text(["a red ball", ""])
    told, null = (
        Condition(
            text=both.text[k : k + 1], text_mask=both.text_mask[k : k + 1],
            scalars={"fps": torch.ones(1) * 8},
        )
        for k in (0, 1)
    )  # fmt: skip
    every = replace(told.expanded(400), scalars={"fps": torch.arange(400.0)})
    found = system.taught(true, every, null, rng)
    there = found.scalars["image"]
    assert 0.05 < 1 - there.mean() < 0.15
    assert set(there.tolist()) == {0.0, 1.0}
    assert torch.equal(found.scalars["fps"], torch.arange(400.0))
    assert torch.equal(found.text, null.text.expand(400, -1, -1))
    same = (found.image == true["vectors"].float()).all(-1)
    assert same.any(1).all()
    assert (same.sum(0) > 60).all(), "any of a clip's pictures"
    folded = rearrange(2 * true["depth"] - 1, "b 1 t (h p) (w q) -> b (p q) t h w", p=4, q=4)
    whole = (found.concat[:, :16] == folded).flatten(1).all(1)
    assert 0.1 < whole.float().mean() < 0.24, "one in six isn't blurred"
    assert len(found.concat[:, 16:, 0, 0, 0].unique(dim=0)) == 6
    assert found.concat.std((1, 2, 3, 4)).min() > 0.1
    again = system.taught(true, every, null, torch.Generator().manual_seed(0))
    assert torch.equal(again.concat, found.concat)


def test_it_learns_in_its_named_tensors_and_ships_as_a_delta(tmp_path):
    at = tiny.folder(tmp_path, "modelscope")
    system = gen1.start(at)
    latents, true = cached()
    (chunk,) = true.chunks
    rng = torch.Generator().manual_seed(0)
    more = {
        "near": torch.randint(0, 256, (6, FRAMES, 16, 16), generator=rng).to(torch.uint8),
        "vectors": torch.randn(6, 1, 128, generator=rng).half(),
    }
    task = deltas.DeltaTask(system, latents, type(true)([{**chunk, **more}]), system.text([""]))
    batch = task.batch(np.random.default_rng(0), 1)
    for seed in range(12):  # frames by themselves among them
        task.loss(batch, torch.Generator().manual_seed(seed))["loss"].backward()
    weights = dict(system.denoiser.network.named_parameters())
    learns = {name for name, weight in weights.items() if weight.requires_grad}
    assert learns == {name for name in weights if tuning.fits(name, DELTA.learns)}
    assert all(weights[name].grad is None for name in weights.keys() - learns)
    moved = {name.split(".")[0] for name in learns if weights[name].grad.abs().max() > 0}
    assert moved >= {"beside", "blocks", "leave"}


def test_of_the_shipped_size_the_delta_stays_below_three_megabytes():
    network = gen1.outline(Config.small()).denoiser.network
    weights = {name: weight.numel() for name, weight in network.named_parameters()}
    learns = set(tuning.freed(network, DELTA.learns))
    new = {
        name for name in weights if name.split(".")[0] in ("beside", "look") or ".image." in name
    }
    assert new <= learns
    assert 2 * sum(weights[name] for name in learns) == 2_621_808


def test_the_paper_is_laid_out_at_its_size():
    system = gen1.outline(Config.paper())
    network = system.denoiser.network
    assert all(p.is_meta for p in network.parameters())
    assert network.conv_in.weight.shape[:2] == (320, 4 + 4 + 4)
    assert network.conv_out.weight.shape[:2] == (4, 320)
    count = sum(p.numel() for p in network.parameters())
    assert count == 859_520_964 + 49_599_040 + 8 * 320 * 9
    request = system.request("a man", conditions=[{"kind": "structure", "source": "a.mp4"}])
    assert (request.frames, request.size, request.guidance) == (8, (448, 256), 7.5)
    assert {knob.name: knob.range.high for knob in system.accepts().settings}["t_s"] == 7
    assert system.cost(replace(request, steps=1)).operations > 1e12


def test_outside_a_mask_nothing_changes_and_every_step_holds_the_clip_with_its_noise(system, files):
    film = {"kind": "structure", "source": files["film"]}
    mask = {"kind": "mask", "source": files["holes"]}
    request = system.request(
        "a red ball", conditions=[film, mask], frames=FRAMES, steps=4, sampler="ddim"
    )
    steps = list(system.run(request))
    clip = given.clip(request.conditions[0], request)
    made = system.finish(steps[-1], request).frames
    hole = given.given(request.conditions[1], request).bool().expand_as(made)
    assert torch.equal(made[~hole], clip[~hole])
    assert (made - clip)[hole].abs().mean() > 0.02
    some = system.finish(steps[1], request, most=2).frames
    assert torch.equal(some[~hole[:, :, ::2]], clip[:, :, ::2][~hole[:, :, ::2]])
    with torch.inference_mode():
        clean, noise = system.coded(clip), Noise([request.seed]).like(system.empty(request))
    cells = torch.zeros(1, 1, FRAMES, 4, 4, dtype=torch.bool)
    cells[..., 1:3, 0:3] = True
    kept = ~cells.expand_as(clean)
    for step, t in zip(steps, system.times(request)[1:].float(), strict=True):
        alpha, sigma = system.denoiser.schedule(t)
        noised = alpha * clean + sigma * noise
        torch.testing.assert_close(step.x[kept], noised[kept], atol=1e-4, rtol=1e-4)


MODES = {
    "stylization": ("--style", "red"),
    "storyboard": ("--set", "t_s=3"),
    "mask": ("--mask", "holes"),
    "render": ("--condition", "image=red"),
}


@pytest.mark.parametrize("mode", [*MODES])
def test_each_mode_is_one_command(mode, files, tmp_path, capsys):
    weights, out = tiny.folder(tmp_path / "zoo", "gen1"), tmp_path / "a.gif"
    flag, value = MODES[mode]
    for name, path in files.items():
        value = path if value == name else value.replace(f"={name}", f"={path}")
    words = ["generate", "a red ball", "--system", "gen1", "--weights", str(weights)]
    words += ["--condition", f"structure={files['film']}", flag, value]
    assert cli.code([*words, "--frames", "4", "--steps", "2", "-o", str(out)]) == 0
    record = media.read_record(out)
    assert record["conditions"][-1]["kind"] in ("structure", "style", "mask", "image")
    assert set(record["weights"]) == {"gen1", "autoencoder", "alignment", "prior"}
    assert media.read(out).frames.shape == (1, 3, FRAMES, 32, 32)


def test_without_a_structure_the_command_says_what_is_needed(tmp_path, capsys):
    weights = tiny.folder(tmp_path, "gen1")
    words = ["generate", "a red ball", "--system", "gen1", "--weights", str(weights)]
    assert cli.code([*words, "-o", str(tmp_path / "a.gif")]) == 2
    assert "gen1 needs condition 'structure'; give structure=SOURCE" in capsys.readouterr().err
