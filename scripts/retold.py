"""Draw what tune_a_video makes of real clips: the first few of a folder by file name, no picking.

python scripts/retold.py --data DIR --out DIR reads DIR/captions.csv (columns file, caption and
subject; files beside it) and tunes the shipped image model to each clip: its first two seconds, the
middle square. Each strip of SHEETS/tune_a_video.webp has four rows of frames: the clip, which is
also what a copy of the input would be; what the autoencoder can show of it; the clip made from its
own caption; and from its caption with WORDS in the place of its subject. Files are those that may
be shown (`shown.CREDITS`), or that fit a `--match PATTERN`. What is tuned stays in OUT, where a
second call goes on.
"""

from __future__ import annotations

import argparse
import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont
from shown import OUT, TILE, credited, keep

from mutoscope import media, zoo
from mutoscope.clip import Clip
from mutoscope.recipes import tune_a_video
from mutoscope.recipes.tune_a_video import TuneAVideo
from mutoscope.systems.tuned import OWN
from mutoscope.training import tuning
from mutoscope.training.publish import commit

COUNT, FRAMES, FPS = 5, 16, 8.0
WORDS = "blue star"
"""Things of the world: nothing else is known to the image model that ships."""
LINE = 20
NAMES = ("the clip", "ceiling", "its words", "others")

Row = Mapping[str, str]


def chosen(data: Path, patterns: Sequence[str], count: int) -> list[Row]:
    """The first rows by file name whose file may be shown, or fits a pattern."""
    with (data / "captions.csv").open(encoding="utf-8", newline="") as file:
        found = sorted(csv.DictReader(file), key=lambda row: row["file"])
    return [row for row in found if credited(row, patterns) is not None][:count]


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


def tuned_to(row: Row, data: Path, out: Path, steps: int | None) -> TuneAVideo:
    """The system tuned to a clip, unless that was done."""
    at = out / Path(row["file"]).stem
    if not (at / tune_a_video.CARD.name / OWN).exists():
        system = tune_a_video.start(at)
        if not (at / "state").exists():
            clip = shot(data / row["file"], system.config.sizes.side)
            tuning.begin(system, clip, row["caption"], at)
        tuning.tune(system, at, steps=steps)
    return tune_a_video.load(at)


def strip(row: Row, data: Path, tuned: TuneAVideo) -> UInt8[np.ndarray, "H W 3"]:
    """The four rows of one clip, its captions below."""
    clip = shot(data / row["file"], tuned.config.sizes.side)
    assert tuned.own is not None
    with torch.inference_mode():
        best = replace(clip, frames=tuned.autoencoder.decode(tuned.own.clean))
    prompts = (row["caption"], other(row))
    made = [tuned.make(tuned.request(prompt)) for prompt in prompts]
    rows = Image.fromarray(tuning.rows([clip, best, *made]))
    share = TILE / tuned.config.sizes.side
    small = rows.resize((round(rows.width * share), round(rows.height * share)))
    return lettered(np.asarray(small), prompts)


def told(row: Row, tuned: TuneAVideo, patterns: Sequence[str]) -> Mapping[str, Any]:
    """What is shown of a clip, as `shown.main` says it."""
    assert tuned.own is not None
    return {
        "task": f"a clip to tune to; told its caption, then {WORDS} in place of its subject",
        "file": row["file"], "prompt": f"{row['caption']}; {other(row)}", "seed": 0,
        "frames": tuned.own.clean.shape[2], "credit": credited(row, patterns),
    }  # fmt: skip


def lettered(
    rows: UInt8[np.ndarray, "H W 3"], prompts: Sequence[str]
) -> UInt8[np.ndarray, "Z W 3"]:
    """What each row is at its left, and both prompts below."""
    page = Image.fromarray(rows)
    page = page.crop((0, 0, page.width, page.height + LINE * (len(prompts) + 1)))
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(LINE - 6)
    side = rows.shape[0] // len(NAMES)
    for k, name in enumerate(NAMES):
        box = pen.textbbox((3, k * side + 2), name, font=font)
        pen.rectangle((box[0] - 3, box[1] - 3, box[2] + 3, box[3] + 3), fill="black")
        pen.text((3, k * side + 2), name, fill="white", font=font)
    for k, prompt in enumerate(prompts):
        pen.text((3, rows.shape[0] + k * LINE), prompt, fill="white", font=font)
    return np.asarray(page)


def main(arguments: Sequence[str] | None = None) -> None:
    """Tune to each clip, and draw them beneath one another."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--data", type=Path, required=True)
    asked.add_argument("--out", type=Path, required=True)
    asked.add_argument("--sheets", type=Path, default=OUT)
    asked.add_argument("--match", action="append", default=[])
    asked.add_argument("--count", type=int, default=COUNT)
    asked.add_argument("--steps", type=int, help="how many; else as the recipe says")
    given, code = asked.parse_args(arguments), commit()
    rows = chosen(given.data, given.match, given.count)
    if not rows:
        raise SystemExit(f"{given.data} names no file that may be shown; say which with --match")
    systems = [tuned_to(row, given.data, given.out, given.steps) for row in rows]
    strips = [strip(row, given.data, one) for row, one in zip(rows, systems, strict=True)]
    width = max(one.shape[1] for one in strips)
    whole = [np.pad(one, ((0, 0), (0, width - one.shape[1]), (0, 0))) for one in strips]
    usual = systems[0].request(" ")
    keep(Image.fromarray(np.concatenate(whole)), given.sheets, systems[0], {
        "weights": {part: v for part, v in systems[0].weights.items() if part in zoo.names()},
        "commit": code, "script": "retold.py --data DIR --out DIR", "rows": NAMES,
        "steps": usual.steps, "guidance": usual.guidance,
        "shown": [told(*pair, given.match) for pair in zip(rows, systems, strict=True)],
    })  # fmt: skip


if __name__ == "__main__":
    main()
