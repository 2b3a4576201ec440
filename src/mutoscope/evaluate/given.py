"""Pictures and clips that a CSV says a clip was given: found, read, held against it, and kept.

    first, last   the first and the last frame the clip was to have
    depth         brighter is nearer
    sketch        lines, bright on dark or dark on bright: what there is less of
    mask, source  bright is where the clip may differ from the source

A picture of depth, sketch, mask or source holds for every frame; a clip for as many as it has, at
the measured clip's rate. Depth and sketch may be of any size, all of the clip's shape.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from torch import Tensor

from mutoscope import media, zoo
from mutoscope.clip import Clip
from mutoscope.controls import dense
from mutoscope.errors import DataError, MutoscopeError
from mutoscope.evaluate import conditions, measure, report
from mutoscope.evaluate.conditions import SHUFFLED, Conditions, Obeyed, Score
from mutoscope.evaluate.faithfulness import disordered
from mutoscope.evaluate.folder import LeftOut, Row, each, sha256, versions
from mutoscope.evaluate.report import Report
from mutoscope.networks.dense import DenseReader

READ = frozenset({"depth", "sketch"})
"""Columns for which something must be read in the clip."""
MAPS = frozenset({"depth", "sketch", "mask"})
"""Columns of which the grey level counts."""
LIMITS = media.Limits(pixels=4_000_000, held=measure.LIMITS.held)
"""Of a condition: so large a picture and, as of a clip, so many pixels of all (ours)."""
GROUPS = (("first",), ("last",), ("depth",), ("sketch",), ("mask", "source"))
"""Columns that go together."""
SHAPE = 0.02
"""By how much, as a share, a condition may be wider or taller than the clip's shape (ours)."""

Files = tuple[tuple[str, Path], ...]
Figures = Mapping[str, Sequence[float | None]]


@dataclass(frozen=True)
class Task:
    """A clip, the files it was given by column, and those of others that stand in for chance."""

    clip: Path
    own: Files
    other: Files


@dataclass(frozen=True, kw_only=True)
class Given:
    """What a clip scores, as plain data: by figure [value or None, coverage].

    `shuffled` is the same against another clip's conditions; `pictures` shows what was given, by
    column; `left` says by column, `why` by figure, why there is no figure.
    """

    scores: Figures
    shuffled: Figures
    pictures: Mapping[str, str]
    left: Mapping[str, str]
    why: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """The figures as scores.json holds them."""
        return {
            name: {
                "value": value,
                "coverage": coverage,
                SHUFFLED: self.shuffled[name][0] if name in self.shuffled else None,
            }
            for name, (value, coverage) in self.scores.items()
        }


def placed(rows: Sequence[Row], folder: Path, table: Path) -> tuple[list[Task], list[LeftOut]]:
    """What is to be held against what, a task a row, and conditions that can't be used.

    Paths are told from where the CSV lies, and may lead nowhere but there and into the folder.
    """
    found: list[dict[str, Path]] = []
    left: list[LeftOut] = []
    for row in rows:
        mine: dict[str, Path] = {}
        for name, value in row.given:
            path = _placed(value, folder, table)
            if isinstance(path, Path):
                mine[name] = path
            else:
                left.append(LeftOut(f"{row.file}: {name} {value}", path))
        if len({"mask", "source"} & mine.keys()) == 1:
            (alone,) = {"mask", "source"} & mine.keys()
            lacks = "source" if alone == "mask" else "mask"
            left.append(LeftOut(f"{row.file}: {alone}", f"has no {lacks} beside it; name both"))
            del mine[alone]
        found.append(mine)
    others = _others(found)
    tasks = [
        Task(folder / row.file, tuple(mine.items()), tuple(other.items()))
        for row, mine, other in zip(rows, found, others, strict=True)
    ]
    return tasks, left


