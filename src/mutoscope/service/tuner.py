"""What a worker does for a tuning: it learns in a folder that outlives it.

    tuned/.JOB-run/       the clip, the run's state, its samples; the next attempt goes on there
    tuned/JOB-ATTEMPT/    what a completed one has made: a folder of weights

The state is saved every half minute and whenever the worker is told to stop, so that a run that is
killed and gone on with learns the same bits.
"""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

import numpy as np
from jaxtyping import UInt8
from PIL import Image
from safetensors import SafetensorError

from mutoscope import media, recipes, zoo
from mutoscope.recipes import Tunable
from mutoscope.request import Request
from mutoscope.service import lessons
from mutoscope.service.jobs import Pulse
from mutoscope.service.results import StorageError
from mutoscope.service.settings import Settings
from mutoscope.systems import shipped

WAIT = 0.2
"""Seconds between two looks whether a worker that was given up has left the folder."""

Picture = UInt8[np.ndarray, "H W 3"]

Tell = Callable[..., Pulse]
"""Told `step`, `steps` and `eta`, or nothing; raises when the job is to stop."""

Show = Callable[[Picture, int], None]
"""Shown a sheet of samples, and after how many steps it was drawn."""


@dataclass(frozen=True, kw_only=True)
class Learned:
    """What was learned: the run's folder, those in it that hold weights, and the last sheet."""

    run: Path
    weights: list[Path]
    sheet: Picture


def run(job: str) -> str:
    """The name of the folder in which a job learns."""
    return f".{job}-run"


def learned(job: str, request: Request, settings: Settings, *, tell: Tell, show: Show) -> Learned:
    """Learn the clip of a request, its condition a path; goes on where another attempt was.

    Fails with StorageError where the run can't be written, or read back.
    """
    try:
        return _learned(job, request, settings, tell, show)
    except (OSError, SafetensorError) as error:
        raise StorageError(
            "what is learned can't be stored, because the service's disk is full or can't be"
            " written; ask again when there is room"
        ) from error


def _learned(job: str, request: Request, settings: Settings, tell: Tell, show: Show) -> Learned:
    from mutoscope.training import tuning  # needs packages that making clips doesn't

    recipe, folder = recipes.find(request.system), settings.tuned / run(job)
    assert isinstance(recipe, Tunable)
    folder.mkdir(mode=0o700, exist_ok=True)
    with _alone(folder, tell):
        own = _based(folder, recipe, settings.weights_folder)
        system = recipe.start(folder)
        tell()
        if not (folder / tuning.TOLD).exists():
            (given,) = request.conditions
            clip = media.read(
                given.source, size=request.size, fit="crop", fps=request.fps, frames=request.frames
            )
            words, *others = lessons.prompts(request)
            tuning.begin(system, clip, words, folder, previews=others)
        follow = _Follower(folder, request.steps, tell, show)
        made = tuning.tune(system, folder, steps=request.steps, stop=follow, quiet=True)
        done = int(zoo.facts(made.name, folder)["phases"][0]["step"])
        tell(step=done, steps=request.steps, eta=0.0)
    sheet = _sheet(folder / f"sheet-{done:07d}.png")
    return Learned(run=folder, weights=[made, *own], sheet=sheet)


class _Follower:
    """Asked before each step: tells how far the run is, shows new samples, hears when to end."""

    def __init__(self, folder: Path, steps: int, tell: Tell, show: Show) -> None:
        self.folder, self.steps, self.tell, self.show = folder, steps, tell, show
        self._first: tuple[int, float] | None = None
        self._shown = ""

    def __call__(self, step: int) -> bool:
        """Whether to end now and keep what was learned, which is nothing before the first step."""
        first, start = self._first = self._first or (step, monotonic())
        pace = (monotonic() - start) / max(1, step - first)
        eta = round(pace * (self.steps - step), 3) if step > first else None
        heard = self.tell(step=step, steps=self.steps, eta=eta)
        newest = max(self.folder.glob("sheet-*.png"), default=None)
        if newest is not None and newest.name != self._shown:
            self._shown = newest.name
            with suppress(OSError):  # half a sheet, of an attempt that was killed while drawing it
                self.show(_sheet(newest), int(newest.stem.removeprefix("sheet-")))
        return heard.keeping and step > 0


def _based(folder: Path, recipe: Tunable, weights: Path | None) -> list[Path]:
    """Copies of what it stands on, where that isn't what ships: a delta is looked up beside it."""
    if weights is None:
        return []
    names = (recipe.PLAN.base, shipped.AUTOENCODER)
    found = [name for name in names if zoo.where(name, weights) == weights]
    for name in found:
        if not (folder / name).exists():
            draft = folder / f".{name}"
            shutil.rmtree(draft, ignore_errors=True)
            shutil.copytree(weights / name, draft)
            draft.rename(folder / name)
    return [folder / name for name in found]


def _sheet(path: Path) -> Picture:
    with Image.open(path) as picture:
        return np.array(picture.convert("RGB"))


@contextmanager
def _alone(folder: Path, tell: Tell) -> Iterator[None]:
    """Wait until no other worker is in the folder: one that was given up may still save."""
    with (folder / "lock").open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                tell()
                sleep(WAIT)
        yield
