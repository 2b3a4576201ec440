"""OpenAI's videos: the same jobs in the shape its clients know.

    queued               -> queued
    running, cancelling  -> in_progress
    completed            -> completed
    failed               -> failed
    cancelled            -> failed, error.code "cancelled"

`seconds` x fps is the number of frames; what the system can't make is refused, never rounded. A
seed that isn't given is drawn, and kept in the request before the job is accepted. Whether a system
takes a picture or a clip to start from is asked of its Capabilities.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from fastapi import Request as Http
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from mutoscope import checked
from mutoscope.errors import RequestError
from mutoscope.request import Capabilities, Request
from mutoscope.service import bodies, shapes
from mutoscope.service.access import Caller
from mutoscope.service.bodies import Body
from mutoscope.service.desk import Desk, Extras
from mutoscope.service.jobs import Job, NotFoundError, Variant
from mutoscope.service.offers import Offer
from mutoscope.service.parts import MEDIA, After, At, Limit, Order, Who, content, page

router = APIRouter()

STATUS = {"running": "in_progress", "cancelling": "in_progress", "cancelled": "failed"}

WORDS = {
    "num_frames": "frames",
    "num_inference_steps": "steps",
    "guidance_scale": "guidance",
    "negative_prompt": "negative",
}
"""What others call the keys of a Request; ours are understood too."""

NUMBERS = ("seed", "fps", "frames", "steps", "guidance")

FIELDS = (
    "prompt", "model", "seconds", "size", "input_reference", "settings", "sampler", "negative",
    "priority", "webhook", *NUMBERS, *WORDS,
)  # fmt: skip

BEGINS = ("first", "image")
"""Conditions by which a clip begins with, or follows, a picture; the first that a system has."""

EDITS = ("structure",)
"""Conditions by which a clip takes on another's shape and motion."""

EXTENDS = ("first",)
"""Conditions by which a clip goes on from the last frame of another."""

SEEDS = 2**31
"""Seeds are drawn below this."""


def shown(job: Job) -> dict[str, Any]:
    """A job in OpenAI's shape."""
    asked = job.request
    done = job.state == "completed"
    return {
        "id": job.id,
        "object": "video",
        "model": asked.system,
        "status": STATUS.get(job.state, job.state),
        "progress": job.progress,
        "created_at": int(job.created_at),
        "completed_at": int(job.ended_at) if done and job.ended_at else None,
        "expires_at": int(job.expires_at) if done and job.expires_at else None,
        "prompt": " ".join(asked.prompts),
        "size": "x".join(map(str, asked.size)),
        "seconds": f"{asked.length / asked.fps:g}",
        "remixed_from_video_id": job.source,
        "error": {"code": job.error_code, "message": job.error} if job.error_code else None,
    }


@router.post(
    "/v1/videos",
    openapi_extra=shapes.VIDEO,
    responses={200: {"model": shapes.VideoShape}, **shapes.problems(404, 409, 415)},
)
async def create_video(http: Http, desk: At, who: Who) -> JSONResponse:
    """Ask for a video."""
    async with bodies.opened(http) as body:
        bodies.known(body, dict.fromkeys(FIELDS))

        def given(owner: str) -> dict[str, Any]:
            asked = _asked(desk, body, owner)
            if "input_reference" in {*body.fields, *body.files}:
                asked["conditions"] = [_begin(desk, body, asked["system"], owner)]
            return asked

        return await _submitted(http, desk, who, body, given)


@router.get("/v1/videos", responses={200: {"model": shapes.VideoPage}, **shapes.problems()})
def list_videos(
    desk: At, who: Who, after: After = None, limit: Limit = 20, order: Order = "desc"
) -> JSONResponse:
    """A page of videos."""
    found, more = desk.store.listed(
        owner=who.name, after=after, limit=limit, newest_first=order == "desc", task="make"
    )
    return JSONResponse(page([shown(job) for job in found], more=more))


@router.get(
    "/v1/videos/{video}", responses={200: {"model": shapes.VideoShape}, **shapes.problems(404)}
)
def get_video(video: str, desk: At, who: Who) -> JSONResponse:
    """A video as it stands."""
    job = _video(desk, video, who.name)
    wait = {} if job.ended else {"openai-poll-after-ms": str(_pause(job))}
    return JSONResponse(shown(job), headers=wait)


@router.delete(
    "/v1/videos/{video}", responses={200: {"model": shapes.Deleted}, **shapes.problems(404)}
)
def delete_video(video: str, desk: At, who: Who) -> JSONResponse:
    """Stop a video that is being made within one step, and forget it."""
    desk.delete(_video(desk, video, who.name).id, owner=who.name)
    return JSONResponse({"id": video, "object": "video.deleted", "deleted": True})


