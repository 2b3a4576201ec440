"""Draw what tune_a_video makes of real clips: the first few of a folder by file name, no picking.

python scripts/retold.py --data DIR --out DIR reads DIR/captions.csv (columns file, caption and
subject; files beside it) and tunes the shipped image model to each clip: its first two seconds, the
middle square. Each strip of OUT/retold.webp has four rows of frames: the clip, which is also what a
copy of the input would be; what the autoencoder can show of it; the clip made from its own caption;
and from its caption with WORDS in the place of its subject. `--match PATTERN`, again and again,
keeps to files that may be shown. What is tuned stays in OUT, where a second call goes on.
"""

from __future__ import annotations

import argparse
import csv
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from mutoscope import media
from mutoscope.clip import Clip
from mutoscope.recipes import tune_a_video
from mutoscope.systems.tuned import OWN
from mutoscope.training import tuning

COUNT, FRAMES, FPS = 5, 16, 8.0
WORDS = "blue star"
"""Things of the world: nothing else is known to the image model that ships."""
LINE, QUALITY = 20, 85
NAMES = ("the clip", "its latent", "its words", "others")

Row = Mapping[str, str]


def chosen(data: Path, patterns: Sequence[str], count: int) -> list[Row]:
    """The first rows by file name whose file fits a pattern."""
    tables = (data / name for name in ("captions.csv", "images.csv"))
    table = next((one for one in tables if one.exists()), None)
    if table is None:
        raise SystemExit(f"{data} has no captions.csv and no images.csv; name the folder of one")
    with table.open(encoding="utf-8", newline="") as file:
        found = sorted(csv.DictReader(file), key=lambda row: row["file"])
    return [row for row in found if tuning.fits(row["file"], patterns)][:count]


def other(row: Row) -> str:
    """The caption with other words in the place of its subject; refuses one that isn't said."""
    subject = row["subject"].partition(",")[0].strip()
    told, times = re.subn(re.escape(subject), WORDS, row["caption"], count=1, flags=re.IGNORECASE)
    if not times:
        raise SystemExit(f"the caption of {row['file']} doesn't say its subject {subject!r}")
    return told


def shot(path: Path, side: int) -> Clip:
    """Its first two seconds, or all that there are."""
    clip = media.read(path, size=(side, side), fit="crop", fps=FPS)
    return replace(clip, frames=clip.frames[:, :, :FRAMES])


def strip(row: Row, data: Path, out: Path, steps: int | None) -> UInt8[np.ndarray, "H W 3"]:
    """The four rows of one clip, tuned to it unless that was done, its captions below."""
    at = out / Path(row["file"]).stem
    if not (at / tune_a_video.CARD.name / OWN).exists():
        system = tune_a_video.start(at)
        if not (at / "state").exists():
            clip = shot(data / row["file"], system.config.sizes.side)
            tuning.begin(system, clip, row["caption"], at)
        tuning.tune(system, at, steps=steps)
    tuned = tune_a_video.load(at)
    clip = shot(data / row["file"], tuned.config.sizes.side)
    assert tuned.own is not None
    with torch.inference_mode():
        best = replace(clip, frames=tuned.autoencoder.decode(tuned.own.clean))
    prompts = (row["caption"], other(row))
    made = [tuned.make(tuned.request(prompt)) for prompt in prompts]
    return lettered(tuning.rows([clip, best, *made]), NAMES, prompts)


def lettered(
    rows: UInt8[np.ndarray, "H W 3"], names: Sequence[str], prompts: Sequence[str]
) -> UInt8[np.ndarray, "Z W 3"]:
    """What each row is at its left, and the prompts below."""
    page = Image.fromarray(rows)
    page = page.crop((0, 0, page.width, page.height + LINE * (len(prompts) + 1)))
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(LINE - 6)
    side = rows.shape[0] // len(names)
    for k, name in enumerate(names):
        box = pen.textbbox((3, k * side + 2), name, font=font)
        pen.rectangle((box[0] - 3, box[1] - 3, box[2] + 3, box[3] + 3), fill="black")
        pen.text((3, k * side + 2), name, fill="white", font=font)
    for k, prompt in enumerate(prompts):
        pen.text((3, rows.shape[0] + k * LINE), prompt, fill="white", font=font)
    return np.asarray(page)


def main() -> None:
    """Tune to each clip, and draw them beneath one another."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--data", type=Path, required=True)
    asked.add_argument("--out", type=Path, required=True)
    asked.add_argument("--match", action="append", default=[])
    asked.add_argument("--count", type=int, default=COUNT)
    asked.add_argument("--steps", type=int, help="how many; else as the recipe says")
    given = asked.parse_args()
    rows = chosen(given.data, given.match or ["*"], given.count)
    strips = [strip(row, given.data, given.out, given.steps) for row in rows]
    width = max(one.shape[1] for one in strips)
    whole = [np.pad(one, ((0, 0), (0, width - one.shape[1]), (0, 0))) for one in strips]
    draft = given.out / "retold.part"
    Image.fromarray(np.concatenate(whole)).save(draft, format="webp", quality=QUALITY)
    os.replace(draft, given.out / "retold.webp")
    print(given.out / "retold.webp")


if __name__ == "__main__":
    main()
