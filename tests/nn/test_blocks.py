import pytest
import torch
from einops import rearrange
from torch.nn import functional as F

from mutoscope.nn import blocks
from mutoscope.nn.attention import Words
from mutoscope.nn.blocks import Downsample, Norm, Residual, TemporalConvs, Transformer, Upsample
from tests.tiny import awake


def drawn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def first(x):
    """Channels first, as PyTorch's own layers want them."""
    return rearrange(x, "b t h w d -> b d t h w")


@pytest.mark.parametrize("silu", [False, True])
@pytest.mark.parametrize("offset", [0.0, 100.0])
def test_the_norm_is_that_of_frames_or_clips_even_far_from_zero(silu, offset):
    norm, x = awake(Norm(4, 12)), drawn(2, 3, 4, 5, 12) + offset
    wide, act = first(x).double(), F.silu if silu else torch.nn.Identity()
    plain = [
        F.group_norm(y, 4, norm.weight.double(), norm.bias.double())
        for y in (wide, *wide.unbind(2))
    ]
    clip, frames = act(plain[0]).float(), act(torch.stack(plain[1:], 2)).float()
    tolerance = {"atol": 1e-5 if offset else 2e-6, "rtol": 1e-5}
    torch.testing.assert_close(first(norm(x, jointly=True, silu=silu)), clip, **tolerance)
    torch.testing.assert_close(first(norm(x, silu=silu)), frames, **tolerance)


def test_the_norm_of_bfloat16_is_rounded_once():
    norm, x = awake(Norm(4, 12)), drawn(1, 2, 4, 4, 12).bfloat16()
    want = norm(x.float(), silu=True)
    got = norm.bfloat16()(x, silu=True)
    assert got.dtype == torch.bfloat16
    torch.testing.assert_close(got.float(), want, atol=0.02, rtol=2**-7)


def test_the_norm_keeps_float64():
    x = drawn(1, 2, 3, 3, 8).double()
    norm = Norm(2, 8).double()
    want = F.group_norm(first(x), 2, norm.weight, norm.bias)
    torch.testing.assert_close(first(norm(x, jointly=True)), want, atol=1e-12, rtol=1e-12)


def test_the_norm_has_the_gradient_of_pytorchs_own():
    norm = awake(Norm(2, 8))
    x = drawn(1, 2, 3, 3, 8).requires_grad_()
    other = x.detach().clone().requires_grad_()
    norm(x, jointly=True, silu=True).square().sum().backward()
    mine = [x.grad, norm.weight.grad.clone(), norm.bias.grad.clone()]
    norm.zero_grad()
    F.silu(F.group_norm(first(other), 2, norm.weight, norm.bias)).square().sum().backward()
    torch.testing.assert_close(mine, [other.grad, norm.weight.grad, norm.bias.grad])


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_convolutions_over_time_are_those_of_pytorch(frames):
    layer = awake(TemporalConvs(8, 2)).eval()
    x = drawn(2, frames, 3, 4, 8)
    y = first(x)
    for conv in (layer.conv1, layer.conv2, layer.conv3, layer.conv4):
        y = F.silu(F.group_norm(y, 2, conv[0].weight, conv[0].bias))
        y = F.conv3d(y, conv[-1].weight, conv[-1].bias, padding=(1, 0, 0))
    torch.testing.assert_close(first(layer(x) - x), y, atol=1e-5, rtol=1e-5)


def test_a_frame_sees_four_frames_to_each_side_of_it_through_kernels():
    layer = awake(TemporalConvs(8, 2)).eval()
    for conv in (layer.conv1, layer.conv2, layer.conv3, layer.conv4):
        conv[0].forward = lambda x, **_: x  # a norm over the clip sees all of it
    x = drawn(1, 11, 2, 2, 8).requires_grad_()
    layer(x)[:, 5].sum().backward()
    seen = x.grad.abs().sum((0, 2, 3, 4)) > 0
    assert seen.nonzero().flatten().tolist() == list(range(1, 10))


def test_layers_over_time_start_as_nothing():
    x = drawn(2, 3, 4, 4, 8)
    assert torch.equal(TemporalConvs(8, 2).eval()(x), x)
    time = Transformer(8, 2, head_width=4, groups=2, along="time")
    assert torch.equal(time(x), x)


@pytest.mark.parametrize("size", [(6, 8), (5, 8), (6, 7)])
def test_upsampling_repeats_pixels_and_convolves(size):
    layer, x = awake(Upsample(8)), drawn(2, 3, 3, 4, 8)
    frames = rearrange(x, "b t h w d -> (b t) d h w")
    want = layer.conv(F.interpolate(frames, size=size, mode="nearest"))
    got = rearrange(layer(x, size), "b t h w d -> (b t) d h w")
    torch.testing.assert_close(got, want, atol=1e-5, rtol=1e-5)


def test_downsampling_rounds_odd_sides_up():
    assert Downsample(4)(drawn(1, 2, 5, 6, 4)).shape == (1, 2, 3, 3, 4)


def test_a_residual_block_is_told_the_time_and_may_change_its_width():
    block = awake(Residual(8, 12, told=5, groups=4, eps=1e-5))
    x = drawn(2, 3, 4, 4, 8)
    here, there = (block(x, drawn(2, 5, seed=s)) for s in (1, 2))
    assert here.shape == (2, 3, 4, 4, 12)
    assert (here - there).abs().max() > 1e-3


@pytest.mark.parametrize("along", ["space", "time"])
@pytest.mark.parametrize("dose", [1, 50, 100_000])
def test_a_transformer_says_the_same_however_many_tokens_it_takes_at_a_time(
    monkeypatch, along, dose
):
    text = 6 if along == "space" else None
    layer = awake(Transformer(8, 2, head_width=4, groups=2, along=along, text=text))
    words = Words(drawn(2, 3, 6, seed=5)) if text else None
    x = drawn(2, 5, 3, 2, 8)
    want = layer(x, words)
    monkeypatch.setattr(blocks, "DOSE", dose)
    torch.testing.assert_close(layer(x, words), want)


def test_along_time_places_do_not_see_one_another_and_along_space_frames_do_not():
    x = drawn(1, 4, 3, 3, 8)
    for along, change in (("time", (0, slice(None), 1, 1)), ("space", (0, 2))):
        layer = awake(Transformer(8, 2, head_width=4, groups=2, along=along))
        layer.norm = torch.nn.Identity()
        layer.norm.forward = lambda y, **_: y  # which sees whole frames and clips
        other = x.clone()
        other[change] += 1
        differs = (layer(other) - layer(x)).abs().sum(-1) > 1e-6
        inside = torch.zeros_like(differs)
        inside[change] = True
        assert torch.equal(differs, inside), along
