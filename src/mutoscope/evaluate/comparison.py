"""Result folders compared: each further one with the first, as one JSON file and as one page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element

from mutoscope.errors import DataError
from mutoscope.evaluate import standing
from mutoscope.evaluate.folder import LeftOut
from mutoscope.evaluate.markup import document as sheet
from mutoscope.evaluate.markup import grid, tag, wide
from mutoscope.evaluate.page import SHOWN, interval, left_out, number
from mutoscope.evaluate.paired import Difference, holm
from mutoscope.evaluate.pairing import Pair, Paired, Results, Shot, differences, paired
from mutoscope.evaluate.report import Entry

METHOD = (
    "paired by prompt; intervals: 95 % of 2000 bootstrap draws of prompts; p: two-sided sign test"
    " over prompts, corrected by Holm over all tests here; better or worse is said only where both"
    " leave out that there is no difference"
)
LATER = {*standing.FIRST, *standing.LAST}


@dataclass(frozen=True, kw_only=True)
class Compared:
    """All folders, and of each but the first its pairs with the first and its differences."""

    folders: Sequence[Results]
    pairs: Mapping[str, Paired]
    found: Mapping[str, Mapping[str, Difference]]

    @property
    def left(self) -> list[LeftOut]:
        """What is in no figure, named once."""
        return list(dict.fromkeys(x for one in self.pairs.values() for x in one.left))


def compared(folders: Sequence[Results]) -> Compared:
    """Each folder after the first held against the first; no two have one name.

    Refuses what doesn't pair.
    """
    if len(folders) < 2:
        raise DataError(f"a comparison needs 2 folders or more (got {len(folders)})")
    first, *others = folders
    pairs = {one.name: paired(first, one) for one in others}
    flat = {
        f"{name}\n{metric}": told
        for name, row in pairs.items()
        for metric, told in differences(row, first).items()
    }
    found: dict[str, dict[str, Difference]] = {name: {} for name in pairs}
    for key, told in holm(flat).items():
        name, metric = key.split("\n")
        found[name][metric] = told
    return Compared(folders=folders, pairs=pairs, found=found)


def document(of: Compared) -> dict[str, Any]:
    """What scores.json of a comparison holds."""
    return {
        "first": of.folders[0].name,
        "method": METHOD,
        "versions": dict(of.folders[0].versions),
        "left out": [one.to_json() for one in of.left],
        "comparisons": {
            name: {
                "pairs": len(of.pairs[name].pairs),
                "summary": {metric: told.to_json() for metric, told in row.items()},
            }
            for name, row in of.found.items()
        },
    }


def page(of: Compared, title: str) -> str:
    """All folders beside their references, the differences, and the clips that differ most."""
    parts = [tag("p", METHOD, **{"class": "weak"}), *_standing(of.folders)]
    for name, row in of.found.items():
        one = of.pairs[name]
        parts += [
            tag("h2", f"{name} against {one.first}, {len(one.pairs)} pairs"),
            _table(one, row),
        ]
        parts += _clips(one)
    return sheet(title, *parts, *left_out(of.left))


def gains(pairs: Sequence[Pair]) -> tuple[list[Pair], list[Pair]]:
    """The pairs in which the other clip is ahead, most first, and those in which it is behind."""
    ordered = sorted(pairs, key=lambda pair: pair.gain, reverse=True)
    ahead = [pair for pair in ordered if pair.gain > (0, 0)]
    return ahead[:SHOWN], [pair for pair in ordered[::-1] if pair.gain < (0, 0)][:SHOWN]


def _standing(folders: Sequence[Results]) -> list[Element]:
    """One table: real clips, every folder, the untrained twins, chance, and whether in order."""
    rows = {name: None for one in folders for name in one.summary if not name.startswith("words: ")}
    beside = {n for one in folders for entry in one.summary.values() for n in entry.baselines}
    first = [name for name in standing.FIRST if name in beside]
    last = [name for name in standing.LAST if name in beside]
    rest = sorted(beside - LATER)
    own = [n for one in folders for n in (one.name, f"order of {one.name}")]
    head = tag("tr", *(tag("th", text) for text in ("", "better", *first, *own, *last, *rest)))
    lines = [tag("tr", *(tag("td", c) for c in _line(n, folders, first, [*last, *rest])))
             for n in rows]  # fmt: skip
    return [tag("h2", "Where each stands"), wide(tag("table", head, *lines))]


def _line(
    name: str, folders: Sequence[Results], before: Sequence[str], after: Sequence[str]
) -> list[str]:
    entries = [one.summary.get(name) for one in folders]
    known = [entry for entry in entries if entry is not None]
    cells = [name, known[0].better, *(_reference(name, known, r) for r in before)]
    for entry in entries:
        told = "" if entry is None else number(name, entry.value)
        span = "" if entry is None else interval(name, entry)
        cells += [f"{told} ({span})" if span else told]
        cells += ["" if entry is None else standing.order(name, entry)]
    return [*cells, *(_reference(name, known, r) for r in after)]


def _reference(name: str, known: Sequence[Entry], reference: str) -> str:
    """What stands beside the folders, once where it is the same for all."""
    told = [number(name, entry.baselines.get(reference)) for entry in known]
    return " / ".join(dict.fromkeys(one for one in told if one))


def _table(one: Paired, rows: Mapping[str, Difference]) -> Element:
    titles = ("", one.first, one.other, "difference", "95 %", "better", "pairs", "prompts",
              "up / down", "p", "p (Holm)", "verdict")  # fmt: skip
    lines = [
        tag("tr", *(tag("td", cell) for cell in (
            name, number(name, told.first), number(name, told.other), number(name, told.value),
            " to ".join(number(name, v) for v in told.interval or ()), told.better, str(told.n),
            str(told.prompts), f"{told.up} / {told.down}", _p(told.p), _p(told.holm), told.verdict,
        )))
        for name, told in rows.items()
    ]  # fmt: skip
    return wide(tag("table", tag("tr", *(tag("th", title) for title in titles)), *lines))


def _p(value: float | None) -> str:
    return "" if value is None else f"{value:.2g}"


def _clips(one: Paired) -> list[Element]:
    ahead, behind = gains(one.pairs)
    parts = {f"Where {one.other} gains most": ahead, f"Where {one.other} loses most": behind}
    return [
        part
        for title, row in parts.items()
        if row
        for part in (tag("h3", title), grid(_pair(pair, one) for pair in row))
    ]


def _pair(pair: Pair, one: Paired) -> Element:
    sides = ((pair.first, pair.pictures[0], one.first), (pair.other, pair.pictures[1], one.other))
    pictures = [
        tag("img", src=picture, alt=f"{name}: {clip['prompt']}", title=name)
        for clip, picture, name in sides
        if picture.startswith("data:image/")
    ]
    lines = [tag("p", _told(name, clip)) for clip, _, name in sides]
    return tag("figure", *pictures, tag("figcaption", tag("p", pair.first["prompt"]), *lines))


def _told(name: str, clip: Shot) -> str:
    right = clip["right"]
    seen = "no word asked" if right is None else f"{100 * right:.0f} % of words seen"
    flicker = clip["numbers"].get("flicker")
    return f"{name}: {seen}{'' if flicker is None else f', flicker {flicker:.3g}'}"
