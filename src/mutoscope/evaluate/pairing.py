"""What `evaluate` wrote into folders, and which clips of two folders are of the same prompt.

Clips pair by prompt and seed where seeds are known, else by prompt and the name of the file where
both folders hold the same names, else in their order within each prompt.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mutoscope.errors import DataError
from mutoscope.evaluate.faithfulness import BOTH
from mutoscope.evaluate.folder import LeftOut
from mutoscope.evaluate.matching import PRECISE, SIMILAR
from mutoscope.evaluate.measure import NUMBERS
from mutoscope.evaluate.paired import Difference, difference
from mutoscope.evaluate.report import Report, opened
from mutoscope.evaluate.scores import ALL, PREVIEWS

Shot = Mapping[str, Any]
"""A clip as scores.json holds it."""
Key = tuple[Hashable, ...]
"""The prompt, and what tells clips of one prompt apart."""
NEEDED = ("file", "prompt", "fps", "size", "right", "asked", "numbers")
"""What is taken of a clip."""


@dataclass(frozen=True, kw_only=True)
class Results:
    """A folder that `evaluate` wrote; a clip without a kept picture has none in `previews`."""

    name: str
    clips: Sequence[Shot]
    left: Sequence[LeftOut]
    versions: Mapping[str, Any]
    summary: Report
    previews: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A clip of the first folder and one of the other, with their pictures."""

    first: Shot
    other: Shot
    pictures: tuple[str, str]

    @property
    def gain(self) -> tuple[float, float]:
        """By how much more of the words is seen in the other clip, then by how much less flickers.

        A clip of which nothing was asked counts as no difference in words.
        """
        rights = self.first["right"], self.other["right"]
        words = 0.0 if None in rights else rights[1] - rights[0]
        numbers = [clip["numbers"].get("flicker") for clip in (self.first, self.other)]
        return words, 0.0 if None in numbers else numbers[0] - numbers[1]


@dataclass(frozen=True, kw_only=True)
class Paired:
    """Two folders as pairs, and what is in no figure."""

    first: str
    other: str
    pairs: Sequence[Pair]
    left: Sequence[LeftOut]


def results(folder: Path, name: str) -> Results:
    """What a folder holds, called by a name; refuses one that `evaluate` didn't write."""
    path = folder / "scores.json"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        found = Results(
            name=name,
            clips=[{"seed": clip.get("seed"), **{name: clip[name] for name in NEEDED},
                    "aside": _aside(clip)} for clip in data["clips"]],
            left=[LeftOut(one["file"], one["reason"], one.get("prompt", ""))
                  for one in data["left out"]],
            versions=data["versions"],
            summary=opened({n: r for n, r in data["summary"].items() if r["value"] is not None}),
            previews=_previews(folder / PREVIEWS, len(data["clips"])),
        )  # fmt: skip
    except OSError as error:
        raise DataError(
            f"{folder} holds no scores.json that can be read ({error.strerror or error});"
            f" write one with mutoscope evaluate ... -o {folder}"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path} isn't what mutoscope evaluate writes; evaluate the clips again"
        ) from error
    if not found.clips:
        raise DataError(f"{path} holds no clip that was measured; there is nothing to compare")
    return found


def paired(first: Results, other: Results) -> Paired:
    """The pairs of two folders.

    Refuses, in one sentence that names the difference, folders of other prompts or seeds and such
    as other instruments measured. A clip whose partner was left out of its folder is left out.
    """
    _check_versions(first, other)
    key, kind = _keys(first, other)
    mine, yours = key(first), key(other)
    left: list[LeftOut] = []
    for a, b, have, lack in ((first, other, mine, yours), (other, first, yours, mine)):
        alone = [one for one in have if one not in lack]
        gone = _gone(b, kind)
        unexcused = [one for one in alone if one[: 1 if kind != "file" else 2] not in gone]
        if unexcused:
            raise DataError(_unpaired(a, b, unexcused, len(have), kind))
        left += [LeftOut(a.clips[have[one]]["file"], f"of {a.name} has no partner, which"
                         f" {b.name} left out", str(one[0])) for one in alone]  # fmt: skip
    both = [one for one in mine if one in yours]
    if kind == "turn":
        # Within a prompt nobody knows which of the clips is missing.
        odd = {p for (p,) in _gone(first, kind) | _gone(other, kind)}
        left += [LeftOut(first.clips[mine[one]]["file"], "a clip of this prompt was left out",
                         str(one[0])) for one in both if one[0] in odd]  # fmt: skip
        both = [one for one in both if one[0] not in odd]
    if not both:
        raise DataError(
            f"{first.name} and {other.name} have no pair left: each clip's partner was left out"
        )
    pairs = [
        Pair(
            first=first.clips[mine[one]],
            other=other.clips[yours[one]],
            pictures=(first.previews[mine[one]], other.previews[yours[one]]),
        )
        for one in both
    ]
    unlike = [forms for forms in map(_forms, pairs) if forms[0] != forms[1]]
    if unlike:
        one, two = unlike[0]
        reason = (
            f"can't be compared of {len(unlike)} pairs ({one} and {two}); bring all to one form"
        )
        left.append(LeftOut("over time", reason))
    return Paired(first=first.name, other=other.name, pairs=pairs, left=left)


