"""`mutoscope evaluate`: how far clips obey their prompts, and how well they are made."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import typer

from mutoscope import machine
from mutoscope._cli import words
from mutoscope._cli.leave import StoppedError
from mutoscope.errors import DataError, RequestError
from mutoscope.evaluate import folder, given, matching, scores, standing
from mutoscope.evaluate.folder import LeftOut, Row
from mutoscope.evaluate.measure import Measured, seamed
from mutoscope.evaluate.page import Contents, interval, number, page
from mutoscope.evaluate.reading import shipped
from mutoscope.evaluate.report import Entry, Report, written
from mutoscope.evaluate.scores import FAITHFUL, GIVEN, TIME, Scored

KEPT = "kept"
"""The folder inside DIR that makes a stopped run go on."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What the command line says."""

    clips: Path
    prompts: Path
    out: Path
    jobs: int
    as_json: bool


def run(wish: Wish) -> None:
    """Measure a folder of videos against their prompts; write scores.json and report.html."""
    if wish.out.exists() and not wish.out.is_dir():
        raise RequestError(f"{wish.out} is a file; name a folder for -o")
    torch.set_num_threads(machine.threads())
    rows, left = folder.listed(wish.clips, wish.prompts, besides=wish.out)
    try:
        found = _measured(wish, [row.file for row in rows])
    except KeyboardInterrupt:
        raise StoppedError(f"what was measured is in {wish.out}; call again to go on") from None
    good = {file: one for file, one in found.items() if isinstance(one, Measured)}
    odd = {file: why for file, why in found.items() if isinstance(why, str)} | folder.alike(good)
    why = {row: odd.get(row.file) or folder.unseamed(row, good[row.file]) for row in rows}
    left += [LeftOut(row.file, reason, row.prompt) for row, reason in why.items() if reason]
    reader = shipped()
    clips = [
        scores.scored(row.file, row.prompt, seamed(good[row.file], row.seams), reader)
        for row, reason in why.items()
        if not reason
    ]
    clips, unheard = _matched(clips)
    clips, ungiven = _obeyed(wish, [row for row, reason in why.items() if not reason], clips)
    left += [*unheard, *ungiven]
    faithful = scores.faithful(clips, reader, {})
    tables = {
        FAITHFUL: {**faithful, **matching.rows([clip.match for clip in clips], {})},
        GIVEN: given.summed([clip.given for clip in clips]),
        TIME: scores.in_time([clip.measured for clip in clips], {}),
    }
    facts = {"versions": folder.versions(), "seeds": {"chance": scores.SEED}}
    report(wish.out, f"Clips of {wish.clips.name}", clips, tables, facts, left)
    if not clips:
        first = f"; the first: {left[0].file} {left[0].reason}" if left else ""
        raise DataError(f"none of the {len(left)} clips could be measured{first}")
    if not faithful:
        words.note("no word of these prompts is one that the readers know; see 'not asked'")
    tell(wish.out, tables, len(clips), left, as_json=wish.as_json)


def report(
    out: Path,
    title: str,
    clips: Sequence[Scored],
    tables: Mapping[str, Report],
    facts: Mapping[str, Any],
    left: Sequence[LeftOut],
    beside: Mapping[str, Mapping[str, str]] | None = None,
) -> None:
    """Write scores.json, previews.json and report.html."""
    pictures = [clip.measured.preview for clip in clips]
    written(out / scores.PREVIEWS, json.dumps(pictures, indent=0) + "\n")
    whole = scores.whole(tables)
    order = {"order": {one.name: one.said for one in standing.rungs(whole) if one.said}}
    scores.save(out / "scores.json", scores.document(clips, whole, left, {**facts, **order}))
    ranked = scores.ranked(clips)
    said = {
        "clips": str(len(clips)),
        "left out": str(len(left)),
        **{name: _plainly(value) for name, value in facts.items()},
    }
    contents = Contents(
        title=title, facts=said, tables=tables, clips=ranked, beside=beside or {}, left=left,
        given=[clip for clip in clips if clip.given is not None],
    )  # fmt: skip
    written(out / "report.html", page(contents))


def tell(
    out: Path, tables: Mapping[str, Report], n: int, left: Sequence[LeftOut], *, as_json: bool
) -> None:
    """The summary on stdout, and on stderr what was left out."""
    for one in left:
        words.note(f"left out: {one.file} {one.reason}")
    if order := standing.summed(standing.rungs(scores.whole(tables))):
        words.note(order)
    files = {"scores": str(out / "scores.json"), "report": str(out / "report.html")}
    if as_json:
        data = json.loads((out / "scores.json").read_text(encoding="utf-8"))
        kept = {name: data[name] for name in ("n", "left out", "summary")}
        typer.echo(json.dumps({**files, **kept}))
        return
    rows = [
        (name, number(name, entry.value), interval(name, entry), str(entry.n), _beside(name, entry))
        for name, entry in scores.whole(tables).items()
        if not name.startswith("words: ")
    ]
    words.table((f"{n} clips", "value", "95 %", "n", "beside"), rows)
    typer.echo(files["report"])


def _measured(wish: Wish, files: Sequence[str]) -> dict[str, Measured | str]:
    with words.progress() as progress:
        bar = progress.add_task("measuring", total=len(set(files)))
        return folder.measured(
            wish.clips,
            files,
            keeping=wish.out / KEPT,
            jobs=wish.jobs,
            progress=lambda done: progress.update(bar, completed=done),
        )


def _obeyed(
    wish: Wish, rows: Sequence[Row], clips: Sequence[Scored]
) -> tuple[list[Scored], list[LeftOut]]:
    """The clips held against what the CSV says they were given, and what can't be used of it."""
    tasks, left = given.placed(rows, wish.clips, wish.prompts)
    asked = sum(bool(task.own) for task in tasks)
    if not asked:
        return list(clips), left
    with words.progress() as progress:
        bar = progress.add_task("conditions", total=asked)
        try:
            found = given.measured(
                tasks,
                keeping=wish.out / KEPT,
                jobs=wish.jobs,
                progress=lambda done: progress.update(bar, completed=done),
            )
        except KeyboardInterrupt:
            raise StoppedError(f"what was measured is in {wish.out}; call again to go on") from None
    both = zip(clips, found, strict=True)
    left += given.left_out(rows, found)
    return [replace(clip, given=one) for clip, one in both], left


def _matched(clips: Sequence[Scored]) -> tuple[list[Scored], list[LeftOut]]:
    """The clips held against their prompts as a whole, and the prompts that can't be heard."""
    ear = matching.shipped()
    if ear is None or not clips:
        return list(clips), []
    heard = matching.heard([clip.prompt for clip in clips], ear)
    found = heard.matches([clip.measured.vector for clip in clips])
    every = [replace(clip, match=match) for clip, match in zip(clips, found, strict=True)]
    return every, matching.unheard(heard)


def _beside(name: str, entry: Entry) -> str:
    return ", ".join(f"{other} {number(name, v)}" for other, v in entry.baselines.items())


def _plainly(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {str(inner)[:12]}" for name, inner in value.items())
    return str(value)
