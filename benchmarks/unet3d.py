"""Our 3-D U-Net against diffusers' with the same weights; writes the table into docs/networks.md.

    python benchmarks/unet3d.py            measures, prints JSON, rewrites the table
    python benchmarks/unet3d.py --print    measures and prints only

All contestants take turns, so that a busy machine slows them alike; each row is the median of its
turns. It is measured with one thread in CPU seconds, which neighbours hardly touch, then with all
in seconds of the clock. diffusers' best bfloat16 is the fastest of its own ways to run.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Callable
from time import perf_counter, process_time
from typing import Any

import torch
from _page import publish
from diffusers import UNet3DConditionModel, logging
from torch import Tensor, nn

from mutoscope import machine
from mutoscope.core.condition import Condition
from mutoscope.networks.unet3d import UNet3D
from mutoscope.weights import channels_last

TURNS = 5
WORDS = 77
SIZES = {
    "block_out_channels": (64, 128, 256),
    "down_block_types": ("CrossAttnDownBlock3D", "CrossAttnDownBlock3D", "DownBlock3D"),
    "up_block_types": ("UpBlock3D", "CrossAttnUpBlock3D", "CrossAttnUpBlock3D"),
    "layers_per_block": 1,
    "attention_head_dim": 32,
    "cross_attention_dim": 384,
}
NARROW, WIDE = torch.bfloat16, torch.float32

Call = Callable[[], Tensor]


def weights() -> dict[str, Tensor]:
    """Random weights, none of them silent."""
    torch.manual_seed(0)
    network = UNet3DConditionModel(**SIZES)
    for name, value in network.named_parameters():
        if "conv4" in name:
            nn.init.normal_(value, std=0.05)
    return network.state_dict()


def contestants(state: dict[str, Tensor]) -> dict[str, Call]:
    """What is measured, by name: each answers for the same latents, times and words."""
    rng = torch.Generator().manual_seed(1)
    x = torch.randn(2, 4, 16, 16, 16, generator=rng)
    text = torch.randn(2, WORDS, 384, generator=rng)
    steps = torch.tensor([500, 301])

    def theirs(dtype: torch.dtype, change: Callable[[nn.Module], object] = lambda _: None) -> Call:
        network = UNet3DConditionModel(**SIZES).eval()
        network.load_state_dict(state)
        change(network.to(dtype))
        narrow = (x.to(dtype), text.to(dtype))
        return lambda: network(narrow[0], steps, narrow[1]).sample

    def ours(dtype: torch.dtype) -> Call:
        network = UNet3D(**SIZES).eval()
        network.load_state_dict(state)
        network.to(dtype)
        latent, told = x.to(dtype), Condition(text=text.to(dtype))
        return lambda: network(latent, (steps + 1) / 1000, told)

    return {
        "diffusers, float32": theirs(WIDE),
        "diffusers, bfloat16": theirs(NARROW),
        "diffusers, bfloat16, channels last": theirs(NARROW, channels_last),
        "diffusers, bfloat16, fused projections": theirs(
            NARROW, lambda network: network.fuse_qkv_projections()
        ),
        "ours, float32": ours(WIDE),
        "ours, bfloat16": ours(NARROW),
    }


@torch.inference_mode()
def measure(calls: dict[str, Call], threads: int) -> dict[str, float]:
    """Median seconds a call: of CPU time with one thread, of the clock with more."""
    torch.set_num_threads(threads)
    clock = process_time if threads == 1 else perf_counter
    spent: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(TURNS + 1):
        for name, call in calls.items():
            start = clock()
            call()
            if turn:  # the first warms up
                spent[name].append(clock() - start)
    return {name: statistics.median(rows) for name, rows in spent.items()}


@torch.inference_mode()
def differences(calls: dict[str, Call]) -> dict[str, float]:
    """The largest difference from diffusers' float32 answer."""
    want = calls["diffusers, float32"]()
    return {name: float((call().float() - want).abs().max()) for name, call in calls.items()}


def ratios(seconds: dict[str, float]) -> dict[str, float]:
    """How many times faster ours is."""
    rivals = [s for name, s in seconds.items() if name.startswith("diffusers, bfloat16")]
    mine, default = seconds["ours, bfloat16"], seconds["diffusers, float32"]
    return {
        "ours to diffusers' best bfloat16": min(rivals) / mine,
        "ours to diffusers' default float32": default / mine,
        "ours to diffusers' default float32, both float32": default / seconds["ours, float32"],
    }


def table(found: dict[str, Any]) -> str:
    """The table of docs/networks.md."""
    runs = found["runs"]
    heads = [f"{run['threads']} thread{'s' * (run['threads'] > 1)}" for run in runs]
    lines = [
        f"`python benchmarks/unet3d.py`: {found['parameters'] / 1e6:.1f} M parameters, 2 clips of",
        f"16 frames of 16 x 16 latents, {WORDS} words, on {found['processor']},",
        f"medians of {TURNS}.",
        "",
        f"| network | {' | '.join(f'seconds, {head}' for head in heads)} | largest difference |",
        f"| --- |{' ---: |' * len(runs)} ---: |",
    ]
    for name, apart in found["apart"].items():
        cells = [f"{run['seconds'][name]:.3f}" for run in runs]
        lines.append(f"| {name} | {' | '.join(cells)} | {apart:.1e} |")
    lines += ["", f"| ratio | {' | '.join(heads)} |", f"| --- |{' ---: |' * len(runs)}"]
    for name in runs[0]["ratios"]:
        cells = [f"{run['ratios'][name]:.2f}" for run in runs]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main(arguments: list[str]) -> None:
    """Measure, print and write."""
    logging.set_verbosity_error()
    state, most = weights(), torch.get_num_threads()
    calls = contestants(state)
    found: dict[str, Any] = {
        "processor": machine.processor(),
        "parameters": sum(value.numel() for value in state.values()),
        "apart": differences(calls),
        "runs": [],
    }
    for threads in sorted({1, most}):
        seconds = measure(calls, threads)
        found["runs"].append({"threads": threads, "seconds": seconds, "ratios": ratios(seconds)})
    print(json.dumps(found))
    if "--print" not in arguments:
        publish("unet3d", found, page="networks.md", table=table(found))


if __name__ == "__main__":
    main(sys.argv[1:])
