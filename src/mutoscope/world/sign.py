"""A word standing in the scene: a stroke font, as distances that any pixel size can sample.

A letter is drawn in a cell 4 units wide and 6 high; two digits are a point, a blank joins points,
a bar lifts the pen.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from mutoscope.errors import DataError

LONGEST = 6
TEXELS = 5
"""Samples a unit."""
ADVANCE = 5.7
MARGIN = 1.5
PEN = 0.62
"""Half the width of a stroke."""

_O = "10 01 05 16 36 45 41 30 10"
_P = "00 06 36 45 44 33 03"
STROKES = {
    "A": "00 26 40|12 32", "B": f"{_P}|33 42 41 30 00", "C": "45 36 16 05 01 10 30 41",
    "D": "00 06 26 44 42 20 00", "E": "46 06 00 40|03 33", "F": "46 06 00|03 33",
    "G": "45 36 16 05 01 10 30 41 43 23", "H": "00 06|40 46|03 43", "I": "16 36|10 30|26 20",
    "J": "16 46|36 31 20 10 01", "K": "00 06|46 03 40", "L": "06 00 40", "M": "00 06 23 46 40",
    "N": "00 06 40 46", "O": _O, "P": _P, "Q": f"{_O}|22 40", "R": f"{_P}|23 40",
    "S": "45 36 16 05 04 13 33 42 41 30 10 01", "T": "06 46|26 20", "U": "06 01 10 30 41 46",
    "V": "06 20 46", "W": "06 10 24 30 46", "X": "00 46|06 40", "Y": "06 23 46|23 20",
    "Z": "06 46 00 40", "0": f"{_O}|12 34", "1": "14 26 20|10 30", "2": "05 16 36 45 44 00 40",
    "3": "05 16 36 45 44 33 42 41 30 10 01|13 33", "4": "30 36 02 42",
    "5": "46 06 03 33 42 41 30 10 01", "6": "45 36 16 05 01 10 30 41 42 33 03",
    "7": "06 46 10", "8": "13 04 05 16 36 45 44 33 13 02 01 10 30 41 42 33",
    "9": "01 10 30 41 45 36 16 05 04 13 43",
}  # fmt: skip


@lru_cache(maxsize=256)
def letters(word: str | None) -> NDArray[np.float64]:
    """Distances in units from a board's points to the strokes of a word, top row first.

    Empty without a word. A word has 1 to 6 of A to Z and 0 to 9.
    """
    if word is None:
        return np.zeros((0, 0))
    if not 1 <= len(word) <= LONGEST or any(c not in STROKES for c in word):
        raise DataError(f"a sign has 1 to {LONGEST} of A-Z and 0-9 (got {word!r})")
    width = ADVANCE * len(word) - (ADVANCE - 4) + 2 * MARGIN
    xs = (np.arange(round(width * TEXELS)) + 0.5) / TEXELS - MARGIN
    ys = 6 + MARGIN - (np.arange(round((6 + 2 * MARGIN) * TEXELS)) + 0.5) / TEXELS
    found = np.full((len(ys), len(xs)), 99.0)
    for k, letter in enumerate(word):
        for pen in STROKES[letter].split("|"):
            points = np.array([[int(p[0]) + ADVANCE * k, int(p[1])] for p in pen.split()])
            for start, end in pairwise(points):
                found = np.minimum(found, _segment(xs[None, :], ys[:, None], start, end))
    found.setflags(write=False)
    return found


def _segment(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    start: NDArray[np.float64],
    end: NDArray[np.float64],
) -> NDArray[np.float64]:
    way = end - start
    along = ((x - start[0]) * way[0] + (y - start[1]) * way[1]) / (way @ way)
    along = np.clip(along, 0, 1)
    gap: NDArray[np.float64] = np.hypot(
        x - start[0] - along * way[0], y - start[1] - along * way[1]
    )
    return gap
