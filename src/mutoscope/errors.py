"""What can go wrong: MutoscopeError -> RequestError, WeightsError, MediaError, DataError.

A message says what was got, what is needed and what to do, in one sentence.
"""

from __future__ import annotations

from collections.abc import Sequence


class MutoscopeError(Exception):
    """Anything the user can mend; the command line prints its sentence and leaves with code 2.

    If `failed`, what was asked for is right but couldn't be done here and now, be it for want of
    space, of a package or of whole weights; then the code is 1.
    """

    def __init__(self, sentence: str, *, failed: bool = False) -> None:
        super().__init__(sentence)
        self.failed = failed


class RequestError(MutoscopeError):
    """The request asks for something that can't be made as asked."""


class IgnoredError(RequestError):
    """A condition of this kind is asked for, and the system wouldn't hear it."""

    def __init__(self, sentence: str, *, kind: str) -> None:
        super().__init__(sentence)
        self.kind = kind

    def used_by(self, names: Sequence[str]) -> IgnoredError:
        """The same, naming the systems that would use the condition."""
        use = f"{', '.join(names)} would use it" if names else "no system that is here would use it"
        return IgnoredError(f"{self}; {use}", kind=self.kind)


class WeightsError(MutoscopeError):
    """A weight file or folder is missing, broken or doesn't fit."""


class MediaError(MutoscopeError):
    """A picture or video can't be read or written."""


class DataError(MutoscopeError):
    """A data set or its description is missing, broken or contradicts itself."""
