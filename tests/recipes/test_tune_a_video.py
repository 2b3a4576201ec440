"""The published layout, a tuned folder's door, and what the card's numbers rest on."""

from mutoscope.recipes import tune_a_video
from mutoscope.recipes.tune_a_video import PLAN, Config
from mutoscope.training import tuning


def test_the_paper_is_laid_out_at_its_size():
    system = tune_a_video.outline(Config.paper())
    network = system.denoiser.network
    assert all(p.is_meta for p in network.parameters())
    assert sum(p.numel() for p in network.parameters()) == 859_520_964 + 49_599_040
    request = system.request("a man is surfing")
    assert (request.frames, request.size, request.steps) == (32, (512, 512), 50)
    assert request.guidance == 12.5
    assert len(system.times(request)) == 51
    assert system.cost(system.request("snow", steps=1)).operations > 1e13


def test_of_the_shipped_size_a_quarter_learns():
    network = tune_a_video.outline(Config.small()).denoiser.network
    weights = {name: weight.numel() for name, weight in network.named_parameters()}
    learns = tuning.freed(network, PLAN.learns)
    assert {name.split(".")[2] for name in learns} == {"space", "text", "over"}
    assert 0.2 < sum(weights[name] for name in learns) / sum(weights.values()) < 0.3
