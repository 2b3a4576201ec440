"""A picture beside the words: nothing before it is taught, then both count; extended prompts."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mutoscope import media, zoo
from mutoscope.clip import Clip
from mutoscope.core.condition import Condition
from mutoscope.core.schedule import Betas, Shrunk
from mutoscope.data.exact import Exact
from mutoscope.data.latents import Latents
from mutoscope.errors import RequestError
from mutoscope.recipes import modelscope, videocrafter1
from mutoscope.recipes.videocrafter1 import CARD, DELTA, DROPPED, FIRST, THEN, Config
from mutoscope.request import ConditionRequest
from mutoscope.systems import sight
from mutoscope.training import deltas, tuning
from mutoscope.training.train import Config as Training
from mutoscope.training.train import train
from mutoscope.world.extension import extended
from tests import tiny

SIDE = Config.tiny().sizes.side
VECTOR = replace(DELTA, layout={**DELTA.layout, "image": sight.VECTOR}, reads=("vectors",))


@pytest.fixture
def system():
    found = tiny.system(CARD.name)
    tiny.awake(found.eye.aligner, 1).eval().requires_grad_(False)
    return found


def picture(folder: Path, seed: int = 0) -> Path:
    rng = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 1, 4, 4, generator=rng) * 2 - 1
    frames = coarse.repeat_interleave(SIDE // 4, 3).repeat_interleave(SIDE // 4, 4)
    return media.write(Clip(frames=frames, fps=8.0), folder / f"{seed}.png")


def image(path: Path, **more: object) -> dict[str, object]:
    return {"conditions": [ConditionRequest(kind="image", source=str(path), **more)]}


def made(system, prompt="a red ball", **asked):
    return system.make(tiny.request(system, prompt, **asked)).frames


def base(folder: Path) -> Path:
    """A tiny base whose pictures are as large as an eye needs."""
    tiny.folder(folder, "modelscope")
    network = tiny.system("modelscope").parts()["network"]
    facts = {**zoo.facts("modelscope", folder), "side": SIDE}
    zoo.save_part(network, "modelscope", facts, folder)
    return folder


@pytest.mark.parametrize("delta", [DELTA, VECTOR], ids=["patches", "vector"])
def test_before_it_is_taught_it_makes_the_bases_clips_to_the_bit_with_a_picture_too(
    tmp_path, delta
):
    folder = base(tmp_path / "zoo")
    plain = modelscope.load(folder, dtype=torch.float32)
    system = videocrafter1.start(folder, delta=delta)
    want = made(plain, seed=3)
    assert torch.equal(made(system, seed=3), want)
    assert torch.equal(made(system, seed=3, **image(picture(tmp_path))), want)


def test_words_and_picture_both_count_and_strength_0_is_the_clip_without(system, tmp_path):
    one, two = picture(tmp_path, 0), picture(tmp_path, 1)
    asked = {
        "none": {}, "one": image(one), "two": image(two), "half": image(one, strength=0.5),
        "other words": {"prompt": "a green cone slides left", **image(one)},
        "slower": {"fps": 16.0, **image(one)},
    }  # fmt: skip
    clips = {name: made(system, **told) for name, told in asked.items()}
    names = list(clips)
    for index, name in enumerate(names):
        for other in names[index + 1 :]:
            assert not torch.allclose(clips[name], clips[other], atol=1e-4), (name, other)
    torch.testing.assert_close(
        made(system, **image(one, strength=0)), clips["none"], atol=1e-5, rtol=0
    )


def test_of_two_pictures_the_later_one_counts(system, tmp_path):
    one, two = (
        ConditionRequest(kind="image", source=str(picture(tmp_path, seed))) for seed in (0, 1)
    )
    assert torch.equal(made(system, conditions=[one, two]), made(system, conditions=[two]))


def test_guidance_goes_from_no_words_and_the_null_picture_to_both(system, tmp_path):
    one, two = picture(tmp_path, 0), picture(tmp_path, 1)
    x, t = torch.randn(1, 4, 4, 8, 8), torch.full((1,), 0.6)

    def clean(scale, path, prompt="a red ball"):
        asked = tiny.request(system, prompt, guidance=scale, **image(path))
        with torch.inference_mode():
            return system.bind(asked)(x, t)

    null, told = clean(0.0, one), clean(1.0, one)
    torch.testing.assert_close(clean(3.0, one), null + 3 * (told - null), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(null, clean(0.0, two, "a cube"), atol=1e-5, rtol=0)
    assert (told - clean(1.0, two)).abs().max() > 1e-4
    with torch.inference_mode():
        zeros = system.eye.tokens(torch.zeros(1, 3, 1, SIDE, SIDE))
    torch.testing.assert_close(system.eye.nothing, zeros)
    assert system.eye.nothing is system.eye.nothing, "cached"
    assert system.eye.nothing.abs().max() > 0, "not a zero vector"


def test_what_is_dropped_while_it_learns_is_dropped_as_often_as_it_says(system):
    b, rng = 1500, torch.Generator().manual_seed(0)
    patches = torch.randn(1, 4, 64, sight.TOKEN, generator=rng).expand(b, -1, -1, -1)
    shown = {"x0": torch.zeros(b, 4, 1, 1, 1), "patches": patches}
    told = Condition(
        text=torch.ones(b, 3, 8), text_mask=torch.ones(b, 3, dtype=torch.bool),
        scalars={"fps": torch.full((b,), 12.0)},
    )  # fmt: skip
    null = Condition(text=torch.zeros(1, 3, 8), text_mask=torch.ones(1, 3, dtype=torch.bool))
    found = system.taught(shown, told, null, torch.Generator().manual_seed(1))
    silent = (found.text == 0).flatten(1).all(1)
    blind = (found.image == system.eye.nothing).flatten(1).all(1)
    shut = found.scalars["image"] == 0
    shares = [
        float(one.float().mean())
        for one in (
            silent & ~blind & ~shut,
            silent & blind,
            blind & ~silent,
            shut & ~silent,
            shut & silent,
        )
    ]
    assert shares == pytest.approx(DROPPED, abs=0.04)
    assert not (shut & blind).any()
    assert torch.equal(found.scalars["fps"], told.scalars["fps"])
    places = [(found.image == sight.placed(patches[:1, k])).flatten(1).all(1) for k in range(4)]
    assert torch.equal(sum(one.int() for one in places) + blind.int(), torch.ones(b).int())
    assert all(0.15 < float(one.float().mean()) < 0.25 for one in places)
    again = system.taught(shown, told, null, torch.Generator().manual_seed(1))
    assert torch.equal(again.image, found.image)


def test_an_extended_prompt_is_what_is_read_and_the_record_says_so(system, tmp_path):
    words = extended("a red ball")
    assert words != "a red ball"
    on = system.generate("a red ball", steps=3, settings={"extend": True})
    assert on.record["words"] == words
    assert on.record["prompt"] == "a red ball"
    plain = system.generate(words, steps=3)
    assert plain.record["words"] == ""
    assert torch.equal(on.frames, plain.frames)
    assert system.generate("a red ball", steps=3).record["words"] == ""
    asked = tiny.request(system, settings={"extend": True}, **image(picture(tmp_path)))
    assert system.words(asked) == extended("a red ball", place=False) != words
    still = tiny.request(system, settings={"extend": True}, frames=1)
    assert system.words(still) == extended("a red ball", still=True)


def test_what_it_cannot_be_told_is_refused(system, tmp_path):
    path = str(picture(tmp_path))
    with pytest.raises(RequestError, match="can't use condition 'depth'; it takes image"):
        tiny.request(system, conditions=[ConditionRequest(kind="depth", source=path)])
    with pytest.raises(RequestError, match="strength of a condition must be 0 or more"):
        image(Path(path), strength=-1.0)
    for fps in (2.0, 32.0):
        with pytest.raises(RequestError, match="fps for videocrafter1"):
            tiny.request(system, fps=fps)


def lessons(count=4, frames=4):
    rng = torch.Generator().manual_seed(0)
    ends = torch.tensor([3 + k % 3 for k in range(count)]).cumsum(0)
    spans = torch.stack([torch.cat([torch.zeros(1, dtype=torch.long), ends[:-1]]), ends], dim=-1)
    cached = Latents(
        torch.randn(count, 4, frames, 8, 8, generator=rng).bfloat16(),
        torch.randn(int(ends[-1]), 8, generator=rng).bfloat16(),
        spans[None], torch.full((count,), 8.0),
        torch.zeros(count, 3, frames, 4, 4, dtype=torch.uint8),
    )  # fmt: skip
    true = {
        "near": torch.zeros(count, frames, 8, 8, dtype=torch.uint8),
        "lines": torch.zeros(count, frames, 32, 4, dtype=torch.uint8),
        "motion": torch.zeros(count, 3, frames, 2, 2),
        "patches": torch.randn(count, 1, 64, sight.TOKEN, generator=rng).half(),
        "vectors": torch.randn(count, 1, sight.VECTOR, generator=rng).half(),
    }
    return cached, Exact([true])


def test_it_learns_in_two_stages_and_ships_as_a_delta(tmp_path):
    folder, out = base(tmp_path / "zoo"), tmp_path / "run"
    system = videocrafter1.start(folder)
    system.delta = replace(DELTA, batch=2, steps=8)
    task = deltas.DeltaTask(system, *lessons(), system.text([""]))
    train(task, Training(steps=8, batch=1, rate=1e-2, warmup=1, ema=0.5), out)
    target = deltas.ship(videocrafter1.start(folder), out, folder=folder)
    held = zoo.load_file(target / "delta.safetensors")
    assert all(tuning.fits(name, DELTA.learns) for name in held)
    assert {name.split(".")[0] for name in held} == {"look", "blocks", "rate", "seconds"}
    again = videocrafter1.load(folder, dtype=torch.float32)
    assert set(again.weights) == {"videocrafter1", "modelscope", "autoencoder", "alignment"}
    assert videocrafter1.files(folder)[0] == target / "delta.safetensors"
    clip = made(again, **image(picture(tmp_path)))
    assert clip.isfinite().all()
    assert not torch.equal(clip, made(again))


def test_a_system_without_the_fps_embedder_is_told_of_no_rate(tmp_path):
    system = videocrafter1.start(base(tmp_path / "zoo"))
    system.scalars, system.delta = (), replace(DELTA, batch=2)
    task = deltas.DeltaTask(system, *lessons(), system.text([""]))
    heard = []
    taught = system.taught

    def watched(shown, told, null, rng):
        heard.append(set(told.scalars))
        return taught(shown, told, null, rng)

    system.taught = watched
    task.loss(task.batch(np.random.default_rng(0), 1), torch.Generator().manual_seed(0))
    assert heard == [set()]
    slow, fast = (made(system, fps=fps) for fps in (4.0, 16.0))
    assert torch.equal(slow, fast)


def test_of_the_shipped_size_less_than_two_megabytes_learn():
    network = videocrafter1.outline(Config.small()).denoiser.network
    weights = {name: weight.numel() for name, weight in network.named_parameters()}
    counts = [sum(weights[n] for n in tuning.freed(network, names)) for names in (FIRST, THEN)]
    assert counts == [762_720, 231_936]
    assert 2 * sum(counts) < 2_000_000


def test_the_paper_is_laid_out_at_its_size():
    system = videocrafter1.outline(Config.paper())
    network = system.denoiser.network
    assert all(p.is_meta for p in network.parameters())
    assert sum(p.numel() for p in network.parameters()) == 1_438_843_460
    assert system.denoiser.schedule == Shrunk(Betas.scaled_linear(), 0.7)
    request = system.request("a man is surfing")
    assert (request.size, request.steps, request.guidance) == ((512, 320), 50, 12.0)
    assert system.cost(system.request("snow", steps=1)).operations > 1e13
