"""Stride 8 or 16? Autoencoders of either, trained alike for a short while: PSNR against FLOPs.

`python benchmarks/strides.py [--steps 400]` trains each layout from nothing on the pictures of
`mutoscope train autoencoder` with the same seed, and prints what it keeps of held-out renders and
photographs beside the GFLOP of coding and decoding a frame, the numbers a latent frame has, and the
GFLOP of the shipped denoiser for 16 frames of such latents. Ratios of one run on one machine.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from autoencoder import PHOTOGRAPHS, SIDE, photograph, psnr, renders
from torch.utils.flop_counter import FlopCounterMode

from mutoscope.autoencoders import FrameAutoencoder
from mutoscope.core.condition import Condition
from mutoscope.data import pictures, stickers
from mutoscope.networks.small3d import SmallUNet3D
from mutoscope.training.autoencoder import AutoencoderTask
from mutoscope.training.commands import cache_folder, world_frames
from mutoscope.training.train import Config, train

LAYOUTS: Mapping[str, Mapping[str, Any]] = {
    "stride 8, 4 channels": {"stride": 8, "channels": 4},
    "stride 8, 6 channels": {"stride": 8, "channels": 6},
    "stride 16, 16 channels": {
        "stride": 16, "channels": 16, "widths": (32, 96, 128), "depths": (2, 2, 2),
        "decoder_widths": (64, 96, 192), "decoder_depths": (2, 2, 2),
    },
    "stride 16, 24 channels": {
        "stride": 16, "channels": 24, "widths": (32, 96, 128), "depths": (2, 2, 2),
        "decoder_widths": (64, 96, 192), "decoder_depths": (2, 2, 2),
    },
}  # fmt: skip
"""Latents of 4 and 16 channels hold 1,024 numbers a frame, those of 6 and 24 hold 1,536."""


def gigaflops(coder: FrameAutoencoder) -> float:
    """Of coding and decoding one frame."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        coder.decode(coder.encode(torch.zeros(1, 3, 1, SIDE, SIDE)))
    return float(counter.get_total_flops()) / 1e9


def chain(coder: FrameAutoencoder) -> float:
    """GFLOP of one call of the shipped denoiser for 16 frames, its inner grid 8 x 8 for both."""
    # A place of stride 16 is what the network makes of 2 x 2 places of stride 8.
    channels = coder.channels if coder.stride[1] == 8 else coder.channels // 4
    network = SmallUNet3D(channels=channels)
    text = Condition(text=torch.zeros(1, 16, 768), text_mask=torch.ones(1, 16).bool())
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, channels, 16, 16, 16), torch.tensor([0.5]), text)
    return float(counter.get_total_flops()) / 1e9


def main() -> None:
    """Train, measure, print a row each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=400)
    args = parser.parse_args()
    cache = cache_folder()
    if not stickers.obtainable(cache):
        print(f"left out: {stickers.MISSING}")
        return
    found = pictures.Pictures(
        world_frames(cache, 12_000), stickers.load(cache), pictures.photographs()
    )
    held = renders(128, "core")
    photos = np.stack([photograph(name) for name in PHOTOGRAPHS])
    print("| layout | numbers a frame | renders, dB | photographs, dB | coder, GFLOP | denoiser |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, asked in LAYOUTS.items():
        torch.manual_seed(0)
        coder = FrameAutoencoder(**asked)
        config = Config(steps=args.steps, batch=16, rate=2e-3, warmup=50, ema=0.98)
        with tempfile.TemporaryDirectory() as folder:
            train(AutoencoderTask(coder, found, side=96), config, Path(folder))
        scores = [float(np.mean(psnr(coder.eval(), kind))) for kind in (held, photos)]
        numbers = coder.channels * (SIDE // coder.stride[1]) ** 2
        told = [f"{s:.1f}" for s in scores] + [f"{gigaflops(coder):.2f}", f"{chain(coder):.2f}"]
        print(f"| {name} | {numbers:,} | {' | '.join(told)} |", flush=True)


if __name__ == "__main__":
    main()
