"""One vector for a picture or a prompt: shares of both, and weights that belong together."""

from pathlib import Path

import pytest
import torch

from mutoscope import zoo
from mutoscope.encoders import Bytes
from mutoscope.errors import RequestError, WeightsError
from mutoscope.request import ConditionRequest
from mutoscope.systems import content, sight
from mutoscope.systems.content import Content
from tests.tiny import awake


@pytest.fixture
def sees() -> Content:
    made = Content.fresh(content.TINY)
    for part in made.parts().values():
        awake(part).eval().requires_grad_(False)
    return made


def picture(strength: float = 1.0, side: int = 64):
    frames = torch.rand(1, 3, 1, side, side, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return ConditionRequest(kind="style", source="a.png", strength=strength), frames


def test_a_picture_has_its_share_and_the_prompt_the_rest(sees: Content):
    def meant(**asked):
        return sees.meant(Bytes(), "a red ball", asked)

    words = sees.imagined(Bytes(), "a red ball")
    assert torch.equal(meant(), words)
    seen = meant(style=picture())
    assert torch.equal(seen, sight.seen(sees.aligner, picture()[1]).vector)
    half = meant(style=picture(0.5))
    torch.testing.assert_close(half.norm(dim=-1), torch.ones(1))
    assert (half * seen).sum() > (words * seen).sum()
    torch.testing.assert_close(meant(style=picture(0.0)), words)
    with pytest.raises(RequestError, match="share, 0 to 1"):
        meant(style=picture(1.5))
    with pytest.raises(RequestError, match="both say how it shall look"):
        meant(style=picture(), image=picture())


def test_pictures_of_any_size_are_looked_at(sees: Content):
    for side in (32, 64, 100):
        assert sees.meant(Bytes(), "", {"image": picture(side=side)}).shape == (1, 128)


def test_a_prior_of_another_aligner_is_refused_and_who_only_learns_needs_none(
    tmp_path: Path, sees: Content
):
    zoo.save_part(sees.aligner, sight.NAME, {}, tmp_path)
    alone = Content(sees.aligner)
    assert set(alone.parts()) == {sight.NAME}
    with pytest.raises(WeightsError, match="mutoscope train prior"):
        alone.imagined(Bytes(), "a red ball")
    assert alone.meant(Bytes(), "", {"style": picture()}).shape == (1, 128)
    facts = {"base_sha256": zoo.sha256(sight.NAME, tmp_path)}
    zoo.save_part(sees.prior, content.PRIOR, facts, tmp_path)
    both = Content.opened(tmp_path)
    assert [path.parent.name for path in content.files(tmp_path)] == [sight.NAME, content.PRIOR]
    assert set(content.hashes(tmp_path)) == set(both.parts())
    assert Content.begun(tmp_path).prior is not None
    zoo.save_part(awake(sees.aligner, 1), sight.NAME, {}, tmp_path)
    with pytest.raises(WeightsError, match="were trained on another alignment"):
        Content.opened(tmp_path)
