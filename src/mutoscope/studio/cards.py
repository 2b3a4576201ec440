"""How a job looks in the gallery, as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from mutoscope.service.jobs import Job

WORDS = {
    "queued": "waiting",
    "running": "being made",
    "cancelling": "stopping",
    "cancelled": "cancelled",
    "completed": "finished",
    "failed": "failed",
}
"""States as a person says them."""


def board(jobs: Sequence[Job], *, filtered: bool) -> str:
    """All cards, or what to say when there are none."""
    if jobs:
        return f'<ul class="cards">{"".join(map(card, jobs))}</ul>'
    if filtered:
        return '<p class="empty">Nothing here is like that. Try fewer words, or any state.</p>'
    return '<p class="empty">No clips yet. What you make is kept here.</p>'


def card(job: Job) -> str:
    """One job: its first frame, prompt and state, and a box to choose it for comparing."""
    prompt = escape(" / ".join(job.request.prompts)) or "without words"
    number = escape(job.id, quote=True)
    done = job.state == "completed"
    box = (
        f'<label class="pick"><input type="checkbox" data-pick="{number}"'
        f' aria-label="Compare: {prompt}"><span>compare</span></label>'
        if done
        else ""
    )
    return (
        f'<li class="card" data-state="{job.state}">'
        f'<button type="button" class="open" data-open="{number}" data-kind="{_kind(job)}">'
        f'<span class="screen" style="aspect-ratio:{job.request.size[0]}/{job.request.size[1]}">'
        f"{_picture(job, number)}</span>"
        f'<span class="prompt">{prompt}</span></button>'
        f'<div class="line"><span class="facts">{escape(facts(job))}</span>{box}</div></li>'
    )


def facts(job: Job) -> str:
    """A line under a card: what made it, or how far it is."""
    if job.state == "completed":
        system, tuned, _ = job.request.system.partition(":")
        return f"{system}{', tuned' if tuned else ''} · seed {job.request.seed}"
    if job.state == "running" and job.steps:
        return f"step {job.step} of {job.steps}"
    if job.state == "queued" and job.position:
        return f"waiting, number {job.position} in line"
    return WORDS[job.state]


def _kind(job: Job) -> str:
    return "picture" if job.request.frames == 1 else "clip"


def _picture(job: Job, number: str) -> str:
    if job.state == "completed":
        return f'<img src="/v1/jobs/{number}/content?variant=thumbnail" alt="" loading="lazy">'
    return f'<span class="blank">{WORDS[job.state]}</span>'
