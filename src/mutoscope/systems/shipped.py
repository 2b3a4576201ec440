"""The parts that ship, put together: one layout, one autoencoder, one sentence encoder.

Every system of the zoo stands on these; what it adds is in its recipe.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from safetensors import SafetensorError
from torch import nn

from mutoscope import machine, zoo
from mutoscope.autoencoders import FrameAutoencoder
from mutoscope.core.denoiser import Denoiser
from mutoscope.core.prediction import Flow
from mutoscope.core.schedule import Rectified
from mutoscope.encoders import Bytes, MiniLM, TextEncoder
from mutoscope.errors import WeightsError
from mutoscope.networks.small3d import SmallUNet3D
from mutoscope.systems.diffusion import Parts

Part = TypeVar("Part", bound=nn.Module)

AUTOENCODER = "autoencoder"
SIZES = ("side", "shift", "text")
"""Sizes that no network's own configuration holds: the zoo keeps them beside it."""


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """The sizes of the shipped layout, every number ours.

    `side` is that of the square pictures it has learned, `shift` that of its straight path, `text`
    the width of a text encoder for tests (None: the sentence encoder).
    """

    channels: int = 16
    width: int = 96
    inner: int = 192
    depth: int = 6
    heads: int = 4
    side: int = 128
    shift: float = 2.0
    text: int | None = None

    @classmethod
    def tiny(cls) -> Sizes:
        """For tests: 32 x 32 pixels, a text encoder of bytes."""
        return cls(channels=4, width=8, inner=16, depth=1, heads=2, side=32, text=8)


def fresh(sizes: Sizes, *, temporal: bool) -> Parts:
    """Parts that have learned nothing; `temporal` gives the network its layers over time."""
    text: TextEncoder = MiniLM() if sizes.text is None else Bytes(sizes.text)
    network = SmallUNet3D(
        channels=sizes.channels,
        width=sizes.width,
        inner=sizes.inner,
        depth=sizes.depth,
        heads=sizes.heads,
        text=text.width,
        temporal=temporal,
    )
    denoiser = Denoiser(network, Rectified(sizes.shift), Flow())
    autoencoder = FrameAutoencoder(channels=sizes.channels)
    return Parts(denoiser=denoiser, autoencoder=autoencoder, text=text)


def sizes(name: str, folder: Path | None = None) -> Sizes:
    """The sizes of what the zoo (or a folder laid out like it) holds under a name."""
    told = zoo.facts(name, folder or zoo.FOLDER)
    return Sizes(**{key: told[key] for key in SIZES if key in told})


def opened(name: str, folder: Path | None = None) -> Parts:
    """Its parts, ready to generate, the network in the number format of `machine.precision`.

    An autoencoder that the folder lacks is the zoo's.
    """
    where = folder or zoo.FOLDER
    own = (where / AUTOENCODER / "config.json").exists()
    coder = where if own else zoo.FOLDER
    told = sizes(name, folder)
    network = _part(SmallUNet3D, name, where)
    whole = Parts(
        denoiser=Denoiser(network, Rectified(told.shift), Flow()),
        autoencoder=_part(FrameAutoencoder, AUTOENCODER, coder),
        text=MiniLM() if told.text is None else Bytes(told.text),
        sha256={name: zoo.sha256(name, where), AUTOENCODER: zoo.sha256(AUTOENCODER, coder)},
    )
    return whole.ready(machine.precision())


def _part(kind: type[Part], name: str, folder: Path) -> Part:
    try:
        return zoo.load_part(kind, name, folder)
    except (RuntimeError, TypeError, OSError, SafetensorError) as error:
        raise WeightsError(
            f"the weights in {folder / name} are missing or don't fit {kind.__name__}"
            f" ({' '.join(str(error).split())[:120]}); train them again: mutoscope train {name}"
        ) from error
