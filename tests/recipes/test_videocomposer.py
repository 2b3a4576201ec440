"""Any subset of conditions: laws of the sum, of the two sets, of what is dropped, and refusals."""

import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mutoscope import cli, media, recipes, zoo
from mutoscope.clip import Clip
from mutoscope.core.condition import Condition
from mutoscope.core.denoiser import Denoiser
from mutoscope.data.exact import Exact
from mutoscope.data.latents import Latents
from mutoscope.errors import RequestError
from mutoscope.recipes import videocomposer
from mutoscope.recipes.videocomposer import DELTA, Config, VideoComposer
from mutoscope.systems import composed, shipped, sight, steered
from mutoscope.systems.composed import ALL, EACH, ENTERS, NAMES, NONE, WORDS
from mutoscope.systems.cost import counted
from mutoscope.systems.diffusion import WORDS as WORD_PIECES
from mutoscope.training import deltas
from mutoscope.training.train import Config as Training
from mutoscope.training.train import train
from mutoscope.training.tuning import freed
from tests import tiny
from tests.clips import waves

SIDE, FRAMES = 64, 4
PLAIN = ("first", "sketch", "depth", "stroke", "mask", "style")
"""Conditions that need no reader of clips, nor an estimate."""


@pytest.fixture(scope="module")
def system() -> VideoComposer:
    """A tiny one that answers to all it hears, of 64 pixels, the least that the aligner sees."""
    config = Config.tiny()
    found = videocomposer.build(replace(config, sizes=replace(config.sizes, side=SIDE)))
    for part in found.parts().values():
        tiny.awake(part).eval().requires_grad_(False)
    return found


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, object]]:
    """A condition of each kind in PLAIN, and the clip of the mask."""
    at = tmp_path_factory.mktemp("given")
    clip = media.write(waves(count=FRAMES, height=SIDE, width=SIDE), at / "clip")
    drawn = np.full((SIDE, SIDE, 3), 255, np.uint8)
    drawn[20, 8:50] = 0
    Image.fromarray(drawn).save(at / "drawn.png")
    near = Clip(frames=torch.linspace(-1, 0.8, SIDE).expand(1, 3, FRAMES, SIDE, SIDE), fps=8.0)
    depth = media.write(near, at / "near", record={"extracted": "depth"})
    named = {
        "first": clip, "style": clip, "structure": clip, "sketch": at / "drawn.png",
        "mask": at / "drawn.png", "depth": depth, "stroke": "10,30;50,30",
    }  # fmt: skip
    return {kind: {"kind": kind, "source": str(source)} for kind, source in named.items()}


def asked(system, conditions: Sequence[dict], **more):
    return tiny.request(system, conditions=conditions, frames=FRAMES, **more)


def made(system, conditions: Sequence[dict], **more) -> torch.Tensor:
    return system.make(asked(system, conditions, **more)).frames


def of(sources, *kinds: str, **more) -> list[dict]:
    whole = [*kinds, "structure"] if "mask" in kinds else kinds
    return [{**sources[kind], **(more if kind == kinds[0] else {})} for kind in whole]


def test_every_condition_changes_the_clip_and_at_strength_0_is_not_there(system, sources):
    alone = made(system, [])
    for kind in PLAIN:
        told = made(system, of(sources, kind))
        assert (told - alone).abs().max() > 1e-3, kind
        half = made(system, of(sources, kind, strength=0.5))
        assert (half - told).abs().max() > 1e-4, kind
        gone = made(system, of(sources, kind, strength=0.0))
        torch.testing.assert_close(gone, alone, atol=1e-4, rtol=0)


def test_the_order_in_which_conditions_are_given_does_not_matter_to_the_bit(system, sources):
    given = of(sources, "mask", "first", "depth", "stroke", "style", "sketch")
    for order in ([5, 3, 0, 6, 1, 4, 2], [6, 5, 4, 3, 2, 1, 0]):
        assert torch.equal(made(system, given), made(system, [given[k] for k in order]))


