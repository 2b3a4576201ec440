"""A human study in one page: two sets of clips, shown blind, two at a time.

Forced choice between two clips of the same prompt (2AFC), with `juice` also why, by the reasons of
JUICE. The page calls the sets x and y; which is which stands in key.json alone. Both clips of a
pair are written anew by one codec, without their records, which name the system.

Sources: Girdhar et al. (2023), Emu Video, section 4.1 (JUICE).
"""

from __future__ import annotations

import base64
import hashlib
import importlib.resources
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np

from mutoscope import media
from mutoscope.clip import Clip
from mutoscope.errors import DataError, MutoscopeError
from mutoscope.evaluate.folder import LeftOut, listed
from mutoscope.evaluate.markup import document, tag

QUESTIONS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "quality": (
        "Which clip is of better quality?",
        ("sharper pixels", "smoother motion", "things are better to recognise",
         "frames are more consistent", "a better amount of motion"),
    ),
    "faithfulness": (
        "Which clip shows better what the prompt says?",
        ("what is seen fits better", "what moves and how fits better"),
    ),
}  # fmt: skip
"""Questions, and the reasons of JUICE that may be ticked."""
SHARE = 10
"""One trial in so many is shown again, sides changed, to see whether a rater is consistent."""
STYLE = """
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem; }
.pair video { width: 100%; background: #000; } #prompt { font-size: 1.25rem; }
button { font: inherit; padding: .5rem 1rem; margin: .25rem; } #why label { display: block; }
"""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """How a study asks: with reasons, with "no difference" as an answer, by which seed."""

    juice: bool
    ties: bool
    seed: int


@dataclass(frozen=True, kw_only=True)
class Study:
    """A page, what x and y are, and what is shown to nobody."""

    page: str
    key: Mapping[str, Any]
    left: Sequence[LeftOut]
    pairs: int


def study(a: Path, b: Path, prompts: Path, shape: Shape, *, besides: Path) -> Study:
    """A study of two folders whose files have the same names; the CSV says what was asked for.

    A pair whose clips differ in size, rate or length is left out: that would tell them apart.
    """
    rows, left = listed(a, prompts, besides=besides)
    rows_b, left_b = listed(b, prompts, besides=besides)
    both = [row for row in rows if row in rows_b]
    missing = [one for one in left_b if one.file in {row.file for row in rows}]
    left = [*left, *(replace(one, reason=f"{one.reason} in {b.name}") for one in missing)]
    first = "xy"[int(np.random.default_rng(shape.seed).integers(2))]
    pairs: list[dict[str, Any]] = []
    for row in both:
        try:
            clips = _alike(a / row.file, b / row.file)
        except MutoscopeError as error:
            left.append(LeftOut(row.file, str(error), row.prompt))
            continue
        ordered = clips if first == "x" else clips[::-1]
        pairs.append({"prompt": row.prompt, "file": row.file, "clips": [*map(_data, ordered)]})
    if not pairs:
        why = f"; the first: {left[0].file} {left[0].reason}" if left else ""
        raise DataError(f"{a} and {b} have no pair that can be shown{why}")
    names = {"x": a.name, "y": b.name} if first == "x" else {"x": b.name, "y": a.name}
    data = _asked(pairs, shape)
    key = {"study": data["id"], **names, "pairs": [pair["file"] for pair in pairs]}
    return Study(page=page(data), key=key, left=left, pairs=len(pairs))


def page(data: Mapping[str, Any]) -> str:
    """The page of a study's data; it runs its own script and asks nothing of the network."""
    script = (importlib.resources.files("mutoscope.evaluate") / "study.js").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline';"
        f" script-src 'sha256-{digest}'"
    )
    # "<" would end the element in which the data stands.
    held = json.dumps(data).replace("<", "\\u003c")
    return document(
        "Which of two clips?",
        tag("style", STYLE),
        _start(),
        _ask(),
        tag("div", tag("p", "That was all. Thank you; download the answers and hand them on."),
            id="end", hidden="hidden"),
        tag("p", tag("button", "Back (Backspace)", id="undo"), " ",
            tag("button", "Download the answers", id="download", hidden="hidden")),
        tag("script", held, id="data", type="application/json"),
        tag("script", script),
        policy=policy,
    )  # fmt: skip


def _asked(pairs: Sequence[Mapping[str, Any]], shape: Shape) -> dict[str, Any]:
    trials = len(pairs) * len(QUESTIONS)
    shown = [{"prompt": pair["prompt"], "clips": pair["clips"]} for pair in pairs]
    name = hashlib.sha256(json.dumps([shown, vars(shape)]).encode()).hexdigest()[:12]
    return {
        "id": f"study-{name}",
        "ties": shape.ties,
        "repeats": -(-trials // SHARE),
        "questions": [
            {"name": name, "text": text, "reasons": list(reasons) if shape.juice else []}
            for name, (text, reasons) in QUESTIONS.items()
        ],
        "pairs": shown,
    }


def _start() -> Element:
    keys = "left arrow, right arrow: choose; down arrow: no difference, where that is allowed;"
    return tag(
        "form",
        tag("p", "Two clips of the same prompt play side by side. Choose one for each question."),
        tag("p", f"{keys} space: play again; Backspace: go back.", **{"class": "weak"}),
        tag("label", "Your name ", tag("input", id="rater", required="required", maxlength="60")),
        tag("button", "Begin"),
        id="start",
    )


def _ask() -> Element:
    sides = [
        tag("div", tag("video", id=side, muted="muted", loop="loop", playsinline="playsinline"),
            tag("p", tag("button", f"{side.capitalize()} ({arrow})", id=f"choose-{side}")))
        for side, arrow in (("left", "←"), ("right", "→"))
    ]  # fmt: skip
    return tag(
        "div",
        tag("p", tag("span", id="count"), **{"class": "weak"}),
        tag("h2", id="question"),
        tag("p", id="prompt"),
        tag("div", *sides, **{"class": "pair"}),
        tag("button", "No difference (↓)", id="choose-tie"),
        tag("div", tag("p", "Why? Tick all that hold."), id="why", hidden="hidden"),
        id="ask",
        hidden="hidden",
    )


def _alike(one: Path, other: Path) -> tuple[Clip, Clip]:
    clips = media.read(one), media.read(other)
    forms = [f"{c.frames.shape[2]} frames of {c.frames.shape[4]}x{c.frames.shape[3]} at {c.fps:g}"
             for c in clips]  # fmt: skip
    if forms[0] != forms[1]:
        raise DataError(f"is {forms[0]} fps and {forms[1]} fps, which would tell them apart")
    return clips


def _data(clip: Clip) -> str:
    with tempfile.TemporaryDirectory() as folder:
        data = clip.save(Path(folder, "clip.mp4"), metadata=False).read_bytes()
    return f"data:video/mp4;base64,{base64.b64encode(data).decode()}"
