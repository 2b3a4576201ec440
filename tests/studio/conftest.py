"""One studio and one Chromium for all tests of the page; none where they can't be had."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.service.served import PLUGIN, ROOT, Server

collect_ignore = ["plugin"]  # found by the server alone, beside the service's tiny system

SCREENS = ROOT / "build" / "screens"

NEEDED = os.environ.get("MUTOSCOPE_CHROMIUM") == "needed"
"""Whether the page's tests fail where there is no browser: so CI says, which installs one."""

PATIENCE = 120_000
"""Milliseconds, for a machine that has other things to do."""

Opened = Callable[..., Any]
"""A page of the studio: its name, and the width and colours of the window."""

FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
)  # fmt: skip


class Studio(Server):
    """`mutoscope studio`, with the drawn and tiny systems beside those that ship."""

    def start(self) -> Studio:
        paths = [ROOT / "src", PLUGIN, Path(__file__).parent / "plugin"]
        environment = {
            **os.environ,
            "MUTOSCOPE_HOME": str(self.home),
            "PYTHONPATH": os.pathsep.join(map(str, paths)),
        }
        command = [sys.executable, "-m", "mutoscope.cli", "studio", "--no-browser", "--port", "0"]
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True,
                start_new_session=True,
            )  # fmt: skip
        assert self.process.stdout is not None
        said = self.process.stdout.readline().strip()
        assert said.endswith("/studio/"), self.log.read_text()
        self.url = said.removesuffix("/studio/")
        return self


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    pytest.importorskip("gradio", reason="the studio needs the extra 'studio'")
    home = tmp_path_factory.mktemp("studio") / "home"
    with Studio(home, warm=["modelscope", "drawn"], decode_seconds=120) as found:
        yield found


@pytest.fixture(scope="session")
def chromium() -> Iterator[object]:
    api = pytest.importorskip("playwright.sync_api", reason="playwright isn't installed")
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        missing = pytest.fail if NEEDED else pytest.skip
        missing("no Chromium is installed; on Debian or Ubuntu: apt install chromium")
    SCREENS.mkdir(parents=True, exist_ok=True)
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*FLAGS])
        yield browser
        browser.close()


@pytest.fixture
def opened(studio: Studio, chromium: Any) -> Opened:
    @contextmanager
    def page(name: str, *, width: int = 1280, dark: bool = False) -> Iterator[Any]:
        wrong: list[str] = []
        context = chromium.new_context(
            viewport={"width": width, "height": 860}, color_scheme="dark" if dark else "light"
        )
        found = context.new_page()
        found.set_default_timeout(PATIENCE)
        found.on("console", lambda said: said.type == "error" and wrong.append(said.text))
        found.on("pageerror", lambda error: wrong.append(str(error)))
        found.on("request", lambda sent: not _local(sent.url) and wrong.append(sent.url))
        try:
            found.goto(f"{studio.url}/studio/")
            found.wait_for_selector("#make")
            yield found
        finally:
            found.screenshot(path=SCREENS / f"{name}.png", full_page=True)
            context.close()
        assert wrong == []

    def _local(url: str) -> bool:
        return url.startswith((f"{studio.url}/", "data:", "blob:"))

    return page