def test_where_both_sets_are_the_same_the_scale_says_nothing_to_the_bit(system, sources):
    given = of(sources, "depth", "style")
    same = {"set1": "text,depth,style"}
    one, nine = (made(system, given, guidance=s, settings=same) for s in (1.0, 9.0))
    assert torch.equal(one, nine)
    also = [made(system, of(sources, "depth"), guidance=s, prompt="", negative="") for s in (1, 9)]
    assert torch.equal(*also)
    for fewer in ("text,depth", "depth,style", ""):
        other = made(system, given, guidance=9.0, settings={"set1": fewer})
        assert (other - nine).abs().max() > 1e-3


def test_guidance_is_the_difference_of_two_sets(system, sources):
    request = asked(system, of(sources, "depth", "style"), guidance=3.0)
    x, t = torch.randn(1, 4, FRAMES, 8, 8), torch.tensor([0.5])
    words, null = system.read([request.prompt], request.fps)
    with torch.inference_mode():
        told = system.told(request, words)
        first = replace(
            told, text=null.text, text_mask=null.text_mask,
            scalars={**told.scalars, "image": torch.zeros(1)},
        )  # fmt: skip
        network = system.denoiser.network
        one, two = network(x, t, first), network(x, t, told)
        wanted = system.denoiser.clean(one + 3 * (two - one), x, t)
        torch.testing.assert_close(system.bind(request)(x, t), wanted, atol=1e-4, rtol=1e-4)


def test_a_still_camera_is_a_condition_and_not_an_absent_one(system):
    still = [{"kind": "stroke", "source": "10,30;10,30"}]
    assert (made(system, still) - made(system, [])).abs().max() > 1e-3


def test_what_is_masked_is_not_seen_and_the_rest_is(system, sources):
    clip = waves(count=FRAMES, height=SIDE, width=SIDE).frames
    mask = torch.zeros(1, 1, 1, SIDE, SIDE)
    mask[..., 16:48] = 1
    told = system.hidden(clip, mask)
    within, outside = clip.clone(), clip.clone()
    within[..., 16:48] = 0.3
    outside[..., :8] = 0.3
    assert torch.equal(system.hidden(within, mask), told)
    assert not torch.equal(system.hidden(outside, mask), told)
    assert told.shape == (1, 68, FRAMES, 8, 8)
    assert told[:, 4:, :, :, 0].all()
    assert not told[:, 4:, :, :, 3].any()


def shown(b: int = 6) -> dict[str, torch.Tensor]:
    rng = torch.Generator().manual_seed(0)
    lines = torch.rand(b, 1, FRAMES, 32, 32, generator=rng) > 0.9
    return {
        "x0": torch.randn(b, 4, FRAMES, 4, 4, generator=rng),
        "depth": torch.rand(b, 1, FRAMES, 16, 16, generator=rng),
        "lines": lines.float(),
        "motion": torch.randn(b, 3, FRAMES, 2, 2, generator=rng),
        "vectors": torch.randn(b, 2, 128, generator=rng).half(),
    }


def taught(system, seed: int, b: int = 6) -> Condition:
    told, null = system.read(["a red ball"] * b, 8.0)
    with torch.no_grad():
        return system.taught(shown(b), told, null, torch.Generator().manual_seed(seed))


def test_each_map_lies_where_its_encoder_looks_for_it(system):
    told = taught(system, 0)
    assert told.concat is not None
    parts = dict(zip(system.sizes, told.concat.split([*system.sizes.values()], 1), strict=True))
    true = shown()
    for name in ("first", "sketch"):
        assert torch.equal(parts[name], parts[name][:, :, :1].expand_as(parts[name]))
    assert torch.equal(parts["first"][:, :, 0], true["x0"][:, :, 0])
    assert torch.equal(parts["sketch"][:, :, 0], parts["sketches"][:, :, 0])
    assert parts["sketches"].sum() == true["lines"].sum()
    torch.testing.assert_close(parts["depth"].mean(), true["depth"].mean())
    assert torch.equal(parts["motion"][..., ::2, ::2], true["motion"])
    masked = told.scalars["mask"].bool()
    keeps = parts["mask"][:, 4:]
    assert masked.any()
    assert not keeps[~masked].any()
    assert set(keeps[masked].unique().tolist()) <= {0.0, 1.0}
    assert torch.equal(keeps, keeps[:, :, :1].expand_as(keeps)), "a tube"


def test_what_is_learned_depends_on_the_generator_alone(system):
    one, two, other = (taught(system, seed) for seed in (1, 1, 2))
    assert torch.equal(one.concat, two.concat)
    assert all(torch.equal(one.scalars[name], two.scalars[name]) for name in NAMES)
    assert any(not torch.equal(one.scalars[name], other.scalars[name]) for name in NAMES)


