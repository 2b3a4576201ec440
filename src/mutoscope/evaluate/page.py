"""A report as one page of HTML: tables, spreads, and clips that play."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

import numpy as np

from mutoscope.evaluate import diversity, lettering, scores, standing, vocabulary
from mutoscope.evaluate.conditions import BETTER
from mutoscope.evaluate.faithfulness import BOTH
from mutoscope.evaluate.folder import LeftOut
from mutoscope.evaluate.markup import document
from mutoscope.evaluate.markup import grid as _grid
from mutoscope.evaluate.markup import tag as _tag
from mutoscope.evaluate.markup import wide as _wide
from mutoscope.evaluate.matching import SIMILAR
from mutoscope.evaluate.measure import NUMBERS, YES_NO
from mutoscope.evaluate.report import Entry, Report
from mutoscope.evaluate.scores import Scored

SHOWN = 6
"""Clips shown as best and as worst (ours)."""
BINS = 12
"""Bars of a spread (ours)."""
FEW = 3
"""Clips shown as best and as worst of a condition (ours)."""
PLAIN = (
    "frechet", "kernel", "inception score", "CLIPSIM", "similarity", *vocabulary.OVER_TIME, SIMILAR,
    *BETTER, "Pearson", "cross-talk", lettering.ERROR, diversity.SPREAD,
)  # fmt: skip
"""How the names of numbers end that are no shares."""
WHOSE = {"truth": "a real clip of", "untrained": "what has learned nothing made of"}
"""What is said of clips beside the one measured."""


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What a page shows: facts by name, tables by title, clips, and what is left out.

    `beside` holds previews of other clips, by whose they are and by the file they belong to;
    `given` are the clips that were given conditions, in any order.
    """

    title: str
    facts: Mapping[str, str]
    tables: Mapping[str, Report]
    clips: Sequence[Scored]
    beside: Mapping[str, Mapping[str, str]]
    left: Sequence[LeftOut]
    given: Sequence[Scored] = ()


def page(contents: Contents) -> str:
    """The page; `clips` are in the order from best to worst."""
    facts = "; ".join(f"{name}: {value}" for name, value in contents.facts.items())
    return document(
        contents.title,
        _tag("p", facts, **{"class": "weak"}),
        *(part for title, rows in contents.tables.items() for part in _table(title, rows)),
        *_order(contents.tables),
        *_spreads(contents.clips),
        *_clips(contents),
        *_given(contents),
        *left_out(contents.left),
    )


def number(name: str, value: float | None) -> str:
    """A value as a person reads it: shares in percent, nothing for what isn't there."""
    if value is None or not math.isfinite(value):
        return ""
    plain = name in NUMBERS and name not in YES_NO
    return f"{value:.3g}" if plain or name.endswith(PLAIN) else f"{100 * value:.1f} %"


def interval(name: str, entry: Entry) -> str:
    """The 95 % interval of an entry, as a person reads it."""
    return " to ".join(number(name, value) for value in entry.interval or ())


def _table(title: str, rows: Report) -> list[Element]:
    if not rows:
        return []
    names = list(dict.fromkeys(name for entry in rows.values() for name in entry.baselines))
    orders = {name: standing.order(name, entry) for name, entry in rows.items()}
    last = ("order",) if any(orders.values()) else ()
    titles = ("", "value", "95 %", "n", "better", *names, *last)
    head = _tag("tr", *(_tag("th", title) for title in titles))
    lines = [
        _tag(
            "tr",
            *(_tag("td", cell) for cell in (
                name, number(name, entry.value), interval(name, entry), str(entry.n), entry.better,
                *(number(name, entry.baselines.get(other)) for other in names),
                *(orders[name] for _ in last),
            )),
        )
        for name, entry in rows.items()
    ]  # fmt: skip
    return [_tag("h2", title), _wide(_tag("table", head, *lines))]


def _order(tables: Mapping[str, Report]) -> list[Element]:
    """Real renders, the clips and the untrained twin's side by side; nothing without both."""
    found = standing.rungs(scores.whole(tables))
    if not found:
        return []
    titles = ("", "real renders", "these clips", "untrained twin", "frozen", "order")
    head = _tag("tr", *(_tag("th", title) for title in titles))
    lines = [
        _tag("tr", *(_tag("td", cell) for cell in (
            one.name, *(number(one.name, value) for value in (
                one.real, one.value, one.untrained, one.frozen)),
            one.said or "none due",
        )))
        for one in found
    ]  # fmt: skip
    said = _tag("p", standing.summed(found))
    return [_tag("h2", "Right order"), said, _wide(_tag("table", head, *lines))]


