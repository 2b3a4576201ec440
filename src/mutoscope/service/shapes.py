"""What bodies and answers look like, for OpenAPI; what is accepted is decided elsewhere."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from mutoscope.service.jobs import LONGEST_KEY, PRIORITY, State, Task

PROMPT = "a red ball bounces on the grass"


class Trouble(BaseModel):
    """What went wrong."""

    message: str = Field(description="One sentence: what was got, what is needed, what to do.")
    type: Literal["invalid_request_error", "server_error"]
    param: str | None
    code: str


class Problem(BaseModel):
    """An error."""

    error: Trouble


class Reason(BaseModel):
    """Why a job ended without files."""

    code: str
    message: str


class JobShape(BaseModel):
    """A job."""

    id: str
    object: Literal["job"]
    task: Task
    state: State
    position: int | None = Field(description="1 is the next to run; null when it doesn't wait.")
    priority: int
    step: int
    steps: int
    progress: int = Field(ge=0, le=100)
    eta: float | None = Field(description="Seconds to go.")
    attempt: int
    preview: int = Field(description="The step of the newest preview; 0 when there is none.")
    keeping: bool = Field(description="A tuning that ends after its step and keeps what it has.")
    tuned: str | None = Field(description="The system that a completed tuning has made.")
    created_at: float
    started_at: float | None
    ended_at: float | None
    expires_at: float | None
    source: str | None
    error: Reason | None
    request: dict[str, Any]
    frames_sha256: str | None
    files: dict[str, str]


class JobPage(BaseModel):
    """A page of jobs."""

    object: Literal["list"]
    data: list[JobShape]
    first_id: str | None
    last_id: str | None
    has_more: bool


class VideoShape(BaseModel):
    """A video, in OpenAI's shape."""

    id: str
    object: Literal["video"]
    model: str
    status: Literal["queued", "in_progress", "completed", "failed"]
    progress: int = Field(ge=0, le=100)
    created_at: int
    completed_at: int | None
    expires_at: int | None
    prompt: str
    size: str
    seconds: str
    remixed_from_video_id: str | None
    error: Reason | None


class VideoPage(BaseModel):
    """A page of videos."""

    object: Literal["list"]
    data: list[VideoShape]
    first_id: str | None
    last_id: str | None
    has_more: bool


class Deleted(BaseModel):
    """Something is gone."""

    id: str
    object: str
    deleted: Literal[True]


class TunedShape(BaseModel):
    """What a system was tuned to: the job that did it, its steps, and the clip it has learned."""

    job: str
    steps: int
    prompt: str
    frames: int
    fps: float


class SystemShape(BaseModel):
    """A system and what it can be asked for."""

    name: str
    title: str
    authors: str
    year: int
    arxiv: str
    weights: str
    departs: list[str]
    accepts: dict[str, Any]
    tuned: TunedShape | None = Field(description="The clip it was tuned to here.")


class SystemList(BaseModel):
    """All systems that are here."""

    object: Literal["list"]
    data: list[SystemShape]


class TunableShape(BaseModel):
    """A system that can be tuned to a clip: steps of learning, and what of a clip it can learn."""

    system: str
    steps: dict[str, Any]
    frames: dict[str, Any]
    fps: dict[str, Any]
    sizes: list[tuple[int, int]]


class TunableList(BaseModel):
    """All of them."""

    object: Literal["list"]
    data: list[TunableShape]


class AssetShape(BaseModel):
    """An uploaded picture or clip, as it is kept."""

    id: str
    object: Literal["asset"]
    sha256: str
    width: int
    height: int
    frames: int
    fps: float
    bytes: int
    created_at: float


class AssetList(BaseModel):
    """All uploads."""

    object: Literal["list"]
    data: list[AssetShape]


