"""I3D, the network whose Kinetics-400 logits FVD is taken over; its weights are the user's.

Two-stream inflated Inception-v1, RGB stream. Pooling and convolutions pad as TensorFlow's SAME:
for size n, kernel k and stride s by max(k - (n mod s or s), 0) zeros, the smaller half in front.
Parameters carry the names of the public PyTorch port (rgb_imagenet), so that its file, brought to
safetensors, loads as it is. A TorchScript file isn't read: opening one runs whatever stands in it.

Source: Carreira & Zisserman (2017), figure 3.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from mutoscope.errors import DataError, WeightsError

SIDE, SHORTEST, CLASSES = 224, 9, 400
"""Pixels a side, frames from which on there is a logit, and classes of Kinetics-400."""
MIXED = {
    "Mixed_3b": (192, 64, 96, 128, 16, 32, 32), "Mixed_3c": (256, 128, 128, 192, 32, 96, 64),
    "Mixed_4b": (480, 192, 96, 208, 16, 48, 64), "Mixed_4c": (512, 160, 112, 224, 24, 64, 64),
    "Mixed_4d": (512, 128, 128, 256, 24, 64, 64), "Mixed_4e": (512, 112, 144, 288, 32, 64, 64),
    "Mixed_4f": (528, 256, 160, 320, 32, 128, 128), "Mixed_5b": (832, 256, 160, 320, 32, 128, 128),
    "Mixed_5c": (832, 384, 192, 384, 48, 128, 128),
}  # fmt: skip
"""Channels in, of the first branch, of the two of the second and third, and of the last."""


class I3D(nn.Module):
    """Frames to logits of Kinetics-400, as FVD takes them."""

    def __init__(self) -> None:
        super().__init__()
        steps: list[tuple[str, nn.Module]] = [
            ("Conv3d_1a_7x7", _Unit(3, 64, 7, 2)),
            ("MaxPool3d_2a_3x3", _Pool((1, 3, 3), (1, 2, 2))),
            ("Conv3d_2b_1x1", _Unit(64, 64)),
            ("Conv3d_2c_3x3", _Unit(64, 192, 3)),
            ("MaxPool3d_3a_3x3", _Pool((1, 3, 3), (1, 2, 2))),
        ]
        after = {"Mixed_3c": _Pool((3, 3, 3), (2, 2, 2)), "Mixed_4f": _Pool((2, 2, 2), (2, 2, 2))}
        for name, channels in MIXED.items():
            steps.append((name, _Mixed(channels)))
            if name in after:
                steps.append((f"after_{name}", after[name]))
        self.order = [name for name, _ in steps]
        for name, step in steps:
            self.add_module(name, step)
        self.logits = _Unit(1024, CLASSES, plain=True)

    def forward(self, frames: Float[Tensor, "b 3 T H W"]) -> Float[Tensor, "b 400"]:
        """Logits, the mean over what time is left; frames in [-1, 1], stretched to 224 x 224.

        Refuses fewer than 9 frames.
        """
        b, _, T = frames.shape[:3]
        if T < SHORTEST:
            raise DataError(f"I3D needs {SHORTEST} frames or more (got {T})")
        flat = rearrange(frames, "b c t h w -> (b t) c h w")
        x = F.interpolate(flat, size=(SIDE, SIDE), mode="bilinear", align_corners=False)
        x = rearrange(x, "(b t) c h w -> b c t h w", b=b)
        for name in self.order:
            x = self.get_submodule(name)(x)
        x = self.logits(F.avg_pool3d(x, (2, 7, 7), stride=1))
        return x.mean((2, 3, 4))

    @torch.inference_mode()
    def extract(self, frames: Float[Tensor, "b 3 T H W"], _: float) -> Float[np.ndarray, "b 400"]:
        """Logits of clips, one at a time, as `evaluate.distribution` takes features."""
        return torch.cat([self(clip[None]) for clip in frames]).numpy()


def kinetics(path: Path) -> I3D:
    """I3D with the weights of a safetensors file; refuses any other file, and other names."""
    try:
        weights = load_file(path)
    except (OSError, SafetensorError) as error:
        raise WeightsError(
            f"{path} isn't a safetensors file that can be read; bring the public port's weights"
            " to safetensors first (docs/evaluate.md says how)"
        ) from error
    network = I3D()
    try:
        found = network.load_state_dict(weights, strict=False)
    except RuntimeError as error:
        raise WeightsError(f"the weights in {path} aren't of I3D's shapes") from error
    # Counting batches is only of use in training, and not every file has it.
    missing = [name for name in found.missing_keys if not name.endswith("num_batches_tracked")]
    odd = [*missing, *found.unexpected_keys]
    if odd:
        raise WeightsError(
            f"the weights in {path} aren't I3D's: the first that differs is {odd[0]}"
        )
    return network.eval().requires_grad_(requires_grad=False)


class _Unit(nn.Module):
    """Convolution, normalisation, ReLU; `plain`: with a bias instead of the last two."""

    def __init__(
        self, inside: int, outside: int, k: int = 1, s: int = 1, *, plain: bool = False
    ) -> None:
        super().__init__()
        self.kernel, self.stride = (k, k, k), (s, s, s)
        self.conv3d = nn.Conv3d(inside, outside, k, s, bias=plain)
        self.bn = None if plain else nn.BatchNorm3d(outside, eps=1e-3)

    def forward(self, x: Float[Tensor, "b c t h w"]) -> Float[Tensor, "b d u v w2"]:
        x = self.conv3d(_same(x, self.kernel, self.stride))
        return x if self.bn is None else F.relu(self.bn(x))


class _Pool(nn.Module):
    """The largest of each window."""

    def __init__(self, kernel: tuple[int, int, int], stride: tuple[int, int, int]) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, x: Float[Tensor, "b c t h w"]) -> Float[Tensor, "b c u v w2"]:
        return F.max_pool3d(_same(x, self.kernel, self.stride), self.kernel, self.stride)


class _Mixed(nn.Module):
    """Four branches side by side."""

    def __init__(self, channels: tuple[int, ...]) -> None:
        super().__init__()
        c, b0, b1a, b1b, b2a, b2b, b3 = channels
        self.b0 = _Unit(c, b0)
        self.b1a, self.b1b = _Unit(c, b1a), _Unit(b1a, b1b, 3)
        self.b2a, self.b2b = _Unit(c, b2a), _Unit(b2a, b2b, 3)
        self.b3a, self.b3b = _Pool((3, 3, 3), (1, 1, 1)), _Unit(c, b3)

    def forward(self, x: Float[Tensor, "b c t h w"]) -> Float[Tensor, "b d t h w"]:
        return torch.cat(
            [self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), self.b3b(self.b3a(x))], dim=1
        )


def _same(
    x: Float[Tensor, "b c t h w"], kernel: tuple[int, ...], stride: tuple[int, ...]
) -> Float[Tensor, "b c u v w2"]:
    """Padded as TensorFlow's SAME."""
    sizes = zip(x.shape[2:], kernel, stride, strict=True)
    whole = [max(k - (n % s or s), 0) for n, k, s in sizes]
    halves = [side for pad in reversed(whole) for side in (pad // 2, pad - pad // 2)]
    return F.pad(x, halves)