def based(folder: Path) -> Path:
    """A tiny base of SIDE pixels, laid out like the zoo."""
    tiny.folder(folder, "modelscope")
    facts = {**zoo.facts("modelscope", folder), "side": SIDE}
    network = tiny.system("modelscope").parts()["network"]
    zoo.save_part(network, "modelscope", facts, folder)
    return folder


def begun(base: Path) -> VideoComposer:
    """The system on a tiny base, not yet taught."""
    delta = replace(DELTA, layout=composed.layout(4))
    parts, sizes = steered.opened(delta, base)
    system = VideoComposer(Config(sizes=sizes), parts, sight.fresh())
    system.delta = delta
    return system


def cached(count: int = 6) -> tuple[Latents, Exact]:
    """Clips and what is true of them, as caches hold it."""
    true, rng = shown(count), torch.Generator().manual_seed(1)
    ends = 5 * torch.arange(1, 2 * count + 1)
    latents = Latents(
        true["x0"].bfloat16(),
        torch.randn(int(ends[-1]), 8, generator=rng).bfloat16(),
        torch.stack([ends - 5, ends], dim=-1).reshape(2, count, 2),
        torch.full((count,), 8.0),
        torch.zeros(count, 3, FRAMES, 4, 4, dtype=torch.uint8),
    )
    lines = torch.from_numpy(np.packbits(true["lines"][:, 0].numpy() > 0, axis=-1))
    near = (true["depth"][:, 0] * 255).to(torch.uint8)
    rest = {name: true[name] for name in ("motion", "vectors")}
    return latents, Exact([{"near": near, "lines": lines, **rest}])


def test_what_was_learned_ships_and_is_asked_by_one_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    base, out = based(tmp_path / "zoo"), tmp_path / "run"
    system = begun(base)
    task = deltas.DeltaTask(system, *cached(), system.text([""]), steps=2)
    train(task, Training(steps=2, batch=1, rate=1e-2, warmup=1, ema=0.0, muon=True), out)
    deltas.ship(begun(base), out, folder=base)
    again = recipes.find("videocomposer").load(base, dtype=torch.float32)
    assert again.denoiser.network.beside.weight.abs().max() > 0
    assert zoo.facts("videocomposer", base)["base"] == "modelscope"
    monkeypatch.chdir(tmp_path)
    media.write(waves(count=FRAMES, height=SIDE, width=SIDE), tmp_path / "clip.mp4")
    asked = ["generate", "a red ball", "--system", "videocomposer", "--weights", str(base)]
    asked += ["--frames", str(FRAMES), "--steps", "2", "-o", "made.mp4"]
    told = ["--mask", "clip.mp4", "--motion", "clip.mp4:codec=mpeg4", "--sketch", "clip.mp4"]
    assert cli.code([*asked, *told]) == 0, capsys.readouterr().err
    record = media.read_record(tmp_path / "made.mp4")
    assert {one["kind"] for one in record["conditions"]} == {"mask", "motion", "sketch"}
    assert set(record["weights"]) >= {"videocomposer", "modelscope", sight.NAME}


def test_what_is_named_learns_of_what_is_told(system):
    network = copy.deepcopy(system.denoiser.network)
    learns, told = freed(network, DELTA.learns), taught(system, 0)
    x0 = shown()["x0"]
    denoiser = Denoiser(network, system.denoiser.schedule, system.denoiser.prediction)
    denoiser.loss(x0, torch.full((6,), 0.5), torch.ones_like(x0), told).mean().backward()
    heard = {name for name, weight in network.named_parameters() if weight.grad is not None}
    assert heard == set(learns)


def test_conditions_are_dropped_each_by_itself_all_or_none_as_published():
    stay = composed.kept((*NAMES, WORDS), 20_000, torch.Generator().manual_seed(0))
    rows = torch.stack([*stay.values()], dim=1).float()
    both = 2 * EACH ** rows.shape[1] * (1 - NONE - ALL)
    none, whole = (rows == 0).all(1).float().mean(), (rows == 1).all(1).float().mean()
    assert abs(none + whole - (NONE + ALL + both)) < 0.01
    assert abs(none - NONE) < 0.01 + both
    assert (rows.mean(0) - 0.5).abs().max() < 0.02
    between = rows[~((rows == 0).all(1) | (rows == 1).all(1))]
    assert (torch.corrcoef(between.T) - torch.eye(rows.shape[1])).abs().max() < 0.05


