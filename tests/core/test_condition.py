import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mutoscope.core.condition import Condition
from mutoscope.errors import RequestError

from .oracles import condition


def test_merging_opens_the_doors_of_both():
    one, two = Condition(text=torch.ones(2, 3, 4)), Condition(scalars={"fps": torch.ones(2)})
    merged = one.merged(two).merged(Condition(scalars={"motion": torch.zeros(2)}))
    assert merged.text is one.text
    assert set(merged.scalars) == {"fps", "motion"}


@pytest.mark.parametrize(
    ("door", "value"), [("text", torch.ones(2, 3, 4)), ("scalars", {"fps": torch.ones(2)})]
)
def test_a_door_filled_twice_is_refused(door, value):
    with pytest.raises(RequestError, match=r"same door \((text|scalars\.fps)\)"):
        Condition(**{door: value}).merged(Condition(**{door: value}))


def test_stacking_is_along_the_batch():
    one, two = condition(1), condition(2, batch=3)
    both = one.stacked(two)
    assert both.batch == 5
    assert torch.equal(both.concat[:2], one.concat)
    assert torch.equal(both.scalars["fps"][2:], two.scalars["fps"])


def test_stacking_needs_the_same_doors_and_sizes():
    with pytest.raises(RequestError, match=r"pooled, scalars\.fps"):
        Condition(pooled=torch.ones(2, 3)).stacked(Condition(scalars={"fps": torch.ones(2)}))
    with pytest.raises(RequestError, match="text"):
        Condition(text=torch.ones(2, 3, 4)).stacked(Condition(text=torch.ones(2, 5, 4)))


def test_an_empty_condition_has_no_batch_and_goes_with_any():
    assert Condition().batch is None
    assert Condition().expanded(3).stacked(Condition()).batch is None
    assert Condition().dropped(Condition(), 1.0, torch.Generator()).batch is None


def test_one_condition_serves_a_batch():
    wide = condition(1, batch=1).expanded(3)
    assert wide.batch == 3
    assert torch.equal(wide.text[2], wide.text[0])


def test_a_condition_of_another_batch_is_refused():
    with pytest.raises(RequestError, match=r"2 clips .* batch of 3"):
        condition(1, batch=2).expanded(3)


@given(chance=st.floats(0, 1), seed=st.integers(0, 2**31), batch=st.integers(1, 6))
@settings(deadline=None, derandomize=True, max_examples=30)
def test_dropping_takes_whole_clips_and_depends_on_the_generator_only(chance, seed, batch):
    full, null = condition(1, batch), condition(2, batch)
    once, again = (
        full.dropped(null, chance, torch.Generator().manual_seed(seed)) for _ in range(2)
    )
    for i in range(batch):
        source = null if torch.equal(once.text[i], null.text[i]) else full
        for name in ("text", "pooled", "image", "concat"):
            assert torch.equal(getattr(once, name)[i], getattr(source, name)[i])
            assert torch.equal(getattr(once, name), getattr(again, name))
        assert once.scalars["fps"][i] == source.scalars["fps"][i]


def test_dropping_happens_as_often_as_asked():
    batch = 20_000
    full, null = Condition(pooled=torch.ones(batch, 1)), Condition(pooled=torch.zeros(1, 1))
    left = full.dropped(null, 0.3, torch.Generator().manual_seed(0)).pooled.mean()
    assert abs(left - 0.7) < 0.01


def test_only_the_named_doors_are_dropped():
    full, null = condition(1), condition(2)
    got = full.replaced(null, torch.tensor([True, False]), doors=("text", "scalars"))
    assert torch.equal(got.text[0], null.text[0])
    assert torch.equal(got.text[1], full.text[1])
    assert torch.equal(
        got.scalars["fps"], torch.stack([null.scalars["fps"][0], full.scalars["fps"][1]])
    )
    assert torch.equal(got.concat, full.concat)


def test_a_null_without_the_door_is_refused():
    with pytest.raises(RequestError, match="lacks pooled"):
        condition(1).replaced(
            Condition(text=torch.zeros(1, 5, 6)), torch.tensor([True, True]), doors=("pooled",)
        )


def test_swapping_takes_doors_as_the_other_has_them():
    one, two = condition(1), Condition(text=torch.ones(2, 1, 6))
    got = one.swapped(two, ("text", "concat"))
    assert got.text is two.text
    assert got.concat is None
    assert got.pooled is one.pooled
    with pytest.raises(RequestError, match="no door txt"):
        one.swapped(two, ("txt",))


def test_a_clip_cut_into_frames_keeps_each_frame_with_its_own_map():
    frames = condition(1).framewise(4)
    assert frames.batch == 8
    assert torch.equal(frames.concat[5, :, 0], condition(1).concat[1, :, 1])
    assert torch.equal(frames.text[3], condition(1).text[0])


def test_a_cast_spares_masks_and_scalars():
    cast = condition(1).to("cpu", torch.bfloat16)
    assert cast.text.dtype == cast.concat.dtype == cast.image.dtype == torch.bfloat16
    assert cast.text_mask.dtype == torch.bool
    assert cast.scalars["fps"].dtype == torch.float64
