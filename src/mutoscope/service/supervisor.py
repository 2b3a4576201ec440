"""The supervisor: a thread of the server that keeps its workers alive.

A worker that ends takes nothing with it: its job waits again at once, and another is started in its
place. One that is alive but silent for `stall` seconds, by this thread's own stopwatch, is killed.

A worker speaks between two steps. For one that is silent because a step, or loading a system, takes
long, the supervisor speaks: as long as its process uses the processor, but for `step_seconds` at
most, since one that turns in a circle does so too.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic

from sqlalchemy.exc import SQLAlchemyError

from mutoscope import machine
from mutoscope.service import results, tuner
from mutoscope.service.assets import Assets
from mutoscope.service.jobs import elapsed
from mutoscope.service.settings import Settings
from mutoscope.service.store import Store

log = logging.getLogger("mutoscope.service")

TICK = 0.1
"""Seconds between two looks at the workers."""

SWEEP = 5.0
"""Seconds between two looks for what has expired or was deleted."""

SHORT = 10.0
"""Seconds of life below which a worker's successor waits, twice as long each time."""

LONGEST = 30.0
"""Seconds that a successor waits at most."""

GRACE = 20.0
"""Seconds that workers may take to leave."""

GLANCES = 4
"""Looks at what a silent worker computes, in the time after which it counts as hung."""

BUSY = 0.05
"""Seconds of processor time between two such looks that are computing; a sleeper uses none."""


THREADS = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "20000"}
"""A worker's threads wait awake for some microseconds, then asleep; see `machine.Neighbours`."""


@dataclass(kw_only=True)
class Slot:
    """A place for one worker."""

    name: str = ""
    process: subprocess.Popen[bytes] | None = None
    born: float = 0.0
    failures: int = 0
    ready_at: float = 0.0
    computed: float = 0.0
    glanced: float = 0.0


@dataclass(kw_only=True)
class Heard:
    """A heartbeat: whose and which, when it was heard, and when the last of the worker's own."""

    beat: tuple[str, int]
    at: float
    own: float