def test_dropped_words_are_those_of_the_empty_prompt(system):
    told, null = system.read(["a red ball"] * 6, 8.0)
    given = taught(system, 3)
    empty = [torch.equal(row, null.text[0]) for row in given.text]
    whole = [torch.equal(row, told.text[0]) for row in given.text]
    assert [not one for one in empty] == whole
    assert any(empty)
    assert any(whole)


def test_at_step_0_the_base_says_what_it_said_whatever_is_given(tmp_path: Path, sources):
    delta = replace(DELTA, layout=composed.layout(4))
    base = tiny.folder(tmp_path, "modelscope")
    parts, sizes = steered.opened(delta, base)
    grown = VideoComposer(Config(sizes=sizes), parts, sight.fresh())
    known = shipped.opened("modelscope", base, torch.float32).denoiser.network
    given = taught(grown, 0)
    plain = replace(given, concat=None, image=None, scalars={"fps": given.scalars["fps"]})
    x, t = torch.ones(6, 4, FRAMES, 4, 4), torch.full((6,), 0.5)
    assert torch.equal(grown.denoiser.network(x, t, given), known(x, t, plain))


def test_what_learns_is_within_the_budget_of_a_delta():
    network = videocomposer.outline(Config.small()).denoiser.network
    weights = {name: weight.numel() for name, weight in network.named_parameters()}
    new = {name for name in weights if name.startswith(("maps.", "beside.", "look."))}
    new |= {name for name in weights if ".image." in name}
    learns = set(freed(network, DELTA.learns))
    assert new <= learns
    assert sum(weights[name] for name in learns) * 2 < 3 * 2**20


def test_what_it_costs_is_what_it_costs_with_every_door_open():
    system = videocomposer.outline(Config.tiny())
    request = system.request("a boat sails")
    plain, _ = counted(lambda: bare(system, request))
    assert system.cost(request).operations > request.steps * plain * 1.2


def bare(system, request) -> torch.Tensor:
    """One guided call with words alone."""
    x = system.empty(request).to("meta").expand(2, -1, -1, -1, -1)
    told = Condition(text=torch.empty(2, WORD_PIECES, system.text.width, device="meta"))
    return system.denoiser(x, torch.ones(2, device="meta"), told)


def test_the_paper_is_laid_out_at_its_size():
    system = videocomposer.outline(Config.paper())
    network = system.denoiser.network
    assert all(p.is_meta for p in network.parameters())
    assert sum(p.numel() for p in network.parameters()) == 1_413_435_636
    request = system.request("a boat sails")
    assert (request.frames, request.size, request.steps) == (16, (256, 256), 50)
    assert request.guidance == 9.0
    assert len(system.times(request)) == 51


@pytest.mark.parametrize(
    ("kinds", "more", "sentence"),
    [
        (("first", "image"), {}, "'first' and 'image' say the same thing; give one of them"),
        (("depth", "structure"), {}, "'depth' and 'structure' say the same thing"),
        (("mask alone",), {}, "a mask needs the clip it is laid on: give structure=CLIP"),
        (("mask", "weak"), {}, r"structure takes no strength beside a mask \(got 0.5\)"),
        (("depth",), {"set1": "dept"}, "did you mean 'depth'"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(system, sources, kinds, more, sentence):
    others = {
        "image": {**sources["first"], "kind": "image"},
        "mask alone": sources["mask"],
        "weak": {**sources["structure"], "strength": 0.5},
    }
    given = [others.get(kind) or sources[kind] for kind in kinds]
    with pytest.raises(RequestError, match=sentence):
        made(system, given, settings=more)
    with pytest.raises(RequestError, match="a negative prompt says nothing"):
        made(system, [], negative="snow", settings={"set1": "text"})


def test_a_structure_alone_is_the_depth_of_its_clip(system, sources):
    clip = {**sources["depth"], "kind": "structure"}
    assert ENTERS["structure"] == ENTERS["depth"]
    assert torch.equal(made(system, [clip]), made(system, of(sources, "depth")))
