"""How fast the studio is for a person, measured in a real Chromium; writes results/studio.json.

    python benchmarks/studio.py            measures, prints JSON, writes the results
    python benchmarks/studio.py --print    measures and prints only

Seconds of the clock on a machine that does nothing else, the median of so many runs where there
are several: `answers` from the command until the page is sent, `pressable` until Make can be
pressed in a browser that is open already, `again` the same for a page that is loaded once more,
`gallery` from choosing that tab until its cards stand, `preview` from pressing Make until the first
preview shows, `clip` until the clip does. `wanted` is what each may take, `kept` whether it did.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any
from urllib.request import urlopen

import torch
from _page import RESULTS

from mutoscope import machine

PROMPT = "a red ball bounces on the grass"

RUNS = 5

WANTED = {"answers": 12.0, "again": 1.0, "gallery": 1.0, "first_preview": 2.0, "preview": 2.0}

FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")

PATIENCE = 120_000
"""Milliseconds."""


@contextmanager
def studio(home: Path) -> Iterator[tuple[str, float, float]]:
    """`mutoscope studio` over a fresh folder: its address, when it began, how soon it answered."""
    command = [sys.executable, "-m", "mutoscope.cli", "studio", "--no-browser", "--port", "0"]
    environment = {**os.environ, "MUTOSCOPE_HOME": str(home)}
    start = perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        if not address.startswith("http"):
            raise SystemExit("the studio doesn't start; see what it said above")
        with urlopen(address) as answer:
            answer.read()
        yield address, start, perf_counter() - start
    finally:
        process.terminate()
        process.wait()


@contextmanager
def browser() -> Iterator[Any]:
    """A page of a Chromium."""
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        raise SystemExit("this needs playwright; run: pip install playwright") from None
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        raise SystemExit("this needs Chromium; on Debian or Ubuntu: apt install chromium")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=[*FLAGS])
        page = found.new_page(viewport={"width": 1280, "height": 860})
        page.set_default_timeout(PATIENCE)
        yield page
        found.close()


def since(start: float, page: Any, selector: str) -> float:  # noqa: ANN401
    """Seconds until something shows."""
    page.wait_for_selector(selector)
    return perf_counter() - start


def made(page: Any) -> dict[str, float]:  # noqa: ANN401
    """One clip, from pressing Make."""
    page.fill("#prompt textarea", PROMPT)
    start = perf_counter()
    page.click("#make")
    preview = since(start, page, "img.preview")
    return {
        "preview": preview,
        "clip": since(start, page, "figure[data-state=completed] video"),
    }


def again(page: Any) -> dict[str, float]:  # noqa: ANN401
    """The page once more, and its gallery."""
    start = perf_counter()
    page.reload()
    took = {"again": since(start, page, "#make:enabled")}
    start = perf_counter()
    page.get_by_role("tab", name="Gallery").click()
    return {**took, "gallery": since(start, page, "#board :is(.card, .empty)")}


def measured(home: Path) -> dict[str, float]:
    """Everything, the first clip as a newcomer makes it: as soon as the button can be pressed."""
    with browser() as page, studio(home) as (address, start, answers):
        page.goto(address)
        pressable = since(start, page, "#make:enabled")
        first = made(page)
        clips = [made(page) for _ in range(RUNS)]
        pages = [again(page) for _ in range(RUNS)]
    rows = [{**clip, **page} for clip, page in zip(clips, pages, strict=True)]
    return {
        "answers": answers,
        "pressable": pressable,
        **{f"first_{name}": value for name, value in first.items()},
        **{name: statistics.median(row[name] for row in rows) for name in rows[0]},
    }


def main(arguments: list[str]) -> None:
    """Measure, print and write."""
    with tempfile.TemporaryDirectory() as name:
        found = measured(Path(name) / "home")
    told = {
        "seconds": {name: round(value, 3) for name, value in found.items()},
        "wanted": WANTED,
        "kept": {name: found[name] <= most for name, most in WANTED.items()},
        "runs": RUNS,
        "threads": torch.get_num_threads(),
        "processor": machine.processor(),
    }
    print(json.dumps(told))
    if "--print" not in arguments:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "studio.json").write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
