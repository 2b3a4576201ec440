"""The native API: every system and condition, jobs with all that is known of them, uploads."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Query
from fastapi import Request as Http
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from mutoscope.errors import RequestError
from mutoscope.request import Request
from mutoscope.service import bodies, lessons, shapes
from mutoscope.service.access import Caller
from mutoscope.service.bodies import Body
from mutoscope.service.desk import LOOK, Desk, Extras, Watch
from mutoscope.service.jobs import BusyError, Job, NotFoundError, State, Task, Variant
from mutoscope.service.parts import MEDIA, After, At, Limit, Order, Who, content, page

STILL = 100
"""Looks in vain after which a stream shows that it is still there."""

STREAMS = 100
"""Streams of events at once."""

router = APIRouter()

# Jobs


@router.post(
    "/v1/jobs",
    status_code=201,
    openapi_extra=shapes.JOB,
    responses={201: {"model": shapes.JobShape}, **shapes.problems(404, 409, 415)},
)
async def create_job(http: Http, desk: At, who: Who) -> JSONResponse:
    """Ask for a job."""
    async with bodies.opened(http) as body:
        bodies.known(body, {"request": 0, "priority": 0, "webhook": 0})
        extras = _extras(http, body)
        asked = body.table("request") if "request" in body.fields else None
    if not isinstance(asked, dict):
        raise RequestError("request must be an object with at least a prompt; give it")
    return await _accepted(
        desk, who, extras, lambda: desk.request(asked, owner=who.name), task="make"
    )


@router.post(
    "/v1/tunings",
    status_code=201,
    openapi_extra=shapes.TUNING,
    responses={201: {"model": shapes.JobShape}, **shapes.problems(404, 409, 415)},
)
async def create_tuning(http: Http, desk: At, who: Who) -> JSONResponse:
    """Ask for a system to be tuned to a clip; a job, whose `tuned` is the system once it is there.

    Clips are then made with that by its name, until the job is deleted.
    """
    async with bodies.opened(http) as body:
        bodies.known(body, dict.fromkeys((*lessons.KEYS, "priority", "webhook")))
        said = [name for name in lessons.KEYS if name in body.fields]
        given = {n: body.number(n) if n in lessons.NUMBERS else body.fields[n] for n in said}
        extras = _extras(http, body)
    return await _accepted(
        desk, who, extras, lambda: desk.lesson(given, owner=who.name), task="tune"
    )


@router.get("/v1/tunings", responses={200: {"model": shapes.TunableList}, **shapes.problems()})
def list_tunable(desk: At) -> JSONResponse:
    """What can be tuned to a clip here: how long that takes by default, and what of one it learns.

    The systems that were tuned are among /v1/systems.
    """
    folder = desk.settings.weights_folder
    data = []
    for name, recipe in desk.tunable().items():
        can = recipe.before(folder).accepts().to_json()
        learns = {key: can[key] for key in ("frames", "fps", "sizes")}
        steps = {**can["steps"], "default": recipe.PLAN.steps}
        data.append({"system": name, "steps": steps, **learns})
    return JSONResponse({"object": "list", "data": data})


def _extras(http: Http, body: Body) -> Extras:
    key, fingerprint = bodies.idempotency(http, body)
    return Extras(
        priority=bodies.priority(body.number("priority")) if "priority" in body.fields else 0,
        webhook=bodies.webhook(body),
        key=key,
        fingerprint=fingerprint,
    )


async def _accepted(
    desk: Desk, who: Caller, extras: Extras, ask: Callable[[], Request], *, task: Task
) -> JSONResponse:
    """The job of a body, or the one that its idempotency key has made already."""

    def accept() -> Job:
        if extras.key is not None:  # before an asset is asked for, which may be gone by now
            known = desk.store.remembered(who.name, extras.key, extras.fingerprint)
            if known is not None:
                return known
        return desk.submit(ask(), task=task, caller=who, extras=extras)

    job = await run_in_threadpool(accept)
    return JSONResponse(job.to_json(), 201, headers={"Location": f"/v1/jobs/{job.id}"})


@router.get("/v1/jobs", responses={200: {"model": shapes.JobPage}, **shapes.problems()})
def list_jobs(
    desk: At,
    who: Who,
    after: After = None,
    limit: Limit = 20,
    order: Order = "desc",
    state: Annotated[list[State] | None, Query()] = None,
    system: Annotated[str | None, Query(max_length=100)] = None,
) -> JSONResponse:
    """A page of jobs."""
    found, more = desk.store.listed(
        owner=who.name,
        after=after,
        limit=limit,
        newest_first=order == "desc",
        states=state or (),
        system=system,
    )
    return JSONResponse(page([job.to_json() for job in found], more=more))


@router.get("/v1/jobs/{job}", responses={200: {"model": shapes.JobShape}, **shapes.problems(404)})
def get_job(job: str, desk: At, who: Who) -> JSONResponse:
    """A job as it stands."""
    return JSONResponse(desk.get(job, owner=who.name).to_json())


@router.post(
    "/v1/jobs/{job}/cancel",
    responses={200: {"model": shapes.JobShape}, **shapes.problems(404, 409)},
)
def cancel_job(job: str, desk: At, who: Who) -> JSONResponse:
    """Stop a job within one step; 409 for one that has ended."""
    return JSONResponse(desk.cancel(job, owner=who.name).to_json())


@router.post(
    "/v1/jobs/{job}/keep",
    responses={200: {"model": shapes.JobShape}, **shapes.problems(404, 409)},
)
def keep_job(job: str, desk: At, who: Who) -> JSONResponse:
    """End a tuning that runs after its step, and keep what it has learned; 409 for any other."""
    return JSONResponse(desk.keep(job, owner=who.name).to_json())


@router.delete("/v1/jobs/{job}", responses={200: {"model": shapes.Deleted}, **shapes.problems(404)})
def delete_job(job: str, desk: At, who: Who) -> JSONResponse:
    """Stop a job if it runs, and forget it with its files; a tuning with the system it has made."""
    desk.delete(job, owner=who.name)
    return JSONResponse({"id": job, "object": "job.deleted", "deleted": True})


@router.get(
    "/v1/jobs/{job}/content",
    response_class=Response,
    responses={200: MEDIA, 206: MEDIA, 416: {}, **shapes.problems(404, 409)},
)
def get_content(job: str, http: Http, desk: At, who: Who, variant: Variant = "video") -> Response:
    """A file of a completed job, its record inside."""
    return content(http, desk, desk.get(job, owner=who.name), variant)


@router.get(
    "/v1/jobs/{job}/record",
    responses={200: {"model": dict[str, Any]}, **shapes.problems(404, 409)},
)
def get_record(job: str, desk: At, who: Who) -> JSONResponse:
    """The record of a completed job: what its clip can be made again from."""
    path = desk.record(desk.get(job, owner=who.name))
    return JSONResponse(json.loads(path.read_text(encoding="utf-8")))


@router.get(
    "/v1/jobs/{job}/preview",
    response_class=Response,
    responses={200: {"content": {"image/webp": {}}}, **shapes.problems(404)},
)
def get_preview(job: str, desk: At, who: Who) -> Response:
    """The newest preview of a running job; asking makes its worker draw some."""
    desk.get(job, owner=who.name)
    desk.store.watch(job)
    found = desk.preview(job)
    if found is None:
        raise NotFoundError("there is no preview yet, or no more; ask again while the job runs")
    return Response(found, media_type="image/webp")


@router.get(
    "/v1/jobs/{job}/events",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}}, **shapes.problems(404)},
)
async def get_events(job: str, http: Http, desk: At, who: Who) -> StreamingResponse:
    """What happens to a job, as it happens: events `job` and `preview`, and the end of the stream.

    A `job` event holds the job. A `preview` event holds `step` and `image`, a data: URL.
    """
    await run_in_threadpool(desk.get, job, owner=who.name)
    if http.app.state.streams >= STREAMS:
        raise BusyError(f"{STREAMS} streams are open, as many as may be; try again later", wait=5)
    stream = _events(http.app, desk, job)
    return StreamingResponse(stream, media_type="text/event-stream")


async def _events(application: FastAPI, desk: Desk, job: str) -> AsyncIterator[str]:
    """State first, then every change; a job that vanishes ends the stream."""
    state, watch = application.state, Watch(desk.store, job)
    state.streams += 1
    try:
        shown = idle = 0
        while not (state.closing.is_set() or watch.over):
            now = await run_in_threadpool(watch.look)
            if now is None:
                idle += 1
                if idle % STILL == 0:
                    yield ": still here\n\n"
                await asyncio.sleep(LOOK)
                continue
            if now.preview not in (0, shown):
                shown = now.preview
                image = await run_in_threadpool(desk.preview, job)
                if image is not None:
                    yield _event("preview", {"step": shown, "image": _data(image)})
            yield _event("job", now.to_json())
    except NotFoundError:
        yield _event("deleted", {"id": job})
    finally:
        state.streams -= 1


def _event(name: str, data: dict[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"


def _data(image: bytes) -> str:
    return f"data:image/webp;base64,{base64.b64encode(image).decode()}"


# Systems and assets


@router.get("/v1/systems", responses={200: {"model": shapes.SystemList}, **shapes.problems()})
def list_systems(desk: At, who: Who) -> JSONResponse:
    """Every system that is here or was tuned here, and what it can be asked for."""
    data = [offer.to_json() for offer in (*desk.offers(), *desk.tuned(owner=who.name))]
    return JSONResponse({"object": "list", "data": data})


@router.get(
    "/v1/systems/{name}",
    responses={200: {"model": shapes.SystemShape}, **shapes.problems(404)},
)
def get_system(name: str, desk: At, who: Who) -> JSONResponse:
    """One system."""
    try:
        return JSONResponse(desk.offer(name, owner=who.name).to_json())
    except RequestError as error:
        raise NotFoundError(str(error)) from None


@router.post(
    "/v1/assets",
    status_code=201,
    openapi_extra=shapes.ASSET,
    responses={201: {"model": shapes.AssetShape}, **shapes.problems(415)},
)
async def create_asset(http: Http, desk: At, who: Who) -> JSONResponse:
    """Upload a picture or clip for conditions to name."""

    def keep(body: Body) -> dict[str, Any]:
        if "file" not in body.files:
            raise RequestError("field 'file' must be a file; send it as multipart/form-data")
        with bodies.received(desk.settings.uploads, body.files["file"]) as path:
            return desk.upload(path, owner=who.name, lasting=True).to_json()

    async with bodies.opened(http) as body:
        bodies.known(body, {"file": 0})
        return JSONResponse(await run_in_threadpool(keep, body), 201)


@router.get("/v1/assets", responses={200: {"model": shapes.AssetList}, **shapes.problems()})
def list_assets(desk: At, who: Who) -> JSONResponse:
    """All uploads, newest first."""
    data = [asset.to_json() for asset in desk.assets.listed(owner=who.name)]
    return JSONResponse({"object": "list", "data": data})


@router.get(
    "/v1/assets/{asset}",
    responses={200: {"model": shapes.AssetShape}, **shapes.problems(404)},
)
def get_asset(asset: str, desk: At, who: Who) -> JSONResponse:
    """One upload."""
    return JSONResponse(desk.assets.get(asset, owner=who.name).to_json())


@router.delete(
    "/v1/assets/{asset}",
    responses={200: {"model": shapes.Deleted}, **shapes.problems(404, 409)},
)
def delete_asset(asset: str, desk: At, who: Who) -> JSONResponse:
    """Forget an upload; 409 while an unfinished job names it."""
    desk.assets.delete(asset, owner=who.name)
    return JSONResponse({"id": asset, "object": "asset.deleted", "deleted": True})
