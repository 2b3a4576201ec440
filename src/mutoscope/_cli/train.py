"""`mutoscope train`: from data, or from one clip, to weights ready for use."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer
from einops import rearrange

from mutoscope import media, recipes, zoo
from mutoscope._cli import words
from mutoscope._cli.leave import StoppedError
from mutoscope.errors import MutoscopeError, RequestError

try:
    from mutoscope.training import commands, custom, deltas, tuning
except ModuleNotFoundError as error:
    raise MutoscopeError(
        f"training needs {error.name}, which isn't installed; run: make setup,"
        " or: pip install 'mutoscope[train]'",
        failed=True,
    ) from error

FRAMES, FPS = 16, 8.0
"""How much of a clip is learned unless told: two seconds, as the shipped systems make them."""


def run(
    name: str,
    out: Path,
    *,
    resume: bool,
    init: str | None,
    steps: int | None,
    given: Mapping[str, Any] | None = None,
) -> None:
    """Train a part; refuses a folder that holds a run unless told to go on with it.

    `given` is what was said of a clip to tune to: clip, prompt, preview, frames, fps; or the
    pictures of a subject, as `clip` alone.
    """
    _check(name, out, resume=resume, init=init)
    given, system = given or {}, _tunable(name)
    taught = _teachable(name) if "clip" in given or (out / custom.KEPT).exists() else None
    if taught is not None and {*given} - {"clip"}:
        raise RequestError(f"{name} learns a subject from pictures alone; give only --clip FOLDER")
    if system is None and taught is None and given:
        raise RequestError(f"{name} isn't tuned to a clip; leave --{next(iter(given))} out")
    # A run that is told to end, in whatever way, saves its state first.
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, signal.default_int_handler)
    try:
        if taught is not None:
            _customise(name, taught, out, given, steps=steps, init=init)
        elif system is None:
            _learn(name, out, steps=steps, init=init)
        else:
            _tune(name, system, out, given, steps=steps, resume=resume, init=init)
    except KeyboardInterrupt:
        kept = (out / "state").exists()
        go_on = f"go on with: mutoscope train {name} --out {out} --resume"
        if system is not None:
            go_on += "; or keep what it learned with: --resume --steps 1"
        raise StoppedError(go_on if kept else "no step was kept yet") from None


def _check(name: str, out: Path, *, resume: bool, init: str | None) -> None:
    other = commands.STARTS.get(name)
    if init not in (None, "zoo", other):
        more = f", or {other}, whose layers it shares" if other else ""
        raise RequestError(f"--init takes zoo, the weights that ship{more} (got '{init}')")
    if (out / "state").exists() and not resume:
        raise RequestError(f"{out} holds a run already; pass --resume to go on, or another --out")
    if resume and not (out / "state").exists():
        raise RequestError(f"{out} holds no run to go on with; leave --resume out to begin one")


def _tunable(name: str) -> recipes.Tunable | None:
    if name in commands.TRAINERS or name not in recipes.names():
        return None
    found = recipes.find(name)
    return found if isinstance(found, recipes.Tunable) else None


def _teachable(name: str) -> recipes.Teachable | None:
    if name in commands.TRAINERS or name not in recipes.names():
        return None
    found = recipes.find(name)
    return found if isinstance(found, recipes.Teachable) else None


def _customise(
    name: str, recipe: recipes.Teachable, out: Path, given: Mapping[str, Any], *,
    steps: int | None, init: str | None,
) -> None:  # fmt: skip
    """Learn pictures of a subject and say what to do with it."""
    if init is not None:
        raise RequestError(f"{name} begins with the weights that ship by itself; leave --init out")
    system = custom.taught(recipe.start())
    if given:
        size = system.accepts().defaults["size"]
        shown = media.read(given["clip"], size=size, fit="crop", fps=FPS).frames
        custom.begin(system, rearrange(shown, "1 c n h w -> n c 1 h w"), out)
    custom.learn(system, out, cache=commands.cache_folder(), steps=steps)
    words.note(
        f"learned {zoo.facts(name, out)['pictures']} pictures; make clips with: mutoscope generate"
        f" PROMPT --system {name} --weights {out}"
    )
    typer.echo(str(out))


def _learn(name: str, out: Path, *, steps: int | None, init: str | None) -> None:
    """Train a part that ships, or the delta of a system."""
    found = _teachable(name)
    if found is None:
        commands.run(name, out, steps=steps, init=init)
        return
    deltas.learn(found.start(), out, cache=commands.cache_folder(), steps=steps, init=init)


def _tune(
    name: str, recipe: recipes.Tunable, out: Path, given: Mapping[str, Any], *,
    steps: int | None, resume: bool, init: str | None,
) -> None:  # fmt: skip
    """Learn one clip and say what to do with it."""
    if init is not None:
        raise RequestError(f"{name} begins with {recipe.PLAN.base} by itself; leave --init out")
    if resume and given:
        raise RequestError(f"{out} holds its clip already; leave --{next(iter(given))} out")
    if not resume and not {"clip", "prompt"} <= given.keys():
        raise RequestError(f"{name} learns one clip: give --clip FILE and --prompt TEXT, its words")
    system = recipe.start(out)
    if not resume:
        clip = media.read(
            given["clip"],
            size=system.accepts().complete({}).size,
            fit="crop",
            fps=given.get("fps", FPS),
            frames=given.get("frames", FRAMES),
        )
        tuning.begin(system, clip, given["prompt"], out, previews=given.get("preview", ()))
    tuning.tune(system, out, steps=steps)
    facts = zoo.facts(name, out)
    words.note(
        f"learned {facts['learned']:,} of {facts['of']:,} parameters; "
        f"make clips with: mutoscope generate PROMPT --system {name} --weights {out}"
    )
    typer.echo(str(out))
