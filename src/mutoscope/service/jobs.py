"""What a job is, the states it goes through, and what can go wrong when one is asked for.

    queued ---> running ---> completed
      |  ^        |   |----> failed
      |  '--------|   '----> cancelling ---> cancelled
      '--------------------------------------^

A job goes back from running to queued when its worker is lost or stopped: it is run again from its
seed, a tuning from what it had learned. What has ended stays as it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, get_args

from mutoscope.checked import Number
from mutoscope.errors import MutoscopeError
from mutoscope.request import LITERALS, Request

State = Literal["queued", "running", "cancelling", "cancelled", "completed", "failed"]

STATES: Sequence[State] = get_args(State)

Task = Literal["make", "tune"]
"""What a job does: make a clip, or tune a system to one."""

MOVES: Mapping[State, Sequence[State]] = {
    "queued": ("running", "cancelled"),
    "running": ("queued", "cancelling", "completed", "failed"),
    "cancelling": ("cancelled",),
    "cancelled": (),
    "completed": (),
    "failed": (),
}
"""Every move there is; the store makes no other."""

UNFINISHED: Sequence[State] = ("queued", "running", "cancelling")
ENDED: Sequence[State] = ("cancelled", "completed", "failed")

MISSING = "there is no such asset, or no more; upload it first: POST /v1/assets"
"""What is said of an asset that isn't here."""

LONGEST_KEY = 200
"""Characters of an idempotency key."""

PRIORITY = 9
"""The highest priority; 0 is what a job has by itself."""

Variant = Literal["video", "thumbnail", "spritesheet", "sheet"]
"""The files of a job; a tuning has a sheet of samples alone."""

Clock = Callable[[], float]
"""Seconds since 1970."""


class NotFoundError(MutoscopeError):
    """What is asked for isn't here, or belongs to somebody else."""


class ConflictError(MutoscopeError):
    """The job is in a state that doesn't allow this, or its key was used for something else."""


class BusyError(MutoscopeError):
    """Too much is waiting already; `wait` is the number of seconds after which to try again."""

    def __init__(self, message: str, *, wait: int) -> None:
        super().__init__(message)
        self.wait = wait


@dataclass(frozen=True, kw_only=True)
class File:
    """One file of a finished job: its name in the job's folder, its media type, its bytes."""

    name: str
    type: str
    bytes: int


@dataclass(frozen=True, kw_only=True)
class Order:
    """A job as it is asked for.

    `key` is the client's idempotency key and `fingerprint` a digest of all it said with it: asking
    again with both answers the same job. `source` is the job that this one remixes or goes on with.
    """

    owner: str
    request: Request
    task: Task = "make"
    priority: int = 0
    source: str | None = None
    webhook: str | None = None
    key: str | None = None
    fingerprint: str = ""


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job as it stands.

    `position` 1 is the next to run, None for what doesn't wait. `step` of `steps` are done in this
    `attempt`; `eta` is the number of seconds to go. `preview` is the step of the newest preview, 0
    if there is none. A tuning that is `keeping` ends after its step and keeps what it has learned.
    Times are seconds since 1970.
    """

    id: str
    owner: str
    state: State
    priority: int
    request: Request
    created_at: Number
    task: Task = "make"
    keeping: bool = False
    attempt: int = 0
    step: int = 0
    steps: int = 0
    preview: int = 0
    position: int | None = None
    source: str | None = None
    webhook: str | None = None
    started_at: Number | None = None
    ended_at: Number | None = None
    expires_at: Number | None = None
    eta: Number | None = None
    error_code: str | None = None
    error: str | None = None
    folder: str | None = None
    sha256: str | None = None
    files: Mapping[str, File] = field(default_factory=dict)

    @property
    def ended(self) -> bool:
        """Whether nothing about it will change but its expiry."""
        return self.state in ENDED

    @property
    def progress(self) -> int:
        """Per cent of the steps that are done; 100 only when its files are there."""
        if self.state == "completed":
            return 100
        return min(99, 100 * self.step // self.steps) if self.steps else 0

    @property
    def tuned(self) -> str | None:
        """The name of the system that a completed tuning has made."""
        done = self.task == "tune" and self.state == "completed"
        return f"{self.request.system}:{self.id}" if done else None

    def to_json(self) -> dict[str, Any]:
        """The job as the native API shows it."""
        error = {"code": self.error_code, "message": self.error} if self.error_code else None
        return {
            "id": self.id,
            "object": "job",
            "task": self.task,
            "state": self.state,
            "position": self.position,
            "priority": self.priority,
            "step": self.step,
            "steps": self.steps,
            "progress": self.progress,
            "eta": self.eta,
            "attempt": self.attempt,
            "preview": self.preview,
            "keeping": self.keeping,
            "tuned": self.tuned,
            "created_at": self.created_at,
            "started_at": self.started_at,
            "ended_at": self.ended_at,
            "expires_at": self.expires_at,
            "source": self.source,
            "error": error,
            "request": self.request.to_json(),
            "frames_sha256": self.sha256,
            "files": {name: file.type for name, file in self.files.items()},
        }


@dataclass(frozen=True, kw_only=True)
class Lease:
    """What a worker holds of a job: only the holder of the newest attempt may write to it.

    Every attempt has the same number of `threads`; None is as many as there are.
    """

    id: str
    worker: str
    attempt: int
    request: Request
    owner: str
    task: Task = "make"
    threads: int | None = None


class Pulse(NamedTuple):
    """What a worker hears between two steps: the job's state, None if it was taken away.

    And whether somebody watches, and whether a tuning shall end and keep what it has learned.
    """

    state: State | None
    watched: bool
    keeping: bool


def sources(request: Request) -> set[str]:
    """Ids of the assets that the conditions of a request name."""
    return {item.source for item in request.given() if item.kind not in LITERALS}


def elapsed() -> float:
    """Seconds since this machine started, the same for all its processes."""
    which = getattr(time, "CLOCK_BOOTTIME", None)  # unlike CLOCK_MONOTONIC it counts sleep
    return time.monotonic() if which is None else time.clock_gettime(which)


def steady(start: float | None = None) -> Clock:
    """The time of day as it was when this was called, going on evenly however the clock is set.

    `start` is the time of day at which the machine started, for processes that must agree.
    """
    zero = time.time() - elapsed() if start is None else start
    return lambda: zero + elapsed()
