"""Logs as lines of JSON on stderr; prompts are in them only if the settings say so."""

from __future__ import annotations

import json
import logging
import sys
import time

_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

SECRET = frozenset({"prompt", "negative", "request"})
"""Keys whose values are somebody's words."""


class Lines(logging.Formatter):
    """One JSON object a line: when, how grave, what, and whatever else was said."""

    def __init__(self, *, prompts: bool) -> None:
        super().__init__()
        self._hidden = frozenset() if prompts else SECRET

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        said = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + "Z",
            "level": record.levelname.lower(),
            "what": record.getMessage(),
        }
        more = {k: v for k, v in vars(record).items() if k not in _PLAIN and k not in self._hidden}
        if record.exc_info:
            more["trace"] = self.formatException(record.exc_info)
        return json.dumps({**said, **more}, default=str)


def begin(*, prompts: bool, level: int = logging.INFO) -> None:
    """Log to stderr from now on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines(prompts=prompts))
    for name in ("mutoscope.service", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.setLevel(level if name.startswith("mutoscope") else logging.WARNING)
        logger.propagate = False
