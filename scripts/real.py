"""Draw what a system makes of real clips or pictures: the first few of a folder by file name.

python scripts/real.py pixeldance --given "first={}" --given "first={} last={}" --data DIR --out DIR

reads DIR/captions.csv or images.csv (columns file and caption; files beside it) and takes the first
two seconds of each, the middle square. A `--given` is a row: conditions as the command line has
them, {} in the place of the file. Above those rows of OUT/SYSTEM.webp stand the input itself, what
the autoencoder can show of it, and its first frame, copied. `--match PATTERN`, again and again,
keeps to files that may be shown; nothing else is picked. `--set KEY=VALUE` turns a knob.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image
from retold import COUNT, FPS, FRAMES, QUALITY, Row, chosen, lettered, shot

from mutoscope import media, recipes
from mutoscope.checked import Value, one_of
from mutoscope.clip import Clip
from mutoscope.request import ConditionRequest
from mutoscope.systems.diffusion import Diffusion
from mutoscope.training import tuning

NAMES = ("the input", "its latent", "copied")


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What is asked of every input: rows of conditions, knobs, steps (None: as usual)."""

    given: Sequence[str]
    settings: dict[str, Value]
    steps: int | None


def strip(
    system: Diffusion, row: Row, wish: Wish, data: Path, out: Path
) -> UInt8[np.ndarray, "H W 3"]:
    """The rows of one input, its caption below."""
    width, _ = system.accepts().complete({"prompt": row["caption"]}).size
    clip = shot(data / row["file"], width)
    path = out / Path(row["file"]).stem
    if not path.exists():
        media.write(clip, path, record={})
    with torch.inference_mode():
        best = replace(
            clip, frames=system.autoencoder.decode(system.autoencoder.encode(clip.frames))
        )
    still = replace(clip, frames=clip.frames[:, :, :1])
    shown = [clip, best, still, *(made(system, row, one, wish, path) for one in wish.given)]
    sheet = tuning.rows([replace(one, frames=long(one)) for one in shown])
    return lettered(sheet, (*NAMES, *wish.given), [row["caption"]])


def made(system: Diffusion, row: Row, given: str, wish: Wish, path: Path) -> Clip:
    """The clip of one row of conditions."""
    conditions = [ConditionRequest.parse(one.replace("{}", str(path))) for one in given.split()]
    asked = {"frames": FRAMES, "fps": FPS, "conditions": conditions, "settings": wish.settings}
    steps = {} if wish.steps is None else {"steps": wish.steps}
    return system.generate(row["caption"], **asked, **steps)


def long(clip: Clip) -> torch.Tensor:
    """Its frames, the last of them again and again where there are too few."""
    frames = clip.frames
    return frames[:, :, torch.arange(FRAMES).clamp(max=frames.shape[2] - 1)]


def knob(system: Diffusion, item: str) -> tuple[str, Value]:
    """What KEY=VALUE sets; refuses a knob that the system lacks."""
    key, _, value = item.partition("=")
    knobs = {one.name: one for one in system.accepts().settings}
    one_of(f"setting of {system.card.name}", key, knobs)
    return key, knobs[key].parse(value)


def main() -> None:
    """Make every row of every input, and draw them beneath one another."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("system", choices=recipes.names())
    asked.add_argument("--given", action="append", required=True)
    asked.add_argument("--data", type=Path, required=True)
    asked.add_argument("--out", type=Path, required=True)
    asked.add_argument("--match", action="append", default=[])
    asked.add_argument("--count", type=int, default=COUNT)
    asked.add_argument("--steps", type=int)
    asked.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    asked.add_argument("--weights", type=Path)
    args = asked.parse_args()
    system = recipes.find(args.system).load(args.weights)
    assert isinstance(system, Diffusion)
    settings = dict(knob(system, item) for item in args.set)
    wish = Wish(given=args.given, settings=settings, steps=args.steps)
    rows = chosen(args.data, args.match or ["*"], args.count)
    args.out.mkdir(parents=True, exist_ok=True)
    strips = [strip(system, row, wish, args.data, args.out) for row in rows]
    draft = args.out / f"{args.system}.part"
    Image.fromarray(np.concatenate(strips)).save(draft, format="webp", quality=QUALITY)
    os.replace(draft, args.out / f"{args.system}.webp")
    print(args.out / f"{args.system}.webp")


if __name__ == "__main__":
    main()