@router.get(
    "/v1/videos/{video}/content",
    response_class=Response,
    responses={200: MEDIA, 206: MEDIA, 416: {}, **shapes.problems(404, 409)},
)
def get_video_content(
    video: str, http: Http, desk: At, who: Who, variant: Variant = "video"
) -> Response:
    """A file of a completed video, its record inside."""
    return content(http, desk, _video(desk, video, who.name), variant)


@router.post(
    "/v1/videos/{video}/remix",
    openapi_extra=shapes.REMIX,
    responses={200: {"model": shapes.VideoShape}, **shapes.problems(404, 409, 415)},
)
async def remix_video(video: str, http: Http, desk: At, who: Who) -> JSONResponse:
    """The same settings and seed with another prompt."""
    async with bodies.opened(http) as body:
        bodies.known(body, {"prompt": 0})

        def given(owner: str) -> dict[str, Any]:
            source = _completed(desk, video, owner)
            if source.request.segments:
                raise RequestError("a story has a prompt a segment and can't be remixed by one")
            return {**source.request.to_json(), "prompt": bodies.prompt(body)}

        return await _submitted(http, desk, who, body, given, source=video)


@router.post(
    "/v1/videos/edits",
    openapi_extra=shapes.EDIT,
    responses={200: {"model": shapes.VideoShape}, **shapes.problems(404, 409, 415)},
)
async def edit_video(http: Http, desk: At, who: Who) -> JSONResponse:
    """A video with the shape and motion of another, for systems that can."""
    return await _from_clip(http, desk, who, EDITS, "edit a video", frame=None)


@router.post(
    "/v1/videos/extensions",
    openapi_extra=shapes.EXTEND,
    responses={200: {"model": shapes.VideoShape}, **shapes.problems(404, 409, 415)},
)
async def extend_video(http: Http, desk: At, who: Who) -> JSONResponse:
    """A video that goes on from the last frame of another, for systems that can."""
    return await _from_clip(http, desk, who, EXTENDS, "extend a video", frame=-1)


async def _from_clip(
    http: Http, desk: Desk, who: Caller, kinds: tuple[str, ...], what: str, *, frame: int | None
) -> JSONResponse:
    """A job whose condition is a clip: one of ours by its id, or an upload."""
    async with bodies.opened(http) as body:
        bodies.known(body, {"prompt": 0, "video": 0, "seconds": 0, "model": 0})
        named = body.table("video") if "video" in body.fields else None
        own = named.get("id") if isinstance(named, Mapping) else None
        if "video" not in body.files and not isinstance(own, str):
            raise RequestError("video must be a file, or {'id': ...} of a completed video; give it")

        def given(owner: str) -> dict[str, Any]:
            source = None if own is None else _completed(desk, own, owner)
            before = Request.system if source is None else source.request.system
            name = checked.text("model", body.fields.get("model", before))
            kind = _kind(desk.offer(name, owner=owner), desk, kinds, what)
            asked: dict[str, Any] = {"seed": secrets.randbelow(SEEDS)}
            if source is not None:
                asked = source.request.to_json()
            asked |= {"system": name, "prompt": bodies.prompt(body)}
            if "seconds" in body.fields:
                _frames(asked, body.fields["seconds"], desk.offer(name, owner=owner).accepts)
            if source is None:
                with bodies.received(desk.settings.uploads, body.files["video"]) as path:
                    asset = desk.upload(path, owner=owner)
            else:
                asset = desk.reused(source, owner=owner)
            return {**asked, "conditions": [{"kind": kind, "source": asset.id, "frame": frame}]}

        return await _submitted(http, desk, who, body, given, source=own)


async def _submitted(
    http: Http,
    desk: Desk,
    who: Caller,
    body: Body,
    given: Callable[[str], dict[str, Any]],
    *,
    source: str | None = None,
) -> JSONResponse:
    """The job of a body, or the one that its idempotency key has made already."""
    key, fingerprint = bodies.idempotency(http, body)
    extras = Extras(
        priority=bodies.priority(body.number("priority")) if "priority" in body.fields else 0,
        webhook=bodies.webhook(body),
        source=source,
        key=key,
        fingerprint=fingerprint,
    )

    def accept() -> Job:
        if key is not None:
            known = desk.store.remembered(who.name, key, fingerprint)
            if known is not None:
                return known
        asked = given(who.name)
        try:
            request = desk.request(asked, owner=who.name)
            return desk.submit(request, caller=who, extras=extras)
        except Exception:
            # What was uploaded for this alone; a store that can't be written has the next word.
            with suppress(SQLAlchemyError):
                desk.assets.withdraw(item["source"] for item in asked.get("conditions", ()))
            raise

    return JSONResponse(shown(await run_in_threadpool(accept)))


