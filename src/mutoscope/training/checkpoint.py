"""Training state on disk: parameters, averages and optimizer moments, all as safetensors."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from mutoscope.errors import WeightsError
from mutoscope.training.ema import Ema
from mutoscope.zoo import arguments


def save(
    folder: Path, parts: nn.Module, optimizers: Sequence[Optimizer], ema: Ema, step: int
) -> None:
    """Write the state after `step` steps; a kill while writing leaves the state before it."""
    part, target = folder / "state.part", folder / "state"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    save_file(_packed(parts.state_dict()), part / "parts.safetensors")
    save_file(_packed(ema.values), part / "ema.safetensors")
    save_file(_packed(_moments(optimizers)), part / "optimizer.safetensors")
    (part / "step.json").write_text(json.dumps({"step": step}))
    old = folder / "state.old"
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        os.replace(target, old)
    os.replace(part, target)
    shutil.rmtree(old, ignore_errors=True)


def holds(folder: Path) -> bool:
    """Whether there is a state to go on from."""
    return any((folder / name).exists() for name in ("state", "state.old"))


def resume(folder: Path, parts: nn.Module, optimizers: Sequence[Optimizer], ema: Ema) -> int:
    """Load the newest whole state of `folder` into the arguments; the step to go on with."""
    state = next((folder / n for n in ("state", "state.old") if (folder / n).exists()), None)
    if state is None:
        return 0
    try:
        parts.load_state_dict(load_file(state / "parts.safetensors"))
    except RuntimeError as error:
        raise WeightsError(
            f"the training state in {folder} is of another network; choose another --out"
        ) from error
    ema.values.update(load_file(state / "ema.safetensors"))
    _restore(optimizers, load_file(state / "optimizer.safetensors"))
    return int(json.loads((state / "step.json").read_text())["step"])


def publish(folder: Path, parts: Mapping[str, nn.Module], record: Mapping[str, Any]) -> None:
    """Save finished parts for use, one folder a part; those called _something only helped."""
    for name, module in parts.items():
        if name.startswith("_"):
            continue
        target = folder / "parts" / name
        target.mkdir(parents=True, exist_ok=True)
        save_file(_packed(module.state_dict()), target / "weights.safetensors")
        config = json.dumps(arguments(module), indent=2, default=list)
        (target / "config.json").write_text(config + "\n")
    (folder / "run.json").write_text(json.dumps(dict(record), indent=2) + "\n")


def _packed(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.contiguous() for name, value in state.items()}


def _moments(optimizers: Sequence[Optimizer]) -> dict[str, Tensor]:
    return {
        f"{k}.{i}.{name}": value
        for k, optimizer in enumerate(optimizers)
        for i, row in optimizer.state_dict()["state"].items()
        for name, value in row.items()
    }


def _restore(optimizers: Sequence[Optimizer], moments: Mapping[str, Tensor]) -> None:
    for k, optimizer in enumerate(optimizers):
        rows: dict[int, dict[str, Tensor]] = {}
        for key, value in moments.items():
            which, index, name = key.split(".", 2)
            if int(which) == k:
                rows.setdefault(int(index), {})[name] = value
        optimizer.load_state_dict({**optimizer.state_dict(), "state": rows})
