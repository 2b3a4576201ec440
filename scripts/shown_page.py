"""docs/shown.md: what `scripts/shown.py` drew of real clips and pictures, with prompts and credits.

Of what lies in docs/media/shown, NAME.webp and NAME.json a system; docs/systems.md shows a sheet
with the table of its system's check.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from base_tables import table
from check_tables import own, ships

Found = Mapping[str, Any]
"""What `shown.main` wrote beside a sheet."""

HEAD = """# Real clips and pictures

Written by `make docs`. What ships was trained on rendered scenes of solids and knows the words for
those; here it is given what a camera saw, and told its caption. Each sheet is of the first inputs
by file name that may be shown, with no picking: of clips two seconds at 8 frames a second, or what
there is, the middle square. Frames stand from the first to the last. The *ceiling* is what the
autoencoder can show of an input, which no result can be better than; the *copy* is the input, the
clip itself or for every frame the nearest picture that was given.
"""

NOTES: Mapping[str, str] = {
    "pixeldance": (
        "The first frame stands, since every step takes it; of what it shows nothing is left in the"
        " frames after it, which are of the world that was learned, and the last frame isn't"
        " reached. It was never taught photographs."
    ),
    "tune_a_video": "Motion and places stay; faces and fine lines go; new things are blobs.",
}
"""What is to be seen, by hand."""


def kept(folder: Path) -> dict[str, Found]:
    """What is shown, by system."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}


def sheet(name: str, found: Found) -> str:
    """The sheet of a system in docs/systems.md."""
    return (
        f"![What {name} makes of real inputs](media/shown/{name}.webp)\n\n"
        f"Real inputs, the first by file name: {', '.join(found['rows'])}.{_before(found)} "
        f"{NOTES.get(name, '')} Prompts and credits are in [shown.md](shown.md#{name}).\n"
    )


def page(shown: Mapping[str, Found]) -> str:
    """The whole page."""
    return "\n".join([HEAD, *(_section(name, found) for name, found in shown.items())])


def _section(name: str, found: Found) -> str:
    hashes = ", ".join(f"{part} `{value[:12]}`" for part, value in own(found).items())
    told = (
        f"`python scripts/{found['script']}`; from above: {', '.join(found['rows'])}. "
        f"{found['steps']} steps, guidance {found['guidance']:g}; commit {found['commit']}; "
        f"{hashes}.{_before(found)}"
    )
    parts = [f"## {name}", f"![{name}](media/shown/{name}.webp)", told]
    parts += [NOTES[name]] if name in NOTES else []
    for title, group in groupby(found["shown"], key=lambda one: one["task"]):
        rows = [[one["prompt"], str(one["frames"]), one["credit"]] for one in group]
        parts += [f"Given {title}:", table(["prompt", "frames", "input by"], rows)]
    return "\n\n".join(parts) + "\n"


def _before(found: Found) -> str:
    return "" if ships(found) else " **What ships now are other weights.**"
