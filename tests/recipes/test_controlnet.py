"""A picture after maps: each changes it, shut it is absent, and what learns says nothing first."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mutoscope import media, zoo
from mutoscope.clip import Clip
from mutoscope.core.condition import Condition
from mutoscope.data.exact import Exact
from mutoscope.data.latents import Latents
from mutoscope.errors import RequestError, WeightsError
from mutoscope.recipes import controlnet
from mutoscope.recipes.controlnet import DELTA
from mutoscope.systems import controlled, shipped
from mutoscope.systems.controlled import DETAIL, EACH, SILENT
from mutoscope.training import deltas
from mutoscope.training.train import Config, train
from mutoscope.training.tuning import freed
from tests import tiny

NAME, SIDE = "controlnet", 32


@pytest.fixture(scope="module")
def system():
    return tiny.system(NAME)


@pytest.fixture(scope="module")
def sources(tmp_path_factory) -> dict[str, dict[str, object]]:
    """A condition of each kind, each as the map itself."""
    at = tmp_path_factory.mktemp("given")
    drawn = np.full((SIDE, SIDE, 3), 255, np.uint8)
    drawn[20, 8:24] = 0
    Image.fromarray(drawn).save(at / "drawn.png")
    near = Clip(frames=torch.linspace(-1, 0.8, SIDE).expand(1, 3, 1, SIDE, SIDE), fps=8.0)
    media.write(near, at / "near.png", record={"extracted": "depth"})
    named = {"sketch": "drawn.png", "depth": "near.png", "edge": "drawn.png"}
    found = {kind: {"kind": kind, "source": str(at / file)} for kind, file in named.items()}
    return {**found, "edge": {**found["edge"], "set": {"map": True}}}


def made(system, *conditions, **more) -> torch.Tensor:
    return system.make(tiny.request(system, conditions=list(conditions), **more)).frames


def shown(b: int = 400, t: int = 1) -> dict[str, torch.Tensor]:
    rng = torch.Generator().manual_seed(0)
    maps = {"lines": 32, "edges": 32, "depth": 16}
    return {
        "x0": torch.randn(b, 4, t, 4, 4, generator=rng),
        **{name: torch.rand(b, 1, t, n, n, generator=rng) for name, n in maps.items()},
    }


def test_every_map_changes_the_picture_and_at_strength_0_is_not_there(system, sources):
    alone = made(system)
    for kind, asked in sources.items():
        told = made(system, asked)
        assert (told - alone).abs().max() > 1e-3, kind
        half = made(system, {**asked, "strength": 0.5})
        assert (half - told).abs().max() > 1e-4, kind
        gone = made(system, {**asked, "strength": 0.0})
        torch.testing.assert_close(gone, alone, atol=1e-4, rtol=0)


def test_maps_are_one_sum_whatever_their_order(system, sources):
    depth, edge, sketch = (sources[kind] for kind in ("depth", "edge", "sketch"))
    all_of_them = made(system, depth, edge, sketch)
    assert torch.equal(all_of_them, made(system, sketch, depth, edge))
    for one in (depth, edge, sketch):
        assert (made(system, one) - all_of_them).abs().max() > 1e-4


def test_guidance_is_of_the_words_and_both_its_branches_have_the_maps(system, sources):
    request = tiny.request(system, conditions=[sources["depth"]], guidance=3.0)
    x, t = torch.randn(1, 4, 1, 4, 4), torch.tensor([0.5])
    words, null = system.read([request.prompt], request.fps)
    maps = controlled.told(request, system.empty(request))
    with torch.inference_mode():
        one, two = (system.denoiser.network(x, t, part.merged(maps)) for part in (null, words))
        wanted = system.denoiser.clean(one + 3 * (two - one), x, t)
        torch.testing.assert_close(system.bind(request)(x, t), wanted, atol=1e-4, rtol=1e-4)


def test_two_conditions_that_are_one_map_are_refused(system, sources):
    request = tiny.request(system, conditions=[sources["sketch"]])
    lines = {**sources["sketch"], "kind": "sketches"}
    both = type(request).from_json({**request.to_json(), "conditions": [sources["sketch"], lines]})
    with pytest.raises(RequestError, match="'sketch' and 'sketches' are one map"):
        controlled.told(both, system.empty(request))


def test_before_it_has_learned_it_is_the_image_model_whatever_it_is_shown(tmp_path: Path):
    base = tiny.folder(tmp_path, "image")
    system = controlnet.start(base)
    plain = shipped.opened("image", base, torch.float32).denoiser.network
    x, t = torch.randn(3, 4, 1, 4, 4), torch.rand(3)
    told = Condition(text=torch.randn(3, 5, 8))
    maps = controlled.taught(shown(3), told, told, torch.Generator().manual_seed(1))
    with torch.inference_mode():
        found, wanted = system.denoiser.network(x, t, maps), plain(x, t, Condition(text=maps.text))
    assert torch.equal(found, wanted)


def test_maps_and_words_are_dropped_with_the_chances_told(system):
    b = 2000
    told, null = Condition(text=torch.ones(b, 5, 8)), Condition(text=torch.zeros(1, 5, 8))
    found = controlled.taught(shown(b), told, null, torch.Generator().manual_seed(0))
    assert found.concat.shape == (b, sum(n * n for n in DETAIL.values()), 1, 4, 4)
    for name in DETAIL:
        assert found.scalars[name].mean() == pytest.approx(1 - EACH, abs=0.05)
    assert found.text[:, 0, 0].mean() == pytest.approx(1 - SILENT, abs=0.05)
    there = torch.stack([*found.scalars.values(), found.text[:, 0, 0]])
    assert (torch.corrcoef(there) - torch.eye(4)).abs().max() < 0.1


def test_a_map_lies_on_the_door_as_it_was_learned(system, sources):
    """What a request gives and what is true of a picture are the same numbers."""
    request = tiny.request(system, conditions=[sources["depth"], sources["edge"]])
    found = controlled.told(request, system.empty(request))
    assert set(found.scalars) == {"depth", "edges"}
    depth, sketch, edges = found.concat.split([n * n for n in DETAIL.values()], dim=1)
    near = torch.linspace(-1, 0.8, SIDE).add(1).div(2)
    assert (depth[0, :4, 0, 0, 0] - near.view(16, 2).mean(1)[:4]).abs().max() < 0.01
    assert not sketch.any()
    assert edges.mean() > 0.9
    rows = {"x0": torch.zeros(1, 4, 1, 4, 4), "edges": torch.ones(1, 1, 1, 32, 32)}
    rows["depth"] = torch.nn.functional.avg_pool2d(near.expand(32, 32)[None], 2)[None, None]
    rows["lines"] = torch.zeros(1, 1, 1, 32, 32)
    words = Condition(text=torch.ones(1, 2, 8))
    true = controlled.taught(rows, words, words, torch.Generator().manual_seed(0)).concat
    assert (true[:, :16] - depth).abs().max() < 0.01


def cached(count: int = 6):
    ends = torch.arange(1, count + 1) * 3
    latents = torch.randn(count, 4, 1, 4, 4, generator=torch.Generator().manual_seed(0)).bfloat16()
    spans = torch.stack([ends - 3, ends], dim=-1)[None]
    words, still = torch.randn(3 * count, 8).bfloat16(), torch.zeros(count, 3, 1, 4, 4).byte()
    true = {
        "near": torch.zeros(count, 1, 16, 16, dtype=torch.uint8),
        "lines": torch.zeros(count, 1, 32, 4, dtype=torch.uint8),
        "edges": torch.full((count, 1, 32, 4), 255, dtype=torch.uint8),
        "motion": torch.zeros(count, 3, 1, 2, 2),
    }
    return Latents(latents, words, spans, torch.full((count,), 8.0), still), Exact([true])


def test_a_delta_is_learned_of_pictures_and_runs_on_its_base(tmp_path: Path):
    base, out = tiny.folder(tmp_path / "zoo", "image"), tmp_path / "run"
    system = controlnet.start(base)
    task = deltas.DeltaTask(system, *cached(), system.text([""]))
    train(task, Config(steps=2, batch=1, rate=1e-2, warmup=1, ema=0.5), out)
    target = deltas.ship(controlnet.start(base), out, folder=base)
    held = zoo.load_file(target / "delta.safetensors")
    assert {name.partition(".")[0] for name in held} <= {p.partition(".")[0] for p in DELTA.learns}
    assert "maps.encoders.edges.one.weight" in held
    facts = zoo.facts(NAME, base)
    assert facts["base"] == "image"
    again = controlnet.load(base, dtype=torch.float32)
    assert again.make(tiny.request(again)).frames.isfinite().all()
    assert set(again.weights) >= {NAME, "image"}
    zoo.save_part(tiny.system("image", seed=1).parts()["network"], "image", {"side": SIDE}, base)
    with pytest.raises(WeightsError, match="was learned on image"):
        controlnet.load(base)


def test_what_learns_fits_two_megabytes():
    network = controlnet.outline(controlnet.Config.small()).denoiser.network
    learned = freed(network, DELTA.learns)
    weights = dict(network.named_parameters())
    assert 2 * sum(weights[name].numel() for name in learned) < 2e6
