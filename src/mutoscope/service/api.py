"""The application: OpenAI's shape and the native one over a desk; health, metrics and errors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI
from fastapi import Request as Http
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.responses import Response

from mutoscope import __version__
from mutoscope.errors import MutoscopeError, WeightsError
from mutoscope.service import native, shapes, videos
from mutoscope.service.desk import Desk
from mutoscope.service.door import Door, Rules, problem
from mutoscope.service.jobs import BusyError, ConflictError, NotFoundError
from mutoscope.service.metrics import Metrics
from mutoscope.service.parts import At
from mutoscope.service.results import StorageError

router = APIRouter()


def app(desk: Desk, *, needed: bool = False, pages: tuple[str, ...] = ()) -> FastAPI:
    """The application over a desk that is started elsewhere.

    `needed` says that a key is; `pages` are prefixes under which web pages will be mounted.
    """

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        _app.state.closing = asyncio.Event()
        yield
        _app.state.closing.set()

    made = FastAPI(
        title="mutoscope",
        version=__version__,
        description="Videos from text. Jobs are kept: whatever is killed, an accepted job ends.",
        docs_url=None,  # its scripts would come from elsewhere
        redoc_url=None,
        openapi_url="/openapi.json",
        lifespan=lifespan,
    )
    made.state.desk, made.state.metrics, made.state.streams = desk, Metrics(desk), 0
    for part in (router, native.router, videos.router):
        made.include_router(part)
    made.add_exception_handler(MutoscopeError, _refused)
    made.add_exception_handler(RequestValidationError, _invalid)
    made.add_exception_handler(HTTPException, _plain)
    rules = Rules(settings=desk.settings, needed=needed, pages=pages)
    made.add_middleware(Door, rules=rules, keys=desk.keys, metrics=made.state.metrics)
    return made


@router.get("/health", responses={200: {"model": shapes.Health}, **shapes.problems()})
def health() -> JSONResponse:
    """Whether the server answers."""
    return JSONResponse({"status": "ok", "version": __version__})


@router.get("/ready", responses={200: {"model": shapes.Health}, **shapes.problems()})
def ready(desk: At) -> JSONResponse:
    """Whether jobs would be accepted and run.

    503 if the store or the results can't be written, or if all workers are gone.
    """
    desk.check()
    supervisor = desk.supervisor
    if supervisor is not None and desk.settings.workers and not supervisor.alive():
        sentence = "no worker is alive just now; one is being started"
        return JSONResponse(problem("unavailable", sentence), 503)
    return JSONResponse({"status": "ready", "version": __version__})


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}, **shapes.problems()},
)
def metrics(http: Http) -> Response:
    """For Prometheus."""
    return Response(http.app.state.metrics.text(), media_type="text/plain; version=0.0.4")


def _refused(_http: Http, error: Exception) -> Response:
    """Our own errors: a status each, the sentence as it is."""
    headers = {}
    sentence, status, code = str(error), 400, "invalid_request"
    if isinstance(error, NotFoundError):
        status, code = 404, "not_found"
    elif isinstance(error, ConflictError):
        status, code = 409, "conflict"
    elif isinstance(error, BusyError):
        status, code, headers = 429, "busy", {"Retry-After": str(error.wait)}
    elif isinstance(error, StorageError):
        status, code, headers = 503, "unavailable", {"Retry-After": "5"}
    elif isinstance(error, WeightsError):
        sentence = "the weights of this system aren't here; see /v1/systems"
    return JSONResponse(problem(code, sentence), status, headers=headers)


def _invalid(_http: Http, error: Exception) -> Response:
    """FastAPI's own: the first of its complaints, as a sentence."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    name = str(first["loc"][-1])[:100]
    return JSONResponse(problem("invalid_request", f"{name}: {first['msg']}", param=name), 400)


def _plain(_http: Http, error: Exception) -> Response:
    """Starlette's own: no such path, no such method, a broken body."""
    assert isinstance(error, HTTPException)
    said = {404: "there is nothing under this path; see /openapi.json"}
    sentence = said.get(error.status_code, str(error.detail))
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "invalid_request")
    headers = dict(error.headers or {})
    return JSONResponse(problem(code, sentence), error.status_code, headers=headers)
