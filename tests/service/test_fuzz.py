"""Whatever fits OpenAPI's page, or nearly does, is answered as that page says.

Each operation is asked what its page allows, then what it doesn't, every other time of a job that
is completed and an upload that is there. The examples are drawn here and not by schemathesis'
plugin, whose lazy schemas need an older pytest.
"""

import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from PIL import Image
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.transport import Response
from schemathesis.schemas import APIOperation, BaseSchema

from mutoscope.service import api
from mutoscope.service.access import Caller
from mutoscope.service.desk import Desk
from mutoscope.service.jobs import NotFoundError
from mutoscope.service.settings import Settings
from mutoscope.service.worker import Worker
from tests.service.served import QUICK, ROOT

pytestmark = pytest.mark.xdist_group("fuzz")

load_all_checks()

NAME = "fuzz"
"""Who asks."""

KEY: dict[str, str] = {}
"""The header of the one who asks; with a key no name of this machine is needed."""

WANTED = CHECKS.get_by_names(
    [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_schema_conformance",
    ]
)

PATIENCE = 60.0
"""Seconds in which everything is answered, on a machine that has other things to do."""

Answer = TypeVar("Answer")


class Known:
    """A completed job and an upload, made anew when an example took them away."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.caller = desk, Caller(name=NAME)
        self.picture = desk.settings.home / "dot.png"
        Image.new("RGB", (16, 16), "red").save(self.picture)
        self.made = {"job": "", "asset": ""}

    def id(self, what: str) -> str:
        """Of the job, by either of its names in paths, or of the upload."""
        what = "job" if what == "video" else what
        find = self.desk.get if what == "job" else self.desk.assets.get
        try:
            find(self.made[what])
        except NotFoundError:
            self.made[what] = self._job() if what == "job" else self._asset()
        return self.made[what]

    def clear(self) -> None:
        """Let nothing wait: a full queue would answer the rest."""
        for job in self.desk.store.listed(states=("queued",), limit=1000)[0]:
            self.desk.cancel(job.id)

    def _job(self) -> str:
        self.clear()
        job = self.desk.submit(self.desk.request(QUICK), caller=self.caller)
        lease = self.desk.store.claim("w")
        assert lease is not None
        assert lease.id == job.id
        Worker(self.desk.settings, "w", self.desk.store).run(lease)
        picture = self.desk.file(self.desk.get(job.id), "thumbnail")
        shutil.copy(picture, self.desk.settings.previews / f"{job.id}.webp")
        return job.id

    def _asset(self) -> str:
        return self.desk.upload(self.picture, owner=NAME).id


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory, plugin: None
) -> Iterator[tuple[BaseSchema, Known]]:
    home = tmp_path_factory.mktemp("fuzz")
    kept = Settings(home=home, warm=(), queue=50, decode_seconds=120)
    with Desk.opened(kept, workers=False) as desk:
        desk.offers()  # imports what would keep the first one who asks waiting
        made = api.app(desk, needed=True)
        KEY["Authorization"] = f"Bearer {desk.keys.add(NAME, rate=10**6, active=10**6)}"
        with TestClient(made):
            page = schemathesis.openapi.from_asgi("/openapi.json", made, headers=KEY)
            yield page, Known(desk)


def within(seconds: float, do: Callable[[], Answer]) -> Answer:
    """What it answers; TimeoutError if that takes longer."""
    answer: Future[Answer] = Future()

    def run() -> None:
        try:
            answer.set_result(do())
        except Exception as error:
            answer.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return answer.result(timeout=seconds)


def check_tells_nothing(answer: Response, home: Path) -> None:
    """No path of this machine is in an answer, nor where the code broke."""
    said = answer.content.decode("latin-1") + str(answer.headers)
    for secret in (str(home), str(ROOT), "site-packages", "Traceback"):
        assert secret not in said


def asked(operation: APIOperation, known: Known, mode: GenerationMode, examples: int) -> set[int]:
    """So many requests of one operation, each answered as the page says; which statuses came."""
    statuses: set[int] = set()

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=examples < 100,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), there=st.booleans())
    def one(case: schemathesis.Case, *, there: bool) -> None:
        names = {"job", "video", "asset"} & {*(case.path_parameters or {})}
        for name in names if there else ():
            case.path_parameters[name] = known.id(name)
        answer = within(PATIENCE, lambda: case.call(headers=KEY))
        statuses.add(answer.status_code)
        check_tells_nothing(answer, known.desk.settings.home)
        case.validate_response(answer, checks=WANTED, headers=KEY)

    known.clear()
    one()
    return statuses


@pytest.mark.parametrize("examples", [4, pytest.param(200, marks=pytest.mark.slow)])
@pytest.mark.parametrize("mode", [*GenerationMode])
def test_every_answer_is_as_the_page_says(
    served: tuple[BaseSchema, Known],
    subtests: pytest.Subtests,
    mode: GenerationMode,
    examples: int,
):
    page, known = served
    for found in page.get_all_operations():
        operation = found.ok()
        # What takes nothing but an id can't be asked wrongly.
        vain = (Unsatisfiable,) if mode.is_negative else ()
        with subtests.test(operation.label), suppress(*vain):
            asked(operation, known, mode, examples)


@pytest.mark.parametrize(
    "label",
    [
        "GET /v1/jobs/{job}", "GET /v1/jobs/{job}/content", "GET /v1/jobs/{job}/record",
        "GET /v1/jobs/{job}/preview", "GET /v1/jobs/{job}/events", "GET /v1/videos/{video}",
        "GET /v1/videos/{video}/content", "POST /v1/videos/{video}/remix", "GET /v1/assets/{asset}",
    ],
)  # fmt: skip
def test_what_is_there_is_answered_too(served: tuple[BaseSchema, Known], label: str):
    page, known = served
    operation = page.find_operation_by_label(label)
    assert operation is not None
    assert 200 in asked(operation, known, GenerationMode.POSITIVE, 8)
