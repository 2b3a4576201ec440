"""Logs as lines of JSON on stderr; prompts are in them only if the settings say so.

What an exception says may hold somebody's words, so without prompts a trace tells where it arose
and of what kind it is, and no more; so does the first line of what other packages log.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from types import TracebackType

from typing_extensions import override

OURS = "mutoscope.service"

_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

SECRET = frozenset({"prompt", "negative"})
"""Keys whose values are somebody's words."""

Raised = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class Lines(logging.Formatter):
    """One JSON object a line: when, how grave, what, and whatever else was said."""

    def __init__(self, *, prompts: bool) -> None:
        super().__init__()
        self._prompts = prompts

    @override
    def format(self, record: logging.LogRecord) -> str:
        hidden = frozenset() if self._prompts else SECRET
        what = record.getMessage()
        if not self._prompts and record.name != OURS:
            what = what.partition("\n")[0]
        said = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + "Z",
            "level": record.levelname.lower(),
            "what": what,
        }
        more = {k: v for k, v in vars(record).items() if k not in _PLAIN and k not in hidden}
        if record.exc_info:
            more["trace"] = self.formatException(record.exc_info)
        return json.dumps({**said, **more}, default=str)

    @override
    def formatException(self, ei: Raised) -> str:
        return super().formatException(ei) if self._prompts else "".join(_bare(ei[1]))


def begin(*, prompts: bool, level: int = logging.INFO) -> None:
    """Log to stderr from now on: what we say, and what others warn of or die from."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines(prompts=prompts))
    root, ours = logging.getLogger(), logging.getLogger(OURS)
    before = [one for one in root.handlers if not isinstance(one.formatter, Lines)]
    root.handlers[:] = [*before, handler]
    root.setLevel(logging.WARNING)
    ours.setLevel(level)
    logging.captureWarnings(capture=True)

    def died(
        kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and not issubclass(kind, SystemExit | KeyboardInterrupt):
            ours.critical("died", exc_info=(kind, error, trace))

    sys.excepthook = died
    threading.excepthook = lambda said: died(said.exc_type, said.exc_value, said.exc_traceback)


def _bare(error: BaseException | None) -> Iterator[str]:
    """Where an exception, and those it came from, arose: without what they say."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield from traceback.format_tb(error.__traceback__)
        yield f"{type(error).__name__}\n"
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
