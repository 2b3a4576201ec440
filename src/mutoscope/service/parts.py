"""What the routes of both shapes share: who asks, at which desk, for which page or file."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Depends, Query
from fastapi import Request as Http
from starlette.responses import Response

from mutoscope.service import files
from mutoscope.service.access import Caller
from mutoscope.service.desk import Desk
from mutoscope.service.jobs import Job


def desk_of(http: Http) -> Desk:
    """The desk of the application that was asked."""
    return http.app.state.desk


def caller_of(http: Http) -> Caller:
    """Who asks, as the door found out."""
    return http.state.caller


At = Annotated[Desk, Depends(desk_of)]
Who = Annotated[Caller, Depends(caller_of)]
After = Annotated[str | None, Query(max_length=100, description="The last id of the page before.")]
Limit = Annotated[int, Query(ge=1, le=100)]
Order = Annotated[Literal["asc", "desc"], Query(description="desc: newest first.")]

MEDIA: dict[str, Any] = {
    "content": {kind: {} for kind in ("video/mp4", "image/png", "image/webp")},
    "description": "The file, its record inside.",
}
"""How OpenAPI is told of a file."""


def page(data: list[dict[str, Any]], *, more: bool) -> dict[str, Any]:
    """A page in OpenAI's form."""
    first, last = (data[0]["id"], data[-1]["id"]) if data else (None, None)
    return {"object": "list", "data": data, "first_id": first, "last_id": last, "has_more": more}


def content(http: Http, desk: Desk, job: Job, variant: str) -> Response:
    """A file of a job, or the part that the client wants."""
    path = desk.file(job, variant)
    name = f"{job.id}{path.suffix}"
    span = http.headers.get("range")
    return files.sent(path, job.files[variant].type, name=name, span=span)
