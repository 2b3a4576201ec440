"""`mutoscope evaluate`: how far clips obey their prompts, and how well they are made."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
import typer

from mutoscope import machine
from mutoscope._cli import words
from mutoscope._cli.leave import StoppedError
from mutoscope.errors import DataError, RequestError
from mutoscope.evaluate import (
    against,
    diversity,
    folder,
    given,
    lettering,
    looking,
    matching,
    scores,
    standing,
    vocabulary,
)
from mutoscope.evaluate.folder import LeftOut, Row
from mutoscope.evaluate.looking import Eye
from mutoscope.evaluate.measure import Measured, seamed
from mutoscope.evaluate.page import Contents, interval, number, page
from mutoscope.evaluate.reading import shipped
from mutoscope.evaluate.report import Entry, Report, written
from mutoscope.evaluate.scores import DISTANCE, FAITHFUL, GIVEN, OPEN, TIME, Scored
from mutoscope.evaluate.vocabulary import Pair, Shown

HASH = re.compile("[0-9a-f]{64}")
"""Told by its first twelve digits on the page; whole in scores.json."""
ALONE = (
    "of words and conditions those of other clips; real renders and an untrained twin are known "
    "only of what evaluate --system makes"
)
"""What stands beside the figures of anybody's clips."""
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
    reference: Path | None = None
    features: str | None = None
    similarity: str | None = None


def run(wish: Wish) -> None:
    """Measure a folder of videos against their prompts; write scores.json and report.html."""
    if wish.out.exists() and not wish.out.is_dir():
        raise RequestError(f"{wish.out} is a file; name a folder for -o")
    torch.set_num_threads(machine.threads())
    asked = _asked(wish)
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
        FAITHFUL: {
            **faithful,
            **matching.rows([clip.match for clip in clips], {}),
            **diversity.among([c.prompt for c in clips], [c.measured.vector for c in clips]),
        },
        GIVEN: given.summed([clip.given for clip in clips]),
        TIME: scores.in_time([clip.measured for clip in clips], {}),
    }
    try:
        clips, more, known, gone = _further(wish, asked, clips)
    except KeyboardInterrupt:
        raise StoppedError(f"what was measured is in {wish.out}; call again to go on") from None
    tables, left = {**tables, **more}, [*left, *gone]
    facts = {"versions": folder.versions(), "seeds": {"chance": scores.SEED}, "beside": ALONE}
    facts |= known
    report(wish.out, f"Clips of {wish.clips.name}", clips, tables, facts, left)
    if not clips:
        first = f"; the first: {left[0].file} {left[0].reason}" if left else ""
        raise DataError(f"none of the {len(left)} clips could be measured{first}")
    if not faithful:
        words.note("no word of these prompts is one that the readers know; see 'not asked'")
    tell(wish.out, tables, len(clips), left, as_json=wish.as_json)


@dataclass(frozen=True, kw_only=True)
class Further:
    """What is told beside words and time: real clips with what looks at them; a network of words.

    Each None where nobody asked for it.
    """

    real: Sequence[Path]
    eye: Eye | None
    pair: Pair | None


def _asked(wish: Wish) -> Further:
    """What the command line asks for, refused before anything is measured where it isn't there."""
    pair = None if wish.similarity is None else vocabulary.pair(wish.similarity)
    if wish.reference is None:
        if wish.features is not None:
            raise RequestError("--features are those of a distance; give --reference DIR too")
        return Further(real=(), eye=None, pair=pair)
    if not wish.reference.is_dir():
        raise DataError(f"{wish.reference} is not a folder; give the folder of the real videos")
    real = against.videos(wish.reference)
    if not real:
        raise DataError(f"{wish.reference} holds no videos; give the folder of the real videos")
    return Further(real=real, eye=looking.eye(wish.features or "ours"), pair=pair)


def _further(
    wish: Wish, asked: Further, clips: Sequence[Scored]
) -> tuple[list[Scored], dict[str, Report], dict[str, Any], list[LeftOut]]:
    """The clips with what else was asked; tables of that, facts, and what is in none of them."""
    told, left = list(clips), list[LeftOut]()
    tables: dict[str, Report] = {}
    facts: dict[str, Any] = {}
    if asked.pair is not None and told:
        told, tables[OPEN], left = _spoken(wish, told, asked.pair)
        facts["similarity"] = {"network": wish.similarity, "sha256": asked.pair.weights}
    told, letters, odd = _lettered(wish, told)
    left += odd
    if letters:
        tables[OPEN] = {**tables.get(OPEN, {}), **letters}
        facts["text in pictures"] = lettering.version()
    if asked.eye is not None and told:
        made = [wish.clips / clip.file for clip in told]
        found = _distance(wish, made, asked.real, asked.eye)
        tables[DISTANCE], left = found.table, [*left, *found.left]
        facts |= found.facts
        for name, said in found.facts.items():
            words.note(f"{name}: {said}")
    return told, tables, facts, left


