"""A service for tests: a server in a process of its own that can be killed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx2

PLUGIN = Path(__file__).parent / "plugin"

QUICK = {"system": "tiny", "prompt": "a red ball"}

ROOT = Path(__file__).parent.parent.parent


class Server:
    """`mutoscope serve` in a process of its own, over a folder that outlives it."""

    def __init__(self, home: Path, *flags: str, **settings: object) -> None:
        home.mkdir(exist_ok=True)
        said = {"warm": ["tiny"], **settings}
        lines = [f"{name} = {json.dumps(value)}" for name, value in said.items()]
        (home / "service.toml").write_text("\n".join(lines))
        self.home, self.flags, self.log = home, flags, home / "log"
        self.process: subprocess.Popen[str] | None = None
        self.threads = "1"  # of its workers' sums; "" leaves that to them
        self.url = ""
        self.port = "0"

    def start(self) -> Server:
        """Start it, at the port it had before, and wait until it answers."""
        paths = [str(ROOT / "src"), str(PLUGIN)]
        environment = {
            **os.environ,
            "MUTOSCOPE_HOME": str(self.home),
            "PYTHONPATH": os.pathsep.join(paths),
            "OMP_NUM_THREADS": self.threads,
        }
        if not self.threads:
            del environment["OMP_NUM_THREADS"]
        command = [sys.executable, "-m", "mutoscope.cli", "serve", "--port", self.port]
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [*command, *self.flags], env=environment, stdout=subprocess.PIPE, stderr=log,
                text=True, start_new_session=True,
            )  # fmt: skip
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        assert self.url.startswith("http"), self.log.read_text()
        self.port = self.url.rpartition(":")[2]
        return self

    def stop(self, how: int = signal.SIGTERM) -> int:
        """End it by a signal; its exit code."""
        if self.process is None:
            return 0
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(how)
        code = self.process.wait(60)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.process = None
        return code

    def workers(self) -> list[int]:
        """The process ids of its workers."""
        assert self.process is not None
        return children(self.process.pid)

    def client(self) -> httpx2.Client:
        """Something to ask it with."""
        return httpx2.Client(base_url=self.url, timeout=300)  # of a machine that is busy

    def __enter__(self) -> Server:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def children(process: int) -> list[int]:
    """The process ids of a process's children."""
    found = []
    for path in Path(f"/proc/{process}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += [int(word) for word in path.read_text().split()]
    return found


def until(client: httpx2.Client, job: str, *states: str, within: float = 120.0) -> dict:
    """The job once it is in one of these states, or has ended."""
    end = time.monotonic() + within
    while time.monotonic() < end:
        found = client.get(f"/v1/jobs/{job}").json()
        if found["state"] in (states or ("completed", "failed", "cancelled")):
            return found
        time.sleep(0.05)
    raise AssertionError(f"the job is still {found['state']} after {within} s")


def ask(client: httpx2.Client, **request: object) -> str:
    """The id of a new job."""
    answer = client.post("/v1/jobs", json={"request": {**QUICK, **request}})
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]
