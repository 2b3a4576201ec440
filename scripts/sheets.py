"""Draw the sheets of docs/world.md: the first eight test scenes of each tier by index, no picking.

python scripts/sheets.py writes docs/media/world-core.webp and world-wide.webp: four frames of each
scene, then its depth, ids, flow and lines, its caption below.
"""

import os
from pathlib import Path

import numpy as np
from PIL import Image

from mutoscope import world
from mutoscope.world.sheet import contact_sheet

COUNT, QUALITY = 8, 85
MEDIA = Path(__file__).parent.parent / "docs" / "media"


def main() -> None:
    """Write both."""
    for tier in ("core", "wide"):
        scenes = [world.sample(0, index, tier=tier, split="test") for index in range(COUNT)]
        captions = [
            world.caption(scene, np.random.default_rng(index)) for index, scene in enumerate(scenes)
        ]
        target = MEDIA / f"world-{tier}.webp"
        draft = target.with_suffix(".part")
        sheet = Image.fromarray(contact_sheet(scenes, captions))
        sheet.save(draft, format="webp", quality=QUALITY)
        os.replace(draft, target)


if __name__ == "__main__":
    main()
