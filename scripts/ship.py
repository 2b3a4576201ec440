"""Put what a finished training run learned into the zoo: python scripts/ship.py NAME RUN_FOLDER.

With --thaw a frozen part gives way too; what stands on it has to be learned again then.
"""

import argparse
import sys
from pathlib import Path

from mutoscope import recipes
from mutoscope.training import commands, deltas


def shipped(name: str, run: Path, *, thaw: bool) -> Path:
    """A part of its own, or the delta of a system on its base."""
    found = recipes.find(name) if name in recipes.names() else None
    if isinstance(found, recipes.Teachable):
        return deltas.ship(found.start(), run)
    return commands.ship(name, run, thaw=thaw)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("run", type=Path)
    parser.add_argument("--thaw", action="store_true")
    asked = parser.parse_args()
    sys.stdout.write(f"{shipped(asked.name, asked.run, thaw=asked.thaw)}\n")
