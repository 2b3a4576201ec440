"""What holds for every recipe there is."""

import re
from pathlib import Path

import pytest
import torch

from mutoscope import recipes, zoo
from mutoscope.encoders import MiniLM
from mutoscope.errors import RequestError, WeightsError
from mutoscope.request import Capabilities, Example
from mutoscope.systems.system import System
from tests import tiny


@pytest.fixture(params=recipes.names())
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def system(name: str) -> System:
    return tiny.system(name)


def test_a_prompt_becomes_a_clip_of_what_was_asked(system: System):
    request = tiny.request(system, fps=6.0)
    clip = system.make(request)
    width, height = request.size
    assert clip.frames.shape == (1, 3, request.frames, height, width)
    assert clip.fps == 6.0
    assert clip.frames.abs().max() <= 1
    assert clip.frames.std() > 0.01


def test_every_sampler_it_names_runs(system: System):
    for sampler in system.accepts().samplers:
        assert system.make(tiny.request(system, sampler=sampler)).frames.isfinite().all()


def test_a_seed_gives_the_same_bits_for_any_count(system: System):
    asked = {"steps": 3, "conditions": tiny.needed(system)}
    three = system.generate("a red ball", count=3, seed=7, **asked).frames
    assert torch.equal(three[2:], system.generate("a red ball", seed=9, **asked).frames)
    assert not torch.equal(three[0], three[1])


def test_a_run_can_be_watched_and_cancelled_and_leaves_no_trace(system: System):
    request = tiny.request(system)
    before = system.make(request)
    run = system.run(tiny.request(system, seed=5))
    step = next(run)
    assert (step.index, step.total) == (0, 3)
    assert system.finish(step, request).frames.shape == before.frames.shape
    run.close()
    assert torch.equal(system.make(request).frames, before.frames)


def test_the_prompt_the_negative_prompt_and_the_guidance_matter(system: System):
    asked = ({}, {"negative": "a blue cube"}, {"guidance": 1.0}, {"settings": {"rescale": 0.7}})
    clips = [system.make(tiny.request(system, **one)).frames for one in asked]
    clips.append(system.make(tiny.request(system, "a green cone")).frames)
    for index, one in enumerate(clips):
        for other in clips[index + 1 :]:
            assert not torch.equal(one, other)


def test_without_guidance_the_negative_prompt_does_not_matter(system: System):
    plain = system.make(tiny.request(system, guidance=1.0)).frames
    told = system.make(tiny.request(system, guidance=1.0, negative="snow")).frames
    torch.testing.assert_close(plain, told, atol=1e-4, rtol=0)


def test_what_it_does_not_accept_is_refused_in_a_sentence(system: System):
    can = system.accepts()
    wrong = {
        "size": (24, 4000),
        "frames": int(can.frames.high) + 1,
        "fps": can.fps.high + 1,
        "steps": 100_000,
        "sampler": "dpmpp_3m",
        "settings": {"rescal": 0.5},
        "conditions": [{"kind": "pose", "source": "x.png"}],
    }
    for key, value in wrong.items():
        with pytest.raises(RequestError, match=system.card.name):
            system.request("a red ball", **{"conditions": tiny.needed(system), key: value})


def test_what_it_needs_is_asked_for_in_a_sentence(system: System):
    for kind in system.accepts().needs:
        kept = [one for one in tiny.needed(system) if one["kind"] != kind]
        with pytest.raises(RequestError, match=f"{system.card.name} needs condition '{kind}'"):
            system.request("a red ball", conditions=kept)


def test_a_typing_error_in_a_setting_of_python_is_refused(system: System):
    with pytest.raises(RequestError, match="did you mean 'guidance'"):
        system.generate("a red ball", guidence=3)


