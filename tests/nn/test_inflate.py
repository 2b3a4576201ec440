import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mutoscope.errors import WeightsError
from mutoscope.nn.inflate import grow, inflated, zeroed


@pytest.mark.parametrize("frames", [1, 3, 5])
def test_a_kernel_inflated_at_the_centre_is_the_image_layer_on_every_frame(frames):
    kernel, clip = torch.randn(6, 4, 3, 3), torch.randn(2, 4, 5, 8, 8)
    video = F.conv3d(clip, inflated(kernel, frames), padding=(frames // 2, 1, 1))
    image = torch.stack([F.conv2d(clip[:, :, k], kernel, padding=1) for k in range(5)], 2)
    torch.testing.assert_close(video, image, atol=1e-5, rtol=1e-5)


def test_a_kernel_inflated_by_the_mean_is_the_image_layer_on_a_still_clip():
    kernel, frame = torch.randn(6, 4, 3, 3), torch.randn(2, 4, 1, 8, 8)
    still = frame.expand(-1, -1, 7, -1, -1)
    video = F.conv3d(still, inflated(kernel, 3, how="mean"), padding=(0, 1, 1))
    image = F.conv2d(frame[:, :, 0], kernel, padding=1)[:, :, None].expand_as(video)
    torch.testing.assert_close(video, image, atol=1e-5, rtol=1e-5)


def test_a_kernel_of_even_length_is_refused():
    with pytest.raises(WeightsError, match=r"odd length \(got 4\)"):
        inflated(torch.randn(2, 2, 3, 3), 4)


def test_a_zeroed_layer_says_nothing():
    layer = zeroed(nn.Linear(3, 2))
    assert not layer(torch.randn(4, 3)).any()


def networks():
    image = nn.ModuleDict({"frame": nn.Conv2d(2, 2, 1)})
    return image, nn.ModuleDict({"frame": nn.Linear(2, 2), "time": nn.Linear(2, 2)})


def test_a_grown_network_has_the_images_weights_and_names_the_new_ones():
    image, video = networks()
    kept = video["time"].weight.clone()
    assert grow(video, image.state_dict()) == ["time.weight", "time.bias"]
    assert torch.equal(video["frame"].weight, image["frame"].weight[:, :, 0, 0])
    assert torch.equal(video["time"].weight, kept)


def test_a_weight_without_a_place_or_of_another_size_is_refused():
    image, video = networks()
    with pytest.raises(WeightsError, match=r"1 weights have no place.*other"):
        grow(video, {**image.state_dict(), "other": torch.zeros(1)})
    with pytest.raises(WeightsError, match=r"1 another size.*frame\.bias"):
        grow(video, {"frame.bias": torch.zeros(3)})
