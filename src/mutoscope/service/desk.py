"""The service as Python sees it: ask for jobs, watch them, stop them, take what they made.

    with Desk.opened(Settings.load()) as desk:
        job = desk.submit(desk.request({"prompt": "a red ball bounces on the grass"}))
        for job in desk.watched(job.id):
            print(job.state, job.step, job.steps)
        print(desk.file(job, "video"))

The HTTP routes and the studio are written on this, so both see the same jobs.
"""

from __future__ import annotations

import fcntl
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from mutoscope import checked
from mutoscope.errors import IgnoredError, RequestError
from mutoscope.recipes import Tunable
from mutoscope.request import Request
from mutoscope.service import lessons, results
from mutoscope.service.access import Caller, Keys
from mutoscope.service.assets import Asset, Assets
from mutoscope.service.jobs import Clock, ConflictError, Job, NotFoundError, Order, Task, steady
from mutoscope.service.offers import Offer, Offers
from mutoscope.service.settings import Settings
from mutoscope.service.store import Store
from mutoscope.service.supervisor import Supervisor
from mutoscope.service.tables import Database
from mutoscope.service.webhooks import Webhooks

LONGEST = 10_000
"""Characters of a prompt."""
SILENT = "the prompt is empty; say what shall be seen"

LOOK = 0.1
"""Seconds between two looks at a job that is watched."""

FRESH = 1.0
"""Seconds for which it stands that something could be written: anybody may ask."""

AGAIN = 2.0
"""Seconds after which the worker is told again that somebody looks."""


@dataclass(frozen=True, kw_only=True)
class Extras:
    """What may be said with a request: how urgent, whom to tell, and what makes asking again safe.

    `key` is an idempotency key, `fingerprint` a digest of all that was said with it, `source` the
    job that this one goes on from.
    """

    priority: int = 0
    webhook: str | None = None
    source: str | None = None
    key: str | None = None
    fingerprint: str = ""


