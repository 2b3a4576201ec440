"""Put what a finished training run learned into the zoo: python scripts/ship.py NAME RUN_FOLDER.

With --thaw a frozen part gives way too; what stands on it has to be learned again then.
"""

import argparse
import sys
from pathlib import Path

from mutoscope.training.commands import ship

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("run", type=Path)
    parser.add_argument("--thaw", action="store_true")
    asked = parser.parse_args()
    sys.stdout.write(f"{ship(asked.name, asked.run, thaw=asked.thaw)}\n")
