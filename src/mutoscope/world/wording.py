"""What a teller may say: the phrases of each attribute, and the shapes of sentences.

`OWN` is the language of the captions; `thesaurus.people()` has what people say besides.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType

from mutoscope.world import words
from mutoscope.world.words import Table

Shapes = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Wording:
    """Tables of phrases, written as in `words`, and sentence shapes, written as in `patterns`.

    `lone_*` shapes are for things that stand alone, no twins; `watched` are whole clauses that say
    how the camera moves.
    """

    shapes: Table
    colours: Table
    materials: Table
    sizes: Table
    speeds: Table
    verbs: Table
    floors: Table
    skies: Table
    moves: Table
    watched: Table = field(default_factory=lambda: MappingProxyType({}))
    lone_does: Shapes = ()
    lone_bare: Shapes = ()
    lone_two: Shapes = ()
    lone_pair: Shapes = ()

    def phrases(self) -> tuple[str, ...]:
        """All that can be said of things, places and the camera, with slots for what changes."""
        tables = (
            self.shapes, self.colours, self.materials, self.sizes, self.speeds, self.floors,
            self.skies, self.watched,
        )  # fmt: skip
        said = [words.said(phrase) for table in tables for row in table.values() for phrase in row]
        for table in (self.verbs, self.moves):
            for phrase in (p for row in table.values() for p in row):
                said += [words.inflect(phrase, form) for form in ("s", "base", "ing")]
        said += [words.plural(noun) for row in self.shapes.values() for noun in row]
        return (*said, *self.lone_does, *self.lone_bare, *self.lone_two, *self.lone_pair)


OWN = Wording(
    shapes=words.SHAPES, colours=words.COLOURS, materials=words.MATERIALS, sizes=words.SIZES,
    speeds=words.SPEEDS, verbs=words.VERB_PHRASES, floors=words.FLOORS, skies=words.SKIES,
    moves=words.MOVE_PHRASES,
)  # fmt: skip
