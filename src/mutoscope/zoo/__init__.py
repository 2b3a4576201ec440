"""The shipped weights: `<name>/{config.json, weights.safetensors, README.md}`, bf16.

config.json holds the arguments of the part's class, and under "mutoscope" what it was made with:
class, steps, seed, world version, base and its sha256.

A part that changes little of another has `delta.safetensors` instead, the tensors that are new or
not its base's; the base is looked for beside it, then among what ships, and must have the sha256
that the delta names.
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
from torch import Tensor, nn

from mutoscope.errors import WeightsError

FOLDER = Path(__file__).parent
WEIGHTS, DELTA = "weights.safetensors", "delta.safetensors"

State = Mapping[str, Tensor]
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


def files(name: str, folder: Path = FOLDER) -> tuple[Path, ...]:
    """The weight files that `load_part` reads: a part's own, after a delta its base's."""
    if not (folder / name / DELTA).exists():
        return (folder / name / WEIGHTS,)
    base = _base(name, folder)
    return (folder / name / DELTA, *files(base, where(base, folder)))


def where(name: str, folder: Path) -> Path:
    """The folder itself if it holds weights of that name, else that of what ships."""
    return folder if (folder / name / "config.json").exists() else FOLDER


def sha256(name: str, folder: Path = FOLDER) -> str:
    """Hash of a part's own weight file; a delta's names its base in turn (`facts`)."""
    return hashed(files(name, folder)[0])


def hashed(file: Path) -> str:
    """Hash of a file."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def load_part(kind: type[Part], name: str, folder: Path = FOLDER) -> Part:
    """A part with its weights, in float32; refuses a delta whose base is another here."""
    part = kind(**config(name, folder))
    part.load_state_dict({k: v.float() for k, v in _state(name, folder).items()})
    return part


def arguments(part: nn.Module) -> dict[str, Any]:
    """What a part's class was called with, as its config.json holds it; {} for a plain module."""
    return {k: v for k, v in dict(getattr(part, "config", {})).items() if not k.startswith("_")}


def save_part(part: nn.Module, name: str, made: Mapping[str, Any], folder: Path = FOLDER) -> Path:
    """Write a part's weights in bf16 and its configuration; a file appears whole or not at all."""
    return _save(part, part.state_dict(), folder / name, WEIGHTS, made)


def save_delta(
    part: nn.Module, name: str, base: str, made: Mapping[str, Any], folder: Path = FOLDER
) -> Path:
    """Write what of a part is not its base's: tensors of its own, or with other values; bf16.

    Refuses a part that lacks a tensor of the base, which no delta can say.
    """
    home = where(base, folder)
    known, own = _state(base, home), part.state_dict()
    odd = sorted(k for k in known if k not in own or own[k].shape != known[k].shape)
    if odd:
        raise WeightsError(
            f"{name} lacks {odd[0]} of its base {base} or has it in another size; a delta holds "
            "what is new or changed: save the whole part"
        )
    changed = {
        k: v for k, v in own.items()
        if k not in known or not torch.equal(v.float().cpu(), known[k].float())
    }  # fmt: skip
    facts = {**made, "base": base, "base_sha256": sha256(base, home)}
    return _save(part, changed, folder / name, DELTA, facts)


def _save(part: nn.Module, state: State, target: Path, file: str, made: Mapping[str, Any]) -> Path:
    target.mkdir(parents=True, exist_ok=True)
    keep = {k: v.detach().to(torch.bfloat16).contiguous() for k, v in state.items()}
    draft = target / file.replace(".safetensors", ".part")
    save_file(keep, draft)
    os.replace(draft, target / file)
    text = json.dumps({**arguments(part), "mutoscope": dict(made)}, indent=2, default=list)
    told = target / "config.part"
    told.write_text(text + "\n")
    os.replace(told, target / "config.json")
    (target / (DELTA if file == WEIGHTS else WEIGHTS)).unlink(missing_ok=True)
    return target


def _state(name: str, folder: Path) -> State:
    """The tensors of a part, those of its base beneath those of a delta."""
    own, *_ = files(name, folder)
    if own.name == WEIGHTS:
        return load_file(own)
    base = _base(name, folder)
    home = where(base, folder)
    wanted, here = facts(name, folder).get("base_sha256"), sha256(base, home)
    if wanted != here:
        raise WeightsError(
            f"the delta in {folder / name} was learned on {base} (sha256 "
            f"{str(wanted)[:12]}...), but {home / base} is {here[:12]}...; take both from "
            "one place, or learn it again",
            failed=folder == FOLDER,
        )
    return {**_state(base, home), **load_file(own)}


def _base(name: str, folder: Path) -> str:
    base = facts(name, folder).get("base")
    if not isinstance(base, str) or base == name:
        raise WeightsError(
            f"the delta in {folder / name} doesn't say what its base is; copy or train it again",
            failed=folder == FOLDER,
        )
    return base


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
