"""Clips against their own prompts and the others of a run, where the right answer is known."""

import numpy as np
import pytest
import torch

from mutoscope.core.condition import Condition
from mutoscope.errors import RequestError
from mutoscope.evaluate import matching
from mutoscope.evaluate.matching import PRECISE, SIMILAR, Ear, Heard, implied
from mutoscope.evaluate.standing import order
from mutoscope.world.parse import parse
from mutoscope.world.sample import sample
from tests.evaluate.readings import deaf

PROMPTS = ["a red ball", "a blue cube", "a red ball", "a corgi", "a green cone"]


@pytest.fixture(scope="module")
def known():
    """Prompts on the axes: the fourth isn't read, the first and third are the same."""
    eye = torch.eye(3)
    vectors = dict(zip(["a red ball", "a blue cube", "a green cone"], eye, strict=True))
    rivals = [[p for p in vectors if p != prompt] for prompt in PROMPTS]
    others = ["a blue cube", "a red ball", "a green cone", None, "a red ball"]
    return Heard(prompts=PROMPTS, vectors=vectors, rivals=rivals, others=others)


def test_own_prompts_are_near_and_first_and_others_are_not(known):
    clips = [[1, 0, 0], [0, 0.6, 0.8], [], [1, 0, 0], [0.0, 0.0, 1.0]]
    found = known.matches([[float(v) for v in clip] for clip in clips])
    assert [match is None for match in found] == [False, False, True, True, False]
    rows = matching.rows(found, {"untrained": known.matches([[0.0, 1.0, 0.0]])})
    near, right = rows[SIMILAR], rows[PRECISE]
    assert near.value == pytest.approx((1 + 0.6 + 1) / 3)
    assert near.baselines == {"chance": pytest.approx(0), "untrained": 0}
    assert right.value == pytest.approx(2 / 3), "the second is nearer to another's prompt"
    assert right.baselines == {"chance": pytest.approx(1 / 3), "untrained": 0}
    assert order(SIMILAR, near) == order(PRECISE, right) == "in order"
    assert matching.rows([None, None], {}) == {}


def test_what_competes_is_read_and_says_more_than_the_own_prompt():
    prompts = [*PROMPTS, "a ball", "a red ball and a blue cube"]
    heard = matching.heard(prompts, deaf())
    assert "a corgi" not in heard.vectors
    assert heard.rivals[3] == []
    assert set(heard.rivals[0]) == {"a blue cube", "a green cone", prompts[-1]}
    assert set(heard.rivals[5]) == {*heard.vectors} - {"a ball"}, "a ball may be any"
    assert set(heard.rivals[6]) == {"a green cone"}
    assert all(other != own for other, own in zip(heard.others, prompts, strict=True))
    assert len(matching.heard(prompts, deaf(), count=1).rivals[0]) == 1
    again = matching.heard(prompts, deaf())
    assert (again.rivals, again.others) == (heard.rivals, heard.others)
    (match,) = matching.heard(["a red ball"], deaf()).matches([[0.0] * 128])
    assert (match.first, match.other, match.rivals) == (None, None, 0)
    assert list(matching.rows([match], {})) == [SIMILAR], "no rival, no R-precision"


def test_of_scenes_it_is_known_what_else_is_true():
    scene = sample(3, 0)
    thing = scene.things[0]
    true = f"a {thing.colour} {thing.shape}"
    prompts = [f"a {thing.shape}", true, "a sofa and a purple ring"]
    heard = matching.heard(prompts, deaf(), scenes=[scene] * 3)
    assert true not in heard.rivals[0]
    assert true in matching.heard(prompts, deaf()).rivals[0]


@pytest.mark.parametrize(
    ("said", "own", "answer"),
    [
        ("a ball", "a red ball on the grass", True),
        ("a red ball", "a ball", False),
        ("a blue cube and a red ball", "a red ball and a blue cube", True),
        ("a red ball and a red ball", "a red ball", False),
        ("a red ball left of a blue cube", "a red ball and a blue cube", False),
        ("a red ball left of a blue cube", "a red ball left of a blue cube", True),
        ("a red ball and a corgi", "a red ball", False),
    ],
)
def test_a_prompt_that_says_no_more_is_implied(said, own, answer):
    assert implied(parse(said), parse(own)) is answer


def test_a_prompt_that_is_too_long_has_no_figure_and_a_reason():
    ear = deaf()

    def encode(prompts: list[str]) -> Condition:
        if any(len(prompt) > 20 for prompt in prompts):
            raise RequestError("the prompt is too long; shorten it")
        return ear.encode(prompts)

    long = "a red ball rolls far, far away over there"
    heard = matching.heard([long, "a red ball", "a blue cube"], Ear(ear.aligner, encode))
    assert set(heard.vectors) == {"a red ball", "a blue cube"}
    clips = np.eye(3, 128).tolist()
    assert heard.matches(clips)[0] is None
    (left,) = matching.unheard(heard)
    assert "too long" in left.reason
    assert left.prompt == ""
