"""A worker: a process that takes jobs from the store one at a time and runs them.

    python -m mutoscope.service.worker     started by the supervisor, settings on the first line of
                                           stdin; a further line means that a job has come, its end
                                           that the server is gone

Between two steps it says how far it is and hears whether to stop. It may be killed at any moment:
until the store says that a job is completed, the job will be run again.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import Any, TypeVar

import torch
from sqlalchemy.exc import SQLAlchemyError

from mutoscope import __version__, machine, media, zoo
from mutoscope.clip import Clip
from mutoscope.core.samplers import Step
from mutoscope.errors import MutoscopeError
from mutoscope.request import Request
from mutoscope.service import logs, results, tuner
from mutoscope.service.assets import Assets
from mutoscope.service.jobs import File, Lease, NotFoundError, Pulse, steady
from mutoscope.service.offers import maker, opened
from mutoscope.service.settings import Settings
from mutoscope.service.store import Store
from mutoscope.service.tables import Database
from mutoscope.systems.system import System, whole
from mutoscope.systems.tuned import CLIP

log = logging.getLogger("mutoscope.service")

IDLE = 0.5
"""Seconds after which an idle worker looks for a job by itself."""

PATIENCE = 1.0
"""Seconds between two tries to tell a store that can't be written."""

FAREWELL = 30.0
"""Seconds that a worker without a server may take to finish a step."""

PREVIEWS = 0.2
"""The share of a job's time that previews aim at: they have as many frames as it pays for."""

MOST = 0.5
"""The share at which a step goes without one; below it each step shows one frame at least."""

GREY = 64
"""Pixels of a side of the picture that a rehearsal gives to systems that need one."""

Answer = TypeVar("Answer")


class TakenError(Exception):
    """The job is no longer this worker's, or shall stop."""


class Shelf:
    """The systems in memory, those used last; each is loaded when first asked for."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings, self._store = settings, store
        self._systems: OrderedDict[str, System] = OrderedDict()

    def get(self, name: str, *, owner: str | None = None) -> System:
        """A system, ready; refuses one that was tuned for another owner, or is gone."""
        job = maker(name, self._store, owner=owner)
        if name not in self._systems:
            while len(self._systems) >= self._settings.models:
                self._systems.popitem(last=False)
            recipe, weights = opened(name, job, self._settings)
            self._systems[name] = recipe.load(weights)
        self._systems.move_to_end(name)
        return self._systems[name]


class Budget:
    """How many frames the previews of a job may have, for each step to have one.

    A frame is taken to cost what those of the newest preview did. The first preview has one frame
    and counts for nothing: it is what somebody waits for, and it warms up.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock, self._start = clock, clock()
        self._spent: list[float] = []
        self._pace = self._frame = 0.0

    def step(self, done: int) -> float:
        """So many steps are done; seconds that each took, previews aside."""
        self._pace = (self._clock() - self._start - sum(self._spent)) / done
        return self._pace

    def frames(self) -> int:
        """How many frames the preview of this step may have, 0 for none."""
        if sum(self._spent[1:]) > MOST * (self._clock() - self._start):
            return 0
        if not self._frame:
            return 1
        pays = PREVIEWS / (1 - PREVIEWS) * self._pace
        return max(1, int(pays / self._frame))

    def spent(self, seconds: float, *, frames: int) -> None:
        """A preview of so many frames took so long."""
        self._spent.append(seconds)
        if len(self._spent) > 1:
            self._frame = seconds / frames


