"""What raters said of pairs of clips: win rate, agreement, consistency, and strengths with ties.

    win rate    of pairs with a majority the share that x won, Wilson's interval, exact sign test
    Fleiss      (P - P_e) / (1 - P_e), P the mean over pairs of sum n_j (n_j - 1) / n (n - 1),
                P_e = sum p_j^2, p_j the share of all votes for answer j
    Rao-Kupper  P(x) = r / (r + theta), P(y) = 1 / (1 + theta r), r = pi_x / pi_y, so from the
                shares w, l of votes: r^2 = w (1 - l) / l (1 - w), theta^2 = (1 - l)(1 - w) / l w

Sources: Fleiss (1971), Psychol. Bull. 76; Rao & Kupper (1967), J. Am. Stat. Assoc. 62.
"""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mutoscope.errors import DataError
from mutoscope.evaluate import report
from mutoscope.evaluate.folder import LeftOut
from mutoscope.evaluate.paired import sign_test
from mutoscope.evaluate.report import RESAMPLES, Entry

COLUMNS = ("study", "rater", "trial", "pair", "question", "left", "right", "choice", "repeat", "ms")
TIE = "tie"


@dataclass(frozen=True, kw_only=True)
class Vote:
    """What a rater chose: "x", "y" or TIE, and why."""

    rater: str
    pair: str
    question: str
    choice: str
    reasons: tuple[str, ...]
    repeat: bool


def votes(paths: Sequence[Path]) -> tuple[list[Vote], list[LeftOut]]:
    """The votes in files that the page wrote, and rows that are none; refuses two studies at once.

    Of answers of one rater to one trial that stand in two files the first counts.
    """
    found: dict[tuple[str, str, str, bool], Vote] = {}
    left: list[LeftOut] = []
    studies: dict[str, Path] = {}
    for path in paths:
        for line, row in enumerate(_rows(path), start=2):
            reason = _wrong(row)
            if reason:
                left.append(LeftOut(f"{path.name}, line {line}", reason))
                continue
            studies.setdefault(row["study"], path)
            vote = _vote(row)
            key = (vote.rater, vote.pair, vote.question, vote.repeat)
            if key in found:
                left.append(LeftOut(f"{path.name}, line {line}", "was answered before"))
            found.setdefault(key, vote)
    if len(studies) > 1:
        names = " and ".join(f"{path.name} ({name})" for name, path in studies.items())
        raise DataError(f"answers of other studies can't be counted together: {names}")
    if not found:
        raise DataError(f"{paths[0]} holds no answer that can be counted")
    return list(found.values()), left


def scored(found: Sequence[Vote], names: Mapping[str, str]) -> dict[str, Any]:
    """By question every figure that there are enough votes for; `names` says what x and y are."""
    once = [vote for vote in found if not vote.repeat]
    told: dict[str, Any] = {
        question: _question([vote for vote in once if vote.question == question])
        for question in dict.fromkeys(vote.question for vote in once)
    }
    return {
        "x": names.get("x", "x"),
        "y": names.get("y", "y"),
        "raters": len({vote.rater for vote in found}),
        "pairs": len({vote.pair for vote in once}),
        "consistency": consistency(found).to_json(),
        "questions": told,
    }


def _question(found: Sequence[Vote]) -> dict[str, Any]:
    counts = by_pair(found)
    won = [c["x"] > c["y"] for c in counts.values() if c["x"] != c["y"]]
    total = sum(counts.values(), Counter[str]())
    kappa, strength = fleiss(list(counts.values())), rao_kupper(list(counts.values()))
    why = Counter((vote.choice, reason) for vote in found for reason in vote.reasons)
    return {
        "votes": {answer: total[answer] for answer in ("x", "y", TIE)},
        "win rate": {**report.share(won).to_json(), "p": sign_test(sum(won), len(won) - sum(won))}
        if won
        else None,
        "fleiss": kappa,
        "rao-kupper": strength,
        "reasons": {f"{choice}: {reason}": n for (choice, reason), n in why.most_common()},
    }


def by_pair(found: Sequence[Vote]) -> dict[str, Counter[str]]:
    """How often x, y and TIE were chosen, by pair."""
    counts: dict[str, Counter[str]] = {}
    for vote in found:
        counts.setdefault(vote.pair, Counter())[vote.choice] += 1
    return counts


