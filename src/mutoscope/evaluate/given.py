"""Pictures and clips that a CSV says a clip was given: found, read, held against it, and kept.

    first, last   the first and the last frame the clip was to have
    depth         brighter is nearer
    sketch        lines, bright on dark or dark on bright: what there is less of
    mask, source  bright is where the clip may differ from the source
    motion        a clip that moves as this one was to; its flow is asked for where it is sure
    camera        no file but a path written out, pan:0.5,zoom:-0.2 (`controls.camera`)

A picture of depth, sketch, mask or source holds for every frame; a clip for as many as it has, at
the measured clip's rate. Depth, sketch and motion may be of any size, all of the clip's shape.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from mutoscope import media, zoo
from mutoscope.clip import Clip
from mutoscope.controls import camera, dense, flow
from mutoscope.controls.given import EXTRACTED
from mutoscope.errors import DataError, MutoscopeError, RequestError
from mutoscope.evaluate import conditions, measure, report
from mutoscope.evaluate.conditions import SHUFFLED, Conditions, Obeyed, Score
from mutoscope.evaluate.faithfulness import disordered
from mutoscope.evaluate.folder import LeftOut, Row, each, inside, sha256, versions
from mutoscope.evaluate.keeping import keyed
from mutoscope.evaluate.report import Report
from mutoscope.evaluate.ride import CLIPS, Ride
from mutoscope.networks.dense import DenseReader
from mutoscope.request import LITERALS

READ = frozenset({"depth", "sketch", "motion", "camera"})
"""Columns for which something must be read in the clip."""
MAPS = frozenset({"depth", "sketch", "mask"})
"""Columns of which the grey level counts."""
LIMITS = media.Limits(pixels=4_000_000, held=measure.LIMITS.held)
"""Of a condition: so large a picture and, as of a clip, so many pixels of all (ours)."""
GROUPS = (
    ("first",), ("last",), ("depth",), ("sketch",), ("mask", "source"), ("motion",), ("camera",)
)  # fmt: skip
"""Columns that go together."""
SHAPE = 0.02
"""By how much, as a share, a condition may be wider or taller than the clip's shape (ours)."""

Source = Path | str
"""A file, or what is written out."""
Sources = tuple[tuple[str, Source], ...]
Figures = Mapping[str, Sequence[float | None]]
Rows = Sequence[Sequence[float | None]]


@dataclass(frozen=True)
class Task:
    """A clip, what it was given by column, and what others were, which stands in for chance."""

    clip: Path
    own: Sources
    other: Sources


