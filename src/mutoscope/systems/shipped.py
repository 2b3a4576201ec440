"""The parts that ship, put together: one layout, one autoencoder, one sentence encoder.

Every system of the zoo stands on these; what it adds is in its recipe.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from torch import nn

from mutoscope import machine, zoo
from mutoscope.autoencoders import FrameAutoencoder
from mutoscope.core.denoiser import Denoiser
from mutoscope.core.prediction import Flow
from mutoscope.core.schedule import Rectified
from mutoscope.encoders import Bytes, MiniLM, TextEncoder, minilm_sha256
from mutoscope.errors import WeightsError
from mutoscope.networks.small3d import SmallUNet3D
from mutoscope.systems.diffusion import Parts
from mutoscope.world import lexicon
from mutoscope.world.caption import unseen

Part = TypeVar("Part", bound=nn.Module)

AUTOENCODER, TEXT = "autoencoder", "text"

BASE = "autoencoder_sha256"
"""Where a network's facts name the autoencoder it was trained on."""

TOLD = ("side", "shift", "text")
"""Sizes that no part's own configuration holds: the zoo keeps them beside the network's."""


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """The sizes of the shipped layout, every number ours.

    `side` is that of the square pictures it has learned, `shift` that of its straight path, `text`
    the width of a text encoder of bytes for tests (None: the sentence encoder). `network` and
    `autoencoder` are arguments of their classes; left out, the defaults there.
    """

    side: int = 128
    shift: float = 2.0
    text: int | None = None
    network: Mapping[str, Any] = field(default_factory=dict)
    autoencoder: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def tiny(cls) -> Sizes:
        """For tests: 32 x 32 pixels, a text encoder of bytes."""
        network = {"channels": 4, "width": 8, "inner": 16, "depth": 1, "heads": 2}
        autoencoder = {
            "channels": 4,
            "stride": 8,
            "widths": (8, 8),
            "depths": (1, 1),
            "decoder_widths": (8, 8),
            "decoder_depths": (1, 1),
        }
        return cls(side=32, text=8, network=network, autoencoder=autoencoder)


def fresh(sizes: Sizes, *, temporal: bool) -> Parts:
    """Parts that have learned nothing; `temporal` gives the network its layers over time."""
    text: TextEncoder = MiniLM() if sizes.text is None else Bytes(sizes.text)
    asked = {**sizes.network, "text": text.width, "temporal": temporal}
    network = SmallUNet3D(**asked)
    denoiser = Denoiser(network, Rectified(sizes.shift), Flow())
    return Parts(denoiser=denoiser, autoencoder=FrameAutoencoder(**sizes.autoencoder), text=text)


def outline(sizes: Sizes, *, temporal: bool) -> Parts:
    """Parts of these sizes on the `meta` device: shapes without contents, and no text encoder."""
    plain = sizes if sizes.text is not None else replace(sizes, text=MiniLM.width)
    with torch.device("meta"):
        return fresh(plain, temporal=temporal).ready(machine.precision())


def sizes(name: str, folder: Path | None = None) -> Sizes:
    """The sizes of what the zoo (or a folder laid out like it) holds under a name."""
    where, coder = _places(folder)
    told = zoo.facts(name, where)
    return Sizes(
        **{key: told[key] for key in TOLD if key in told},
        network=zoo.config(name, where),
        autoencoder=zoo.config(AUTOENCODER, coder),
    )


def files(name: str, folder: Path | None = None) -> Sequence[Path]:
    """The weight files that `opened` reads."""
    where, coder = _places(folder)
    return [*zoo.files(name, where), *zoo.files(AUTOENCODER, coder)]


def opened(name: str, folder: Path | None, dtype: torch.dtype | None) -> Parts:
    """Its parts, ready to generate, the network in `dtype` (None: as `machine.precision` says)."""
    where, coder = _places(folder)
    told = sizes(name, folder)
    network, autoencoder = (
        _part(SmallUNet3D, name, where),
        _part(FrameAutoencoder, AUTOENCODER, coder),
    )
    _check_base(name, where, coder)
    packaged = {} if told.text is not None else {TEXT: minilm_sha256()}
    whole = Parts(
        denoiser=Denoiser(network, Rectified(told.shift), Flow()),
        autoencoder=autoencoder,
        text=MiniLM() if told.text is None else Bytes(told.text),
        sha256={
            **{file.parent.name: zoo.hashed(file) for file in zoo.files(name, where)},
            AUTOENCODER: zoo.sha256(AUTOENCODER, coder),
            **packaged,
        },
    )
    return whole.ready(dtype or machine.precision())


def _places(folder: Path | None) -> tuple[Path, Path]:
    """Where network and autoencoder lie; an autoencoder that the folder lacks is the zoo's."""
    where = folder or zoo.FOLDER
    return where, zoo.where(AUTOENCODER, where)


def _check_base(name: str, where: Path, coder: Path) -> None:
    """Refuse an autoencoder other than the one whose latents the network has learned."""
    here, learned = zoo.sha256(AUTOENCODER, coder), zoo.facts(name, where).get(BASE)
    if learned not in (None, here):
        raise WeightsError(
            f"the weights in {where / name} were trained on another autoencoder"
            f" (sha256 {learned[:12]}...) than {coder / AUTOENCODER} ({here[:12]}...);"
            " take both from one place",
            failed=where == zoo.FOLDER,
        )


def _part(kind: type[Part], name: str, folder: Path) -> Part:
    try:
        return zoo.load_part(kind, name, folder)
    except (RuntimeError, TypeError, OSError, SafetensorError) as error:
        raise WeightsError(
            f"the weights in {folder / name} are missing or don't fit {kind.__name__}"
            f" ({' '.join(str(error).split())[:120]}); train them again: mutoscope train {name}",
            failed=folder == zoo.FOLDER,
        ) from error


def unread(name: str, prompt: str) -> tuple[str, ...]:
    """The words of a prompt that a shipped system has never read, in order.

    What its weights name counts, else the vocabulary of the world.
    """
    known = zoo.facts(name).get("words") if name in zoo.names() else None
    if known is None:
        return unseen(prompt)
    said = dict.fromkeys(word for word in lexicon.split(prompt) if word[0].isalnum())
    return tuple(word for word in said if word not in known and not word.isdigit())