def _spreads(clips: Sequence[Scored]) -> list[Element]:
    rows = {"words seen": [clip.right for clip in clips if clip.right is not None]}
    rows[SIMILAR] = [clip.match.similarity for clip in clips if clip.match is not None]
    for name in NUMBERS:
        if name not in YES_NO:
            found = [clip.measured.numbers.get(name) for clip in clips]
            rows[name] = [value for value in found if value is not None]
    drawn = [_spread(name, values) for name, values in rows.items() if len(values) > 1]
    return [_tag("h2", "Spread over the clips"), _grid(drawn)] if drawn else []


def _spread(name: str, values: Sequence[float]) -> Element:
    counts, edges = np.histogram(values, BINS)
    tall = max(1, int(counts.max()))
    bars = [
        _tag(
            "rect", x=f"{k * 10}", y=f"{40 - 40 * c / tall:.1f}",
            width="9", height=f"{40 * c / tall:.1f}",
        )
        for k, c in enumerate(counts.tolist())
    ]  # fmt: skip
    drawing = _tag("svg", *bars, viewBox=f"0 0 {BINS * 10} 40", preserveAspectRatio="none")
    drawing.set("role", "img")
    drawing.set("aria-label", f"{name}: {len(values)} clips")
    ends = f"{name}: {number(name, float(edges[0]))} to {number(name, float(edges[-1]))}"
    return _tag("figure", drawing, _tag("figcaption", ends))


def _clips(contents: Contents) -> list[Element]:
    clips = contents.clips
    few = min(SHOWN, -(-len(clips) // 2))
    parts = {"Best clips": clips[:few], "Worst clips": clips[few:][-SHOWN:][::-1]}
    return [
        part
        for title, row in parts.items()
        if row
        for part in (_tag("h2", title), _grid(_clip(clip, contents.beside) for clip in row))
    ]


def _given(contents: Contents) -> list[Element]:
    """By figure the clips that obey a condition best and worst, with what they were given."""
    parts: list[Element] = []
    # By SSIM the same clips would stand there once more.
    figures = {name: better for name, better in BETTER.items() if not name.endswith("SSIM")}
    for name, better in figures.items():
        told = [
            (-value if better == "higher" else value, k)
            for k, clip in enumerate(contents.given)
            for value in [_obeyed(clip).get(name)]
            if value is not None
        ]
        order = [contents.given[k] for _, k in sorted(told)]
        few = min(FEW, -(-len(order) // 2))
        for title, row in (("best", order[:few]), ("worst", order[few:][-FEW:][::-1])):
            if row:
                parts.append(_tag("h2", f"{name}: {title}"))
                parts.append(_grid(_clip(clip, contents.beside) for clip in row))
    return parts


def _obeyed(clip: Scored) -> dict[str, float]:
    """The figures of a clip's conditions that can be told."""
    scores = {} if clip.given is None else clip.given.scores
    return {name: value for name, (value, _) in scores.items() if value is not None}


def _clip(clip: Scored, beside: Mapping[str, Mapping[str, str]]) -> Element:
    pictures = [_picture(clip.measured.preview, f"the clip of: {clip.prompt}")]
    for name, row in beside.items():
        if clip.file in row:
            pictures.append(_picture(row[clip.file], f"{WHOSE.get(name, name)}: {clip.prompt}"))
    shown = {} if clip.given is None else clip.given.pictures
    pictures += [_picture(source, f"{name} given: {clip.prompt}") for name, source in shown.items()]
    words = [
        _tag("span", f"{m.title}: {m.word} {sign}. ", **{"class": "" if m.right else "no"})
        for m in clip.marks
        if m.title != BOTH
        for sign in ["✓" if m.right else "✗" if m.told else "can't tell"]
    ]
    near = {} if clip.match is None else {SIMILAR: clip.match.similarity}
    every = {**near, **_obeyed(clip), **clip.measured.numbers, **clip.open}
    numbers = ", ".join(f"{n} {number(n, v)}" for n, v in every.items())
    left = f"not asked: {', '.join(clip.wanted.left)}" if clip.wanted.left else ""
    seen = "no word was asked" if clip.right is None else f"{100 * clip.right:.0f} % of words seen"
    lines = [_tag("p", text, **{"class": "weak"}) for text in (clip.file, numbers, left) if text]
    caption = _tag(
        "figcaption", _tag("p", clip.prompt), _tag("p", _tag("strong", seen), " ", *words), *lines
    )
    return _tag("figure", *pictures, caption)


def _picture(source: str, words: str) -> Element:
    return _tag("img", src=source, alt=words, title=words)


def left_out(left: Sequence[LeftOut]) -> list[Element]:
    """What isn't in the figures, each with its reason; nothing for none."""
    if not left:
        return []
    rows = [
        _tag("tr", *(_tag("td", t, **{"class": "text"}) for t in (one.file, one.reason)))
        for one in left
    ]
    return [_tag("h2", f"Left out: {len(left)}"), _wide(_tag("table", *rows))]
