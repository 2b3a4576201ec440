"""The reader's network: clips don't leak into each other, nor things that aren't there."""

import pytest
import torch

from mutoscope.networks.readers import CLIP_WORDS, HEADS, MOST, THING_WORDS, ClipReader, layout
from mutoscope.world.scene import CORE_VERBS, VERBS


@pytest.fixture(scope="module")
def reader():
    torch.manual_seed(0)
    made = ClipReader(width=16, deep=24, mind=16, key=4, depth=1, layers=2, heads=2).eval()
    for layer in made.modules():
        if isinstance(layer, torch.nn.Linear | torch.nn.Conv2d):
            torch.nn.init.normal_(layer.weight, std=0.2)
    return made.requires_grad_(requires_grad=False)


def _clips(b=3, t=8):
    return torch.randn(b, 3, t, 64, 64, generator=torch.Generator().manual_seed(1))


def test_a_clip_is_read_the_same_alone_and_in_a_batch(reader):
    clips = _clips()
    masks, there, told = reader(clips)
    alone, found, said = reader(clips[1:2])
    assert torch.equal(there[1:2], found)
    assert torch.allclose(masks[1:2], alone, atol=1e-5)
    assert torch.allclose(told.feature[1:2], said.feature, atol=1e-4)


def test_a_thing_that_isnt_there_changes_nothing(reader):
    seen = reader.see(_clips())
    masks = torch.rand(3, MOST, 8, 32, 32, generator=torch.Generator().manual_seed(2))
    there = torch.tensor([[True, False, True, False]] * 3)
    one = reader.tell(seen, masks, there)
    two = reader.tell(seen, torch.where(there[..., None, None, None], masks, 1 - masks), there)
    assert torch.allclose(one.feature, two.feature, atol=1e-5)
    assert torch.allclose(one.things["colour"][there], two.things["colour"][there], atol=1e-5)


def test_nothing_is_said_of_a_thing_because_of_another(reader):
    seen = reader.see(_clips())
    masks = torch.rand(3, 2, 8, 32, 32, generator=torch.Generator().manual_seed(4))
    there = torch.ones(3, 2, dtype=torch.bool)
    other = torch.cat([masks[:, :1], 1 - masks[:, 1:]], dim=1)
    one, two = (reader.tell(seen, m, there) for m in (masks, other))
    for name in THING_WORDS:
        assert torch.allclose(one.things[name][:, 0], two.things[name][:, 0], atol=1e-5)
    assert not torch.allclose(one.things["verb"][:, 1], two.things["verb"][:, 1], atol=1e-2)
    assert not torch.allclose(one.feature, two.feature, atol=1e-3), "the clip's words are of all"


def test_things_may_come_in_any_order(reader):
    seen = reader.see(_clips())
    masks = torch.rand(3, 3, 8, 32, 32, generator=torch.Generator().manual_seed(3))
    there = torch.ones(3, 3, dtype=torch.bool)
    order = [2, 0, 1]
    one, two = (reader.tell(seen, m, there) for m in (masks, masks[:, order]))
    assert torch.allclose(one.things["shape"][:, order], two.things["shape"], atol=1e-4)
    assert torch.allclose(one.feature, two.feature, atol=1e-4)


def test_frames_are_read_in_their_order(reader):
    clips = _clips()
    told, turned = reader(clips)[2], reader(clips.flip(2))[2]
    assert not torch.allclose(told.feature, turned.feature, atol=1e-3)


def test_the_vocabulary_is_whole_and_single_frames_can_be_read(reader):
    assert THING_WORDS["verb"] == VERBS
    assert set(CORE_VERBS) < set(THING_WORDS["verb"])
    assert len(HEADS) == len(THING_WORDS) + len(CLIP_WORDS)
    _, _, told = reader(_clips(2, 1))
    assert {n: told.things[n].shape[-1] for n in THING_WORDS} == {
        n: len(row) for n, row in THING_WORDS.items()
    }


def test_layout_has_the_middle_and_width_of_a_box():
    masks = torch.zeros(1, 1, 1, 32, 32)
    masks[..., 8:16, 16:32] = 1
    x, y, wide, high, root, _ = layout(masks)[0, 0, 0].tolist()
    assert (x, y) == pytest.approx((0.5, -0.25), abs=1e-3)
    # A uniform box of width w in halves of the frame has deviation w / sqrt(12).
    assert (wide, high) == pytest.approx((1 / 12**0.5, 0.5 / 12**0.5), rel=0.02)
    assert root == pytest.approx((8 * 16 / 1024) ** 0.5)
