"""Published folders as parts of ours: diffusers' `TextToVideoSDPipeline` layout, from disk only.

The network is our own with the folder's weights; its text tower, autoencoder and the numbers of its
scheduler are the folder's. Everything is read from safetensors; pickles are refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from mutoscope.core.denoiser import Denoiser
from mutoscope.encoders import Bytes, TextEncoder
from mutoscope.errors import WeightsError
from mutoscope.hub import keys
from mutoscope.hub.keys import Spacing
from mutoscope.hub.published import ClipText, KlAutoencoder
from mutoscope.networks.unet3d import UNet3D
from mutoscope.systems.diffusion import Parts
from mutoscope.weights import channels_last, check_folder

INDEX = "model_index.json"
PIPELINES = ("TextToVideoSDPipeline", "VideoToVideoSDPipeline")
WEIGHED = ("unet", "vae", "text_encoder")


@dataclass(frozen=True, kw_only=True)
class Published:
    """A published folder, ready to be run by a system.

    `grid` gives the times its authors visit in so many steps; `side` is that of the squares it was
    trained on, in pixels.
    """

    folder: Path
    parts: Parts
    grid: Spacing
    side: int


def is_published(folder: Path) -> bool:
    """Whether this is a folder of diffusers' layout."""
    return (folder / INDEX).is_file()


def load(folder: Path, *, dtype: torch.dtype = torch.float32) -> Published:
    """The folder's parts, frozen, the network in `dtype`; nothing is fetched."""
    _check(folder)
    network = _network(folder, device="meta")
    try:
        network.load_state_dict(_weights(folder / "unet"), assign=True)
    except (RuntimeError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:160]
        raise WeightsError(f"the weights in {folder / 'unet'} don't fit: {reason}") from error
    channels_last(network)
    coder, text = KlAutoencoder(_vae(folder)), _text(folder)
    sha256 = {name: _sha256(_files(folder / name)) for name in WEIGHED}
    return _published(folder, network, coder, text, sha256, dtype)


def outline(folder: Path, *, dtype: torch.dtype = torch.float32) -> Published:
    """The same on the `meta` device, to ask what a request costs: no weight is read."""
    _check(folder)
    with torch.device("meta"):
        from diffusers import AutoencoderKL

        coder = KlAutoencoder(AutoencoderKL.from_config(_json(folder / "vae" / "config.json")))
    width = _json(folder / "text_encoder" / "config.json")["hidden_size"]
    return _published(folder, _network(folder, device="meta"), coder, Bytes(width), {}, dtype)


def files(folder: Path) -> Sequence[Path]:
    """The weight files that `load` reads."""
    _check(folder)
    return [file for name in WEIGHED for file in _files(folder / name)]


def _published(
    folder: Path,
    network: UNet3D,
    coder: KlAutoencoder,
    text: TextEncoder,
    sha256: dict[str, str],
    dtype: torch.dtype,
) -> Published:
    told = _json(folder / "scheduler" / "scheduler_config.json")
    denoiser = Denoiser(network, keys.table(told), keys.predicts(told))
    parts = Parts(denoiser=denoiser, autoencoder=coder, text=text, scalars=(), sha256=sha256)
    side = (network.config.sample_size or 32) * coder.stride[1]
    return Published(folder=folder, parts=parts.ready(dtype), grid=keys.spacing(told), side=side)


def _check(folder: Path) -> None:
    if not is_published(folder):
        raise WeightsError(f"{folder} holds no {INDEX}; give a folder of diffusers' layout")
    kind = _json(folder / INDEX).get("_class_name")
    if kind not in PIPELINES:
        raise WeightsError(f"{folder} is a {kind}; this system reads {' and '.join(PIPELINES)}")


def _network(folder: Path, *, device: str) -> UNet3D:
    with torch.device(device):
        return UNet3D(**keys.network(_json(folder / "unet" / "config.json")))


def _files(part: Path) -> list[Path]:
    """A part's weight files: the plain ones, else those of a variant such as fp16."""
    check_folder(part)
    found = sorted(part.glob("*.safetensors"))
    return [file for file in found if not _variant(file)] or found


def _variant(file: Path) -> str | None:
    """`fp16` of `model.fp16.safetensors` and of `model.fp16-00001-of-00002.safetensors`."""
    middle = file.name.split(".")[1:-1]
    return middle[0].split("-")[0] if middle else None


def _weights(part: Path) -> dict[str, Tensor]:
    return {name: weight for file in _files(part) for name, weight in load_file(file).items()}


def _vae(folder: Path) -> nn.Module:
    from diffusers import AutoencoderKL

    variant = _variant(_files(folder / "vae")[0])
    return _foreign(
        AutoencoderKL,
        folder / "vae",
        variant=variant,
        torch_dtype=torch.float32,
        low_cpu_mem_usage=find_spec("accelerate") is not None,
    )


def _text(folder: Path) -> ClipText:
    from transformers import CLIPTextModel, CLIPTokenizer
    from transformers.utils import logging

    cast("Any", logging).disable_progress_bar()
    variant = _variant(_files(folder / "text_encoder")[0])
    tower = _foreign(CLIPTextModel, folder / "text_encoder", variant=variant, dtype=torch.float32)
    tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True)
    return ClipText(tokenizer, tower.eval().requires_grad_(requires_grad=False))


def _foreign(kind: type[nn.Module], folder: Path, **settings: object) -> nn.Module:
    try:
        only = {"use_safetensors": True, "local_files_only": True}
        return cast("Any", kind).from_pretrained(folder, **only, **settings)
    except (OSError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:160]
        raise WeightsError(f"{folder} can't be read as {kind.__name__}: {reason}") from error


def _json(file: Path) -> dict[str, Any]:
    try:
        return json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise WeightsError(f"{file} is missing or no JSON; the folder isn't whole") from error


def _sha256(files: Sequence[Path]) -> str:
    """Of one file its own; of several, of their hashes one after another."""
    hashes = []
    for file in files:
        with file.open("rb") as opened:
            hashes.append(hashlib.file_digest(opened, "sha256").hexdigest())
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()
