"""A system tried: real renders score best, what has learned nothing worst."""

import pytest
import torch

from mutoscope.evaluate import scores, standing, trial
from mutoscope.evaluate.faithfulness import renders
from mutoscope.evaluate.frechet import LADDER
from mutoscope.evaluate.making import generator, untrained
from mutoscope.evaluate.matching import PRECISE, SIMILAR
from mutoscope.evaluate.questions import Questions
from mutoscope.evaluate.reading import shipped
from mutoscope.evaluate.standing import order
from tests import tiny
from tests.evaluate.readings import deaf

N = 4


@pytest.fixture(scope="module")
def asked():
    return Questions(n=N, frames=8, side=64).asked()


@pytest.fixture(scope="module")
def perfect(asked):
    """A system that shows exactly what is asked, by its prompts."""
    scenes = dict(zip(asked.prompts, asked.scenes, strict=True))

    def generate(prompts, seeds):
        return renders([scenes[prompt] for prompt in prompts], frames=8, size=(64, 64), fps=8.0)

    return generate


def _noise(prompts, seeds):
    rngs = [torch.Generator().manual_seed(seed) for seed in seeds]
    return torch.stack([torch.rand(3, 8, 64, 64, generator=rng) * 2 - 1 for rng in rngs])


def test_a_perfect_system_scores_as_its_truth_and_far_above_noise(asked, perfect):
    found = trial.held_out(
        perfect, asked, reader=shipped(), twins={"untrained": _noise}, others=asked
    )
    colour = found.tables["faithfulness"]["colour"]
    assert colour.value == colour.baselines["truth"] > colour.baselines["untrained"]
    smooth = found.tables["over time"]["smoothness"]
    assert smooth.value == pytest.approx(smooth.baselines["truth"])
    assert smooth.value > smooth.baselines["untrained"]
    assert [clip.prompt for clip in found.clips] == asked.prompts
    files = {clip.file for clip in found.clips}
    assert {name: set(row) for name, row in found.beside.items()} == {
        "truth": files, "untrained": files
    }  # fmt: skip
    assert standing.summed(standing.rungs(scores.whole(found.tables)))
    assert "distance" not in found.tables
    assert [one.reason for one in found.left] == ["needs 128 clips or more (got 4); raise --count"]


def test_the_distance_stands_between_real_clips_and_what_has_learned_nothing(
    asked, perfect, monkeypatch
):
    monkeypatch.setattr(trial, "FEWEST", N)
    others = Questions(n=N, seed=8, frames=8, side=64).asked()
    found = trial.held_out(
        perfect, asked, reader=shipped(), twins={"untrained": _noise}, others=others
    )
    rows = found.tables["distance"]
    assert list(rows) == ["kernel"], "no covariance of 64 numbers from 4 clips"
    assert set(rows["kernel"].baselines) == {*LADDER, "untrained"}
    assert rows["kernel"].value == rows["kernel"].baselines["real"]
    assert order("distance: kernel", rows["kernel"]) == "in order"
    assert order("colour", found.tables["faithfulness"]["colour"]) == "in order"


def test_given_prompts_stand_beside_chance_and_the_twin(asked, perfect):
    found = trial.given(
        perfect, asked.prompts, fps=8.0, reader=shipped(), twins={"untrained": _noise}
    )
    rows = found.tables["faithfulness"]
    assert set(rows["colour"].baselines) == {"chance", "untrained"}
    assert rows["colour"].value > rows["colour"].baselines["untrained"]
    assert "untrained" in found.tables["over time"]["smoothness"].baselines


def test_clips_are_held_against_their_prompts_as_a_whole(asked, perfect):
    ear = deaf()
    twins = {"untrained": _noise}
    tried = trial.held_out(perfect, asked, reader=shipped(), twins=twins, others=asked, ear=ear)
    given = trial.given(perfect, asked.prompts, fps=8.0, reader=shipped(), twins=twins, ear=ear)
    for found, beside in ((tried, {"truth"}), (given, set())):
        rows = found.tables["faithfulness"]
        for name in (SIMILAR, PRECISE):
            assert set(rows[name].baselines) == {"chance", "untrained", *beside}
            assert rows[name].n == N
        assert rows[PRECISE].baselines["chance"] == pytest.approx(1 / N)
        assert all(clip.match.rivals == N - 1 for clip in found.clips)
    near = tried.tables["faithfulness"][SIMILAR]
    assert near.value == pytest.approx(near.baselines["truth"])


def test_a_twin_has_learned_nothing_and_is_always_the_same():
    system = tiny.system("modelscope")
    twin, again = (untrained(lambda: tiny.system("modelscope")) for _ in range(2))
    name, mine = next(iter(system.parts()["network"].state_dict().items()))
    state = torch.random.get_rng_state()
    assert not torch.equal(mine, twin.parts()["network"].state_dict()[name])
    made = [generator(one, {"steps": 2, "frames": 4}) for one in (twin, again, system)]
    one, same, other = (make(["a red ball", "a blue cube"], [0, 1]) for make in made)
    assert one.shape == (2, 3, 4, 32, 32)
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert torch.equal(state, torch.random.get_rng_state())
