"""Freeze a part of the zoo, so that deltas can name it: python scripts/freeze.py NAME TAG."""

import sys

from mutoscope.training.publish import freeze

if __name__ == "__main__":
    sys.stdout.write(f"{freeze(sys.argv[1], sys.argv[2])}\n")
