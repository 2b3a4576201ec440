import torch
from diffusers.models.embeddings import TimestepEmbedding, Timesteps

from mutoscope.nn.embed import TimeEmbedding, sinusoid


def test_waves_are_those_of_published_networks():
    steps = torch.arange(0, 1000, 37).float()
    want = Timesteps(32, flip_sin_to_cos=True, downscale_freq_shift=0)(steps)
    torch.testing.assert_close(sinusoid(steps, 32), want, atol=1e-6, rtol=1e-6)


def test_the_embedding_is_that_of_published_networks():
    theirs, ours = TimestepEmbedding(32, 48), TimeEmbedding(32, 48)
    ours.load_state_dict(theirs.state_dict())
    steps = torch.tensor([0.0, 17.0, 999.0])
    torch.testing.assert_close(ours(steps), theirs(sinusoid(steps, 32)))


def test_waves_stay_float32_whatever_the_layers_are():
    embedding = TimeEmbedding(32, 48).bfloat16()
    near = embedding(torch.tensor([998.0, 999.0]))
    assert near.dtype == torch.bfloat16
    assert not torch.equal(near[0], near[1])