class Worker:
    """Takes jobs until `stop` is set; `wake` is set when one has come."""

    def __init__(self, settings: Settings, name: str, store: Store) -> None:
        self.settings, self.name, self.store = settings, name, store
        self.assets = Assets(store.database, settings)
        self.shelf = Shelf(settings, store)
        self.neighbours = machine.Neighbours()
        self.wake, self.stop = threading.Event(), threading.Event()

    def serve(self) -> None:
        """Until told to stop."""
        self._warm()
        while not self.stop.is_set():
            self.wake.clear()
            try:
                lease = self.store.claim(self.name, threads=self.neighbours.threads())
            except SQLAlchemyError as error:
                log.warning("store", extra={"error": type(error).__name__})
                self.stop.wait(PATIENCE)
                continue
            if lease is None:
                self.wake.wait(IDLE)
            else:
                self.run(lease)

    def run(self, lease: Lease) -> None:
        """One job, to whatever end."""
        start = monotonic()
        try:
            with _reasons():
                self._run(lease)
            ended = "completed"
        except TakenError:
            # Cancelled if that was asked for, else waiting again; a no-op if it was taken away.
            self._told(lambda: self.store.release(lease))
            ended = "stopped"
        except FailedError as error:
            failed = error
            if failed.__cause__ is not None and failed.code == "internal":
                log.error("job failed", exc_info=failed.__cause__, extra={"job": lease.id})
            self._told(lambda: self.store.fail(lease, failed.code, str(failed)))
            ended = failed.code
        results.unshown(self.settings.previews, lease.id)
        if lease.task == "tune":
            self._left(lease)
        told = {"job": lease.id, "attempt": lease.attempt, "ended": ended}
        asked = {"prompt": " ".join(lease.request.prompts), "negative": lease.request.negative}
        took = {"seconds": round(monotonic() - start, 3)}
        log.info("job", extra={**told, **took, **asked})  # words are left out unless asked for

    def _run(self, lease: Lease) -> None:
        if lease.threads not in (None, torch.get_num_threads()):
            torch.set_num_threads(lease.threads)
        folder = f"{lease.id}-{lease.attempt}"
        do = self._tuned if lease.task == "tune" else self._made
        files, sha256 = do(lease, folder)
        done = self._told(
            lambda: self.store.complete(lease, folder=folder, files=files, sha256=sha256)
        )
        if not done:
            for place in (self.settings.results, self.settings.tuned):
                results.dropped(place, folder)
            raise TakenError

    def _made(self, lease: Lease, folder: str) -> tuple[dict[str, File], str]:
        """The files of a clip, and the hash of its frames."""
        asked = lease.request
        request, sources = self.assets.opened(asked)
        system = self.shelf.get(asked.system, owner=lease.owner)
        self._beat(lease)
        name = asked.system.partition(":")[0]  # what tuned it, `verify` knows by its weights

        def told(clip: Clip, sha256: str | None = None) -> dict[str, Any]:
            made = system.record(request, clip, seconds=system.took)
            known = replace(made, request=replace(asked, system=name), sources=sources)
            return replace(known, frames_sha256=sha256 or made.frames_sha256).to_json()

        with closing(system.run(request)) as steps:  # type: ignore[type-var]  # a generator
            followed = self._followed(lease, system, request, steps)
            pieces = (system.finish(step, request) for step in followed if whole(step))
            if request.segments:
                files, record = results.filmed(self.settings.results, folder, pieces, told)
            else:
                (clip,) = pieces
                record = told(clip)
                files = results.kept(self.settings.results, folder, clip, record)
        return files, record["frames_sha256"]

    def _tuned(self, lease: Lease, folder: str) -> tuple[dict[str, File], str]:
        """The files of a tuning, its weights beside them, and the hash of the frames it learned."""

        def show(sheet: tuner.Picture, done: int) -> None:
            self._show(lease, Clip.from_uint8(sheet[None, None], fps=1), done)

        request, sources = self.assets.opened(lease.request)
        learned = tuner.learned(
            lease.id, request, self.settings, tell=partial(self._beat, lease), show=show
        )
        facts = zoo.facts(request.system, learned.run)
        record = {
            "tuning": lease.request.to_json(),
            "sources": sources,
            "tuned": facts,
            "version": __version__,
        }
        results.copied(self.settings.tuned, folder, learned.weights)
        files = results.drawn(self.settings.results, folder, learned.sheet, record)
        return files, facts[CLIP]["frames_sha256"]

    def _left(self, lease: Lease) -> None:
        """Remove the folder in which a tuning was run, once nobody will go on there."""
        try:
            over = self.store.get(lease.id).ended
        except NotFoundError:
            over = True
        except SQLAlchemyError:
            return
        if over:
            results.dropped(self.settings.tuned, tuner.run(lease.id))

    def _followed(
        self, lease: Lease, system: System, request: Request, steps: Iterator[Step]
    ) -> Iterator[Step]:
        """The steps, each told to the store, some shown to those who watch."""
        budget = Budget()
        for step in steps:
            done, left = step.index + 1, step.total - step.index - 1
            eta = budget.step(done) * left
            watched = self._beat(lease, step=done, steps=step.total, eta=round(eta, 3)).watched
            if watched and left and (most := budget.frames()):
                begun = monotonic()
                clip = system.finish(step, request, most=most)
                self._show(lease, clip, done)
                budget.spent(monotonic() - begun, frames=clip.frames.shape[2])
            yield step

    def _beat(self, lease: Lease, **told: Any) -> Pulse:  # noqa: ANN401
        """Tell the store, and hear what it says.

        A store that can't be written is no reason to stop: it must be when the job is done.
        """
        if self.stop.is_set():
            raise TakenError
        try:
            heard = self.store.beat(lease, **told)
        except SQLAlchemyError as error:
            log.warning("store", extra={"job": lease.id, "error": type(error).__name__})
            return Pulse("running", watched=False, keeping=False)
        if heard.state != "running":
            raise TakenError
        return heard

    def _show(self, lease: Lease, clip: Clip, done: int) -> None:
        """The newest preview; a job doesn't fail for want of one."""
        record = {**lease.request.to_json(), "version": __version__, "step": done}
        try:
            media.write(clip, self.settings.previews / f"{lease.id}.webp", record=record)
            self.store.previewed(lease, done)
        except (MutoscopeError, OSError, SQLAlchemyError) as error:
            log.warning("preview", extra={"job": lease.id, "error": type(error).__name__})

    def _told(self, say: Callable[[], Answer]) -> Answer:
        """What the store answers, however long it can't."""
        while True:
            try:
                return say()
            except SQLAlchemyError as error:
                log.warning("store", extra={"error": type(error).__name__})
                if self.stop.is_set():
                    raise SystemExit(1) from error
                sleep(PATIENCE)

    def _warm(self) -> None:
        for name in self.settings.warm[: self.settings.models]:
            try:
                system = self.shelf.get(name)
                if not (self.settings.weights or self.wake.is_set()):
                    _rehearse(system, name)
            except Exception:  # whoever asks for that system will be told
                log.exception("warm", extra={"system": name})