class Health(BaseModel):
    """Whether the service is there."""

    status: str
    version: str


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors an operation may answer, besides those that every one may."""
    return {status: {"model": Problem} for status in (*ANYWHERE, *statuses)}


ANYWHERE = (400, 401, 403, 408, 413, 429, 503)

KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Asking again with the same key and body answers the same job, for a day.",
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY},
}

_PRIORITY = {"type": "integer", "minimum": 0, "maximum": PRIORITY, "default": 0}
_WEBHOOK = {
    "type": "string",
    "description": "An https URL of an allowed host, told when the job has ended.",
}
_REQUEST = {
    "type": "object",
    "description": "A Request, as it stands in the metadata of every file; a key left out takes"
    " the system's default. The source of a condition is an asset's id.",
    "properties": {
        "system": {"type": "string"},
        "prompt": {"type": "string"},
        "negative": {"type": "string"},
        "frames": {"type": "integer", "minimum": 1},
        "fps": {"type": "number"},
        "size": {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2},
        "steps": {"type": "integer", "minimum": 1},
        "guidance": {"type": "number"},
        "sampler": {"type": "string"},
        "seed": {"type": "integer", "minimum": 0},
        "conditions": {"type": "array", "items": {"type": "object"}},
        "settings": {"type": "object"},
        "segments": {"type": "array", "items": {"type": "object"}},
    },
    "required": ["prompt"],
    "additionalProperties": False,
}
_VIDEO = {
    "prompt": {"type": "string"},
    "model": {"type": "string", "description": "A system's name; see /v1/systems."},
    "seconds": {"type": "string", "description": "The length; the system's own if left out."},
    "size": {"type": "string", "pattern": "^[0-9]{1,5}x[0-9]{1,5}$"},
    "seed": {"type": "integer", "minimum": 0, "description": "Drawn if left out."},
    "fps": {"type": "number"},
    "num_frames": {"type": "integer", "minimum": 1},
    "num_inference_steps": {"type": "integer", "minimum": 1},
    "guidance_scale": {"type": "number"},
    "negative_prompt": {"type": "string"},
    "settings": {"type": "object"},
    "priority": _PRIORITY,
    "webhook": _WEBHOOK,
}
_FILE = {"type": "string", "format": "binary"}


def body(
    properties: dict[str, Any], required: list[str], example: dict[str, Any], *, file: str = ""
) -> dict[str, Any]:
    """A body of these fields as JSON, and as multipart if a field may be a file."""
    schema = {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }
    content = {"application/json": {"schema": schema, "example": example}}
    if file:
        parts = {**schema, "properties": {**properties, file: _FILE}}
        sent = {**example, file: "(the file)"}
        content["multipart/form-data"] = {"schema": parts, "example": sent}
    return {"required": True, "content": content}


_ID = {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}
_REFERENCE = {
    "type": "object",
    "properties": {"file_id": {"type": "string"}, "image_url": {"type": "string"}},
    "description": "An asset's id, or a data: URL.",
}

JOB = {
    "parameters": [KEY],
    "requestBody": body(
        {"request": _REQUEST, "priority": _PRIORITY, "webhook": _WEBHOOK},
        ["request"],
        {"request": {"system": "modelscope", "prompt": PROMPT, "seed": 7}},
    ),
}
TUNING = {
    "parameters": [KEY],
    "requestBody": body(
        {
            "system": {"type": "string", "description": "One of /v1/tunings; the first there."},
            "clip": {"type": "string", "description": "An asset's id."},
            "prompt": {"type": "string", "description": "What the clip shows."},
            "preview": {"type": "string", "description": "Another prompt that samples show."},
            "frames": {"type": "integer", "minimum": 1, "description": "Learned, from its start."},
            "fps": {"type": "number", "description": "At which the clip is looked at; 8."},
            "steps": {"type": "integer", "minimum": 1},
            "priority": _PRIORITY,
            "webhook": _WEBHOOK,
        },
        ["clip", "prompt"],
        {"clip": "asset_...", "prompt": PROMPT, "preview": "a blue star bounces on the snow"},
    ),
}
VIDEO = {
    "parameters": [KEY],
    "requestBody": body(
        {**_VIDEO, "input_reference": _REFERENCE},
        ["prompt"],
        {"model": "modelscope", "prompt": PROMPT, "seconds": "2", "size": "128x128"},
        file="input_reference",
    ),
}
REMIX = {
    "parameters": [KEY],
    "requestBody": body({"prompt": {"type": "string"}}, ["prompt"], {"prompt": PROMPT}),
}
_SOURCE = {"prompt": {"type": "string"}, "video": _ID, "model": {"type": "string"}}
EDIT = {
    "parameters": [KEY],
    "requestBody": body(
        _SOURCE, ["prompt", "video"], {"prompt": PROMPT, "video": {"id": "job_..."}}, file="video"
    ),
}
EXTEND = {
    "parameters": [KEY],
    "requestBody": body(
        {**_SOURCE, "seconds": {"type": "string"}},
        ["prompt", "seconds", "video"],
        {"prompt": PROMPT, "seconds": "2", "video": {"id": "job_..."}},
        file="video",
    ),
}
ASSET = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {"type": "object", "properties": {"file": _FILE}, "required": ["file"]},
                "example": {"file": "(the file)"},
            }
        },
    }
}