def _asked(desk: Desk, body: Body, owner: str) -> dict[str, Any]:
    """The keys of a Request that a body says in OpenAI's and others' words."""
    fields = body.fields
    name = checked.text("model", fields.get("model", Request.system))
    asked: dict[str, Any] = {"system": name, "prompt": bodies.prompt(body)}
    for said in (*NUMBERS, *WORDS, "sampler", "negative", "settings"):
        if said in fields:
            key = WORDS.get(said, said)
            if key in asked:
                raise RequestError(f"'{said}' and '{key}' say the same; give one of them")
            asked[key] = body.table(said) if said == "settings" else _value(body, said, key)
    can = desk.offer(name, owner=owner).accepts
    if "size" in fields:
        asked["size"] = _size(fields["size"])
    if "seconds" in fields:
        if "frames" in asked:
            raise RequestError("seconds and num_frames say the same; give one of them")
        _frames(asked, fields["seconds"], can)
    asked.setdefault("seed", secrets.randbelow(SEEDS))
    return asked


def _value(body: Body, said: str, key: str) -> Any:  # noqa: ANN401
    return body.number(said) if key in NUMBERS else body.fields[said]


def _frames(asked: dict[str, Any], seconds: object, can: Capabilities) -> None:
    """Turn a length into a number of frames that the system can make."""
    fps = checked.number("fps", asked.get("fps", can.defaults.get("fps", Request.fps)), low=0.01)
    written = checked.literal(seconds) if isinstance(seconds, str) else seconds
    length = checked.number("seconds", written, low=0)
    frames = round(min(length * fps, float(checked.LARGEST)))
    if not math.isclose(frames, length * fps, abs_tol=1e-6) or frames not in can.frames:
        low, high = (f"{count / fps:g}" for count in (can.frames.low, can.frames.high))
        span = low if low == high else f"{low} to {high}"
        near = " or ".join(f"{count / fps:g}" for count in can.frames.nearest(length * fps))
        raise RequestError(
            f"{asked['system']} makes clips of {span} seconds at {fps:g} fps, {can.frames} frames"
            f" (got {length:g}); use {near}"
        )
    asked["frames"] = frames


def _size(said: object) -> list[int]:
    """`WxH` as [W, H]."""
    width, cross, height = said.partition("x") if isinstance(said, str) else ("", "", "")
    sides = (width, height)
    if not cross or not all(
        side.isdecimal() and side.isascii() and len(side) < 6 for side in sides
    ):
        raise RequestError(f"size must be WIDTHxHEIGHT in pixels, like 128x128 (got {said!r:.50})")
    return [int(width), int(height)]


def _begin(desk: Desk, body: Body, system: str, owner: str) -> dict[str, Any]:
    """The condition that an input_reference stands for."""
    kind = _kind(desk.offer(system, owner=owner), desk, BEGINS, "start from a picture")
    if "input_reference" in body.files:
        opened: AbstractContextManager[Path] = bodies.received(
            desk.settings.uploads, body.files["input_reference"]
        )
    else:
        named = body.table("input_reference")
        if not isinstance(named, Mapping) or len(named) != 1:
            raise RequestError("input_reference must be a file, {'file_id': ...} or a data: URL")
        if "file_id" in named:
            asset = desk.assets.get(checked.text("file_id", named["file_id"]), owner=owner)
            return {"kind": kind, "source": asset.id}
        opened = bodies.unpacked(
            desk.settings.uploads, checked.text("image_url", named.get("image_url"))
        )
    with opened as path:
        return {"kind": kind, "source": desk.upload(path, owner=owner).id}


def _kind(offer: Offer, desk: Desk, kinds: tuple[str, ...], what: str) -> str:
    """The first of these conditions that a system takes."""
    for kind in kinds:
        if kind in offer.accepts.conditions:
            return kind
    able = [o.name for o in desk.offers() if set(kinds) & set(o.accepts.conditions)]
    use = f"use {', '.join(able)}" if able else "no system that is here can"
    raise RequestError(f"{offer.name} can't {what}; {use}")


def _video(desk: Desk, video: str, owner: str) -> Job:
    """A job that makes a clip: a tuning is no video."""
    job = desk.get(video, owner=owner)
    if job.task != "make":
        raise NotFoundError("there is no such video; see /v1/jobs for what else was asked for")
    return job


def _completed(desk: Desk, video: str, owner: str) -> Job:
    """A video that can be gone on from."""
    try:
        job = _video(desk, video, owner)
    except NotFoundError:
        raise NotFoundError("there is no such video; it may have expired") from None
    if job.state != "completed":
        raise RequestError(f"the video is {job.state}; wait until it is completed")
    return job


def _pause(job: Job) -> int:
    """Milliseconds after which asking again is worth while."""
    return 500 if job.eta is None else max(100, min(2000, round(500 * job.eta)))
