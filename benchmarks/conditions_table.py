"""What `conditions` says of real renders, and of those that went through the autoencoder.

`python benchmarks/conditions_table.py --n 100` renders test scenes of the core tier, holds them
against all that their scenes tell and prints the tables of docs/evaluate.md: how near to perfect a
perfect clip is found. Beside each figure stand the same clips against other scenes' conditions, and
as "untrained" noise through the autoencoder's decoder: what knows nothing of clips makes that.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from dense_table import tall
from rich.console import Console
from rich.progress import track

from mutoscope import zoo
from mutoscope.autoencoders import FrameAutoencoder
from mutoscope.clip import Frames
from mutoscope.controls import dense
from mutoscope.controls.flow import estimator
from mutoscope.evaluate import conditions
from mutoscope.evaluate.commands import FEW
from mutoscope.evaluate.faithfulness import renders
from mutoscope.evaluate.report import Report, save
from mutoscope.world import sample
from mutoscope.zoo import load_part

FRAMES, FPS, SIDE = 16, 8.0, 128
SEED = 91
"""The scenes are those of flow_table.py."""


@torch.inference_mode()
def coded(clips: Frames, coder: FrameAutoencoder) -> Frames:
    """Clips as a perfect generator of latents would make them."""
    return torch.cat([coder.decode(coder.encode(one)) for one in clips.split(1)])


@torch.inference_mode()
def noise(clips: Frames, coder: FrameAutoencoder) -> Frames:
    """As many clips of latents that are noise."""
    generator = torch.Generator().manual_seed(0)
    shape = coder.encode(clips[:1]).shape
    return torch.cat([coder.decode(torch.randn(shape, generator=generator)) for _ in clips])


def tables(n: int) -> dict[str, Report]:
    """A report of the renders, and one of the same coded."""
    scenes = [sample(SEED, i, split="test") for i in range(n)]
    size = (SIDE, SIDE)
    real = renders(scenes, frames=FRAMES, size=size, fps=FPS)
    told = track(scenes, "asking", console=Console(stderr=True))
    wishes = [conditions.of_scene(one, frames=FRAMES, size=size, fps=FPS) for one in told]
    coder, reader = load_part(FrameAutoencoder, "autoencoder").eval(), dense.shipped()
    beside = {"untrained": noise(real[:FEW], coder)}
    return {
        "real renders": conditions.faithful(real, FPS, wishes, reader=reader, beside=beside),
        "through the autoencoder": conditions.faithful(
            coded(real, coder), FPS, wishes, reader=reader, beside={**beside, "truth": real}
        ),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=100)
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent / "results" / "conditions.json"
    )
    args = parser.parse_args(arguments)
    found = tables(args.n)
    for title, report in found.items():
        print(f"### {title.capitalize()}\n\n{tall(report)}\n")
    names = ("autoencoder", dense.NAME)
    hashes = {name: zoo.sha256(name) for name in names}
    save(args.out, found, {"n": args.n, "estimator": estimator(), "sha256": hashes})


if __name__ == "__main__":
    main()
