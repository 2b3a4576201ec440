"""Whatever fits OpenAPI's page, or nearly does, is answered as that page says.

Each operation is asked what its page allows, then what it doesn't. The examples are drawn here and
not by schemathesis' plugin, whose lazy schemas need an older pytest.
"""

from collections.abc import Iterator
from contextlib import suppress

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.schemas import APIOperation, BaseSchema

from mutoscope.service import api
from mutoscope.service.desk import Desk
from mutoscope.service.settings import Settings

pytestmark = pytest.mark.slow

load_all_checks()

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


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, plugin: None) -> Iterator[BaseSchema]:
    home = tmp_path_factory.mktemp("fuzz")
    with Desk.opened(Settings(home=home, warm=(), queue=50), workers=False) as desk:
        desk.offers()  # imports what would keep the first one who asks waiting
        made = api.app(desk, needed=True)
        KEY["Authorization"] = f"Bearer {desk.keys.add('fuzz', rate=10**6, active=10**6)}"
        with TestClient(made):
            yield schemathesis.openapi.from_asgi("/openapi.json", made, headers=KEY)


def asked(operation: APIOperation, mode: GenerationMode, examples: int) -> None:
    """So many requests of one operation, each answered as the page says."""

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def one(case: schemathesis.Case) -> None:
        case.call_and_validate(checks=WANTED, headers=KEY, timeout=60)

    one()


@pytest.mark.parametrize("examples", [4, 200])
@pytest.mark.parametrize("mode", [*GenerationMode])
def test_every_answer_is_as_the_page_says(
    page: BaseSchema, subtests: pytest.Subtests, mode: GenerationMode, examples: int
):
    for found in page.exclude(path_regex="events$").get_all_operations():
        operation = found.ok()
        # What takes nothing but an id can't be asked wrongly.
        vain = (Unsatisfiable,) if mode.is_negative else ()
        with subtests.test(operation.label), suppress(*vain):
            asked(operation, mode, examples)
