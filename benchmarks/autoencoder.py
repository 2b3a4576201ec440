"""What the frame autoencoder keeps: PSNR on held-out renders and on photographs it never saw.

python benchmarks/autoencoder.py [--frames N]. World frames are of the test split, one a scene,
a second into the clip, of either tier; stickers (when `mutoscope train` has fetched them) are those
that training leaves out, over white; photographs are the five of scikit-image that it leaves out,
cut to their middle square and shrunk to 128 x 128. Prints a table and one line of JSON.
"""

from __future__ import annotations

import argparse
import importlib.resources
import json

import numpy as np
import torch
from PIL import Image

from mutoscope import world, zoo
from mutoscope.autoencoders import FrameAutoencoder
from mutoscope.data import pictures, stickers
from mutoscope.training.autoencoder import as_frames
from mutoscope.training.commands import cache_folder

PHOTOGRAPHS = ("astronaut.png", "chelsea.png", "coffee.png", "hubble_deep_field.jpg", "rocket.jpg")
SIDE = 128


def renders(count: int, tier: str) -> np.ndarray:
    """Frames of scenes that training never draws from."""
    size, made = (SIDE, SIDE), []
    for index in range(count):
        scene = world.sample(0, index, tier=tier, split="test")
        made.append(world.render(scene, frames=1, size=size, start=1.0).rgb[0])
    return np.stack(made)


def held_stickers() -> np.ndarray:
    """The first frames of the stickers that training leaves out, over white."""
    found = stickers.load(cache_folder())
    rgba = found.frames[:: pictures.HELD_OUT, 0].astype(np.float32)
    alpha = rgba[..., 3:] / 255
    return (rgba[..., :3] * alpha + 255 * (1 - alpha)).round().astype(np.uint8)


def photograph(name: str) -> np.ndarray:
    """The middle square of a photograph."""
    place = importlib.resources.files("skimage.data") / name
    with importlib.resources.as_file(place) as path, Image.open(path) as image:
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        square = image.convert("RGB").crop((left, top, left + side, top + side))
        return np.array(square.resize((SIDE, SIDE), Image.Resampling.BOX))


@torch.inference_mode()
def psnr(coder: FrameAutoencoder, pictures: np.ndarray) -> list[float]:
    """Decibels of a peak of 255, picture by picture; what is decoded is rounded to bytes first."""
    x = as_frames(pictures)
    y = ((coder.decode(coder.encode(x)) + 1) * 127.5).round() / 127.5 - 1
    error = (x - y).square().flatten(1).mean(1)
    return (10 * torch.log10(4 / error)).tolist()


def main() -> None:
    """Measure and print."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--frames", type=int, default=256)
    count = asked.parse_args().frames
    coder = zoo.load_part(FrameAutoencoder, "autoencoder").eval()
    groups = {f"core renders, held out ({count})": renders(count, "core")}
    groups[f"wide renders, held out ({count})"] = renders(count, "wide")
    if (cache_folder() / "stickers-128").exists():
        found = held_stickers()
        groups[f"stickers, held out ({len(found)})"] = found
    else:
        print("left out: no stickers are here; `mutoscope train` fetches them\n")
    photos = {name: psnr(coder, photograph(name)[None])[0] for name in PHOTOGRAPHS}
    print("| pictures | mean PSNR, dB | worst tenth |\n| --- | --- | --- |")
    means = {}
    for name, made in groups.items():
        scores = sorted(psnr(coder, made))
        means[name] = float(np.mean(scores))
        worst = np.mean(scores[: max(1, len(scores) // 10)])
        print(f"| {name} | {means[name]:.1f} | {worst:.1f} |")
    for name, value in photos.items():
        print(f"| {name} | {value:.1f} | |")
    told = {"means": means, "photographs": photos, "sha256": zoo.sha256("autoencoder")}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
