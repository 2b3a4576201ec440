"""How much clips of one prompt differ from each other: P10 of the project's instruments.

    spread     the mean of 1 - cos over the pairs of a prompt's clips, then over prompts
    diversity  that over the spread of real clips that show what the same prompts say: 1 is as
               different as these, 0 all the same

A clip is its vector as the aligner sees it. Nothing is worth less than clips that differ because
they don't show what was asked, so look at faithfulness first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from mutoscope.evaluate import report
from mutoscope.evaluate.alignment import seen
from mutoscope.evaluate.commands import FEW, Generate
from mutoscope.evaluate.questions import Asked
from mutoscope.evaluate.report import RESAMPLES, Entry, Report
from mutoscope.evaluate.similarity import Rows, spread
from mutoscope.networks.alignment import Aligner

Groups = Sequence[Float[np.ndarray, "_ d"]]
"""Clips of prompts, each of as many as it has."""

SPREAD, DIVERSITY = "spread", "diversity"


def repeated(
    generate: Generate,
    asked: Asked,
    times: int,
    *,
    aligner: Aligner,
    twins: Mapping[str, Generate] | None = None,
) -> Report:
    """Both figures of a system; of `asked` each prompt stands `times` times in a row.

    `twins` are other systems asked the first FEW at most.
    """
    seeds = list(range(len(asked)))
    real = _groups(seen(aligner, asked.real(), asked.fps).vector.numpy(), times)
    mine = _groups(seen(aligner, generate(asked.prompts, seeds), asked.fps).vector.numpy(), times)
    few = min(len(asked), FEW - FEW % times)
    beside = {
        name: _groups(
            seen(aligner, twin(asked.prompts[:few], seeds[:few]), asked.fps).vector.numpy(), times
        )
        for name, twin in (twins or {}).items()
    }
    return told(mine, real, beside)


def told(groups: Groups, real: Groups, beside: Mapping[str, Groups]) -> Report:
    """Both figures of vectors by prompt, beside real clips' of the same prompts, in that order.

    `beside` are other clips of the first of these prompts. The interval of a ratio is that of
    RESAMPLES draws of prompts with replacement.
    """
    own, true = ([spread(rows) for rows in row] for row in (groups, real))
    others = {name: [spread(rows) for rows in row] for name, row in beside.items()}
    base = {"other prompts": _between(groups)} if len(groups) > 1 else {}
    means = {name: float(np.mean(row)) for name, row in others.items()}
    shares = {name: float(np.mean(row) / np.mean(true[: len(row)])) for name, row in others.items()}
    return {
        SPREAD: report.mean(
            own, better="higher", baselines={"truth": float(np.mean(true)), **base, **means}
        ),
        DIVERSITY: Entry(
            value=float(np.mean(own) / np.mean(true)), interval=_interval(own, true), n=len(own),
            baselines={
                **{name: value / float(np.mean(true)) for name, value in base.items()}, **shares
            },
        ),
    }  # fmt: skip


def among(prompts: Sequence[str], vectors: Sequence[Sequence[float]]) -> Report:
    """The spread of anybody's clips: of prompts with 2 or more, beside clips of other prompts.

    A vector may be empty: such a clip has no part in it. No row where no prompt has two.
    """
    found: dict[str, list[Sequence[float]]] = {}
    for prompt, vector in zip(prompts, vectors, strict=True):
        if len(vector):
            found.setdefault(prompt, []).append(vector)
    every = [np.array(rows) for rows in found.values()]
    several = [spread(rows) for rows in every if len(rows) > 1]
    if not several:
        return {}
    beside = {"other prompts": _between(every)} if len(every) > 1 else {}
    return {SPREAD: report.mean(several, better="higher", baselines=beside)}


def _groups(rows: Rows, times: int) -> list[Rows]:
    return np.split(rows.astype(np.float64), range(times, len(rows), times))


def _between(groups: Groups) -> float:
    """The mean of 1 - cos over pairs of clips of unlike prompts."""
    sizes = [len(rows) for rows in groups]
    owner = np.repeat(np.arange(len(groups)), sizes)
    units = np.concatenate([rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in groups])
    return float((1 - units @ units.T)[owner[:, None] != owner].mean())


def _interval(own: Sequence[float], true: Sequence[float]) -> tuple[float, float] | None:
    if len(own) < 2:
        return None
    drawn = np.random.default_rng(0).integers(0, len(own), (RESAMPLES, len(own)))
    ratios = np.array(own)[drawn].mean(1) / np.array(true)[drawn].mean(1)
    low, high = np.quantile(ratios, (0.025, 0.975)).tolist()
    return low, high
