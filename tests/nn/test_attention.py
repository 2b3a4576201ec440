import pytest
import torch
from torch.nn import functional as F

from mutoscope.nn import attention
from mutoscope.nn.attention import (
    Attention,
    GatedFeedForward,
    TransformerBlock,
    Words,
    attend,
    looked_at,
    seen,
)
from tests.tiny import awake


def drawn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("most", [0, attention.MANY])
@pytest.mark.parametrize("masked", [False, True])
def test_both_ways_of_attending_are_the_softmax_of_scores(monkeypatch, most, masked):
    monkeypatch.setattr(attention, "MANY", most)
    q, k, v = drawn(3, 5, 4), drawn(3, 6, 4, seed=1), drawn(3, 6, 4, seed=2)
    bias = torch.where(torch.arange(6) < 4, 0.0, -1e4).double()[None, None] if masked else None
    scores = torch.einsum("nqd,nkd->nqk", q, k) / 2 + (0 if bias is None else bias)
    want = torch.einsum("nqk,nkd->nqd", scores.softmax(-1), v)
    torch.testing.assert_close(attend(q, k, v, bias), want, atol=1e-6, rtol=1e-6)


def test_a_bfloat16_softmax_is_taken_in_float32():
    q, k = drawn(1, 1, 8).bfloat16() * 9, drawn(1, 300, 8, seed=1).bfloat16()
    v = torch.ones(1, 300, 8, dtype=torch.bfloat16)
    assert (attend(q, k, v).float() - 1).abs().max() <= 2**-7


def test_tokens_attend_within_their_own_sequence_only():
    layer = awake(Attention(12, 3, 4))
    x = drawn(4, 5, 12).float()
    alone = torch.cat([layer(x[i : i + 1]) for i in range(4)])
    torch.testing.assert_close(layer(x), alone)


def test_what_was_put_around_a_layer_is_heard():
    layer, x = awake(Attention(12, 3, 4)), drawn(2, 5, 12).float()
    want = layer(x)
    plain, layer.to_k = layer.to_k, torch.nn.Sequential(layer.to_k)
    torch.testing.assert_close(layer(x), want)
    layer.to_k = torch.nn.Sequential(plain, awake(torch.nn.Linear(12, 12)))
    assert (layer(x) - want).abs().max() > 1e-3


def test_every_token_of_a_clip_asks_the_same_words():
    layer = awake(Attention(12, 3, 4, text=7))
    x, words = drawn(4, 5, 12).float(), Words(drawn(1, 6, 7, seed=1).float())
    asked = layer.asked(words)
    shuffled = x.flatten(0, 1)[torch.arange(20).flip(0)].view(4, 5, 12)
    got = layer(shuffled, asked).flatten(0, 1).flip(0).view(4, 5, 12)
    torch.testing.assert_close(got, layer(x, asked))


def test_of_words_asked_for_many_clips_each_gets_its_own():
    layer = awake(Attention(12, 3, 4, text=7))
    states = drawn(2, 6, 7).float()
    bias = torch.zeros(2, 1, 6)
    both = layer.asked(Words(states, bias))
    one = layer.asked(Words(states[1:], bias[1:]))
    for got, want in zip(both.clip(1), one, strict=True):
        torch.testing.assert_close(got, want)


def test_the_feed_forward_layer_gates_by_gelu():
    layer = awake(GatedFeedForward(6))
    x = drawn(2, 3, 6).float()
    value, gate = F.linear(x, layer.net[0].proj.weight, layer.net[0].proj.bias).chunk(2, -1)
    torch.testing.assert_close(layer(x), layer.net[2](value * F.gelu(gate)))


def test_a_block_with_the_width_of_a_text_answers_to_its_words():
    block = awake(TransformerBlock(2, 4, text=7))
    x = drawn(3, 5, 8).float()
    here, there = (
        block(x, block.attn2.asked(Words(drawn(1, 6, 7, seed=s).float()))) for s in (1, 2)
    )
    assert (here - there).abs().max() > 1e-3


def test_what_was_put_around_a_gate_is_heard():
    layer, x = awake(GatedFeedForward(6)), drawn(2, 3, 6).float()
    want = layer(x)
    layer.net[0].proj = torch.nn.Sequential(layer.net[0].proj)
    torch.testing.assert_close(layer(x), want)
    layer.net[0].proj.append(torch.nn.Tanh())
    assert (layer(x) - want).abs().max() > 1e-3


def test_a_frame_looks_at_itself_at_the_first_or_at_the_first_and_the_one_before():
    assert seen("own", 3).tolist() == [[0], [1], [2]]
    assert seen("first", 3).tolist() == [[0], [0], [0]]
    assert seen("sparse", 4).tolist() == [[0, 0], [0, 0], [0, 1], [0, 2]]
    x = drawn(2, 4, 3, 5)
    sparse = looked_at(x, "sparse")
    assert torch.equal(sparse[:, 3], torch.cat([x[:, 0], x[:, 2]], dim=1))
    assert looked_at(x, "own") is x


def test_a_picture_is_asked_beside_the_text_with_the_same_queries():
    layer = awake(Attention(12, 3, 4, text=7))
    x, states, tokens = drawn(2, 5, 12).float(), drawn(1, 6, 7).float(), drawn(1, 4, 7).float()
    alone = layer(x, layer.asked(Words(states)))
    layer.grow()
    asked = layer.asked(Words(states, None, tokens))
    assert torch.equal(layer(x, asked), alone), "values begin as zero"
    awake(layer.to_k_ip, 3), awake(layer.to_v_ip, 4)
    twin = Attention(12, 3, 4, text=7)
    twin.load_state_dict({k: v for k, v in layer.state_dict().items() if "_ip" not in k})
    twin.to_k, twin.to_v = layer.to_k_ip, layer.to_v_ip
    beside, bias = twin(x, twin.asked(Words(tokens))), layer.to_out[0].bias
    for much in (0.0, 1.0, 0.5):
        asked = layer.asked(Words(states, None, tokens, torch.tensor([much])))
        want = alone + much * (beside - bias)
        torch.testing.assert_close(layer(x, asked), want, atol=1e-5, rtol=1e-5)
