import pytest
import torch

from mutoscope.nn.doors import MapEncoder, Maps, Resampler, SecondSight
from mutoscope.nn.tokens import Attention


def shaken(module, seed=0):
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in module.parameters():
            weight.add_(0.1 * torch.randn(weight.shape, generator=rng))
    return module.eval()


def values(k, frames=4, seed=1):
    return torch.randn(2, k, frames, 8, 8, generator=torch.Generator().manual_seed(seed))


def test_a_map_is_heard_over_time_or_frame_by_frame_with_as_many_numbers():
    over, alone = (shaken(MapEncoder(3, 8, over_time=flag)) for flag in (True, False))
    x = values(3)
    y = x.clone()
    y[:, :, 2] += 1
    for encoder, heard in ((over, True), (alone, False)):
        moved = (encoder(y) - encoder(x)).abs().amax((0, 2, 3, 4))
        assert moved[2] > 1e-3
        assert (moved[[0, 1, 3]] > 1e-5).all() == heard
    counts = [sum(p.numel() for p in one.parameters()) for one in (over, alone)]
    assert abs(counts[0] - counts[1]) < 40


def test_maps_are_summed_each_by_its_strength_and_absent_ones_say_nothing():
    maps = shaken(Maps({"depth": 1, "motion": 2}, 8))
    x = values(3)
    one, none = torch.ones(2), torch.zeros(2)
    both = maps(x, {"depth": one, "motion": one})
    depth, motion = maps(x, {"depth": one}), maps(x, {"motion": one, "depth": none})
    torch.testing.assert_close(both, depth + motion)
    torch.testing.assert_close(maps(x, {"depth": 0.5 * one}), 0.5 * depth)
    assert maps(x, {}).shape == both.shape
    assert not maps(x, {"fps": one}).any()
    mixed = maps(x, {"depth": torch.tensor([1.0, 0.0]), "motion": torch.tensor([0.0, 1.0])})
    torch.testing.assert_close(mixed, torch.stack([depth[0], motion[1]]))


def test_a_map_of_zeros_is_not_an_absent_map():
    maps = shaken(Maps({"depth": 1}, 8))
    assert maps(torch.zeros(2, 1, 4, 8, 8), {"depth": torch.ones(2)}).abs().max() > 1e-3


@pytest.mark.parametrize(("queries", "count"), [(5, 5), (0, 9)])
def test_tokens_become_so_many_of_the_networks_width(queries, count):
    look = shaken(Resampler(6, 32, 2, queries))
    tokens = torch.randn(3, 9, 6, generator=torch.Generator().manual_seed(1))
    assert look(tokens).shape == (3, count, 32)
    turned = look(tokens.flip(1))
    assert torch.allclose(turned, look(tokens), atol=1e-5) == (queries > 0)


def test_a_place_may_look_away_from_a_token_alone_so_that_its_keys_learn():
    look, second = shaken(Resampler(6, 32, 2, 0)), shaken(SecondSight(32))
    attention = shaken(Attention(32, 2))
    one = torch.randn(2, 1, 6, generator=torch.Generator().manual_seed(1))
    tokens = look(one)
    assert tokens.shape == (2, 2, 32)
    assert torch.equal(tokens[0, 1], tokens[1, 1]), "the empty one is the same for all"
    torch.testing.assert_close(tokens, look(torch.cat([one, torch.zeros_like(one)], dim=1)))
    x, text = torch.randn(2, 6, 32), torch.randn(2, 5, 32)
    attention(x, text, None, second(tokens, torch.ones(2))).square().sum().backward()
    assert second.key.weight.grad.abs().max() > 1e-4


def test_a_picture_beside_the_words_starts_as_nothing_and_counts_by_its_strength():
    attention, second = shaken(Attention(32, 2)), SecondSight(32)
    x, text, tokens = (torch.randn(2, n, 32) for n in (6, 5, 7))
    plain = attention(x, text)
    one = torch.ones(2)
    assert torch.equal(attention(x, text, None, second(tokens, one)), plain)
    shaken(second)
    told = attention(x, text, None, second(tokens, one))
    half = attention(x, text, None, second(tokens, one / 2))
    assert (told - plain).abs().max() > 1e-3
    torch.testing.assert_close(half - plain, (told - plain) / 2, atol=1e-5, rtol=1e-4)
    assert torch.equal(attention(x, text, None, second(tokens, 0 * one)), plain)
