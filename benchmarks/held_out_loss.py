"""Loss of networks on held-out items, over all places and over those where things are.

`python benchmarks/held_out_loss.py [RUN ...] [--frames 16]` prints the mean square error of what a
network says at five fixed times, with the same noise for every network: of what ships, and of the
averaged weights of training runs (finished or not), so that runs can be compared at equal steps.
With `--learned` the items are those of the core tier that training learns from, first ones first:
the distance between the two says how much is learned by heart, and whether more items would help.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import load_file

from mutoscope.core.denoiser import Denoiser
from mutoscope.core.prediction import Flow
from mutoscope.core.schedule import Rectified
from mutoscope.data import latents
from mutoscope.encoders import MiniLM
from mutoscope.networks.small3d import SmallUNet3D
from mutoscope.training import commands
from mutoscope.zoo import load_part

TIMES = (0.3, 0.5, 0.7, 0.85, 0.95)


def network(run: Path, *, temporal: bool) -> SmallUNet3D:
    """The averaged network of a run's last saved state."""
    state = load_file(run / "state" / "ema.safetensors")
    state = {k.removeprefix("network."): v for k, v in state.items() if k.startswith("network.")}
    config = run / "parts" / "network" / "config.json"
    fresh = {"temporal": temporal, "reading": commands.READING if temporal else 1}
    asked = json.loads(config.read_text()) if config.exists() else fresh
    found = SmallUNet3D(**asked)
    found.load_state_dict(state)
    return found.eval()


@torch.inference_mode()
def measured(found: SmallUNet3D, held: latents.Latents) -> dict[str, list[float]]:
    """Mean square error at TIMES: over all places, and where things are."""
    denoiser = Denoiser(found, Rectified(commands.SHIFT), Flow())
    rows: dict[str, list[float]] = {"all": [], "things": []}
    for t in TIMES:
        rng, total = torch.Generator().manual_seed(0), torch.zeros(4, dtype=torch.float64)
        for start in range(0, len(held), 32):
            batch = held.pick(range(start, min(start + 32, len(held))))
            x0 = batch["x0"].float()
            eps, time = torch.randn(x0.shape, generator=rng), torch.full((len(x0),), t)
            with torch.autocast("cpu", torch.bfloat16):
                said = denoiser.output(
                    denoiser.schedule.mixed(x0, eps, time), time, latents.condition(batch)
                )
            wanted = denoiser.prediction.target(denoiser.schedule, x0, eps, time)
            error = (said - wanted).square().mean(1).double()
            here = (batch["shown"][:, 0] > 0).double()
            sums = (error.sum(), torch.ones_like(error).sum(), (error * here).sum(), here.sum())
            total += torch.stack(sums)
        rows["all"].append(float(total[0] / total[1]))
        rows["things"].append(float(total[2] / total[3]))
    return rows


def validation(frames: int, n: int) -> latents.Latents:
    """Items of the core tier that training never sees, made where they are missing."""
    rates = commands.RATES[frames]
    return _cached(latents.Recipe(frames=frames, split="validation", seed=1, rates=rates), n)


def learned(frames: int, n: int) -> latents.Latents:
    """The first items of the core tier that training learns from."""
    return _cached(
        latents.Recipe(frames=frames, seed=100 * frames, rates=commands.RATES[frames]), n
    )


def _cached(recipe: latents.Recipe, n: int) -> latents.Latents:
    coder, cache = commands.shipped_coder(), commands.cache_folder()
    folder = commands.latents_folder(cache, recipe, coder)
    latents.build(folder, recipe, n, coder, MiniLM(), cache)
    return latents.load(folder, n)


def main() -> None:
    """Print a line a run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, nargs="*")
    parser.add_argument("--frames", type=int, default=1)
    parser.add_argument("--n", type=int, default=512)
    parser.add_argument("--learned", action="store_true")
    args = parser.parse_args()
    held = learned(args.frames, args.n) if args.learned else validation(args.frames, args.n)
    print("run".ljust(24), "places".ljust(8), *(f"t={t:<6}" for t in TIMES), "mean")
    name = "image" if args.frames == 1 else "modelscope"
    networks = {f"{name} (ships)": load_part(SmallUNet3D, name)}
    networks |= {run.name: network(run, temporal=args.frames > 1) for run in args.runs}
    for title, found in networks.items():
        for places, values in measured(found, held).items():
            told = [f"{v:<8.4f}" for v in (*values, sum(values) / len(values))]
            print(title.ljust(24), places.ljust(8), *told)


if __name__ == "__main__":
    main()
