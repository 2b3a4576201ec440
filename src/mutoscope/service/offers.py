"""What can be asked for: the systems whose weights are here, and those that were tuned here.

A system that was tuned is called NAME:JOB. Of such a name only the job is looked up, with its
owner; where its weights lie the store says, and no part of a request.
"""

from __future__ import annotations

import re
import threading
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mutoscope import recipes
from mutoscope.errors import RequestError, WeightsError
from mutoscope.recipes import Recipe, Tunable
from mutoscope.request import Capabilities
from mutoscope.service.jobs import Job, NotFoundError
from mutoscope.service.settings import Settings
from mutoscope.service.store import Store
from mutoscope.systems.system import Card

_JOB = re.compile(r"job_[0-9a-f]{26,40}")

NEEDED = ("accelerate", "tensorboard", "matplotlib")
"""Packages that tuning needs and making clips doesn't."""


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A system that is here: what it is, what it can be asked for, and the `job` that tuned it."""

    card: Card
    accepts: Capabilities
    job: Job | None = None

    @property
    def name(self) -> str:
        """What requests call it."""
        return self.card.name if self.job is None else str(self.job.tuned)

    def to_json(self) -> dict[str, Any]:
        """The same words as `mutoscope systems --json`, and what it was tuned to."""
        said = {**self.card.to_json(), "name": self.name, "accepts": self.accepts.to_json()}
        if self.job is None:
            return {**said, "tuned": None}
        asked = self.job.request
        clip = {"prompt": asked.prompt, "frames": asked.frames, "fps": asked.fps}
        return {**said, "tuned": {"job": self.job.id, "steps": self.job.step, **clip}}


def maker(name: str, store: Store, *, owner: str | None) -> Job | None:
    """The job that has tuned a system, None for one that was there before.

    Refuses a name that no completed tuning of the owner has.
    """
    _, colon, job = name.partition(":")
    if not colon:
        return None
    found = None
    if _JOB.fullmatch(job):
        with suppress(NotFoundError):
            found = store.get(job, owner=owner)
    if found is None or found.tuned != name:
        raise RequestError(
            f"there is no tuned system called {name[:100]!r}, or no more; see /v1/systems"
        )
    return found


def opened(name: str, job: Job | None, settings: Settings) -> tuple[Recipe, Path | None]:
    """The recipe of a system, and where its weights lie; `job` is what has tuned it."""
    recipe = recipes.find(name.partition(":")[0])
    if job is None:
        return recipe, settings.weights_folder
    assert job.folder is not None
    return recipe, settings.tuned / job.folder


class Offers:
    """All systems; a recipe is imported when it is first asked for."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self.settings, self.store = settings, store
        self._known: dict[str, Offer] = {}
        self._loading = threading.Lock()

    def here(self) -> list[Offer]:
        """Every system whose weights were here before."""
        found = []
        for name in recipes.names():
            try:
                found.append(self.one(name))
            except (WeightsError, ImportError):  # ImportError: of another package's
                continue
        return found

    def one(self, name: str, *, owner: str | None = None) -> Offer:
        """A system; refuses a name that isn't known, and one that was tuned for somebody else."""
        job = maker(name, self.store, owner=owner)
        with self._loading:
            if name not in self._known:
                recipe, weights = opened(name, job, self.settings)
                accepts = recipe.config(weights).accepts()
                self._known[name] = Offer(card=recipe.CARD, accepts=accepts, job=job)
            return self._known[name]

    def tuned(self, *, owner: str | None) -> list[Offer]:
        """Every system that was tuned for an owner, newest first."""
        jobs, _ = self.store.listed(
            owner=owner, task="tune", states=("completed",), limit=self.settings.tunings
        )
        found = []
        for name in (str(job.tuned) for job in jobs):
            try:
                found.append(self.one(name, owner=owner))
            except (WeightsError, RequestError):  # RequestError: deleted just now
                continue
        return found

    def tunable(self) -> dict[str, Tunable]:
        """What can be tuned here, by name: its base is there and so is what training needs."""
        if any(find_spec(package) is None for package in NEEDED):
            return {}
        found: dict[str, Tunable] = {}
        for name in recipes.names():
            try:
                recipe = recipes.find(name)
                if isinstance(recipe, Tunable):
                    recipe.before(self.settings.weights_folder)
                    found[name] = recipe
            except (WeightsError, ImportError):
                continue
        return found
