"""How far metrics that need no download agree with people, on rated clips of published systems.

`python benchmarks/human_agreement.py --data DIR` reads DIR/fetv.csv (columns file, model, prompt,
human_static_quality, human_temporal_quality, human_alignment; files under DIR) of FETV (Liu et al.,
2023; CC BY 4.0). Every candidate stands in the table, whether it agrees or not: Spearman and
Kendall with each rating, intervals by resampled prompts, over generated clips only. Two fits of
three candidates each answer for a prompt after least squares on the others. What `evaluate` says of
a clip is asked as it says it: of things and prompts that aren't the world's often nothing, which n
tells, and of drift never, as no clip here has 4 seconds. Needs numpy and scipy; flow is opencv's
where that is installed, and what an image classifier tells needs its packages (`pip install
'mutoscope[metrics]'`): it is left out, by name, without them. `--clips N` tries the first few and
publishes nothing.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _page import publish
from einops import rearrange

from mutoscope.clip import Clip
from mutoscope.controls.flow import estimated, estimator
from mutoscope.errors import MutoscopeError, WeightsError
from mutoscope.evaluate import drift, matching, measure, similarity, temporal, vocabulary
from mutoscope.evaluate.human import agreement, kendall, left_out, spearman
from mutoscope.evaluate.matching import Ear
from mutoscope.evaluate.reading import shipped
from mutoscope.evaluate.report import Entry
from mutoscope.evaluate.vocabulary import Classes
from mutoscope.networks import classifier
from mutoscope.networks.readers import ClipReader

RATINGS = ("static quality", "temporal quality", "alignment")
SIGNS: Mapping[str, int] = {
    "class similarity": 1, "class certainty": 1, "consistency": 1, "neighbours": 1,
    "to the first": 1, "sharpness": 1, "flicker": -1, "smoothness": 1, "warp error": -1,
    "flow score": -1, "dynamic clips": -1, "repeated frames": -1, "identity kept": 1,
    "text similarity": 1,
}  # fmt: skip
"""Every candidate, and which way it is expected to agree (-1: the less, the better)."""
FITS: Mapping[str, tuple[str, ...]] = {
    "static quality": ("sharpness", "class certainty", "consistency"),
    "temporal quality": ("warp error", "consistency", "flicker"),
}
PUBLISHED: Mapping[str, tuple[float, float]] = {
    "CLIPScore": (0.243, 0.177), "CLIPScore, finetuned": (0.309, 0.224),
    "BLIPScore": (0.322, 0.235), "Otter-VQA": (0.114, 0.081), "UMTScore": (0.425, 0.309),
}  # fmt: skip
"""Spearman and Kendall with alignment over all of FETV, means over nine kinds of prompts.

Source: Liu et al. (2023), README of github.com/llyx97/FETV-EVAL at 1385218, section 3.1.3.
"""
AS_TOLD = ("dynamic clips", "repeated frames", "identity kept")
"""Candidates that are taken from `measure.measured`."""


@dataclass(frozen=True, kw_only=True)
class Rated:
    """A generated clip, what was asked for, and what people said of it (nan: nothing)."""

    file: str
    prompt: str
    ratings: Mapping[str, float]


def rated(data: Path) -> list[Rated]:
    """The clips of systems; real ones ("gt") aren't among them."""
    with (data / "fetv.csv").open(encoding="utf-8", newline="") as file:
        return [
            Rated(
                file=row["file"],
                prompt=row["prompt"],
                ratings={n: _number(row[f"human_{n.replace(' ', '_')}"]) for n in RATINGS},
            )
            for row in csv.DictReader(file)
            if row["model"] != "gt"
        ]


@dataclass(frozen=True, kw_only=True)
class Eyes:
    """What looks: the classifier, the reader, and the aligner with its encoder, where they are."""

    classes: Classes | None
    reader: ClipReader
    ear: Ear | None


def candidates(path: Path, prompt: str, eyes: Eyes) -> dict[str, float]:
    """Every candidate of one clip that can be had."""
    clip, _ = measure.opened(path)
    return {
        **in_time(clip),
        **as_evaluated(clip, prompt, eyes),
        **({} if eyes.classes is None else by_classes(clip, prompt, eyes.classes)),
    }


def as_evaluated(clip: Clip, prompt: str, eyes: Eyes) -> dict[str, float]:
    """What `evaluate` says of the clip by itself, and how near it finds clip and prompt."""
    aligner = eyes.ear.aligner if eyes.ear else None
    found = measure.measured(clip, eyes.reader, aligner=aligner)
    (match,) = matching.heard([prompt], eyes.ear).matches([found.vector]) if eyes.ear else [None]
    return {
        **{name: found.numbers[name] for name in AS_TOLD if name in found.numbers},
        **({} if match is None else {matching.SIMILAR: match.similarity}),
    }


def in_time(clip: Clip) -> dict[str, float]:
    """What changes from frame to frame, and how sharp frames are."""
    frames = clip.frames[0]
    step = max(1, round(clip.fps / measure.RATE))
    motion = estimated(Clip(frames=clip.frames[:, :, ::step], fps=clip.fps / step))
    return {
        "flicker": float(temporal.flicker(frames, torch.ones(frames.shape[-2:]).bool())),
        "smoothness": float(temporal.smoothness(frames)),
        "warp error": float(
            temporal.warp_error(frames[:, ::step], motion.flow[0], motion.known[0, 0])
        ),
        "flow score": float(temporal.flow_score(motion.flow, clip.fps / step)),
        "sharpness": float(drift.edges(frames).nanmean()),
    }


