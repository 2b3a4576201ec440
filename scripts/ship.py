"""Put what a finished training run learned into the zoo: python scripts/ship.py NAME RUN_FOLDER."""

import sys
from pathlib import Path

from mutoscope.training.commands import ship

if __name__ == "__main__":
    sys.stdout.write(f"{ship(sys.argv[1], Path(sys.argv[2]))}\n")
