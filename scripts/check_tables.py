"""The tables of what checks found, from kept results: `python scripts/keep.py DIR` keeps one.

README has a line a system and condition, between `<!-- obeyed -->` marks, of systems whose kept
result is of the weights that ship; which rows of a check these are, its module says (`OBEYED`).
docs/systems.md has every row of a check, between marks `<!-- measured NAME -->`, and so has the
card of a system with weights of its own, below its generated head. Nothing kept, nothing said.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from base_tables import table

from mutoscope import checks, zoo
from mutoscope.checks import Obeyed
from mutoscope.systems.shipped import TEXT

RESULTS = Path(__file__).parent.parent / "benchmarks" / "results" / "checks"
HAND = "<!-- below: written by hand -->"
"""Where what is generated with a card ends."""
CHECK = "check"
USUAL = ("shuffled", "shuffled condition", "chance", "absent", "truth")
"""Baselines that need no name in their column."""

Found = Mapping[str, Any]
"""A result as `keep` wrote it."""


def kept() -> dict[str, Found]:
    """The results that are kept, in the order of the table of checks."""
    paths = {name: RESULTS / f"{name}.json" for name in checks.TABLE}
    return {name: json.loads(path.read_text()) for name, path in paths.items() if path.exists()}


def ships(found: Found) -> bool:
    """Whether a result is of the weights that ship."""
    there = zoo.names()
    return all(part in there and zoo.sha256(part) == value for part, value in own(found).items())


def own(found: Found) -> dict[str, str]:
    """The hashes of a result's weights, the system's own first; a package holds those of words."""
    told = {part: value for part, value in found["weights"].items() if part != TEXT}
    return dict(sorted(told.items(), key=lambda item: item[0] != found["system"]))


def obeyed() -> str:
    """The block of the README; empty where nothing is kept."""
    lines = [
        (name, line, _row(found, line.row))
        for name, found in kept().items() if ships(found)
        for line in checks.obeyed(name)
    ]  # fmt: skip
    if not lines:
        return ""
    told = (
        "How far each obeys what it is given, of held-out scenes of the world, by our own readers "
        "(`mutoscope check NAME`; every row, met or not, is in [docs/systems.md](docs/systems.md))."
        " *Shuffled* are the same clips against what others were given, *without* clips that were "
        "given nothing of the kind, *truth* real renders; in brackets 95 %."
    )
    head = ["system", "condition", "obeyed", "aim", "shuffled", "without", "truth", "n"]
    shown = table(head, [[f"`{name}`", *_cells(line, row)] for name, line, row in lines])
    missed = [f"`{name}` {line.condition}" for name, line, row in lines if not row["pass"]]
    below = f"\nAims missed: {'; '.join(missed)}.\n" if missed else ""
    vain = [f"`{name}` {line.condition}" for name, line, row in lines if _vain(line, row)]
    below += f"\nNot told from others' conditions: {'; '.join(vain)}.\n" if vain else ""
    return f"\n{told}\n\n{shown}\n{below}"


def _cells(line: Obeyed, row: Found) -> list[str]:
    ends = sorted(-one if line.less else one for one in row["interval"] or ())
    span = " to ".join(_plain(one, line.unit) for one in ends)
    beside = row["baselines"]
    return [
        line.condition, _said(row["value"], line) + (f" ({span})" if span else ""),
        f"{'≤' if line.less else '≥'} {_said(row['threshold'], line)}",
        *(_named(name, beside, line) for name in (line.shuffled, line.without, line.truth)),
        str(row["n"]),
    ]  # fmt: skip


def _vain(line: Obeyed, row: Found) -> bool:
    """Whether what others were given is obeyed as well, as far as the interval tells."""
    other = row["baselines"].get(line.shuffled)
    return other is not None and row["interval"] is not None and row["interval"][0] <= other


def _named(name: str | None, beside: Mapping[str, float], line: Obeyed) -> str:
    """A baseline, with its name unless it is the column's."""
    if name is None or name not in beside:
        return ""
    return _said(beside[name], line) + ("" if name in USUAL else f" ({name})")


