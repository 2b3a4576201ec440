"""The shipped weights: `<name>/{config.json, weights.safetensors, README.md}`, bf16.

config.json holds the arguments of the part's class, and under "mutoscope" what it was made with:
class, steps, seed, world version, base and its sha256.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from mutoscope.errors import WeightsError

FOLDER = Path(__file__).parent

Part = TypeVar("Part", bound=nn.Module)


def names(folder: Path = FOLDER) -> tuple[str, ...]:
    """What is shipped, or lies in a folder laid out like this one, by name."""
    return tuple(sorted(p.parent.name for p in folder.glob("*/config.json")))


def config(name: str, folder: Path = FOLDER) -> Mapping[str, Any]:
    """The arguments of a part's class."""
    given = {k: v for k, v in _config(name, folder).items() if k != "mutoscope"}
    return {k: tuple(v) if isinstance(v, list) else v for k, v in given.items()}


def facts(name: str, folder: Path = FOLDER) -> Mapping[str, Any]:
    """What a part was made with (the "mutoscope" entry of its config.json)."""
    return dict(_config(name, folder).get("mutoscope", {}))


def sha256(name: str, folder: Path = FOLDER) -> str:
    """Hash of a part's weight file."""
    return hashlib.sha256((folder / name / "weights.safetensors").read_bytes()).hexdigest()


def load_part(kind: type[Part], name: str, folder: Path = FOLDER) -> Part:
    """A part with its weights, in float32."""
    part = kind(**config(name, folder))
    state = load_file(folder / name / "weights.safetensors")
    part.load_state_dict({k: v.float() for k, v in state.items()})
    return part


def arguments(part: nn.Module) -> dict[str, Any]:
    """What a part's class was called with, as its config.json holds it; {} for a plain module."""
    return {k: v for k, v in dict(getattr(part, "config", {})).items() if not k.startswith("_")}


def save_part(part: nn.Module, name: str, made: Mapping[str, Any], folder: Path = FOLDER) -> Path:
    """Write a part's weights in bf16 and its configuration; a file appears whole or not at all."""
    target = folder / name
    target.mkdir(parents=True, exist_ok=True)
    keep = {k: v.detach().to(torch.bfloat16).contiguous() for k, v in part.state_dict().items()}
    draft = target / "weights.part"
    save_file(keep, draft)
    os.replace(draft, target / "weights.safetensors")
    text = json.dumps({**arguments(part), "mutoscope": dict(made)}, indent=2, default=list)
    (target / "config.json").write_text(text + "\n")
    return target


def _config(name: str, folder: Path) -> Mapping[str, Any]:
    path = folder / name / "config.json"
    if not path.exists():
        raise WeightsError(
            f"no weights called {name} in {folder} (there: {', '.join(names(folder)) or 'none'}); "
            f"make them with: mutoscope train {name}",
            failed=folder == FOLDER,
        )
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        sentence = f"{path} can't be read ({error}); copy or train it again"
        raise WeightsError(sentence, failed=folder == FOLDER) from error
    if not isinstance(found, dict):
        sentence = f"{path} must hold a JSON object; copy or train it again"
        raise WeightsError(sentence, failed=folder == FOLDER)
    return found