@dataclass(frozen=True, kw_only=True)
class Given:
    """What a clip scores, as plain data: by figure [value or None, coverage].

    `shuffled` is the same against another clip's conditions; `pictures` shows what was given, by
    column; `left` says by column, `why` by figure, why there is no figure. `ride` is the camera's
    way, asked and seen as in `ride.Ride`, and `astray` the same against another clip's camera.
    """

    scores: Figures
    shuffled: Figures
    pictures: Mapping[str, str]
    left: Mapping[str, str]
    why: Mapping[str, str]
    ride: Sequence[Rows] | None = None
    astray: Sequence[Rows] | None = None

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
    found: list[dict[str, Source]] = []
    left: list[LeftOut] = []
    for row in rows:
        mine: dict[str, Source] = {}
        for name, value in row.given:
            source, why = _meant(name, value, folder, table)
            if why:
                left.append(LeftOut(f"{row.file}: {name} {value}", why))
            else:
                mine[name] = source
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
    place = keyed(keeping, [known, instruments], "-given.json")
    try:
        return Given(**json.loads(place.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        found = held(task)
    report.written(place, json.dumps(asdict(found), allow_nan=False))
    return found


def _hashed(path: Source) -> tuple[str, str]:
    """The hash of a file, or what is written, and nothing; or nothing and why it has none."""
    if isinstance(path, str):
        return path, ""
    try:
        return sha256(path), ""
    except OSError as error:
        return "", f"can't be read ({error.strerror or error})"


def _without(task: Task, gone: Mapping[Source, str]) -> Given:
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
    said, others = (dict(some).get("camera") for some in (task.own, task.other))
    needed = bool(READ & own.keys()) or said is not None
    seen = conditions.looked(
        clip.frames, float(clip.fps), (reader or _reader()) if needed else None
    )
    mine = conditions.obeyed(seen, _wish(clip, own, said))
    shuffled = conditions.obeyed(seen, _wish(clip, other, others))
    return Given(
        scores=_plain(mine.scores),
        shuffled=_plain({n: s for n, s in shuffled.scores.items() if n in mine.scores}),
        pictures={name: measure.preview(one) for name, one in own.items()},
        left=left,
        why=dict(mine.why),
        ride=_rows(mine.ride),
        astray=_rows(shuffled.ride),
    )


def summed(found: Sequence[Given | None]) -> Report:
    """A row a figure, SHUFFLED beside it."""
    told = [one for one in found if one is not None]
    return conditions.summary(
        [_obeyed(one.scores, one.ride) for one in told],
        {SHUFFLED: [_obeyed(one.shuffled, one.astray) for one in told]},
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
    rides = sum(one.ride is not None for _, one in pairs)
    if 0 < rides < CLIPS:
        why["camera", f"has no figure of fewer than {CLIPS} clips"] = rides
    return [*left, *(LeftOut(f"{name} of {n} clips", reason) for (name, reason), n in why.items())]


def _meant(name: str, value: str, folder: Path, table: Path) -> tuple[Source, str]:
    """What a column names, and why it can't be used, nothing where it can."""
    if name in LITERALS:
        return value, _unwritten(value)
    path = _placed(value, folder, table)
    return path, path if isinstance(path, str) else ""


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


def _unwritten(camera_path: str) -> str:
    """Why what is written is no camera's path; nothing where it is one."""
    try:
        camera.from_text(camera_path, frames=1, size=(1, 1), fps=1)
    except RequestError as error:
        return f"can't be understood: {error}"
    return ""


def _others(found: Sequence[Mapping[str, Source]]) -> list[dict[str, Source]]:
    """For each clip what others of the same columns were given."""
    others: list[dict[str, Source]] = [{} for _ in found]
    for names in GROUPS:
        have = [k for k, mine in enumerate(found) if names[0] in mine]
        for mine, other in zip(have, disordered(have, conditions.SEED), strict=True):
            given = {name: found[other][name] for name in names}
            if any(found[mine][name] != path for name, path in given.items()):
                others[mine].update(given)
    return others


def _read(
    sources: Sources, clip: Clip, size: tuple[int, int]
) -> tuple[dict[str, Clip], dict[str, str]]:
    """What was given as files by column, and by column why it can't be read."""
    found: dict[str, Clip] = {}
    left: dict[str, str] = {}
    for name, path in sources:
        if isinstance(path, str):
            continue
        try:
            found[name] = _opened(name, path, clip, size)
        except MutoscopeError as error:
            left[name] = inside(error, path.parent, path.name)
        except OSError as error:
            left[name] = f"can't be read ({error.strerror or error})"
    if len({"mask", "source"} & found.keys()) == 1:
        (alone,) = {"mask", "source"} & found.keys()
        del found[alone]
    return found, left


def _opened(name: str, path: Path, clip: Clip, size: tuple[int, int]) -> Clip:
    facts = media.probe(path)
    wide, high = facts.size
    if abs(wide * size[1] / (high * size[0]) - 1) > SHAPE:
        raise DataError(
            f"is {wide}x{high} where the clip is {size[0]}x{size[1]}; bring both to one shape"
        )
    if name == "motion" and facts.record.get(EXTRACTED):
        raise DataError(
            f"is a picture of {facts.record[EXTRACTED]}, too coarse to be motion again; give the"
            " clip that moves"
        )
    if name == "motion" and facts.frames == 1:
        raise DataError("is one frame and can't move; give a clip")
    H, W = clip.frames.shape[-2:]
    still = None if name in READ or (wide, high) == (W, H) else (W, H)
    return media.read(path, size=still, fit="stretch", fps=clip.fps, limits=LIMITS)


def _wish(clip: Clip, given: Mapping[str, Clip], said: Source | None = None) -> Conditions:
    """What a clip was to obey: files by column, and a camera's path as it is written."""
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
        flow=_moving(given["motion"], T) if "motion" in given else None,
        camera=None if said is None else _driven(str(said), clip),
    )


def _moving(clip: Clip, count: int) -> Float[np.ndarray, "pairs H W 2"]:
    """The flow of a clip's frames, of so many at most; nan where it isn't sure."""
    motion = flow.estimated(replace(clip, frames=clip.frames[:, :, :count]))
    known = rearrange(motion.known[0], "1 pairs H W -> pairs H W 1").numpy()
    return np.where(
        known, rearrange(motion.flow[0], "xy pairs H W -> pairs H W xy").numpy(), np.nan
    )


def _driven(written: str, clip: Clip) -> Float[np.ndarray, "pairs 6"]:
    """How far a path that is written goes from each frame to the next, everywhere the same."""
    size = (clip.frames.shape[-1], clip.frames.shape[-2])
    path = camera.from_text(written, frames=2, size=size, fps=float(clip.fps))[0, :, 1, 0, 0]
    return np.tile(path.double().numpy(), (clip.frames.shape[2] - 1, 1))


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


def _rows(of: Ride | None) -> list[Rows] | None:
    if of is None:
        return None
    return [
        [[value if math.isfinite(value) else None for value in row] for row in rows.tolist()]
        for rows in (of.asked, of.seen)
    ]


def _obeyed(figures: Figures, rows: Sequence[Rows] | None) -> Obeyed:
    scores = {
        name: Score(math.nan if value is None else value, coverage or 0.0)
        for name, (value, coverage) in figures.items()
    }
    if rows is None:
        return Obeyed(scores=scores, why={})
    asked, seen = (
        np.array(part, np.float64).reshape(-1, n) for part, n in zip(rows, (6, 4), strict=True)
    )
    return Obeyed(scores=scores, ride=Ride(asked=asked, seen=seen), why={})


@cache
def _reader() -> DenseReader | None:
    return dense.shipped() if dense.NAME in zoo.names() else None
