"""The tables of the README that tell how well the base obeys its prompt, from kept results.

`python benchmarks/base_table.py` writes benchmarks/results/modelscope; `make docs` puts what is
here between the markers `<!-- base -->` and `<!-- /base -->`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent.parent / "benchmarks" / "results" / "modelscope"
WIDE_READERS = RESULTS.parent / "wide-readers.json"
AIMS: Mapping[str, str] = {
    "stage": "95 %", "camera": "85 %", "count": "95 %", "colour": "95 %", "shape": "90 %",
    "both objects": "70 %", "verb": "85 %",
}  # fmt: skip
"""What was aimed at, in the order of the rows."""
TITLES: Mapping[str, str] = {"verb": "motion verb"}
FEW = 30
"""Below so many answers a share is told as a count."""
BAR = 0.98
"""Right answers of all that a reader gives, as P1 of the project's instruments asks of it."""
FEWEST = 5
"""Answers below which nothing is said of a word (ours)."""

Entry = Mapping[str, Any]
Report = Mapping[str, Entry]


def base() -> str:
    """All tables, with what they are of."""
    core, unseen = _reports("core"), _reports("unseen")
    parts = [_core(core, unseen), _sides(), _distance(core["distance"])]
    more = [_words(core["words"]), _people(), _stickers()]
    if (RESULTS / "diversity.json").exists():
        more.append(_diversity(_reports("diversity")["diversity"]["diversity"]))
    if (RESULTS / "wide.json").exists() and "answers" in _reports("wide"):
        more += _wide(_reports("wide"))
    folded = ["<details><summary>Word by word, in people's words, stickers</summary>", *more]
    return "\n\n".join([*parts, *folded, "</details>"]) + "\n"


def _core(core: Mapping[str, Report], unseen: Mapping[str, Report]) -> str:
    seen, new = core["faithfulness"], unseen["faithfulness"]
    rows = [
        [
            TITLES.get(name, name), _share(seen[name]), _interval(seen[name]), aim,
            _share(new[name]), *(_percent(seen[name]["baselines"][other]) for other in
            ("truth", "chance", "untrained")),
        ]
        for name, aim in AIMS.items()
    ]  # fmt: skip
    head = ["", "value", "95 %", "aim", "new pairs", "truth", "chance", "untrained"]
    return table(head, rows)


def _words(words: Report) -> str:
    """The words that are hardest, with truth, those of one kind in a line."""
    lines = []
    for kind in ("verb", "shape"):
        found = {n.partition(": ")[2]: e for n, e in words.items() if n.startswith(f"{kind}: ")}
        worst = sorted(found, key=lambda word: found[word]["value"])
        said = (
            f"{word} {_share(found[word])} ({_percent(found[word]['baselines']['truth'])},"
            f" n {found[word]['n']})"
            for word in worst
        )
        lines.append(f"By {TITLES.get(kind, kind)} (truth, number in brackets): {', '.join(said)}.")
    return "\n\n".join(lines)


def _sides() -> str:
    found = _reports("sides")["faithfulness"]["relation"]
    beside = found["baselines"]
    return (
        f"Which of two things is left of the other, of {found['n']} captions that say so: "
        f"{_share(found)} ({_interval(found)}); truth {_percent(beside['truth'])}, chance "
        f"{_percent(beside['chance'])}."
    )


def _distance(distances: Report) -> str:
    found = distances["frechet"]
    beside = found["baselines"]
    return (
        f"Fréchet distance (readers' features, {found['n']} clips): {found['value']:.0f}; real "
        f"clips {beside['real']:.0f}, shuffled in time {beside['shuffled']:.0f}, frozen "
        f"{beside['frozen']:.0f}, untrained {beside['untrained']:.0f}."
    )


def _people() -> str:
    told = [_reports(name)["faithfulness"] for name in ("paraphrases", "free")]
    rows = []
    for name in AIMS:
        if all(name in report for report in told):
            cells = [cell for report in told for cell in _counted(report[name])]
            rows.append([TITLES.get(name, name), *cells])
    head = ["", "paraphrases", "95 %", "truth", "free prompts", "95 %", "truth"]
    return "In people's words:\n\n" + table(head, rows)


