"""Anybody's videos with their prompts: which there are, which are left out, and each one measured.

What was measured is kept under the hash of the file and the versions of all instruments, so that a
run that was stopped goes on, and a clip that is the same isn't measured again.
"""

from __future__ import annotations

import csv
import hashlib
import json
import multiprocessing
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar

import torch

from mutoscope import __version__, zoo
from mutoscope.controls import dense
from mutoscope.controls.flow import estimator
from mutoscope.encoders import minilm_sha256
from mutoscope.errors import DataError, MutoscopeError
from mutoscope.evaluate import alignment, conditions, measure, report
from mutoscope.evaluate.keeping import keyed
from mutoscope.evaluate.measure import Measured
from mutoscope.evaluate.reading import shipped
from mutoscope.networks.alignment import Aligner
from mutoscope.networks.readers import ClipReader
from mutoscope.request import LITERALS
from mutoscope.world.scene import VERSION as WORLD

Given = tuple[tuple[str, str], ...]
Key = TypeVar("Key")
Item = TypeVar("Item")
Answer = TypeVar("Answer")

COLUMNS = ("file", "prompt")
FURTHER = (alignment.NAME, dense.NAME)
"""Instruments that are used where they are there."""
CONDITIONS = ("first", "last", "depth", "sketch", "mask", "source", "motion", "camera")
"""Columns that name what a clip was given, files but for those in LITERALS; see `given`."""
SEAMS = "seams"
"""A column that may be there: numbers of frames, from 1, that begin a later segment."""
VIDEOS = frozenset({".mp4", ".webm", ".gif", ".webp", ".mov", ".mkv"})
"""Suffixes of files that are named when the CSV doesn't list them."""


@dataclass(frozen=True)
class Row:
    """A line of the CSV: a path inside the folder, what was asked for and given, and its seams.

    `given` are CONDITIONS by column, `seams` the frames that begin a later segment.
    """

    file: str
    prompt: str
    given: Given = ()
    seams: tuple[int, ...] = ()


@dataclass(frozen=True)
class LeftOut:
    """What isn't in the figures, and why; and what was asked for, where that is known."""

    file: str
    reason: str
    prompt: str = ""

    def to_json(self) -> dict[str, str]:
        """As a JSON object, without a prompt that isn't known."""
        return {name: value for name, value in vars(self).items() if value or name != "prompt"}


def listed(folder: Path, prompts: Path, *, besides: Path) -> tuple[list[Row], list[LeftOut]]:
    """The clips that a CSV names and those left out; what lies in `besides` isn't looked at.

    Refuses a CSV that can't be read or lacks a column.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder; give the folder that holds the videos")
    rows: dict[Row, None] = {}
    left: list[LeftOut] = []
    told: set[tuple[str, str]] = set()
    for line, (file, prompt, seams, given) in enumerate(_lines(prompts), start=2):
        row = _row(file, prompt, seams, given)
        reason = row if isinstance(row, str) else _reason(folder, row)
        if (file, prompt) in told:
            reason = "is listed twice with this prompt"
        if reason or isinstance(row, str):
            left.append(LeftOut(file or f"line {line}", str(reason), prompt))
        else:
            told.add((file, prompt))
            rows[row] = None
    named = {(folder / row.file).resolve() for row in rows}
    named |= {(folder / one.file).resolve() for one in left if "\0" not in one.file}
    named |= {(prompts.parent / path).resolve() for row in rows for name, path in row.given
              if name not in LITERALS and "\0" not in path}  # fmt: skip
    left += [LeftOut(file, "has no prompt in the CSV") for file in _others(folder, besides, named)]
    return list(rows), left


def unseamed(row: Row, found: Measured) -> str | None:
    """Why a row's seams can't be those of the clip it names, or None."""
    wrong = [k for k in row.seams if not 0 < k < found.frames]
    if not wrong:
        return None
    last = found.frames - 1
    return f"has no seam at frame {wrong[0]}; frames that begin a segment are 1 to {last}"


def alike(found: Mapping[str, Measured]) -> dict[str, str]:
    """Of files measured those of another size than most, with the reason to leave them out."""
    sizes = Counter(one.size for one in found.values())
    if len(sizes) < 2:
        return {}
    (W, H), _ = sizes.most_common(1)[0]
    return {
        file: f"is {one.size[0]}x{one.size[1]} where most are {W}x{H}; bring all to one size"
        for file, one in found.items()
        if one.size != (W, H)
    }


def versions() -> dict[str, Any]:
    """Everything besides the clip that a measurement depends on."""
    return {
        "mutoscope": __version__,
        "metrics": measure.VERSION,
        "conditions": conditions.VERSION,
        "world": WORLD,
        "readers": zoo.sha256("readers"),
        **{name: zoo.sha256(name) for name in FURTHER if name in zoo.names()},
        **({"sentences": minilm_sha256()} if alignment.NAME in zoo.names() else {}),
        "flow": estimator(),
    }


def sha256(path: Path) -> str:
    """The hash of a file, or of the names and bytes in a folder."""
    if path.is_dir():
        parts = [(p.name, sha256(p)) for p in sorted(path.iterdir()) if p.is_file()]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def kept(path: Path, keeping: Path, instruments: Mapping[str, Any]) -> Measured:
    """One clip measured: what `keeping` holds under its hash, else measured and put there."""
    place = keyed(keeping, [sha256(path), instruments], ".json")
    before = _remembered(place)
    if before is not None:
        return before
    clip, size = measure.opened(path)
    found = measure.measured(clip, _reader(), size, aligner=_aligner())
    report.written(place, json.dumps(found.to_json()))
    return found


def measured(
    folder: Path,
    files: Sequence[str],
    *,
    keeping: Path,
    jobs: int = 1,
    progress: Callable[[int], None] = lambda _: None,
) -> dict[str, Measured | str]:
    """Every file measured, or the reason why it can't be; `progress` hears how many are done.

    Ctrl-C ends it within one clip (one of every job), and what was measured stays kept.
    """
    one = partial(_tried, keeping=keeping, instruments=versions())
    paths = {file: folder / file for file in dict.fromkeys(files)}
    found: dict[str, Measured | str] = {}
    for done, (file, answer) in enumerate(each(one, paths, jobs), start=1):
        plain = answer if isinstance(answer, Measured) else inside(answer, folder, file)
        found[file] = plain
        progress(done)
    return {file: found[file] for file in paths}


def each(
    one: Callable[[Item], Answer], items: Mapping[Key, Item], jobs: int
) -> Iterator[tuple[Key, Answer]]:
    """What `one` answers to every item, as answers come; in so many processes from 2 on."""
    if min(jobs, len(items)) <= 1:
        for key, item in items.items():
            yield key, one(item)
        return
    pool = ProcessPoolExecutor(
        min(jobs, len(items)), multiprocessing.get_context("spawn"), initializer=_begin
    )
    try:
        waited: dict[Future[Answer], Key] = {
            pool.submit(one, item): key for key, item in items.items()
        }
        for answer in as_completed(waited):
            yield waited[answer], answer.result()
    except BrokenProcessPool as error:
        raise OSError("a job was ended from outside, perhaps for want of memory") from error
    finally:
        pool.shutdown(cancel_futures=True)


def _remembered(place: Path) -> Measured | None:
    """What was kept there, or None when nothing was, or nothing that can be read."""
    try:
        data = json.loads(place.read_text(encoding="utf-8"))
        return Measured(**{**data, "size": tuple(data["size"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _begin() -> None:
    """A job leaves Ctrl-C to the process that started it, and the other cores to other jobs."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)


