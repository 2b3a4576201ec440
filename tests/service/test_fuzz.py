"""Whatever fits OpenAPI's page, or nearly does, is answered as that page says."""

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import CHECKS, load_all_checks

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

FEW = settings(
    max_examples=4,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory, plugin: None):
    home = tmp_path_factory.mktemp("fuzz")
    with Desk.opened(Settings(home=home, warm=(), queue=50), workers=False) as desk:
        made = api.app(desk, needed=True)
        KEY["Authorization"] = f"Bearer {desk.keys.add('fuzz', rate=10**6, active=10**6)}"
        with TestClient(made):
            yield made


@pytest.fixture(scope="module")
def page(application):
    return schemathesis.openapi.from_asgi("/openapi.json", application, headers=KEY)


lazily = schemathesis.pytest.from_fixture("page")


@lazily.exclude(path_regex="events$").parametrize()
@FEW
def test_every_answer_is_as_the_page_says(case: schemathesis.Case):
    case.call_and_validate(checks=WANTED, headers=KEY)


@lazily.exclude(path_regex="events$").parametrize()
@settings(FEW, max_examples=200)
def test_every_answer_is_as_the_page_says_at_length(case: schemathesis.Case):
    case.call_and_validate(checks=WANTED, headers=KEY)