def by_classes(clip: Clip, prompt: str, look: Classes) -> dict[str, float]:
    """What the image classifier tells of a few frames, against each other and the prompt."""
    frames = clip.frames[0]
    rows = np.linspace(0, frames.shape[1] - 1, vocabulary.LOOKS).round().astype(int)
    square = rearrange(measure.middle(frames[None, :, rows]), "1 c t h w -> t c h w")
    posteriors, features = (one.double().numpy() for one in classifier.shipped().see(square))
    return {
        "class similarity": similarity.clipsim(
            similarity.named(posteriors, look.names), look.hear(prompt)
        ),
        "class certainty": float(posteriors.max(1).mean()),
        **{name: how(features) for name, how in vocabulary.OVER_TIME.items()},
    }


def classes() -> Classes | None:
    """The classifier with the sentence encoder, or None, said why, where a package is missing."""
    try:
        return Classes()
    except WeightsError as error:
        names = ", ".join(("class similarity", "class certainty", *vocabulary.OVER_TIME))
        print(f"left out: {names} ({error})", flush=True)
        return None


def table(clips: Sequence[Rated], values: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """Both correlations of every candidate and fit with every rating."""
    prompts = [clip.prompt for clip in clips]
    told: dict[str, Any] = {}
    for rating in RATINGS:
        said = np.array([clip.ratings[rating] for clip in clips])
        rows = {
            name: sign * np.array([row.get(name, math.nan) for row in values])
            for name, sign in SIGNS.items()
        }
        if rating in FITS:
            rows["fit"] = _fit(rows, said, prompts, FITS[rating])
        told[rating] = {
            name: {
                how.__name__: None if found is None else found.to_json()
                for how in (spearman, kendall)
                for found in [agreement(row, said, prompts, how)]
            }
            for name, row in rows.items()
        }
    return told


def _fit(
    rows: Mapping[str, np.ndarray], said: np.ndarray, prompts: Sequence[str], of: Sequence[str]
) -> np.ndarray:
    """Predictions of least squares on the other prompts; nan where it can't be fitted."""
    features = np.column_stack([rows[name] for name in of])
    known = np.isfinite(said) & np.isfinite(features).all(1)
    found = np.full(len(said), math.nan)
    kept = [prompt for prompt, one in zip(prompts, known, strict=True) if one]
    try:
        found[known] = left_out(features[known], said[known], kept)
    except MutoscopeError as error:
        print(f"left out: a fit ({error})", flush=True)
    return found


def markdown(told: Mapping[str, Any]) -> str:
    """A row a candidate, two columns a rating; below it the fits, and what others have reached."""
    head = ["", *(f"{rating}, {how}" for rating in RATINGS for how in ("Spearman", "Kendall"))]
    names = list(dict.fromkeys(name for rows in told.values() for name in rows))
    lines = [head, ["---"] * len(head)]
    for name in names:
        cells = [told[r].get(name, {}).get(how) for r in RATINGS for how in ("spearman", "kendall")]
        sign = "less " if SIGNS.get(name, 1) < 0 else ""
        lines.append([f"{sign}{name}", *map(_cell, cells)])
    fits = "; ".join(f"of {rating}: {', '.join(names)}" for rating, names in FITS.items())
    levels = "; ".join(f"{name} {rho:.3f} ({tau:.3f})" for name, (rho, tau) in PUBLISHED.items())
    rows = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"{rows}\n\nfit {fits}\n\npublished, alignment, Spearman (Kendall): {levels}"


def _cell(entry: Mapping[str, Any] | None) -> str:
    if entry is None:
        return ""
    found = Entry(**{**entry, "interval": tuple(entry["interval"])})
    low, high = found.interval or (math.nan, math.nan)
    return f"{found.value:.2f} ({low:.2f} to {high:.2f}), n {found.n}"


def _number(text: str) -> float:
    return float(text) if text else math.nan


def each(
    clips: Sequence[Rated], one: Callable[[Rated], dict[str, float]]
) -> tuple[list[Rated], list[dict[str, float]], list[str]]:
    """All clips that can be read with their candidates, and those that can't."""
    kept, values, left = [], [], []
    for k, clip in enumerate(clips, start=1):
        try:
            values.append(one(clip))
            kept.append(clip)
        except MutoscopeError as error:
            left.append(f"{clip.file} ({error})")
        print(f"\r{k} of {len(clips)}", end="", flush=True)
    print()
    return kept, values, left


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, correlate, publish."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds fetv.csv")
    parser.add_argument("--clips", type=int, help="only the first few, nothing published")
    args = parser.parse_args(arguments)
    os.nice(19)
    torch.set_num_threads(1)
    eyes = Eyes(classes=classes(), reader=shipped(), ear=matching.shipped())
    clips = rated(args.data)[: args.clips]
    kept, values, left = each(clips, lambda c: candidates(args.data / c.file, c.prompt, eyes))
    for why in left:
        print(f"left out: {why}")
    if args.clips:
        print(json.dumps(values, indent=1))
        return
    told = table(kept, values)
    text = markdown(told)
    print(text)
    facts = {"clips": len(kept), "left out": left, "flow": estimator(), "data": "FETV, a part"}
    publish("human_agreement", {**facts, "ratings": told}, page="evaluate.md", table=text)


if __name__ == "__main__":
    main()
