"""Which jobs the gallery shows: clips asked for without a key, as the page's own requests are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mutoscope.service.access import LOCAL
from mutoscope.service.jobs import STATES, Job
from mutoscope.service.store import Store

PIECE = 200
"""Jobs that are read from the store at once."""

DEEP = 5000
"""Jobs among which words are looked for, newest first; ours."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a job must be to be shown: all words of `text` are in its prompt, seed or system.

    No `states`: any; no `system`: any.
    """

    text: str = ""
    states: Sequence[str] = ()
    system: str | None = None

    def says(self, job: Job) -> bool:
        """Whether a job has all the words; states and systems are for the store to find."""
        asked = job.request
        where = " ".join([*asked.prompts, asked.system, str(asked.seed), job.id]).lower()
        return all(word in where for word in self.text.lower().split())


GROUPS: dict[str, Sequence[str]] = {
    "Any state": (),
    "Finished": ("completed",),
    "In the making": ("queued", "running", "cancelling"),
    "Failed or cancelled": ("failed", "cancelled"),
}
"""States as a person chooses them."""

assert {state for group in GROUPS.values() for state in group} == set(STATES)


def found(store: Store, wanted: Wanted, *, limit: int) -> tuple[list[Job], bool]:
    """The newest so many jobs that are wanted, and whether there are more.

    Those asked for without a key: what belongs to one is shown to nobody else.
    """
    kept: list[Job] = []
    after: str | None = None
    for _ in range(DEEP // PIECE):
        jobs, more = store.listed(
            owner=LOCAL, after=after, limit=PIECE, states=wanted.states, system=wanted.system,
            task="make",
        )  # fmt: skip
        kept += filter(wanted.says, jobs)
        if len(kept) > limit or not more:
            break
        after = jobs[-1].id
    return kept[:limit], len(kept) > limit