def differences(found: Paired, first: Results) -> dict[str, Difference]:
    """A difference for every number that both clips of some pair have."""
    rows: dict[str, list[tuple[float, float, float, str]]] = {}
    for pair in found.pairs:
        forms = _forms(pair)
        mine, yours = (_values(c, timed=forms[0] == forms[1]) for c in (pair.first, pair.other))
        for name in [n for n in mine if n in yours and mine[n][1] == yours[n][1]]:
            row = (mine[name][0], yours[name][0], mine[name][1], str(pair.first["prompt"]))
            rows.setdefault(name, []).append(row)
    order = [ALL, *first.summary]
    told: dict[str, Difference] = {}
    for name in sorted(rows, key=lambda n: order.index(n) if n in order else len(order)):
        a, b, w, prompts = zip(*rows[name], strict=True)
        entry = first.summary.get(name)
        better = entry.better if entry else NUMBERS.get(name, "higher")
        told[name] = difference(np.array(a), np.array(b), np.array(w), prompts, better=better)
    return told


def _values(clip: Shot, *, timed: bool) -> dict[str, tuple[float, float]]:
    """By number of a clip its sum and its weight: right answers of questions, or a value of one."""
    rows: dict[str, tuple[float, float]] = {}
    for one in clip["asked"]:
        for name in (one["title"], *([ALL] if one["title"] != BOTH else [])):
            right, count = rows.get(name, (0.0, 0.0))
            rows[name] = (right + bool(one["right"]), count + 1.0)
    rows |= {name: (float(value), 1.0) for name, value in clip.get("aside", {}).items()}
    return {**rows, **({n: (float(v), 1.0) for n, v in clip["numbers"].items()} if timed else {})}


def _aside(clip: Shot) -> dict[str, float]:
    """What a clip may have besides: how near it is to its prompt, how far it obeys conditions."""
    given = {name: told["value"] for name, told in clip.get("conditions", {}).items()}
    every = {**{name: clip.get(name) for name in (SIMILAR, PRECISE)}, **given}
    return {name: float(value) for name, value in every.items() if value is not None}


def _previews(path: Path, count: int) -> list[str]:
    """The pictures that are kept; none where the file is gone or of other clips."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return [""] * count
    known = isinstance(found, list) and len(found) == count
    return [str(one) for one in found] if known else [""] * count


def _check_versions(first: Results, other: Results) -> None:
    for name in {**first.versions, **other.versions}:
        mine, yours = first.versions.get(name), other.versions.get(name)
        if mine != yours:
            raise DataError(
                f"{first.name} and {other.name} were measured by other instruments ({name}:"
                f" {str(mine)[:12]} and {str(yours)[:12]}); evaluate both anew"
            )


def _keys(first: Results, other: Results) -> tuple[Callable[[Results], dict[Key, int]], str]:
    """What names a clip in both folders: by "seed", "file" or "turn"."""
    if all(clip["seed"] is not None for one in (first, other) for clip in one.clips):
        return _by("seed"), "seed"
    names = [
        {(c["prompt"], c["file"]) for c in one.clips} | _gone(one, "file") for one in (first, other)
    ]
    return (_by("file"), "file") if names[0] == names[1] else (_by_turn, "turn")


def _by(name: str) -> Callable[[Results], dict[Key, int]]:
    return lambda one: {(c["prompt"], c[name]): k for k, c in enumerate(one.clips)}


def _by_turn(one: Results) -> dict[Key, int]:
    seen: Counter[str] = Counter()
    found: dict[Key, int] = {}
    for k, clip in enumerate(one.clips):
        found[clip["prompt"], seen[clip["prompt"]]] = k
        seen[clip["prompt"]] += 1
    return found


def _gone(one: Results, kind: str) -> set[Key]:
    """What a folder left out, by prompt, or by prompt and file where files are what pairs."""
    return {(x.prompt, x.file) if kind == "file" else (x.prompt,) for x in one.left if x.prompt}


def _unpaired(a: Results, b: Results, alone: Sequence[Key], count: int, kind: str) -> str:
    prompt, mark = alone[0]
    if kind == "seed" and any(clip["prompt"] == prompt for clip in b.clips):
        seeds = sorted({clip["seed"] for clip in b.clips if clip["prompt"] == prompt})
        return (
            f"{a.name} and {b.name} were made with other seeds: '{prompt}' has seed {mark} in"
            f" {a.name} and {', '.join(map(str, seeds))} in {b.name}; use the same seeds"
        )
    return (
        f"{b.name} lacks {len(alone)} of the {count} clips of {a.name}, the first of the prompt"
        f" '{prompt}'; evaluate both on the same prompts, each as often"
    )


def _forms(pair: Pair) -> tuple[str, str]:
    """Size and rate of both clips, on which numbers over time depend."""
    mine, yours = (
        f"{clip['size'][0]}x{clip['size'][1]} at {clip['fps']:g} frames a second"
        for clip in (pair.first, pair.other)
    )
    return mine, yours
