"""I3D by names and shapes, its padding, and what isn't read as its weights."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from mutoscope.errors import DataError, WeightsError
from mutoscope.networks.i3d import I3D, _same, kinetics


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return I3D().eval()


def test_parameters_are_those_of_the_published_network(network):
    """12.7 million, of which the 400 classes are 0.41; names as in the public port."""
    weights = dict(network.named_parameters())
    assert sum(one.numel() for one in weights.values()) == 12_697_264
    assert weights["Conv3d_1a_7x7.conv3d.weight"].shape == (64, 3, 7, 7, 7)
    assert weights["Mixed_4f.b2b.bn.bias"].shape == (128,)
    assert weights["logits.conv3d.bias"].shape == (400,)
    assert len(weights) == 57 * 3 + 2


@pytest.mark.parametrize(
    ("n", "k", "s", "before", "after"),
    [(16, 7, 2, 2, 3), (9, 7, 2, 3, 3), (224, 3, 2, 0, 1), (7, 3, 1, 1, 1), (8, 2, 2, 0, 0)],
)
def test_padding_is_tensorflows_same(n, k, s, before, after):
    x = torch.ones(1, 1, n, 4, 4)
    padded = _same(x, (k, 1, 1), (s, 1, 1))
    assert padded.shape == (1, 1, before + n + after, 4, 4)
    assert padded[0, 0, :before].sum() == 0
    assert len(range(0, padded.shape[2] - k + 1, s)) == -(-n // s)


def test_a_file_of_weights_loads_and_gives_the_same_logits(network, tmp_path: Path):
    path = tmp_path / "i3d.safetensors"
    state = {k: v for k, v in network.state_dict().items() if "num_batches" not in k}
    save_file(state, path)
    clip = torch.rand(1, 3, 9, 32, 40) * 2 - 1
    found = kinetics(path).extract(clip, 8.0)
    assert found.shape == (1, 400)
    with torch.inference_mode():
        assert torch.equal(torch.from_numpy(found), network(clip))
    with pytest.raises(DataError, match="9 frames"):
        network(clip[:, :, :8])


def test_what_is_no_safetensors_file_of_i3d_is_refused(network, tmp_path: Path):
    """A TorchScript file and a pickle among them: neither is ever opened as such."""
    script = tmp_path / "i3d_torchscript.pt"
    script.write_bytes(b"PK\x03\x04 anything")
    with pytest.raises(WeightsError, match="bring the public port's weights"):
        kinetics(script)
    odd = tmp_path / "odd.safetensors"
    save_file({"logits.conv3d.bias": torch.zeros(400)}, odd)
    with pytest.raises(WeightsError, match=r"first that differs is Conv3d_1a_7x7\.conv3d\.weight"):
        kinetics(odd)
    save_file({"logits.conv3d.bias": torch.zeros(5)}, odd)
    with pytest.raises(WeightsError, match="shapes"):
        kinetics(odd)