def _distance(wish: Wish, made: Sequence[Path], real: Sequence[Path], eye: Eye) -> against.Told:
    with words.progress() as progress:
        bar = progress.add_task("comparing", total=against.steps(made, real))
        return against.distance(
            made, real, by=eye, keeping=wish.out / KEPT, jobs=wish.jobs,
            progress=lambda done: progress.update(bar, completed=done),
        )  # fmt: skip


def _spoken(
    wish: Wish, clips: Sequence[Scored], pair: Pair
) -> tuple[list[Scored], Report, list[LeftOut]]:
    """The clips with their similarities to their prompts, the table, and what isn't in it."""
    texts: dict[str, Any] = {}
    odd: dict[str, str] = {}
    for prompt in dict.fromkeys(clip.prompt for clip in clips):
        try:
            texts[prompt] = pair.hear(prompt)
        except RequestError as error:
            odd[prompt] = str(error)
    paths = {clip.file: wish.clips / clip.file for clip in clips if clip.prompt in texts}
    look = partial(
        vocabulary.shown, name=str(wish.similarity), weights=pair.weights, keeping=wish.out / KEPT
    )
    found: dict[str, Shown] = {}
    with words.progress() as progress:
        bar = progress.add_task("looking", total=len(paths))
        for done, (file, answer) in enumerate(folder.each(look, paths, wish.jobs), start=1):
            if isinstance(answer, Shown):
                found[file] = answer
            else:
                odd[file] = answer
            progress.update(bar, completed=done)
    kept = [clip for clip in clips if clip.file in found and clip.prompt in texts]
    left = [
        LeftOut(clip.file, f"isn't in {OPEN}: {why}", clip.prompt)
        for clip in clips
        for why in [odd.get(clip.prompt) or odd.get(clip.file)]
        if why
    ]
    if not kept:
        return list(clips), {}, left
    table, each = vocabulary.table(
        [found[clip.file] for clip in kept],
        [clip.prompt for clip in kept], texts, str(wish.similarity),
    )  # fmt: skip
    told = {(c.file, c.prompt): numbers for c, numbers in zip(kept, each, strict=True)}
    return [replace(c, open=told.get((c.file, c.prompt), {})) for c in clips], table, left


def _lettered(wish: Wish, clips: Sequence[Scored]) -> tuple[list[Scored], Report, list[LeftOut]]:
    """The clips that were to show some text with how much of it is read, and what can't be."""
    texts = {clip.prompt: lettering.asked(clip.prompt) for clip in clips}
    paths = {clip.file: wish.clips / clip.file for clip in clips if texts[clip.prompt]}
    if not paths:
        return list(clips), {}, []
    if why := lettering.missing():
        return list(clips), {}, [LeftOut(f"the text in {len(paths)} clips", why)]
    with words.progress() as progress:
        bar = progress.add_task("reading text", total=len(paths))
        found = lettering.all_read(
            paths, keeping=wish.out / KEPT, jobs=wish.jobs,
            progress=lambda done: progress.update(bar, completed=done),
        )  # fmt: skip
    odd = {file: why for file, why in found.items() if isinstance(why, str)}
    left = [LeftOut(file, f"isn't in {OPEN}: {why}") for file, why in odd.items()]
    read = [(clip, found[clip.file]) for clip in clips if texts[clip.prompt]]
    kept = [(clip, frames) for clip, frames in read if not isinstance(frames, str)]
    if not kept:
        return list(clips), {}, left
    table, each = lettering.table(
        [frames for _, frames in kept], [texts[clip.prompt] for clip, _ in kept]
    )
    told = {(clip.file, clip.prompt): one for (clip, _), one in zip(kept, each, strict=True)}
    both = [{**clip.open, **told.get((clip.file, clip.prompt), {})} for clip in clips]
    return [replace(clip, open=one) for clip, one in zip(clips, both, strict=True)], table, left


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
        return ", ".join(f"{name} {_plainly(inner)}" for name, inner in value.items())
    text = str(value)
    return text[:12] if HASH.fullmatch(text) else text