def _said(value: float, line: Obeyed) -> str:
    number = _plain(-value if line.less else value, line.unit)
    return f"{number} {line.unit}".strip()


def _plain(value: float, unit: str = "") -> str:
    """A number in its unit; shares as percent.

    >>> _plain(0.8125, "%"), _plain(-0.0), _plain(2.346), _plain(123.4)
    ('81', '0', '2.35', '123')
    """
    number = 100 * value if unit == "%" else value
    whole = unit == "%" or abs(number) >= 100
    return f"{number + 0.0:.0f}" if whole else f"{number + 0.0:.3g}"


def measured(found: Found) -> str:
    """Every row of a check, what stays unchecked, and under what it was found."""
    rows: Sequence[Found] = found["checks"]
    right, name = sum(row["pass"] for row in rows), found["system"]
    hashes = ", ".join(f"{part} `{value[:12]}`" for part, value in own(found).items())
    before = "" if ships(found) else " **What ships now are other weights.**"
    told = (
        f"{right} of {len(rows)} rows of `mutoscope check {name} --count {found['count']}` are met "
        f"(commit {found['commit']}, seed {found['seed']}; {hashes}).{before} More is "
        "better in every row: what should be small has a minus, and a row of an order has the lower"
        " end of a difference's interval."
    )
    head = ["", "value", "95 %", "n", "needs", "", "beside"]
    parts = [told, table(head, [_full(row) for row in rows]), *_left(found["left out"])]
    return "\n\n".join(parts)


def _full(row: Found) -> list[str]:
    span = " to ".join(_plain(one) for one in row["interval"] or ())
    beside = ", ".join(f"{name} {_plain(value)}" for name, value in row["baselines"].items())
    met = "met" if row["pass"] else "**missed**"
    return [row["id"], _plain(row["value"]), span, str(row["n"]), _plain(row["threshold"]), met,
            beside]  # fmt: skip


def _left(rows: Sequence[Found]) -> Iterator[str]:
    if rows:
        yield "Not checked: " + "; ".join(f"{row['file']} ({row['reason']})" for row in rows) + "."


def _row(found: Found, name: str) -> Found:
    """A row of a result, which `keep` has seen to be there; refuses one that was renamed since."""
    row = next((row for row in found["checks"] if row["id"] == name), None)
    if row is None:
        raise SystemExit(
            f"the kept check of {found['system']} has no row '{name}'; check it again and keep it"
        )
    return row


def put(text: str, name: str, block: str) -> str:
    """A page with what stands between the marks of a name replaced; as it is without them."""
    start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    before, found, rest = text.partition(start)
    return f"{before}{start}{block}{end}{rest.partition(end)[2]}" if found else text


def joined(*blocks: Mapping[str, str]) -> dict[str, str]:
    """What is to be said of each system, one below the other."""
    names = dict.fromkeys(name for one in blocks for name in one)
    return {name: "\n\n".join(one[name].strip() for one in blocks if name in one) for name in names}


def listed(text: str, blocks: Mapping[str, str]) -> str:
    """docs/systems.md with what is kept of systems, between marks that must be there."""
    for name in dict.fromkeys((*checks.TABLE, *blocks)):
        mark = f"measured {name}"
        if name in blocks and f"<!-- {mark} -->" not in text:
            raise SystemExit(f"docs/systems.md has no marks <!-- {mark} -->; put a pair in")
        text = put(text, mark, f"{blocks[name]}\n" if name in blocks else "")
    return text


def carded(text: str, found: Found | None) -> str:
    """A card with the table of its system's check, above what was written by hand."""
    block = "" if found is None else f"\n{measured(found)}\n\n"
    if f"<!-- {CHECK} -->" in text:
        return put(text, CHECK, block)
    head, mark, rest = text.partition(HAND)
    whole = f"{head}{mark}\n\n<!-- {CHECK} -->\n{block}<!-- /{CHECK} -->{rest}"
    return whole if mark and block else text
