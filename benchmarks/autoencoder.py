"""What the frame autoencoder keeps: PSNR on held-out renders and on photographs it never saw.

python benchmarks/autoencoder.py [--frames N]. World frames are of the test split, one a scene,
a second into the clip; photographs are the five of scikit-image that training leaves out, cut to
their middle square and shrunk to 128 x 128. Prints a table and one line of JSON.
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
from mutoscope.training.autoencoder import as_frames

PHOTOGRAPHS = ("astronaut.png", "chelsea.png", "coffee.png", "hubble_deep_field.jpg", "rocket.jpg")
SIDE = 128


def renders(count: int) -> np.ndarray:
    """Frames of scenes that training never draws from."""
    size, made = (SIDE, SIDE), []
    for index in range(count):
        scene = world.sample(0, index, tier="core", split="test")
        made.append(world.render(scene, frames=1, size=size, start=1.0).rgb[0])
    return np.stack(made)


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
    scores = psnr(coder, renders(count))
    photos = {name: psnr(coder, photograph(name)[None])[0] for name in PHOTOGRAPHS}
    print("| pictures | PSNR, dB |\n| --- | --- |")
    print(f"| {count} held-out renders, mean | {np.mean(scores):.1f} |")
    print(
        f"| the worst tenth of them, mean | {np.mean(sorted(scores)[: max(1, count // 10)]):.1f} |"
    )
    for name, value in photos.items():
        print(f"| {name} | {value:.1f} |")
    made = {"renders": float(np.mean(scores)), "n": count, "photographs": photos}
    print(json.dumps({**made, "sha256": zoo.sha256("autoencoder")}))


if __name__ == "__main__":
    main()
