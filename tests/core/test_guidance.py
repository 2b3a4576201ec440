from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mutoscope.core import grids
from mutoscope.core.condition import Condition
from mutoscope.core.guidance import (
    TEXT,
    ClassifierFree,
    Guidance,
    Level,
    Nested,
    Oscillating,
    PerFrame,
    Temporal,
    TwoSet,
    switched,
    thresholded,
)
from mutoscope.core.prediction import Clean, Flow, Noise, Velocity
from mutoscope.core.samplers import ddim
from mutoscope.core.schedule import Cosine
from mutoscope.errors import RequestError

from .oracles import PREDICTIONS, clips, condition, denoiser

YES, NULL = condition(1), condition(2)
X, T = clips(), torch.tensor([0.6, 0.6], dtype=torch.float64)
GRID = grids.trailing(5)
EDIT = (Level(("concat", "image"), 1.5), Level(TEXT, 5.0))
ALL = {
    "classifier-free": ClassifierFree(6.0),
    "two sets": TwoSet(9.0, ("concat", "scalars")),
    "ramp": PerFrame(1.0, 2.5),
    "triangle": PerFrame(1.0, 2.5, "triangle"),
    "temporal": Temporal(7.5, 1.25),
    "nested": Nested(EDIT),
    "oscillating": Oscillating(tuple(GRID.tolist()), hold=0.2),
    "interval": ClassifierFree(6.0, interval=(0.5, 0.7)),
}
OFF = {
    "classifier-free": ClassifierFree(1.0),
    "two sets": TwoSet(1.0),
    "ramp": PerFrame(1.0, 1.0),
    "temporal": Temporal(1.0, 1.0),
    "nested": Nested((Level(("concat", "image"), 1.0), Level(TEXT, 1.0))),
    "oscillating": Oscillating(tuple(GRID.tolist()), high=1.0),
    "outside its interval": ClassifierFree(6.0, interval=(0.0, 0.5)),
    "rescaled": ClassifierFree(1.0, rescale=0.7),
}


@pytest.mark.parametrize("guidance", OFF.values(), ids=OFF)
def test_scale_one_is_plain_to_the_bit_and_costs_one_call(guidance):
    d = denoiser(Velocity())
    plain = d(X, T, YES)
    d.network.batches.clear()
    assert torch.equal(guidance(d, YES, NULL)(X, T), plain)
    assert d.network.batches == [2]


