"""Draw README's first screen: the first twelve held-out captions by index, no picking.

python scripts/gallery.py makes docs/media/gallery.webp with the shipped weights (seed = index) and
writes the prompts, in reading order, between the gallery marks of README.md.
"""

import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

import mutoscope
from mutoscope import world

COUNT, COLUMNS = 12, 4
ROOT = Path(__file__).parent.parent


def prompt(index: int) -> str:
    """The caption of a scene that training never draws from."""
    scene = world.sample(0, index, tier="core", split="test")
    return world.caption(scene, np.random.default_rng(index), detail="full")


def main() -> None:
    """Make the clips, the animation and the list of prompts."""
    system = mutoscope.load("modelscope")
    prompts = [prompt(index) for index in range(COUNT)]
    clips = [system.generate(text, seed=index) for index, text in enumerate(prompts)]
    whole = replace(clips[0], frames=torch.cat([clip.frames for clip in clips]))
    target = ROOT / "docs" / "media" / "gallery.webp"
    target.parent.mkdir(parents=True, exist_ok=True)
    whole.grid(columns=COLUMNS).save(target)
    rows = "\n".join(f"{index + 1}. {text}" for index, text in enumerate(prompts))
    block = f"![twelve clips]({target.relative_to(ROOT).as_posix()})\n\n{rows}"
    readme = ROOT / "README.md"
    mark = re.compile(r"(<!-- gallery -->\n).*?(\n<!-- /gallery -->)", re.DOTALL)
    draft = readme.with_suffix(".part")
    draft.write_text(mark.sub(lambda m: m[1] + block + m[2], readme.read_text()))
    os.replace(draft, readme)


if __name__ == "__main__":
    main()