class Watch:
    """A look at a job again and again, `LOOK` seconds apart; its worker draws previews for it."""

    def __init__(self, store: Store, job: str, *, owner: str | None = None) -> None:
        self.store, self.job, self.owner = store, job, owner
        self._seen: Job | None = None
        self._told = -math.inf

    @property
    def over(self) -> bool:
        """Whether the job has ended, so that nothing will change any more."""
        return self._seen is not None and self._seen.ended

    def look(self) -> Job | None:
        """The job if it has changed since the last look, else None."""
        if monotonic() - self._told >= AGAIN:
            self.store.watch(self.job)
            self._told = monotonic()
        now = self.store.get(self.job, owner=self.owner)
        changed, self._seen = now != self._seen, now
        return now if changed else None


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """Hold a folder for the workers of this process; the system lets go of it however it ends."""
    with (home / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise RequestError(
                f"{home} is being served already; stop that server, or set MUTOSCOPE_HOME"
            ) from None
        os.set_inheritable(file.fileno(), False)
        yield


class Desk:
    """A service: its store, and, once started, its workers; `now` is a clock for all of it."""

    def __init__(self, settings: Settings, *, now: Clock | None = None) -> None:
        self.settings, now = settings, now or steady()
        self.database = Database(settings.url)
        self.store = Store(self.database, keep=float(settings.keep), now=now)
        self.assets = Assets(self.database, settings, now=now)
        self.keys = Keys(self.database, settings)
        self.webhooks = Webhooks(self.database, self.keys, settings.webhooks, now=now)
        self.supervisor: Supervisor | None = None
        self._held = ExitStack()
        self._good = -math.inf
        self._offers = Offers(settings, self.store)

    @classmethod
    @contextmanager
    def opened(
        cls, settings: Settings, *, workers: bool = True, now: Clock | None = None
    ) -> Iterator[Desk]:
        """A desk that is started, and stopped at the end; without workers jobs only wait."""
        desk = cls(settings, now=now)
        desk.start(workers=workers)
        try:
            yield desk
        finally:
            desk.stop()

    def start(self, *, workers: bool = True) -> None:
        """Make or open the store, put it right, and start the workers.

        Refuses a folder whose workers another process has started: it would take their jobs back.
        """
        self.settings.make()
        if not workers:
            self.database.create()
            return
        self._held.enter_context(alone(self.settings.home))
        try:
            self.database.create()
            self.supervisor = Supervisor(self.settings, self.store)
            self.supervisor.start()
            self.webhooks.start()
        except BaseException:
            self._held.close()
            raise

    def stop(self) -> None:
        """Stop the workers within a step; their jobs wait for the next start."""
        if self.supervisor is not None:
            self.webhooks.stop()
            self.supervisor.stop()
        self.database.close()
        self._held.close()

    def check(self) -> None:
        """Refuse, with StorageError or the store's own, while nothing can be written."""
        if monotonic() - self._good > FRESH:
            self.database.check()
            results.check(self.settings.results)
            self._good = monotonic()

    # Systems

    def offers(self) -> list[Offer]:
        """Every system whose weights are here, but those that were tuned here."""
        return self._offers.here()

    def tuned(self, *, owner: str | None = None) -> list[Offer]:
        """Every system that was tuned here for an owner, newest first."""
        return self._offers.tuned(owner=owner)

    def tunable(self) -> dict[str, Tunable]:
        """What can be tuned to a clip here, by name."""
        return self._offers.tunable()

    def offer(self, name: str, *, owner: str | None = None) -> Offer:
        """One system; refuses a name that isn't known, or was tuned for another owner."""
        return self._offers.one(name, owner=owner)

    def request(self, given: Mapping[str, Any], *, owner: str | None = None) -> Request:
        """The whole request of some keys, a system's defaults for the rest; checked.

        The files it names must be assets of the owner.
        """
        system = given.get("system", Request.system)
        if not isinstance(system, str):
            raise RequestError(f"system must be text (got {type(system).__name__})")
        try:
            offer = self.offer(system, owner=owner)
            request = offer.accepts.complete({**given, "system": system})
        except IgnoredError as error:
            able = [o.name for o in self.offers() if error.kind in o.accepts.conditions]
            raise error.used_by(able) from None
        if not request.speaks:
            raise RequestError(SILENT)
        _check_length((*request.prompts, request.negative))
        self.assets.check(request, owner=owner)
        return request

    def lesson(self, given: Mapping[str, Any], *, owner: str | None = None) -> Request:
        """The whole request of a tuning, of the keys `lessons.KEYS`; checked.

        The clip must be an asset of the owner.
        """
        for key in given:
            checked.one_of("field of a tuning", key[:100], lessons.KEYS)
        able = self.tunable()
        if not able:
            raise RequestError("nothing can be tuned here; install mutoscope[train] beside it")
        system = checked.one_of("system to tune", given.get("system", next(iter(able))), able)
        clip = self.assets.get(checked.said("clip", given.get("clip", "")), owner=owner)
        weights = self.settings.weights_folder
        request = lessons.request({**given, "system": system}, clip, able[system], weights)
        prompts = lessons.prompts(request)
        if not all(prompt.strip() for prompt in prompts):
            raise RequestError(SILENT)
        _check_length(prompts)
        return request

    # Jobs

    def submit(
        self,
        request: Request,
        *,
        task: Task = "make",
        caller: Caller | None = None,
        extras: Extras | None = None,
    ) -> Job:
        """Accept a job; when this returns it is kept. Refuses with BusyError when too many wait."""
        caller, extras = caller or Caller(), extras or Extras()
        if extras.priority > caller.priority:
            raise RequestError(
                f"this key may ask for priority {caller.priority} at most (got {extras.priority})"
            )
        webhook = None if extras.webhook is None else self.webhooks.check(extras.webhook)
        order = Order(
            owner=caller.name,
            request=request,
            task=task,
            priority=extras.priority,
            source=extras.source,
            webhook=webhook,
            key=extras.key,
            fingerprint=extras.fingerprint,
        )
        limits = {"queue": self.settings.queue, "tunings": self.settings.tunings}
        job = self.store.create(order, active=caller.active, **limits)
        if self.supervisor is not None:
            self.supervisor.wake()
        return job

    def get(self, job: str, *, owner: str | None = None) -> Job:
        """A job as it stands; `owner` None sees everybody's."""
        return self.store.get(job, owner=owner)

    def cancel(self, job: str, *, owner: str | None = None) -> Job:
        """Stop a job within a step; refuses one that has ended."""
        return self.store.cancel(job, owner=owner)

    def keep(self, job: str, *, owner: str | None = None) -> Job:
        """End a tuning after its step and keep what it has learned; refuses any other job."""
        return self.store.keep(job, owner=owner)

    def delete(self, job: str, *, owner: str | None = None) -> None:
        """Stop a job if it runs, and forget it; with a tuning goes the system that it has made."""
        self.store.delete(job, owner=owner)

    def watched(self, job: str, *, owner: str | None = None) -> Iterator[Job]:
        """The job whenever it has changed, until it has ended; its worker makes previews."""
        watch = Watch(self.store, job, owner=owner)
        while not watch.over:
            now = watch.look()
            if now is None:
                sleep(LOOK)
            else:
                yield now

    def preview(self, job: str) -> bytes | None:
        """The newest preview of a running job, an animated webp; None if there is none."""
        try:
            return (self.settings.previews / f"{job}.webp").read_bytes()
        except FileNotFoundError:
            return None

    def file(self, job: Job, variant: str) -> Path:
        """A file of a completed job."""
        if job.state != "completed" or job.folder is None:
            raise ConflictError(f"the job is {job.state} and has no files; wait until it completes")
        if variant not in job.files:
            raise RequestError(
                f"variant must be one of {', '.join(job.files)} (got {variant[:40]!r})"
            )
        return self._there(job, job.files[variant].name)

    def record(self, job: Job) -> Path:
        """The record of a completed job, a JSON file."""
        self.file(job, next(iter(job.files), "video"))
        return self._there(job, results.RECORD)

    def upload(self, source: Path, *, owner: str, lasting: bool = False) -> Asset:
        """Keep a picture or clip that was received, decoded and written anew.

        The same file is the same asset. Unless it is `lasting` it gives way when its owner has sent
        `assets` others since and no unfinished job names it.
        """
        return self.assets.add(owner, source, lasting=lasting)

    def reused(self, job: Job, *, owner: str) -> Asset:
        """What a completed job made, as an asset that conditions may name."""
        return self.assets.add(owner, self.file(job, "video"))

    def again(self, job: Job, **changes: Any) -> Request:  # noqa: ANN401
        """The request of a clip with some keys changed; checked."""
        request = replace(job.request, **changes)
        return self.request(request.to_json(), owner=job.owner)

    def _there(self, job: Job, name: str) -> Path:
        assert job.folder is not None
        path = self.settings.results / job.folder / name
        if not path.is_file():
            raise NotFoundError("the files of this job are gone; ask for it again, with its seed")
        return path


def _check_length(prompts: Sequence[str]) -> None:
    """Refuse prompts that say too much."""
    if max(map(len, prompts)) > LONGEST:
        raise RequestError(f"a prompt may have {LONGEST} characters; say it shorter")