def _tried(path: Path, *, keeping: Path, instruments: Mapping[str, Any]) -> Measured | str:
    try:
        return kept(path, keeping, instruments)
    except MutoscopeError as error:
        return str(error)
    except OSError as error:
        return f"can't be read ({error.strerror or error})"


@cache
def _reader() -> ClipReader:
    return shipped()


@cache
def _aligner() -> Aligner | None:
    return alignment.shipped() if alignment.NAME in zoo.names() else None


def inside(reason: object, folder: Path, file: str) -> str:
    """A reason without the name of the file, which stands beside it, and of its folder."""
    plain = str(reason).removeprefix(f"{folder / file} ")
    return plain.replace(f"{folder}/", "")


def _row(file: str, prompt: str, seams: str, given: Given) -> Row | str:
    """A line as a row, or why it is none."""
    try:
        return Row(file, prompt, given, tuple(sorted({int(word) for word in seams.split()})))
    except ValueError:
        return f"has seams that aren't numbers of frames ({seams!r}); write them as 16 32"


def _lines(prompts: Path) -> list[tuple[str, str, str, Given]]:
    try:
        with prompts.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file, restval="")
            missing = [name for name in COLUMNS if name not in (table.fieldnames or ())]
            if missing:
                raise DataError(
                    f"{prompts} lacks the column '{missing[0]}'; its first line must name"
                    " the columns file,prompt"
                )
            return [
                (
                    row["file"].strip(), row["prompt"].strip(), (row.get(SEAMS) or "").strip(),
                    _given(row),
                )
                for row in table
            ]  # fmt: skip
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{prompts} can't be read as a CSV file in UTF-8 ({reason})") from error


def _given(row: Mapping[str, str]) -> Given:
    told = [(name, (row.get(name) or "").strip()) for name in CONDITIONS]
    return tuple((name, path) for name, path in told if path)


def _reason(folder: Path, row: Row) -> str | None:
    """Why a row can't be measured, as far as its path and its prompt tell."""
    if not row.file:
        return "names no file"
    if not row.prompt:
        return "has no prompt"
    try:
        path = (folder / row.file).resolve()
        if path == folder.resolve() or not path.is_relative_to(folder.resolve()):
            return "lies outside the folder"
        return None if path.exists() else "does not exist"
    except (OSError, ValueError):
        return "is no name of a file"


def _others(folder: Path, besides: Path, named: set[Path]) -> list[str]:
    """Videos that the CSV doesn't name."""
    skipped = besides.resolve()
    found = [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in VIDEOS and path.is_file() and path.resolve() not in named
    ]
    return [
        path.relative_to(folder).as_posix()
        for path in found
        if not path.resolve().is_relative_to(skipped)
    ]
