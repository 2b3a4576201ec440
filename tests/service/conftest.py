"""The tiny system is there for every test; one server runs for those that need it."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("fastapi")

from fastapi.testclient import TestClient

from mutoscope.service import api
from mutoscope.service.desk import Desk
from mutoscope.service.settings import Settings
from tests.service.served import PLUGIN, Server

collect_ignore = ["plugin"]  # looked through for doctests, it would stay on sys.path for all tests


@pytest.fixture(scope="package", autouse=True)
def plugin() -> Iterator[None]:
    sys.path.insert(0, str(PLUGIN))
    yield
    sys.path.remove(str(PLUGIN))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A desk without workers: jobs wait until a test runs them."""
    with Desk.opened(
        Settings(home=tmp_path, warm=(), queue=5, decode_seconds=120), workers=False
    ) as found:
        yield found


@pytest.fixture
def client(desk: Desk) -> Iterator[TestClient]:
    with TestClient(api.app(desk), base_url="http://127.0.0.1") as found:
        yield found


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("served") / "home") as found:
        yield found
