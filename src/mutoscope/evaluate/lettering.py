"""Text in pictures: what is read in a clip against what its prompt asks to be written there.

    asked       what a prompt puts into double quotes
    text error  the mean over frames of (WER + CER + NED) / 3: edits of words over words asked, of
                characters over characters asked, of characters over those of the longer of both
    text seen   the share of frames in which all that is asked stands, whole words in their order

LOOKS frames of a clip are read, evenly spread, by rapidocr (Apache-2.0; its weights lie in its
package). Case, and what is neither letter nor digit, doesn't count (ours).

Source: Liu et al. (2023), EvalCrafter, OCR-Score, there of another reader.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8

from mutoscope.clip import Clip
from mutoscope.errors import MutoscopeError, RequestError
from mutoscope.evaluate import measure, report
from mutoscope.evaluate.folder import each, inside, sha256
from mutoscope.evaluate.keeping import keyed
from mutoscope.evaluate.report import Report

VERSION = 1
"""Changes whenever the same clip would be read differently."""
LOOKS = 4
"""Frames of a clip that are read (ours)."""
ERROR, SEEN = "text error", "text seen"
PACKAGES = ("rapidocr", "onnxruntime")
_QUOTED = re.compile('"([^"]+)"|“([^”]+)”')

Text = tuple[str, ...]
"""Pieces that are to be written, as `plain` has them."""
Read = Sequence[str]
"""What is read in each frame, as `plain` has it."""


def plain(text: str) -> str:
    """Words in small letters with one blank between them, and nothing else."""
    return " ".join(re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold()))


def asked(prompt: str) -> Text:
    """What a prompt puts into double quotes, without what has no letter and no digit."""
    found = (plain(first or second) for first, second in _QUOTED.findall(prompt))
    return tuple(text for text in found if text)


def edits(read: Sequence[str], wanted: Sequence[str]) -> int:
    """The fewest insertions, deletions and exchanges that make the one of the other.

    Source: Levenshtein (1966).
    """
    row = list(range(len(wanted) + 1))
    for i, one in enumerate(read, start=1):
        before, row[0] = row[0], i
        for j, other in enumerate(wanted, start=1):
            kept = before + (one != other)
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, kept)
    return row[-1]


def error(read: str, wanted: Text) -> float:
    """(WER + CER + NED) / 3 of what is read in a frame; lower is better, 0 is the same.

    1 where nothing is read, and more where much else is. Source: see the module.
    """
    whole = " ".join(wanted)
    words = edits(read.split(), whole.split()) / len(whole.split())
    wrong = edits(read, whole)
    return (words + wrong / len(whole) + wrong / max(len(read), len(whole))) / 3


def stands(read: str, wanted: Text) -> bool:
    """Whether every piece stands in what is read, its words whole and side by side."""
    return all(f" {piece} " in f" {read} " for piece in wanted)


def missing() -> str | None:
    """Why no text can be read here, or None."""
    if all(importlib.util.find_spec(name) for name in PACKAGES):
        return None
    return "needs a reader of text; pip install 'mutoscope[ocr]'"


def version() -> str:
    """The reader that is installed, whose readings don't compare with another's."""
    return f"{PACKAGES[0]} {importlib.metadata.version(PACKAGES[0])}"


def texts(frames: UInt8[np.ndarray, "n H W 3"]) -> list[str]:
    """All that is read in each frame; refuses, in one sentence, where no reader is installed."""
    reader = _reader()
    found = (reader(np.ascontiguousarray(frame[..., ::-1])).txts for frame in frames)
    return [plain(" ".join(pieces or ())) for pieces in found]


def read(path: Path, *, keeping: Path) -> list[str] | str:
    """What is read in LOOKS frames of a file, kept under its hash, as a list; or why it can't."""
    try:
        place = keyed(keeping, [VERSION, measure.VERSION, version(), sha256(path)], ".json")
        if (before := _remembered(place)) is not None:
            return before
        clip, _ = measure.opened(path)
    except (MutoscopeError, OSError) as why:
        return inside(why, path.parent, path.name)
    rows = sorted({round(k) for k in np.linspace(0, clip.frames.shape[2] - 1, LOOKS)})
    found = texts(Clip(frames=clip.frames[:, :, rows], fps=clip.fps).uint8()[0])
    report.written(place, json.dumps(found))
    return found


def all_read(
    paths: Mapping[str, Path], *, keeping: Path, jobs: int, progress: Callable[[int], None]
) -> dict[str, list[str] | str]:
    """What `read` says of every file, by its name; kept and stopped as `folder.measured`."""
    found: dict[str, list[str] | str] = {}
    for done, (name, answer) in enumerate(each(partial(read, keeping=keeping), paths, jobs), 1):
        found[name] = answer
        progress(done)
    return found


def table(clips: Sequence[Read], wanted: Sequence[Text]) -> tuple[Report, list[dict[str, float]]]:
    """A row for ERROR and one for SEEN, and of each clip its own.

    Beside them "chance": the same clips against texts that other clips were to show.
    """
    own = [_scores(clip, text) for clip, text in zip(clips, wanted, strict=True)]
    known = list(dict.fromkeys(wanted))
    others = [
        _scores(clip, text)
        for clip, mine in zip(clips, wanted, strict=True)
        for text in known
        if text != mine
    ]
    rows = {}
    for name in (ERROR, SEEN):
        beside = {"chance": float(np.mean([one[name] for one in others]))} if others else {}
        rows[name] = report.mean(
            [one[name] for one in own],
            better="lower" if name == ERROR else "higher", baselines=beside,
        )  # fmt: skip
    return rows, own


def _scores(clip: Read, text: Text) -> dict[str, float]:
    return {
        ERROR: float(np.mean([error(frame, text) for frame in clip])),
        SEEN: float(np.mean([stands(frame, text) for frame in clip])),
    }


@cache
def _reader() -> Any:  # noqa: ANN401
    if why := missing():
        raise RequestError(f"text in pictures {why}")
    from rapidocr import RapidOCR

    threads = {"intra_op_num_threads": torch.get_num_threads(), "inter_op_num_threads": 1}
    engine = {f"EngineConfig.onnxruntime.{name}": value for name, value in threads.items()}
    return RapidOCR(params={"Global.log_level": "critical", **engine})


def _remembered(place: Path) -> list[str] | None:
    try:
        found = json.loads(place.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, list) and all(isinstance(t, str) for t in found) else None
