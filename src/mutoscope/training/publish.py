"""From a finished run to the zoo: bf16 weights, what they were made with, the curve, a card.

A part that was trained further keeps its earlier phases in its card.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import nn

from mutoscope import world, zoo
from mutoscope.errors import WeightsError


def publish(
    part: nn.Module, name: str, run: Path, *, facts: Mapping[str, Any], folder: Path = zoo.FOLDER
) -> Path:
    """Put the averaged weights of `run` into `part` and save it as `name` of the zoo."""
    learned = next((run / "parts").glob("*/weights.safetensors"), None)
    if learned is None:
        raise WeightsError(f"the run in {run} isn't finished; go on with: mutoscope train {name}")
    part.load_state_dict(load_file(learned))
    done = json.loads((run / "run.json").read_text())
    before = zoo.facts(name, folder).get("phases", []) if done.get("init") else []
    phase = {key: done[key] for key in ("steps", "batch", "rate", "seed", "muon") if key in done}
    phases = [*before, {**phase, "commit": _commit()}]
    made = {"class": type(part).__name__, "world": world.VERSION, **facts, "phases": phases}
    target = zoo.save_part(part, name, made, folder)
    if (run / "curve.png").exists():
        shutil.copy(run / "curve.png", target / "curve.png")
    _card(target, name, part, phases)
    return target


def _card(target: Path, name: str, part: nn.Module, phases: Sequence[Mapping[str, Any]]) -> None:
    """Write the generated head of the card; what stands below its line is kept."""
    path, line = target / "README.md", "<!-- below: written by hand -->"
    kept = path.read_text().partition(line)[2] if path.exists() else "\n"
    count = sum(p.numel() for p in part.parameters())
    rows = "\n".join(f"- {json.dumps(dict(phase))}" for phase in phases)
    head = (
        f"# {name}\n\n`{type(part).__name__}`, {count:,} parameters, bf16; "
        f"world {world.VERSION}.\n\n"
        f"Trained with `mutoscope train {name}`; phases:\n\n{rows}\n\n![loss](curve.png)\n\n"
    )
    draft = path.with_suffix(".part")
    draft.write_text(head + line + kept)
    os.replace(draft, path)


def _commit() -> str:
    git = shutil.which("git")
    here = Path(__file__).parent
    if git is None:
        return "unknown"
    asked = [git, "-C", str(here), "rev-parse", "--short", "HEAD"]
    found = subprocess.run(asked, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"
