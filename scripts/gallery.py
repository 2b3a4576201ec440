"""Draw README's first screen with the shipped weights: held-out prompts by index, no picking.

python scripts/gallery.py makes docs/media/gallery.webp from the first twelve held-out captions of
the world and docs/media/stickers.webp from the first four held-out sticker shots (seed = index),
and writes the prompts, in reading order and folded, between the gallery marks of README.md.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

import mutoscope
from mutoscope import world
from mutoscope.data import stickers, stickershots
from mutoscope.systems.system import System
from mutoscope.training.commands import cache_folder

ROOT = Path(__file__).parent.parent
COLUMNS = 4


def told(index: int) -> str:
    """The caption of a scene that training never draws from."""
    scene = world.sample(0, index, tier="core", split="test")
    return world.caption(scene, np.random.default_rng(index), detail="full")


def stuck(index: int) -> str:
    """The caption of a shot that training never draws."""
    found = stickers.load(cache_folder())
    shot = stickershots.shot(found, 0, index, split="test")
    return stickershots.tell(shot, np.random.default_rng(index))


def drawn(system: System, prompts: Sequence[str], name: str) -> str:
    """Clips side by side in docs/media, and the markdown that shows them."""
    clips = [system.generate(text, seed=index) for index, text in enumerate(prompts)]
    whole = replace(clips[0], frames=torch.cat([clip.frames for clip in clips]))
    target = ROOT / "docs" / "media" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    whole.grid(columns=COLUMNS).save(target)
    rows = "\n".join(f"{index + 1}. {text}" for index, text in enumerate(prompts))
    shown = f"![{len(clips)} clips]({target.relative_to(ROOT).as_posix()})"
    return f"{shown}\n\n<details><summary>Their prompts</summary>\n\n{rows}\n\n</details>"


def main() -> None:
    """Make the clips, the animations and the lists of prompts."""
    system = mutoscope.load("modelscope")
    made = (
        drawn(system, [told(index) for index in range(12)], "gallery.webp"),
        drawn(system, [stuck(index) for index in range(4)], "stickers.webp"),
    )
    block = "\n\nAnd animated stickers, over grounds and with motions of their own:\n\n".join(made)
    readme = ROOT / "README.md"
    mark = re.compile(r"(<!-- gallery -->\n).*?(\n<!-- /gallery -->)", re.DOTALL)
    draft = readme.with_suffix(".part")
    draft.write_text(mark.sub(lambda m: m[1] + block + m[2], readme.read_text()))
    os.replace(draft, readme)


if __name__ == "__main__":
    main()