def test_the_loss_depends_on_the_seeds_alone_and_learning_lowers_it(name: str):
    recipe = recipes.find(name)
    system = recipe.build(recipe.Config.tiny())
    network = tiny.awake(system.parts()["network"])
    frames = 1 if system.accepts().frames.high == 1 else 4
    generator = torch.Generator().manual_seed(0)
    clips = torch.rand(2, 3, frames, 32, 32, generator=generator) * 2 - 1
    example = Example(frames=clips, prompts=["a red ball", "snow"])
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    losses = []
    for _ in range(12):
        loss = system.loss(example, [1, 2])
        optimizer.zero_grad()
        loss.mean().backward()
        optimizer.step()
        losses.append(loss.detach())
    assert losses[0].shape == (2,)
    assert losses[-1].mean() < 0.8 * losses[0].mean()
    assert torch.equal(system.loss(example, [1, 2]), system.loss(example, [1, 2]))
    one = Example(frames=clips[1:], prompts=["snow"])
    torch.testing.assert_close(
        system.loss(one, [2])[0], system.loss(example, [1, 2])[1], atol=1e-4, rtol=1e-4
    )


def test_parts_that_were_saved_make_the_same_clip_again(name: str, tmp_path: Path):
    recipe, saved = recipes.find(name), tiny.folder(tmp_path, name)
    one = recipe.load(saved, dtype=torch.float32)
    assert recipe.load(saved).make(tiny.request(one)).frames.isfinite().all()
    again = tiny.folder(tmp_path / "again", name)
    other = recipe.load(again, dtype=torch.float32)
    assert torch.equal(one.make(tiny.request(one)).frames, other.make(tiny.request(one)).frames)
    assert one.weights == other.weights
    assert set(one.weights) >= {recipes.stored(name)}


def test_a_record_names_every_setting_whatever_the_defaults_become(system: System):
    knobs = {knob.name: knob.default for knob in system.accepts().settings}
    asked = {"steps": int(system.accepts().steps.low), "conditions": tiny.needed(system)}
    record = system.generate("a red ball", **asked).record
    assert record["settings"] == knobs
    given = system.generate("a red ball", **asked, settings={"rescale": 0.5}).record
    assert given["settings"] == {**knobs, "rescale": 0.5}


def test_weights_that_are_not_there_or_do_not_fit_are_named(name: str, tmp_path: Path):
    recipe = recipes.find(name)
    with pytest.raises(WeightsError, match=re.escape(str(tmp_path))):
        recipe.load(tmp_path)
    saved = tiny.folder(tmp_path, name)
    file = saved / recipes.stored(name) / "weights.safetensors"
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(WeightsError, match="don't fit"):
        recipe.load(saved)
    file.unlink()
    with pytest.raises(WeightsError, match="missing"):
        recipe.load(saved)


def test_another_autoencoder_than_the_one_it_learned_with_is_refused(name: str, tmp_path: Path):
    saved = tiny.folder(tmp_path, name)
    part = recipes.stored(name)
    facts = {**zoo.facts(part, saved), "autoencoder_sha256": "0" * 64}
    zoo.save_part(tiny.system(name).parts()["network"], part, facts, saved)
    with pytest.raises(WeightsError, match="trained on another autoencoder"):
        recipes.find(name).load(saved)


def test_its_cost_grows_with_the_steps_and_nothing_is_computed(name: str):
    recipe = recipes.find(name)
    MiniLM()(["loading it changes what torch makes on the meta device"])
    outline = recipe.outline(recipe.Config.small())
    assert all(p.is_meta for part in outline.parts().values() for p in part.parameters())
    asked = {"conditions": tiny.needed(outline)}
    few, many = (outline.cost(outline.request("snow", steps=steps, **asked)) for steps in (10, 20))
    assert 1.5 < many.operations / few.operations <= 2
    assert many.memory == few.memory


def test_the_card_says_what_was_published(name: str):
    card = recipes.find(name).CARD
    assert card.name == name
    assert re.fullmatch(r"\d{4}\.\d{5}", card.arxiv)
    assert 2017 <= card.year <= 2024
    assert card.departs
    assert card.to_json()["departs"] == list(card.departs)


def test_a_recipe_is_one_short_file_that_imports_no_other(name: str):
    source = Path(str(recipes.find(name).__file__)).read_text()
    assert len(source.splitlines()) <= 200
    assert "mutoscope.recipes" not in source


def test_its_defaults_are_within_what_it_accepts(name: str):
    for preset in ("small", "tiny"):
        can: Capabilities = getattr(recipes.find(name).Config, preset)().accepts()
        needs = [{"kind": kind, "source": "a.png"} for kind in can.needs]
        assert can.complete({"system": name, "conditions": needs}).steps <= 50
