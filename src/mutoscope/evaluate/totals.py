"""The totals of two published benchmarks, from raw scores as their own tools measure them.

    VBench       of each dimension (x - low) / (high - low); quality and semantic are weighted means
                 of these, total = (4 quality + semantic) / 5
    EvalCrafter  four regressions on people's answers, a . x + b, each times 100; total is their sum

Neither is filled up: a group that lacks a score, or has nan there, has no value and names it. Ours
aren't their raw scores (other networks, other sampling), so no total of ours compares with theirs.
Sources: VBench (Huang et al., 2024), constants of its code; EvalCrafter (Liu et al., 2023), code.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

VBENCH_QUALITY: Mapping[str, tuple[float, float, float]] = {
    "subject consistency": (0.1462, 1.0, 1.0),
    "background consistency": (0.2615, 1.0, 1.0),
    "temporal flickering": (0.6293, 1.0, 1.0),
    "motion smoothness": (0.706, 0.9975, 1.0),
    "aesthetic quality": (0.0, 1.0, 1.0),
    "imaging quality": (0.0, 1.0, 1.0),
    "dynamic degree": (0.0, 1.0, 0.5),
}
"""Low, high and weight of the dimensions of quality."""
VBENCH_SEMANTIC: Mapping[str, tuple[float, float, float]] = {
    "object class": (0.0, 1.0, 1.0),
    "multiple objects": (0.0, 1.0, 1.0),
    "human action": (0.0, 1.0, 1.0),
    "color": (0.0, 1.0, 1.0),
    "spatial relationship": (0.0, 1.0, 1.0),
    "scene": (0.0, 0.8222, 1.0),
    "appearance style": (0.0009, 0.2855, 1.0),
    "temporal style": (0.0, 0.364, 1.0),
    "overall consistency": (0.0, 0.364, 1.0),
}
"""The same of the semantic ones."""


@dataclass(frozen=True, kw_only=True)
class Regression:
    """An intercept, and of each score a weight and what x is made of it: scale x + offset."""

    intercept: float
    terms: Mapping[str, tuple[float, float, float]]


EVALCRAFTER: Mapping[str, Regression] = {
    "quality": Regression(
        intercept=5 * 0.08707462696457707,
        terms={
            "VQA_A": (5 * 0.03004555, 0.01, 0.0),
            "VQA_T": (5 * 0.02887537, 0.01, 0.0),
            "IS": (5 * -0.01382558, 0.01, 0.0),
        },
    ),
    "temporal": Regression(
        intercept=5 * -3.42274050899774,
        terms={
            "clip_temp_score": (5 * 2.92492244, 1.0, 0.0),
            "warping_error": (5 * 0.45475678, -1.0, 1.0),
            "face_consistency_score": (5 * 0.17561504, 1.0, 0.0),
        },
    ),
    "motion": Regression(
        intercept=5 * 0.1297562020899355,
        terms={
            "action_score": (5 * -0.01641512, 1.0, 0.0),
            "motion_ac_score": (5 * -0.01340959, 1.0, 0.0),
            "flow_score": (5 * -0.10517075, 0.01, 0.0),
        },
    ),
    "alignment": Regression(
        intercept=-0.30683181901390977,
        terms={
            "clip_score": (5 * -0.0701577, 1.0, 0.0),
            "blip_bleu": (5 * 0.02561424, 1.0, 0.0),
            "sd_score": (5 * 0.05566109, 1.0, 0.0),
            "detection_score": (5 * 0.0173974, 1.0, 0.0),
            "color_score": (5 * -0.020954, 1.0, 0.0),
            "count_score": (5 * 0.03069167, 1.0, 0.0),
            "ocr_score": (5 * 0.00372351, -1.0, 1.0),
            "celebrity_id_score": (5 * 0.22686202, -1.0, 1.0),
        },
    ),
}
"""The published constants as they stand: signs too, and alignment's intercept is not times 5."""


@dataclass(frozen=True, kw_only=True)
class Totals:
    """Values by group and "total", only where nothing is missing; and what is missing."""

    values: Mapping[str, float]
    missing: Sequence[str]


def vbench(scores: Mapping[str, float]) -> Totals:
    """Quality, semantic and total, about 0 to 1; higher is better.

    Departs: VBench's own script takes 0 for a dimension that wasn't measured.
    """
    groups = {"quality": VBENCH_QUALITY, "semantic": VBENCH_SEMANTIC}
    values = {
        name: sum(w * (scores[d] - low) / (high - low) for d, (low, high, w) in rows.items())
        / sum(w for _, _, w in rows.values())
        for name, rows in groups.items()
        if all(_known(scores, d) for d in rows)
    }
    if len(values) == len(groups):
        values["total"] = (4 * values["quality"] + values["semantic"]) / 5
    return Totals(values=values, missing=_missing(scores, groups.values()))


def evalcrafter(scores: Mapping[str, float]) -> Totals:
    """Quality, temporal, motion, alignment and total, from raw scores by the names of its code."""
    values = {
        name: 100 * (row.intercept + sum(a * (k * scores[n] + c) for n, (a, k, c) in terms))
        for name, row in EVALCRAFTER.items()
        for terms in [row.terms.items()]
        if all(_known(scores, n) for n in row.terms)
    }
    if len(values) == len(EVALCRAFTER):
        values["total"] = sum(values.values())
    return Totals(values=values, missing=_missing(scores, [r.terms for r in EVALCRAFTER.values()]))


def _known(scores: Mapping[str, float], name: str) -> bool:
    return name in scores and math.isfinite(scores[name])


def _missing(scores: Mapping[str, float], groups: Iterable[Iterable[str]]) -> list[str]:
    return [name for row in groups for name in row if not _known(scores, name)]
