"""Tuning to one clip: what learns, what stays, stopping, going on, and what is saved."""

from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from mutoscope import recipes, zoo
from mutoscope.clip import Clip
from mutoscope.errors import RequestError, WeightsError
from mutoscope.training import tuning
from tests import tiny

NAME, BASE, PROMPT = "tune_a_video", "image", "a red ball"
NAMED = (".space.query.", ".text.query.", ".over.")


def clip(frames: int = 4, side: int = 32) -> Clip:
    drawn = torch.rand(1, 3, frames, side, side, generator=torch.Generator().manual_seed(0))
    return Clip(frames=drawn * 2 - 1, fps=6)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tiny.folder(tmp_path / "run", BASE)


def begun(out: Path, **given):
    system = recipes.find(NAME).start(out)
    tuning.begin(system, clip(), PROMPT, out, **given)
    return system


def learned(out: Path) -> bytes:
    return (out / NAME / zoo.DELTA).read_bytes()


def psnr(one: torch.Tensor, other: torch.Tensor) -> float:
    return float(10 * torch.log10(4 / (one - other).square().mean()))


def test_only_the_named_tensors_learn_and_only_they_are_saved(out: Path):
    before = zoo.load_part(type(begun(out).denoiser.network), BASE, out).state_dict()
    system = recipes.find(NAME).start(out)
    target = tuning.tune(system, out, steps=3)
    whole = load_file(out / "parts" / "network" / "weights.safetensors")
    changed = {n for n in whole if n not in before or not torch.equal(whole[n], before[n])}
    assert changed == {n for n in whole if any(part in n for part in NAMED)}
    assert set(load_file(target / zoo.DELTA)) == changed
    facts = zoo.facts(NAME, out)
    assert facts["learned"] == sum(whole[name].numel() for name in changed) < facts["of"]
    assert facts["clip"]["prompt"] == PROMPT
    assert PROMPT in (target / "README.md").read_text()


def test_what_was_tuned_begins_with_the_clips_own_noise_and_comes_back_to_it(out: Path):
    system = begun(out)
    tuning.tune(system, out, steps=2)
    tuned = recipes.find(NAME).load(out)
    can = tuned.accepts()
    assert (can.frames.low, can.frames.high, can.complete({}).fps) == (4, 4, 6)
    plain = {"prompt": "", "guidance": 1.0}
    with torch.inference_mode():
        given = tuned.autoencoder.decode(tuned.own.clean)
    for steps in (30, 12):  # at other times its noise is found again
        made = tuned.make(tuned.request(**plain, steps=steps)).frames
        assert psnr(made, given) >= 25
    seeds = [tuned.make(tuned.request("a blue cube", seed=seed)).frames for seed in (1, 2)]
    assert torch.equal(*seeds)
    fresh = [
        tuned.make(tuned.request("a blue cube", seed=seed, settings={"inverted": 0.0})).frames
        for seed in (1, 2)
    ]
    assert not torch.equal(*fresh)
    assert set(tuned.weights) == {NAME, BASE, "autoencoder", "clip"}


def test_a_tuning_that_was_cancelled_goes_on_as_if_it_had_not_been(out: Path, tmp_path: Path):
    whole = tiny.folder(tmp_path / "whole", BASE)
    tuning.tune(begun(whole), whole, steps=4)

    def cancelled(step: int) -> bool:
        if step == 2:
            raise KeyboardInterrupt
        return False

    with pytest.raises(KeyboardInterrupt):
        tuning.tune(begun(out), out, steps=4, stop=cancelled)
    assert not (out / NAME).exists()
    tuning.tune(recipes.find(NAME).start(out), out, steps=4)
    assert learned(out) == learned(whole)


def test_stopped_early_or_asked_for_less_it_is_kept_as_it_is(out: Path, tmp_path: Path):
    tuning.tune(begun(out), out, steps=9, stop=lambda step: step == 2)
    assert zoo.facts(NAME, out)["phases"][0]["step"] == 2
    short = tiny.folder(tmp_path / "short", BASE)
    tuning.tune(begun(short), short, steps=2)
    assert learned(out) == learned(short)
    tuning.tune(recipes.find(NAME).start(out), out, steps=1)
    assert zoo.facts(NAME, out)["phases"][0]["step"] == 2


def test_a_sheet_shows_the_clip_its_prompt_and_the_previews(out: Path):
    system = begun(out, previews=["a blue cube"])
    tuning.tune(system, out, steps=1)
    (sheet,) = out.glob("sheet-*.png")
    with Image.open(sheet) as picture:
        assert picture.size == (4 * 32, 3 * 32)


def test_another_base_than_the_one_it_was_tuned_from_is_refused(out: Path):
    tuning.tune(begun(out), out, steps=1)
    network = tiny.awake(zoo.load_part(type(recipes.find(NAME).start(out).denoiser.network),
                                       BASE, out), seed=5)  # fmt: skip
    zoo.save_part(network, BASE, zoo.facts(BASE, out), out)
    with pytest.raises(WeightsError, match="was learned on image"):
        recipes.find(NAME).load(out)


def test_what_can_not_be_learned_is_refused_before_anything_is_written(tmp_path: Path):
    out = tiny.folder(tmp_path / "run", BASE)
    system = recipes.find(NAME).start(out)
    for given, words, said in (
        (clip(), " ", "a prompt is empty"),
        (clip(side=40), PROMPT, "can't make 40x40"),
        (clip(frames=33), PROMPT, "frames for tune_a_video"),
    ):
        with pytest.raises(RequestError, match=said):
            tuning.begin(system, given, words, out)
    assert not (out / tuning.TOLD).exists()
    for _ in range(2):  # what was put there and not yet learned may be put there again
        tuning.begin(system, clip(), PROMPT, out)
    (out / "state").mkdir()
    with pytest.raises(RequestError, match="holds a run already"):
        tuning.begin(system, clip(), PROMPT, out)
    with pytest.raises(WeightsError, match="no clip that was being learned"):
        tuning.kept(tmp_path / "other")
    with pytest.raises(WeightsError, match=r"no weight is called blocks\.9"):
        tuning.freed(system.denoiser.network, ["blocks.9.*"])


def test_before_it_is_tuned_it_says_how(tmp_path: Path):
    for door in (recipes.find(NAME).config, recipes.find(NAME).load):
        with pytest.raises(WeightsError, match="mutoscope train tune_a_video --clip FILE"):
            door(None)