def measured(
    tasks: Sequence[Task],
    *,
    keeping: Path,
    jobs: int = 1,
    progress: Callable[[int], None] = lambda _: None,
) -> list[Given | None]:
    """Every task done, None where nothing was given; kept and stopped as `folder.measured`."""
    asked = {k: task for k, task in enumerate(tasks) if task.own}
    one = partial(kept, keeping=keeping, instruments=versions())
    found: list[Given | None] = [None] * len(tasks)
    for done, (k, answer) in enumerate(each(one, asked, jobs), start=1):
        found[k] = answer
        progress(done)
    return found


def kept(task: Task, keeping: Path, instruments: Mapping[str, Any]) -> Given:
    """One task done: what `keeping` holds of the same files, else measured and put there.

    Files that can't be read are left out by column, and what is measured without them isn't kept.
    """
    files = (*task.own, ("", task.clip), *task.other)
    known = [[name, *_hashed(path)] for name, path in files]
    gone = {path: why for (_, path), (_, _, why) in zip(files, known, strict=True) if why}
    if gone:
        return _without(task, gone)
    name = hashlib.sha256(json.dumps([known, instruments]).encode()).hexdigest()
    place = keeping / f"{name[:32]}-given.json"
    try:
        return Given(**json.loads(place.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        found = held(task)
    report.written(place, json.dumps(asdict(found), allow_nan=False))
    return found


def _hashed(path: Path) -> tuple[str, str]:
    """The hash of a file and nothing, or nothing and why it has none."""
    try:
        return sha256(path), ""
    except OSError as error:
        return "", f"can't be read ({error.strerror or error})"


def _without(task: Task, gone: Mapping[Path, str]) -> Given:
    """A task done without the files that are gone, which nothing is left of without its clip."""
    left = {name: gone[path] for name, path in task.own if path in gone}
    if task.clip in gone:
        why = f"has no figure: the clip {gone[task.clip]}"
        left = {name: left.get(name, why) for name, _ in task.own}
        return Given(scores={}, shuffled={}, pictures={}, left=left, why={})
    own, other = (
        tuple((n, p) for n, p in some if p not in gone) for some in (task.own, task.other)
    )
    found = held(replace(task, own=own, other=other))
    return replace(found, left={**found.left, **left})


def held(task: Task, reader: DenseReader | None = None) -> Given:
    """Hold a clip against what it was given; the zoo's reader reads it where none is given."""
    clip, size = measure.opened(task.clip)
    own, left = _read(task.own, clip, size)
    other, _ = _read(task.other, clip, size)
    needed = bool(READ & own.keys())
    seen = conditions.looked(
        clip.frames, float(clip.fps), (reader or _reader()) if needed else None
    )
    mine, shuffled = (conditions.obeyed(seen, _wish(clip, given)) for given in (own, other))
    return Given(
        scores=_plain(mine.scores),
        shuffled=_plain({n: s for n, s in shuffled.scores.items() if n in mine.scores}),
        pictures={name: measure.preview(one) for name, one in own.items()},
        left=left,
        why=dict(mine.why),
    )


def summed(found: Sequence[Given | None]) -> Report:
    """A row a figure, SHUFFLED beside it."""
    told = [one for one in found if one is not None]
    return conditions.summary(
        [_obeyed(one.scores) for one in told],
        {SHUFFLED: [_obeyed(one.shuffled) for one in told]},
    )


def left_out(rows: Sequence[Row], found: Sequence[Given | None]) -> list[LeftOut]:
    """Conditions that can't be read, a clip each, and figures that can't be told, with reasons."""
    pairs = [(row, one) for row, one in zip(rows, found, strict=True) if one is not None]
    left = [
        LeftOut(f"{row.file}: {name} {dict(row.given).get(name, '')}", reason)
        for row, one in pairs
        for name, reason in one.left.items()
    ]
    why = Counter((name, reason) for _, one in pairs for name, reason in one.why.items())
    return [*left, *(LeftOut(f"{name} of {n} clips", reason) for (name, reason), n in why.items())]


def _placed(value: str, folder: Path, table: Path) -> Path | str:
    """Where a condition lies, or why it can't be used."""
    try:
        path = (table.parent / value).resolve()
        homes = (table.parent.resolve(), folder.resolve())
        if path in homes or not any(path.is_relative_to(home) for home in homes):
            return "lies outside the folders of the CSV and of the videos"
        return path if path.exists() else "does not exist"
    except (OSError, ValueError):
        return "is no name of a file"


def _others(found: Sequence[Mapping[str, Path]]) -> list[dict[str, Path]]:
    """For each clip what others of the same columns were given."""
    others: list[dict[str, Path]] = [{} for _ in found]
    for names in GROUPS:
        have = [k for k, mine in enumerate(found) if names[0] in mine]
        for mine, other in zip(have, disordered(have, conditions.SEED), strict=True):
            given = {name: found[other][name] for name in names}
            if any(found[mine][name] != path for name, path in given.items()):
                others[mine].update(given)
    return others


def _read(
    files: Files, clip: Clip, size: tuple[int, int]
) -> tuple[dict[str, Clip], dict[str, str]]:
    """What was given by column, and by column why it can't be read."""
    found: dict[str, Clip] = {}
    left: dict[str, str] = {}
    for name, path in files:
        try:
            found[name] = _opened(name, path, clip, size)
        except MutoscopeError as error:
            left[name] = str(error).removeprefix(f"{path} ").replace(f"{path.parent}/", "")
        except OSError as error:
            left[name] = f"can't be read ({error.strerror or error})"
    if len({"mask", "source"} & found.keys()) == 1:
        (alone,) = {"mask", "source"} & found.keys()
        del found[alone]
    return found, left


def _opened(name: str, path: Path, clip: Clip, size: tuple[int, int]) -> Clip:
    wide, high = media.probe(path).size
    if abs(wide * size[1] / (high * size[0]) - 1) > SHAPE:
        raise DataError(
            f"is {wide}x{high} where the clip is {size[0]}x{size[1]}; bring both to one shape"
        )
    H, W = clip.frames.shape[-2:]
    still = None if name in READ or (wide, high) == (W, H) else (W, H)
    return media.read(path, size=still, fit="stretch", fps=clip.fps, limits=LIMITS)


def _wish(clip: Clip, given: Mapping[str, Clip]) -> Conditions:
    T = clip.frames.shape[2]
    grey = {name: ((one.frames[0].mean(0) + 1) / 2).numpy() for name, one in given.items()
            if name in MAPS}  # fmt: skip
    return Conditions(
        near=_held(grey["depth"], T) if "depth" in grey else None,
        sketch=_held(_lines(grey["sketch"]), T) if "sketch" in grey else None,
        mask=_held(grey["mask"] > 0.5, T) if "mask" in grey else None,
        source=_playing(given["source"].frames[0], T) if "source" in given else None,
        first=given["first"].frames[0, :, 0] if "first" in given else None,
        last=given["last"].frames[0, :, -1] if "last" in given else None,
    )


def _held(maps: np.ndarray, count: int) -> np.ndarray:
    """A picture's map for every frame, in one picture's memory; of a clip's so many at most."""
    return np.broadcast_to(maps, (count, *maps.shape[1:])) if len(maps) == 1 else maps[:count]


def _playing(frames: Float[Tensor, "3 _n _h _w"], count: int) -> Float[Tensor, "3 _t _h _w"]:
    n, H, W = frames.shape[1:]
    return frames.expand(3, count, H, W) if n == 1 else frames[:, :count]


def _lines(grey: Float[np.ndarray, "T H W"]) -> np.ndarray:
    bright = grey > 0.5
    return ~bright if bright.mean() > 0.5 else bright


def _plain(scores: Mapping[str, Score]) -> dict[str, list[float | None]]:
    return {
        name: [score.value if math.isfinite(score.value) else None, score.coverage]
        for name, score in scores.items()
    }


def _obeyed(figures: Figures) -> Obeyed:
    scores = {
        name: Score(math.nan if value is None else value, coverage or 0.0)
        for name, (value, coverage) in figures.items()
    }
    return Obeyed(scores=scores, why={})


@cache
def _reader() -> DenseReader | None:
    return dense.shipped() if dense.NAME in zoo.names() else None