def _stickers() -> str:
    rows = [
        [name, *_counted(report["sticker"]), _percent(report["sticker"]["baselines"]["chance"])]
        for name, report in _reports("stickers").items()
    ]
    head = ["stickers, one of a hundred", "recognised", "95 %", "truth", "chance"]
    return table(head, rows)


def _diversity(found: Entry) -> str:
    beside = found["baselines"]
    return (
        f"Four clips of a caption differ {_share(found)} as much ({_interval(found)}, "
        f"{found['n']} captions) as real clips of it do; untrained {_percent(beside['untrained'])},"
        f" clips of unlike captions {_percent(beside['other prompts'])}."
    )


def _wide(found: Mapping[str, Report]) -> list[str]:
    """The whole vocabulary: by kind of word beside what its readers get right, then by word."""
    answers, words = found["answers"], found["answers by word"]
    own = json.loads(WIDE_READERS.read_text())["reports"]["none"] if WIDE_READERS.exists() else {}
    rows = [
        [
            TITLES.get(title, title), *_counted(entry),
            *(_percent(entry["baselines"][other]) for other in
              ("chance", "untrained", "coverage", "truth coverage")),
            _own(own.get(title)),
        ]
        for title, entry in answers.items()
    ]  # fmt: skip
    head = [
        "wide tier", "right", "95 %", "truth", "chance", "untrained", "answered", "of truth",
        "readers",
    ]  # fmt: skip
    said = (
        "All words of the world, on captions that name what doesn't go without saying. Its readers "
        'answer fewer questions than those of the core tier, so here "can\'t tell" counts for '
        "neither side: *right* are so many of the answers, *answered* so many of the questions "
        "(*of truth*: of real renders). *readers*: of their answers about held-out renders so many "
        "are right."
    )
    weak = [TITLES.get(title, title) for title in answers if title in own and _misses(own[title])]
    hints = [f"The readers miss P1's bar of 98 % in: {', '.join(weak)}. Take these rows as hints."]
    return [said, table(head, rows), *(hints if weak else []), *_by_word(words)]


def _misses(entry: Entry) -> bool:
    return entry["value"] is None or entry["value"] < BAR


def _own(entry: Entry | None) -> str:
    return "" if entry is None or entry["value"] is None else _share(entry)


def _by_word(words: Report) -> Iterator[str]:
    """A line a kind of word, the hardest first; last those that are hardly read."""
    kinds: dict[str, dict[str, Entry]] = {}
    unread = []
    for name, entry in words.items():
        kind, _, word = name.partition(": ")
        if entry["n"] < FEWEST or entry["baselines"]["truth"] is None:
            unread.append(f"{word} ({TITLES.get(kind, kind)})")
        else:
            kinds.setdefault(kind, {})[word] = entry
    for kind, found in kinds.items():
        worst = sorted(found, key=lambda word: found[word]["value"])
        said = "; ".join(f"{word}: {_beside(found[word])}" for word in worst)
        yield f"By {TITLES.get(kind, kind)} (in brackets of real renders): {said}."
    if unread:
        yield f"Answered in fewer than {FEWEST} clips, so nothing is said of: {', '.join(unread)}."


def _beside(entry: Entry) -> str:
    said = _share(entry) if entry["n"] >= FEW else f"{round(entry['value'] * entry['n'])}"
    return f"{said} of {entry['n']} ({_percent(entry['baselines']['truth'])})"


def _reports(section: str) -> Mapping[str, Report]:
    found: Mapping[str, Report] = json.loads((RESULTS / f"{section}.json").read_text())["reports"]
    return found


def _counted(entry: Entry) -> list[str]:
    """The share, or the count where few were asked, its interval, and truth."""
    n = entry["n"]
    if not n:
        return ["", "", _percent(entry["baselines"]["truth"])]
    said = _share(entry) if n >= FEW else f"{round(entry['value'] * n)} of {n}"
    return [said, _interval(entry), _percent(entry["baselines"]["truth"])]


def _share(entry: Entry) -> str:
    return _percent(entry["value"])


def _interval(entry: Entry) -> str:
    low, high = entry["interval"]
    return f"{100 * low:.0f} to {100 * high:.0f}"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.0f} %"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells below their heads, in markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
