"""What estimated flow gets wrong, on real renders of the shipped size, degraded and coded.

`python benchmarks/flow_table.py --n 100` renders test scenes of the core tier with their flow and
prints the table of docs/evaluate.md: mean end-point errors in pixels of a side of 64 beside those
of "nothing moves", over all pixels that don't get hidden, over those the estimate itself trusts
(with the share of pixels it trusts), and the same over things alone.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from einops import rearrange
from rich.console import Console
from rich.progress import track

from mutoscope.autoencoders import FrameAutoencoder
from mutoscope.clip import Clip, Frames
from mutoscope.controls.flow import estimated, estimator
from mutoscope.data import degrade
from mutoscope.evaluate import report
from mutoscope.evaluate.reading import as_frames
from mutoscope.evaluate.report import Report, save
from mutoscope.evaluate.structure import SIDE, endpoint_error
from mutoscope.world import render, sample
from mutoscope.zoo import load_part

BAR = 0.3
"""What P3 asks of real renders."""
HALF = 0.5
SHOWN = 128
KINDS = ("none", *(kind for kind in degrade.ALL if kind != "warp"), "coded")
"""Ways to spoil clips that leave their flow true."""
ROWS = ("flow error", "flow error of things")


@dataclass(frozen=True)
class Filmed:
    """A clip, its flow and what gets hidden, its things and its camera's move."""

    frames: Frames
    flow: np.ndarray
    hidden: np.ndarray
    things: np.ndarray
    move: str


def filmed(n: int) -> Iterator[Filmed]:
    """Test scenes, 16 frames at 8 a second."""
    for i in range(n):
        scene = sample(91, i, split="test")
        made = render(scene, frames=16, size=(SHOWN, SHOWN), fps=8, truth=("flow", "occluded"))
        assert made.flow is not None
        assert made.occluded is not None
        yield Filmed(
            as_frames(made.rgb[None]), made.flow[:-1], made.occluded[:-1], made.ids[:-1] > 0,
            scene.camera.move,
        )  # fmt: skip


def spoilt(frames: Frames, kind: str, coder: FrameAutoencoder, seed: int) -> Frames:
    """The clip as it is, degraded at half severity, or through the shipped autoencoder."""
    if kind == "none":
        return frames
    if kind == "coded":
        with torch.inference_mode():
            return coder.decode(coder.encode(frames)).float().clamp(-1, 1)
    generator = torch.Generator().manual_seed(seed)
    return degrade.ALL[kind](frames[0], generator, HALF).clamp(-1, 1)[None]


def scored(clip: Filmed, frames: Frames) -> Mapping[str, Mapping[str, float]]:
    """By ROWS the error, that of no motion, that of what is trusted, and how much is."""
    motion = estimated(Clip(frames=frames, fps=8))
    flow = rearrange(motion.flow[0], "xy pairs H W -> pairs H W xy").numpy()
    trusted, seen = motion.known[0, 0].numpy(), ~clip.hidden
    none, scale = np.zeros_like(flow), SIDE / SHOWN
    rows = {}
    for name, where in zip(ROWS, (seen, seen & clip.things), strict=True):
        rows[name] = {
            "value": scale * endpoint_error(flow, clip.flow, where),
            "nothing moves": scale * endpoint_error(none, clip.flow, where),
            "trusted": scale * endpoint_error(flow, clip.flow, where & trusted),
            "coverage": float(trusted[where].mean()) if where.any() else math.nan,
        }
    return rows


def summed(found: Sequence[Mapping[str, Mapping[str, float]]]) -> Report:
    """The mean over clips."""
    rows = {}
    for name in ROWS:
        known = {
            key: [scores[name][key] for scores in found if math.isfinite(scores[name][key])]
            for key in ("value", "nothing moves", "trusted", "coverage")
        }
        beside = {key: float(np.mean(v)) for key, v in known.items() if key != "value" and v}
        rows[name] = report.mean(known["value"], better="lower", baselines=beside)
    return rows


def table(reports: Mapping[str, Report]) -> str:
    """A row a report."""
    heads = ["", "clips"]
    heads += [f"{row}{part}" for row in ROWS for part in ("", ", trusted (share)", ", no motion")]
    lines = [heads, ["---"] * len(heads)]
    for title, found in reports.items():
        cells = [title, str(found[ROWS[0]].n)]
        for row in ROWS:
            entry = found[row]
            beside = entry.baselines
            cells += [
                f"{entry.value:.2f}", f"{beside['trusted']:.2f} ({100 * beside['coverage']:.0f} %)",
                f"{beside['nothing moves']:.2f}",
            ]  # fmt: skip
        lines.append(cells)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=100)
    args = parser.parse_args(arguments)
    coder = load_part(FrameAutoencoder, "autoencoder").eval()
    found: dict[str, list[Mapping[str, Mapping[str, float]]]] = {}
    bar = track(filmed(args.n), "estimating flow", total=args.n, console=Console(stderr=True))
    for seed, clip in enumerate(bar):
        for kind in KINDS:
            scores = scored(clip, spoilt(clip.frames, kind, coder, seed))
            found.setdefault(kind, []).append(scores)
            if kind == "none":
                found.setdefault(f"camera: {clip.move}", []).append(scores)
    reports = {title: summed(found[title]) for title in (*KINDS, *sorted(set(found) - set(KINDS)))}
    print(f"{estimator()}; bar {BAR} pixels\n\n{table(reports)}")
    path = Path(__file__).parent / "results" / "flow.json"
    save(path, reports, {"n": args.n, "estimator": estimator(), "bar": BAR})


if __name__ == "__main__":
    main()