class Supervisor:
    """Starts, wakes, replaces and stops workers; tidies the store and the folders."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self.settings, self.store, self.node = settings, store, settings.node()
        self.assets = Assets(store.database, settings, now=store.now)
        self.slots = [Slot() for _ in range(settings.workers)]
        self.restarts = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)
        self._heard: dict[str, Heard] = {}
        self._swept = self._looked = 0.0

    def start(self) -> None:
        """Put right what a former server left behind, then start the workers.

        What its workers may still be doing doesn't count any more.
        """
        back = self.store.lost(f"{self.node}:%", attempts=None)
        named, runs = self.store.folders(), map(tuner.run, self.store.unfinished())
        left = results.swept(self.settings.results, named)
        left += results.swept(self.settings.tuned, named.union(runs))
        results.swept(self.settings.previews, set())
        left += self.assets.swept()
        log.info("start", extra={"jobs_back": len(back), "leftovers": left})
        for slot in self.slots:
            self._spawn(slot)
        self._thread.start()

    def wake(self) -> None:
        """Say that a job has come."""
        for slot in self.slots:
            if slot.process is not None and slot.process.stdin is not None:
                # A worker that doesn't read has a full pipe, and looks for itself later.
                with suppress(OSError, ValueError):
                    os.write(slot.process.stdin.fileno(), b"\n")

    def alive(self) -> int:
        """How many workers there are just now."""
        return sum(1 for slot in self.slots if slot.process and slot.process.poll() is None)

    def stop(self) -> None:
        """Let each worker end after its step, its job waiting again; then kill what is left."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        processes = [slot.process for slot in self.slots if slot.process is not None]
        for process in processes:
            if process.stdin is not None:
                with suppress(OSError):
                    process.stdin.close()
        end = monotonic() + GRACE
        for process in processes:
            try:
                process.wait(max(0.0, end - monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for slot in self.slots:
            with suppress(SQLAlchemyError):
                self.store.lost(slot.name, attempts=None)

    def _run(self) -> None:
        while not self._stop.wait(TICK):
            self._tried(self._look)
            if monotonic() - self._swept >= SWEEP:
                self._swept = monotonic()
                self._tried(self.tidy)

    def _tried(self, job: Callable[[], None]) -> None:
        """A store or disk that fails now may not later."""
        try:
            job()
        except (SQLAlchemyError, OSError) as error:
            log.warning("supervisor", extra={"error": type(error).__name__})
            self._stop.wait(1.0)

    def _look(self) -> None:
        for slot in self.slots:
            if slot.process is not None and slot.process.poll() is not None:
                self._bury(slot)
            if slot.process is None and monotonic() >= slot.ready_at:
                self._spawn(slot)
        self.listen()

    def _bury(self, slot: Slot) -> None:
        """Give a dead worker's jobs back; only then is it forgotten."""
        assert slot.process is not None
        back = self.store.lost(slot.name, attempts=self.settings.attempts)
        code, lived = slot.process.returncode, monotonic() - slot.born
        told = {"worker": slot.name, "code": code, "jobs_back": back}
        log.warning("worker ended", extra=told)
        if slot.process.stdin is not None:
            with suppress(OSError):
                slot.process.stdin.close()
        # A worker that dies early for its own reasons would do so again; a killed one would not.
        slot.failures = slot.failures + 1 if lived < SHORT and code >= 0 else 0
        slot.ready_at = monotonic() + min(LONGEST, 2.0**slot.failures - 1)
        slot.process = None
        self.restarts += 1

    def _spawn(self, slot: Slot) -> None:
        slot.name = f"{self.node}:{secrets.token_hex(4)}"
        slot.born, slot.computed, slot.glanced = monotonic(), 0.0, 0.0
        slot.process = subprocess.Popen(
            [sys.executable, "-m", "mutoscope.service.worker"],
            stdin=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the server, which tells its workers
            env={**THREADS, **os.environ},
        )
        stdin = slot.process.stdin
        assert stdin is not None
        # Its time of day is ours: the clock may have been set since we looked.
        start = self.store.now() - elapsed()
        said = {"settings": self.settings.to_json(), "name": slot.name, "start": start}
        with suppress(BrokenPipeError):
            stdin.write(json.dumps(said).encode() + b"\n")
            stdin.flush()
        os.set_blocking(stdin.fileno(), False)

    def listen(self) -> None:
        """Kill the worker whose count of heartbeats hasn't moved.

        Its death gives the job back; of a worker elsewhere the job is taken away.
        """
        now = monotonic()
        if now - self._looked < 1.0:
            return
        self._looked, beats = now, self.store.beats()
        self._heard = {job: heard for job, heard in self._heard.items() if job in beats}
        for job, beat in beats.items():
            heard = self._heard.get(job)
            if heard is None or heard.beat != beat:
                self._heard[job] = Heard(beat=beat, at=now, own=now)
            elif now - heard.at > self.settings.stall:
                log.warning("worker silent", extra={"worker": beat[0], "job": job})
                del self._heard[job]
                self._end(beat[0])
            elif now - heard.at > self.settings.stall / GLANCES:
                self._speak(heard, now)

    def _speak(self, heard: Heard, now: float) -> None:
        """Count a heartbeat for a silent worker of ours if its process computes."""
        worker, count = heard.beat
        for slot in self.slots:
            if (
                slot.name != worker
                or slot.process is None
                or now - heard.own > self.settings.step_seconds
            ):
                continue
            used, pause = machine.computed(slot.process.pid), now - slot.glanced
            if used is None or pause < self.settings.stall / GLANCES:
                continue
            moves, slot.computed, slot.glanced = used - slot.computed > BUSY, used, now
            if moves and pause < self.settings.stall:
                heard.at = now  # also if the store can't be written, which isn't the worker's fault
                self.store.alive(worker)
                heard.beat = (worker, count + 1)

    def _end(self, worker: str) -> None:
        for slot in self.slots:
            if slot.name == worker and slot.process is not None:
                slot.process.kill()
                slot.process.wait()
                return
        self.store.lost(worker, attempts=self.settings.attempts)

    def tidy(self) -> None:
        """Forget what has expired; remove the files of what was forgotten, then its rows."""
        self.store.expire()
        gone = self.store.forgotten()
        if gone:
            places = (self.settings.results, self.settings.tuned)
            results.removed(places, self.settings.previews, gone)
            self.store.erase(gone)
        self.assets.expire()