def consistency(found: Sequence[Vote]) -> Entry:
    """The share of pairs shown again, sides changed, of which a rater said the same again."""
    first = {(v.rater, v.pair, v.question): v.choice for v in found if not v.repeat}
    again = [v for v in found if v.repeat and (v.rater, v.pair, v.question) in first]
    return report.share(v.choice == first[v.rater, v.pair, v.question] for v in again)


def fleiss(counts: Sequence[Mapping[str, int]]) -> float | None:
    """Fleiss' kappa in [-1, 1] over pairs of two votes or more; None where nothing can be said.

    Departs: pairs may have unlike numbers of votes. 0 is what chance would do.
    """
    rows = [c for c in counts if sum(c.values()) > 1]
    if not rows:
        return None
    agreed = [sum(n * (n - 1) for n in c.values()) / (sum(c.values()) * (sum(c.values()) - 1))
              for c in rows]  # fmt: skip
    total = sum((Counter(c) for c in rows), Counter[str]())
    chance = sum((n / total.total()) ** 2 for n in total.values())
    return None if chance == 1 else (float(np.mean(agreed)) - chance) / (1 - chance)


def rao_kupper(counts: Sequence[Mapping[str, int]], *, seed: int = 0) -> dict[str, Any] | None:
    """The share pi_x / (pi_x + pi_y) and theta >= 1, each with an interval by pairs drawn again.

    theta is 1 without ties and grows with them. None where x or y was never chosen.
    """
    rows = np.array([[c.get(answer, 0) for answer in ("x", "y", TIE)] for c in counts], float)
    whole = _strength(rows.sum(0, keepdims=True))
    if not np.isfinite(whole).all():
        return None
    rng = np.random.default_rng(seed)
    drawn = rows[rng.integers(0, len(rows), (RESAMPLES, len(rows)))].sum(1)
    low, high = np.nanquantile(_strength(drawn), (0.025, 0.975), axis=0)
    named = zip(("share", "theta"), whole[0], low, high, strict=True)
    return {name: {"value": float(v), "interval": [float(a), float(b)], "n": len(rows)}
            for name, v, a, b in named}  # fmt: skip


def _strength(votes: np.ndarray) -> np.ndarray:
    """Share and theta of rows of votes for x, y and TIE; nan where x or y has none."""
    w, less = (votes[:, k] / votes.sum(1) for k in (0, 1))
    possible = (w > 0) & (less > 0)
    w, less = np.where(possible, w, np.nan), np.where(possible, less, np.nan)
    r = np.sqrt(w * (1 - less) / (less * (1 - w)))
    theta = np.sqrt((1 - less) * (1 - w) / (less * w))
    return np.column_stack([r / (1 + r), np.maximum(theta, 1.0)])


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file, restval="")
            missing = [name for name in COLUMNS if name not in (table.fieldnames or ())]
            if missing:
                raise DataError(f"{path} lacks the column '{missing[0]}'; give what the page wrote")
            return list(table)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path} can't be read as a CSV file in UTF-8 ({reason})") from error


def _wrong(row: Mapping[str, str]) -> str | None:
    if {row["left"], row["right"]} != {"x", "y"}:
        return "doesn't say which of x and y was left and right"
    if row["choice"] not in ("left", "right", TIE):
        return f"has '{row['choice']}' for a choice"
    if not (row["rater"].strip() and row["pair"] and row["question"] and row["study"]):
        return "lacks its study, rater, pair or question"
    return None


def _vote(row: Mapping[str, str]) -> Vote:
    reasons = [part.strip() for part in row.get("reasons", "").split(";")]
    return Vote(
        rater=row["rater"].strip(),
        pair=row["pair"],
        question=row["question"],
        choice=TIE if row["choice"] == TIE else row[row["choice"]],
        reasons=tuple(part for part in reasons if part),
        repeat=row["repeat"] == "yes",
    )


def verdict(told: Mapping[str, Any]) -> str:
    """What a question's win rate shows, in a word."""
    rate = told["win rate"]
    if rate is None:
        return "no majority either way"
    low, high = rate["interval"]
    if low <= 0.5 <= high:
        return "no difference shown"
    return "x is preferred" if math.isfinite(rate["value"]) and low > 0.5 else "y is preferred"
