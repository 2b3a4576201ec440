"""From a finished run to the zoo: bf16 weights, what they were made with, the curve, a card.

A part that was trained further keeps its earlier phases in its card. What others stand on is frozen
under a name: their deltas name the hash of its weights, so it isn't published again by accident.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from safetensors.torch import load_file
from torch import nn

from mutoscope import world, zoo
from mutoscope.errors import WeightsError

Part = TypeVar("Part", bound=nn.Module)


def fresh(kind: Callable[..., Part], name: str, run: Path) -> Part:
    """The part that a finished run taught, as its configuration has it, without what it learned."""
    found = next((run / "parts").glob("*/config.json"), None)
    if found is None:
        raise WeightsError(f"{run} holds no finished run; go on with: mutoscope train {name}")
    return kind(**json.loads(found.read_text()))


def publish(
    part: nn.Module, name: str, run: Path, *, facts: Mapping[str, Any], folder: Path = zoo.FOLDER,
    thaw: bool = False,
) -> Path:  # fmt: skip
    """Put the averaged weights of `run` into `part` and save it as `name` of the zoo.

    Refuses to take the place of a frozen part, unless it is to `thaw`: then it is frozen no longer.
    """
    frozen = zoo.facts(name, folder).get("frozen") if name in zoo.names(folder) else None
    if frozen and not thaw:
        raise WeightsError(
            f"{name} is frozen as {frozen['tag']}, which other weights stand on; train those again "
            "too and ship it with --thaw, or publish into another folder"
        )
    part.load_state_dict(load_file(finished(name, run)))
    done = json.loads((run / "run.json").read_text())
    before = zoo.facts(name, folder).get("phases", []) if done.get("init") == "zoo" else []
    phases = [*before, described(done)]
    made = {"class": type(part).__name__, "world": world.VERSION, **facts, "phases": phases}
    target = zoo.save_part(part, name, made, folder)
    count = sum(p.numel() for p in part.parameters())
    carded(run, target, f"`{type(part).__name__}`, {count:,} parameters", phases)
    return target


def finished(name: str, run: Path) -> Path:
    """The averaged weights of a run that came to its end; refuses one that didn't."""
    learned = next((run / "parts").glob("*/weights.safetensors"), None)
    if learned is None:
        raise WeightsError(f"the run in {run} isn't finished; go on with: mutoscope train {name}")
    return learned


def described(done: Mapping[str, Any]) -> dict[str, Any]:
    """A phase as a card tells it, of what `run.json` of a finished run holds."""
    phase = {key: done[key] for key in ("steps", "batch", "rate", "seed", "muon") if key in done}
    if done.get("init") not in (None, "zoo"):
        phase = {"of": done["init"], **phase}
    return {**phase, "commit": commit()}


def carded(run: Path, target: Path, what: str, phases: Sequence[Mapping[str, Any]]) -> None:
    """Put the curve of a run and the generated head of a card beside the weights it gave."""
    if (run / "curve.png").exists():
        shutil.copy(run / "curve.png", target / "curve.png")
    _card(target, target.name, what, phases)


def freeze(name: str, tag: str, *, folder: Path = zoo.FOLDER) -> Path:
    """Freeze a part under a tag: hash, world and readers are written into config.json and card."""
    target = folder / name
    path, card = target / "config.json", target / "README.md"
    whole = json.loads(path.read_text())
    if before := whole["mutoscope"].get("frozen"):
        raise WeightsError(f"{name} is frozen already, as {before['tag']}; nothing was changed")
    frozen = {
        "tag": tag, "sha256": zoo.sha256(name, folder), "world": world.VERSION,
        "readers_sha256": zoo.sha256("readers"),
    }  # fmt: skip
    whole["mutoscope"]["frozen"] = frozen
    _write(path, json.dumps(whole, indent=2) + "\n")
    said = (
        f"frozen: {tag} (sha256 `{frozen['sha256']}`, world {world.VERSION}, readers "
        f"`{frozen['readers_sha256'][:12]}`)\n\n"
    )
    head, mark, rest = card.read_text().partition("Trained with ")
    _write(card, head + said + mark + rest)
    return target


def _write(path: Path, text: str) -> None:
    draft = path.with_suffix(".part")
    draft.write_text(text)
    os.replace(draft, path)


def _card(target: Path, name: str, what: str, phases: Sequence[Mapping[str, Any]]) -> None:
    """Write the generated head of the card; what stands below its line is kept."""
    path, line = target / "README.md", "<!-- below: written by hand -->"
    kept = path.read_text().partition(line)[2] if path.exists() else "\n"
    rows = "\n".join(f"- {json.dumps(dict(phase))}" for phase in phases)
    head = (
        f"# {name}\n\n{what}, bf16; world {world.VERSION}.\n\n"
        f"Trained with `mutoscope train {name}`; phases:\n\n{rows}\n\n![loss](curve.png)\n\n"
    )
    _write(path, head + line + kept)


def commit() -> str:
    """The commit of this code, with + where a file of it was changed since; else "unknown"."""
    here = Path(__file__)
    if not _git("ls-files", here.name, at=here.parent):
        return "unknown"  # installed: a repository around it is somebody's
    return _git("describe", "--always", "--exclude=*", "--dirty=+", at=here.parent) or "unknown"


def _git(*words: str, at: Path) -> str:
    git = shutil.which("git")
    if git is None:
        return ""
    asked = [git, "-C", str(at), *words]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
