"""What every format's writer has in common: pictures in, then a record."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from mutoscope.errors import MediaError

Picture = UInt8[np.ndarray, "H W 3"]
Pictures = UInt8[np.ndarray, "T H W 3"]


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a file is written: `lossless` needs a format that can; `columns` lays out a png sheet."""

    lossless: bool = False
    columns: int = 8

    def __post_init__(self) -> None:
        if self.columns < 1:
            raise MediaError(f"a sheet needs at least 1 column (got {self.columns})")


class Sink(ABC):
    """One format's writer.

    `part` is the unfinished file. A sink may put others beside it whose names begin alike; all that
    are left when it is done are removed for it.
    """

    def __init__(self, part: Path, *, fps: float, options: Options) -> None:
        self.part, self.fps, self.options = part, fps, options

    @abstractmethod
    def add(self, picture: Picture) -> None:
        """Take the next picture."""

    @abstractmethod
    def close(self, record: str | None) -> None:
        """Finish `part`, with this record in it unless None."""

    @abstractmethod
    def abandon(self) -> None:
        """Let go of open files; never raises, and may be called at any time."""
