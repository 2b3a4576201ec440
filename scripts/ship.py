"""Put what a finished training run learned into the zoo: python scripts/ship.py NAME RUN_FOLDER."""

import sys
from pathlib import Path

from mutoscope import recipes
from mutoscope.training import commands, deltas


def shipped(name: str, run: Path) -> Path:
    """A part of its own, or the delta of a system on its base."""
    found = recipes.find(name) if name in recipes.names() else None
    if isinstance(found, recipes.Teachable):
        return deltas.ship(found.start(), run)
    return commands.ship(name, run)


if __name__ == "__main__":
    sys.stdout.write(f"{shipped(sys.argv[1], Path(sys.argv[2]))}\n")
