import pytest
import torch

from mutoscope.autoencoders import FrameAutoencoder, Pixels

TINY = {
    8: {"stride": 8, "widths": (8, 8), "depths": (1, 1), "decoder_widths": (8, 8),
        "decoder_depths": (1, 1)},
    16: {"stride": 16, "widths": (8, 8, 8), "depths": (1, 1, 1), "decoder_widths": (8, 8, 8),
         "decoder_depths": (1, 1, 1)},
}  # fmt: skip


@pytest.mark.parametrize("stride", [8, 16])
@pytest.mark.parametrize("frames", [1, 3])
def test_shapes_follow_the_stride(stride, frames):
    coder = FrameAutoencoder(channels=5, **TINY[stride])
    x = torch.rand(2, 3, frames, 32, 48) * 2 - 1
    z = coder.encode(x)
    assert z.shape == (2, 5, frames, 32 // stride, 48 // stride)
    y = coder.decode(z)
    assert y.shape == x.shape
    assert y.abs().max() <= 1


def test_frames_are_coded_alone():
    coder = FrameAutoencoder(channels=5, **TINY[8])
    x = torch.rand(1, 3, 4, 16, 16) * 2 - 1
    alone = torch.cat([coder.encode(x[:, :, k : k + 1]) for k in range(4)], dim=2)
    torch.testing.assert_close(coder.encode(x), alone, atol=1e-5, rtol=1e-5)


def test_normalisation_is_inside():
    coder = FrameAutoencoder(channels=5, **TINY[8])
    x = torch.rand(1, 3, 1, 16, 16) * 2 - 1
    plain, made = coder.encode(x), coder.reconstruct(coder.encode(x))
    coder.mean += 3
    coder.std *= 2
    torch.testing.assert_close(coder.encode(x), (plain - 3) / 2)
    torch.testing.assert_close(coder.reconstruct(coder.encode(x)), made, atol=1e-5, rtol=1e-5)


def test_widths_must_fit_the_stride():
    with pytest.raises(ValueError, match="stride 16 needs 3"):
        FrameAutoencoder(stride=16, widths=(8, 8))


def test_pixels_are_their_own_latents():
    x = torch.rand(1, 3, 1, 4, 4)
    assert torch.equal(Pixels().decode(Pixels().encode(x)), x)
