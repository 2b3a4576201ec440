"""Captions told again in the words that people use, so that a model learns to read those too.

What a model never read it doesn't understand, however well its frozen text encoder knows the word
(`benchmarks/unread_words.py`).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

import numpy as np

from mutoscope.world import lexicon
from mutoscope.world.caption import tell
from mutoscope.world.dice import Dice
from mutoscope.world.parse import parse
from mutoscope.world.scene import TONES
from mutoscope.world.wording import OWN, Wording
from mutoscope.world.words import Table

LONGEST = 64
"""Words and stops of a telling; hyphens part words. Text encoders bound what they read."""
_PIECES = re.compile(r"\w+|[^\w\s]")
_SIDES = {"left": "right", "right": "left"}
_TURNS = {"clockwise": "anticlockwise", "anticlockwise": "clockwise"}


def retell(caption: str, rng: np.random.Generator, *, still: bool = False) -> str:
    """A caption of the world in people's words; it says what the caption says.

    A telling of more than LONGEST words is given up for the caption itself.
    """
    text = tell(parse(caption), Dice(rng), still=still, wording=people())
    return text if len(_PIECES.findall(text)) <= LONGEST else caption


def vocabulary() -> frozenset[str]:
    """Every word that a retelling may have which captions need not have, in lower case."""
    return lexicon.spoken(people().phrases())


@cache
def people() -> Wording:
    """The world's own language together with what people say."""
    text = resources.files("mutoscope.world").joinpath("thesaurus.toml").read_text("utf-8")
    found = tomllib.loads(text)
    sentences: dict[str, Any] = {
        name: tuple(shapes) for name, shapes in found.pop("sentences").items()
    }
    said = {name: _rows(rows) for name, rows in found.items()}
    said["floors"] = _toned(said["floors"], "plain", "{} plain")
    said["skies"] = _toned(said["skies"], "wall", "{} wall")
    both: dict[str, Any] = {
        name: _together(getattr(OWN, name), rows) for name, rows in said.items()
    }
    return Wording(**both, **sentences)


def _rows(rows: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Phrases by concept; those of a direction once for each."""
    table: dict[str, tuple[str, ...]] = {}
    for name, text in rows.items():
        phrases = tuple(" ".join(phrase.split()) for phrase in text.split(","))
        sides = (_TURNS if name.startswith("roll {") else _SIDES) if "{d}" in name else {"": ""}
        for one, other in sides.items():
            spoken = (p.replace("{d}", one).replace("{e}", other) for p in phrases)
            table[name.replace("{d}", one)] = tuple(spoken)
    return table


def _toned(rows: dict[str, tuple[str, ...]], plain: str, name: str) -> dict[str, tuple[str, ...]]:
    phrases = rows.pop(plain)
    tones = {name.format(t): tuple(p.replace("{t}", t) for p in phrases) for t in TONES}
    return {**rows, **tones}


def _together(own: Table, more: Mapping[str, tuple[str, ...]]) -> Table:
    unknown = set(more) - set(own) if own else set()
    assert not unknown, unknown
    names = own or more
    return MappingProxyType(
        {k: tuple(dict.fromkeys((*own.get(k, ()), *more.get(k, ())))) for k in names}
    )