@pytest.mark.parametrize("guidance", ALL.values(), ids=ALL)
def test_guidance_is_the_same_in_the_space_of_every_row(guidance):
    said = [guidance(denoiser(p), YES, NULL)(X, T) for p in PREDICTIONS]
    assert (said[0] - denoiser(Clean())(X, T, YES)).abs().max() > 0.01
    for other in said[1:]:
        torch.testing.assert_close(other, said[0], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("guidance", ALL.values(), ids=ALL)
def test_branches_share_a_call_unless_told_not_to(guidance):
    d = denoiser(Velocity())
    together = guidance(d, YES, NULL)(X, T)
    calls, d.network.batches = d.network.batches, []
    apart = replace(guidance, sequential=True)(d, YES, NULL)(X, T)
    torch.testing.assert_close(together, apart, rtol=1e-12, atol=1e-12)
    assert len(calls) == (2 if isinstance(guidance, Temporal) else 1)
    assert sum(calls) == sum(d.network.batches)
    assert len(d.network.batches) == len(guidance.branches(YES, NULL))


@pytest.mark.parametrize("guidance", ALL.values(), ids=ALL)
def test_guidance_of_a_batch_is_that_of_each_clip(guidance):
    d = denoiser(Velocity())
    one_yes, one_null = condition(1, 1), condition(2, 1)
    together = guidance(d, one_yes, one_null)(X, T)  # one condition serves the batch
    for i in range(2):
        alone = guidance(d, one_yes, one_null)(X[i : i + 1], T[i : i + 1])
        torch.testing.assert_close(alone[0], together[i], rtol=1e-12, atol=1e-12)


@given(
    scales=st.lists(st.floats(-5, 20), min_size=1, max_size=4),
    frames=st.integers(1, 6),
    t=st.floats(0, 1),
)
@settings(deadline=None, derandomize=True, max_examples=40)
def test_weights_always_sum_to_one(scales, frames, t):
    x, times = torch.zeros(2, 1, frames, 2, 2), torch.full((2,), t)
    doors = ("text", "image", "concat", "pooled")
    for guidance in (
        ClassifierFree(scales[0]),
        TwoSet(scales[0]),
        PerFrame(scales[0], scales[-1]),
        PerFrame(scales[0], scales[-1], "triangle"),
        Temporal(scales[0], scales[-1]),
        Nested(tuple(Level((d,), s) for d, s in zip(doors, scales, strict=False))),
        Oscillating(tuple(GRID.tolist()), high=scales[0], low=scales[-1]),
    ):
        weights = guidance.weights(x, times)
        assert len(weights) == len(guidance.branches(YES, NULL))
        total = sum(torch.as_tensor(w).expand_as(x) for w in weights)
        torch.testing.assert_close(total, torch.ones_like(x), rtol=0, atol=1e-4)
        assert isinstance(guidance, Guidance)


@pytest.mark.parametrize("scale", [-1.0, 0.0, 2.0, 7.5])
def test_classifier_free_goes_through_null_and_condition(scale):
    d = denoiser(Velocity())
    yes, no = d(X, T, YES), d(X, T, NULL)
    torch.testing.assert_close(ClassifierFree(scale)(d, YES, NULL)(X, T), no + scale * (yes - no))


def test_a_negative_prompt_is_a_null_condition():
    d, negative = denoiser(Velocity()), YES.swapped(condition(9), ("text", "pooled"))
    pushed = ClassifierFree(3.0)(d, YES, negative)(X, T)
    yes, no = d(X, T, YES), d(X, T, negative)
    torch.testing.assert_close(pushed - yes, 2.0 * (yes - no))


def test_a_null_of_other_doors_is_refused_with_what_differs():
    with pytest.raises(RequestError, match="pooled"):
        ClassifierFree()(denoiser(Velocity()), YES, Condition(text=YES.text))(X, T)


def test_a_longer_negative_prompt_works_one_branch_at_a_time():
    long = replace(NULL, text=torch.ones(2, 9, 6).double(), text_mask=torch.ones(2, 9).bool())
    d = denoiser(Velocity())
    with pytest.raises(RequestError, match="text"):
        ClassifierFree()(d, YES, long)(X, T)
    assert torch.isfinite(ClassifierFree(sequential=True)(d, YES, long)(X, T)).all()


def test_equal_sets_give_their_answer_whatever_the_scale():
    d = denoiser(Velocity())
    once = TwoSet(1.5, ())(d, YES, YES)(X, T)
    assert torch.equal(TwoSet(9.0, ())(d, YES, YES)(X, T), once)
    torch.testing.assert_close(once, d(X, T, YES))


def test_shared_doors_are_plain_conditions_of_both_sets():
    d = denoiser(Velocity())
    guided = TwoSet(9.0, ("concat", "scalars"))(d, YES, NULL)(X, T)
    assert torch.equal(d.network.seen[0].concat[:2], YES.concat)
    assert torch.equal(d.network.seen[0].concat[2:], YES.concat)
    first = NULL.swapped(YES, ("concat", "scalars"))
    one, two = d(X, T, first), d(X, T, YES)
    torch.testing.assert_close(guided, one + 9.0 * (two - one))


def test_a_ramp_gives_every_frame_its_scale():
    d = denoiser(Velocity())
    yes, no = d(X, T, YES), d(X, T, NULL)
    guided = PerFrame(1.0, 2.5)(d, YES, NULL)(X, T)
    for frame, scale in enumerate([1.0, 1.5, 2.0, 2.5]):
        wanted = no[:, :, frame] + scale * (yes - no)[:, :, frame]
        torch.testing.assert_close(guided[:, :, frame], wanted)


def test_a_triangle_comes_back_and_one_frame_takes_the_low_scale():
    _, scale = PerFrame(1.0, 3.0, "triangle").weights(clips(frames=5), T)
    torch.testing.assert_close(scale.flatten().tolist(), [1.0, 2.0, 3.0, 2.0, 1.0])
    _, scale = PerFrame(1.5, 3.0).weights(clips(frames=1), T)
    assert scale.flatten().tolist() == [1.5]


def per_frame(d, given: Condition):
    frames = [
        d(X[:, :, i : i + 1], T, replace(given, concat=given.concat[:, :, i : i + 1]))
        for i in range(X.shape[2])
    ]
    return torch.cat(frames, 2)


@pytest.mark.parametrize(("scale", "smoothness"), [(7.5, 1.25), (7.5, 0.5), (2.0, 2.0), (0.0, 0.0)])
def test_temporal_guidance_is_gen_1s_equation(scale, smoothness):
    d = denoiser(Velocity())
    image, null, yes = per_frame(d, NULL), d(X, T, NULL), d(X, T, YES)
    wanted = image + smoothness * (null - image) + scale * (yes - null)
    torch.testing.assert_close(Temporal(scale, smoothness)(d, YES, NULL)(X, T), wanted)


def test_full_smoothness_is_classifier_free_and_none_is_the_image_network():
    d = denoiser(Velocity())
    usual = ClassifierFree(7.5)(d, YES, NULL)(X, T)
    d.network.batches.clear()
    torch.testing.assert_close(Temporal(7.5, 1.0)(d, YES, NULL)(X, T), usual)
    assert d.network.batches == [4]
    # Not bit for bit: kernels may differ in the last place with how the batch is laid out.
    got = Temporal(0.0, 0.0)(d, YES, NULL)(X, T)
    torch.testing.assert_close(got, per_frame(d, NULL), atol=1e-12, rtol=1e-12)


def test_of_one_frame_temporal_guidance_is_classifier_free():
    d, x = denoiser(Velocity()), clips(frames=1)
    yes, null = condition(1, frames=1), condition(2, frames=1)
    for smoothness in (0.0, 0.7, 1.5):
        got = Temporal(4.0, smoothness)(d, yes, null)(x, T)
        torch.testing.assert_close(got, ClassifierFree(4.0)(d, yes, null)(x, T))


def test_a_nest_opens_image_before_text():
    d = denoiser(Velocity())
    null, both = d(X, T, NULL), d(X, T, YES)
    image = d(X, T, NULL.swapped(YES, ("concat", "image")))
    wanted = null + 1.5 * (image - null) + 5.0 * (both - image)
    torch.testing.assert_close(Nested(EDIT)(d, YES, NULL)(X, T), wanted)


def test_a_nest_of_equal_scales_is_classifier_free():
    d = denoiser(Velocity())
    nest = Nested((Level(("image",), 4.0), Level(("concat",), 4.0), Level(TEXT, 4.0)))
    d.network.batches.clear()
    got = nest(d, YES, NULL)(X, T)
    assert d.network.batches == [4]  # levels of the same scale cancel and aren't asked
    torch.testing.assert_close(got, ClassifierFree(4.0)(d, YES, NULL)(X, T))


@pytest.mark.parametrize("levels", [(), (Level(("text",), 2.0), Level(("text", "image"), 3.0))])
def test_a_nest_that_opens_a_door_twice_or_never_is_refused(levels):
    with pytest.raises(RequestError, match="one level of a nest"):
        Nested(levels)


@pytest.mark.parametrize("steps", [1, 5, 12, 50])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_oscillation_holds_high_and_then_alternates_by_step(steps, dtype):
    grid, d = grids.trailing(steps), denoiser(Velocity())
    guided = Oscillating(tuple(grid.tolist()), 15.0, 1.0, hold=0.25)(d, YES, NULL)
    list(ddim(guided, X.to(dtype), grid, d.schedule))
    held = round(0.25 * steps)
    wanted = [4 if i < held or (i - held) % 2 else 2 for i in range(steps)]
    assert d.network.batches == wanted  # scale 1 asks about the condition alone


@pytest.mark.parametrize("prediction", [Velocity(), Flow(), Noise()], ids=repr)
def test_rescaling_pulls_the_spread_back_in_the_networks_own_space(prediction):
    d = denoiser(prediction)
    guided = ClassifierFree(9.0)
    output = {}
    for amount in (0.0, 0.7, 1.0):
        clean = replace(guided, rescale=amount)(d, YES, NULL)(X, T)
        _, skip, out = (c[0] for c in prediction.row(d.schedule, T))
        output[amount] = (clean - skip * X) / out
    plain = d.output(X, T, YES)
    for i in range(2):
        torch.testing.assert_close(output[1.0][i].std(), plain[i].std())
    torch.testing.assert_close(output[0.7], 0.7 * output[1.0] + 0.3 * output[0.0])
    assert output[0.0].std() > 1.05 * plain.std()


def test_rescaling_works_without_the_condition_among_the_weights():
    d = denoiser(Velocity())
    got = Temporal(0.0, 0.5, rescale=1.0)(d, YES, NULL)(X, T)
    _, skip, out = (c[0] for c in Velocity().row(d.schedule, T))
    torch.testing.assert_close(((got - skip * X) / out)[0].std(), d.output(X, T, YES)[0].std())


def test_an_interval_is_kept_clip_by_clip():
    d, t = denoiser(Velocity()), torch.tensor([0.2, 0.6], dtype=torch.float64)
    guided = ClassifierFree(6.0, interval=(0.5, 0.7))(d, YES, NULL)(X, t)
    assert torch.equal(guided[0], d(X, t, YES)[0])
    torch.testing.assert_close(guided[1], ClassifierFree(6.0)(d, YES, NULL)(X, t)[1])


@pytest.mark.parametrize(
    "settings", [{"rescale": 1.5}, {"interval": (0.8, 0.2)}, {"interval": (0.0, 2.0)}], ids=str
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(RequestError, match="must"):
        ClassifierFree(**settings)


def test_thresholding_bounds_each_clip_by_its_own_percentile():
    x0 = torch.stack([torch.linspace(-4, 4, 240), torch.linspace(-0.5, 0.5, 240)])
    x0 = x0.reshape(2, 3, 4, 4, 5)
    bounded = thresholded(lambda x, t: x0, percentile=0.9)(X, T)
    assert bounded[0].abs().max() == 1
    assert 0.05 < (bounded[0].abs() == 1).float().mean() < 0.15
    assert torch.equal(bounded[1], x0[1])  # within [-1, 1] nothing changes
    with pytest.raises(RequestError, match="percentile"):
        thresholded(lambda x, t: x0, percentile=1.5)


def test_guided_sampling_of_a_whole_clip_stays_in_the_clips_dtype():
    d = denoiser(Velocity(), Cosine())
    for guidance in ALL.values():
        *_, step = ddim(guidance(d, YES, NULL), X.float(), GRID, d.schedule)
        assert step.x.dtype == torch.float32
        assert torch.isfinite(step.x).all()


def test_a_condition_can_end_on_the_way():
    def early(x, t):
        return x + 1

    def late(x, t):
        return x - 1

    denoise = switched(early, late, 0.5)
    for time, answer in ((0.9, early), (0.5, late), (0.1, late)):
        t = torch.full_like(T, time)
        assert torch.equal(denoise(X, t), answer(X, t))
    mixed = denoise(X, torch.tensor([0.9, 0.1], dtype=T.dtype))
    assert torch.equal(mixed[:1], X[:1] + 1)
    assert torch.equal(mixed[1:], X[1:] - 1)
