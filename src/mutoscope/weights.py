"""How a learnable part rests on disk: the one file below `hub` that knows diffusers.

A part is a folder with `config.json`, the arguments of its `__init__`, and safetensors. The base
class is called `ModelMixin`, as diffusers' own: a diffusers pipeline finds the loader of a foreign
part by looking for that very name in the part's module, so leaf files import it under that name.
The index of a pipeline holds a part's full module path; a leaf file that moves breaks saved files.
"""

from __future__ import annotations

from functools import wraps
from importlib.util import find_spec
from os import PathLike
from pathlib import Path
from typing import TypeVar, cast

import torch
from diffusers.configuration_utils import ConfigMixin
from diffusers.configuration_utils import register_to_config as _register

# The package's root shows type checkers a dummy of this class.
from diffusers.models.modeling_utils import ModelMixin as _ModelMixin
from torch import nn

from mutoscope.errors import WeightsError

PICKLED = (".bin", ".ckpt", ".pt", ".pth")

Init = TypeVar("Init")
Layer = TypeVar("Layer", bound=nn.Module)
Part = TypeVar("Part", bound="ModelMixin")  # typing.Self, which beartype can't check in a method


def register_to_config(init: Init) -> Init:
    """Keep the arguments of a part's `__init__` as its config.json; the signature stays typed.

    JSON has no tuples: lists come back as them.
    """
    registered = _register(init)

    @wraps(registered)
    def settled(part: object, *args: object, **named: object) -> None:
        named = {key: tuple(v) if isinstance(v, list) else v for key, v in named.items()}
        registered(part, *args, **named)

    return cast("Init", settled)


def check_folder(folder: Path) -> None:
    """Refuse a folder that isn't there, or whose weights aren't safetensors."""
    if not folder.is_dir():
        raise WeightsError(f"no such weights folder: {folder}; give the folder of a saved part")
    names = sorted(file.name for file in folder.iterdir())
    pickled = [name for name in names if name.endswith(PICKLED)]
    if any(name.endswith(".safetensors") for name in names):
        return
    if pickled:
        raise WeightsError(
            f"{folder / pickled[0]} is a pickle, which can run code when it is opened; weights "
            "must be .safetensors: take the safetensors variant, or convert it where you trust it"
        )
    raise WeightsError(f"{folder} holds no .safetensors file; give the folder of a saved part")


def channels_last(part: Layer) -> Layer:
    """The part, its convolution kernels laid out channels last in memory.

    A CPU would bring them into that order at every call: a third of the time on small frames.
    Values, names and shapes stay.
    """
    orders = {4: torch.channels_last, 5: torch.channels_last_3d}
    for kernel in part.parameters():
        if kernel.ndim in orders:
            kernel.data = kernel.data.contiguous(memory_format=orders[kernel.ndim])
    return part


class ModelMixin(_ModelMixin, ConfigMixin):  # type: ignore[misc]
    """A learnable part that is saved and loaded by itself, in diffusers' format."""

    # diffusers' own answers with the *config value* when a submodule shares an argument's name.
    __getattr__ = nn.Module.__getattr__
    # diffusers' own logs a warning about modules to be kept in float32 (none) at every cast.
    to = nn.Module.to

    def __init__(self) -> None:
        super().__init__()

    @classmethod
    def from_pretrained(cls: type[Part], folder: str | PathLike[str], **settings: object) -> Part:
        """The part saved in `folder`, in eval mode; safetensors only.

        `settings` are diffusers' (`torch_dtype`, `subfolder`, `variant`), since its pipelines call
        this method too. Refuses a pickle and a folder without weights.
        """
        check_folder(Path(folder) / str(settings.get("subfolder") or ""))
        settings |= {"use_safetensors": True, "local_files_only": True}
        # Without accelerate diffusers would log a warning before it falls back by itself.
        settings.setdefault("low_cpu_mem_usage", find_spec("accelerate") is not None)
        try:
            return channels_last(cast("Part", super().from_pretrained(folder, **settings)))
        except (OSError, RuntimeError, ValueError) as error:
            reason = str(error).strip().splitlines()[0]
            raise WeightsError(
                f"the weights in {folder} don't fit {cls.__name__}: {reason}"
            ) from error

    def save_pretrained(self, folder: str | PathLike[str], **settings: object) -> None:
        """Write config.json and safetensors, which other programs open as well.

        `settings` are diffusers' (`max_shard_size`, `variant`), whose pipelines call this too.
        """
        for kernel in self.parameters():
            kernel.data = kernel.data.contiguous()  # as the file format wants it
        super().save_pretrained(folder, **(settings | {"safe_serialization": True}))
        channels_last(self)