def _rehearse(system: System, name: str) -> None:
    """A first step and its preview, which take several times as long as all that follow.

    What the system needs beside a prompt is a grey picture.
    """
    can = system.accepts()
    with TemporaryDirectory(prefix="mutoscope-") as folder:
        grey = Clip(frames=torch.zeros(1, 3, 1, GREY, GREY), fps=1)
        source = str(media.write(grey, Path(folder) / "grey.png", metadata=False))
        needs = [{"kind": kind, "source": source} for kind in can.needs]
        request = can.complete({"system": name, "prompt": "a rehearsal", "conditions": needs})
        with closing(system.run(request)) as steps:  # type: ignore[type-var]  # a generator
            system.finish(next(steps), request, most=1)


class FailedError(Exception):
    """Why a job failed: a word for programs, a sentence for people, without paths."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


@contextmanager
def _reasons() -> Iterator[None]:
    """Whatever goes wrong inside, as a FailedError."""
    try:
        yield
    except (TakenError, FailedError, SystemExit):
        raise
    except results.StorageError as error:
        raise FailedError("storage", str(error)) from error
    except MutoscopeError as error:
        # Its sentence may name files of this machine, unless it is about the request itself.
        kind = type(error).__name__
        sentence = str(error) if kind == "RequestError" else f"the system can't be run ({kind})"
        raise FailedError("refused", sentence) from error
    except Exception as error:
        if isinstance(error, MemoryError) or "not enough memory" in str(error):
            sentence = "this machine's memory is too small for it; ask for fewer frames or less"
            raise FailedError("out_of_memory", sentence) from error
        sentence = f"the worker met an unexpected {type(error).__name__}; the log says more"
        raise FailedError("internal", sentence) from error


def main() -> None:
    """Run a worker as the first line of stdin says."""
    said: Mapping[str, Any] = json.loads(sys.stdin.buffer.readline() or "{}")
    if not said:
        sys.exit(0)
    settings = Settings.from_json(said["settings"])
    logs.begin(prompts=settings.prompts)
    store = Store(Database(settings.url), keep=float(settings.keep), now=steady(said["start"]))
    worker = Worker(settings, said["name"], store)
    threading.Thread(target=_listen, args=(worker,), daemon=True).start()
    worker.serve()


def _listen(worker: Worker) -> None:
    """Hear the server; when it is gone, so is the worker."""
    while sys.stdin.buffer.readline():
        worker.wake.set()
    worker.stop.set()
    worker.wake.set()
    sleep(FAREWELL)
    os._exit(1)


if __name__ == "__main__":
    main()
