"""Phrases and their readings, and the longest-match reader that finds them in a text.

Source of every phrase: the tables of `words`, spoken and held out. A reading is (kind, value,
extra); one phrase may have a reading for objects and another for the camera ("moves left").
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import product
from typing import NamedTuple

from mutoscope.world import words
from mutoscope.world.words import Table, inflect, key, plural

_FUNCTION = """
    a an the another some is are there here this it they them its their of on in at by with from to
    into onto over under across along around inside and or while as that which who both all each
    also then only just we you i me can could see seen show shows showing watch look be being has
    have scene video clip film movie footage animation picture image drawing sketch painting view
    shot short made make makes create please behind before against up down out off very its same
    time frame style during like looks front side direction together where nothing empty still sits
    stands lies rests floor ground surface sky wall background sign says reading reads word covered
    starry thick drawn painted below glowing old now one two three four left right toward towards
    itself himself not no does do place"""
FUNCTION_WORDS = frozenset(_FUNCTION.split())
"""Words that carry no fact alone; a text of only these has no unknown words."""


class Token(NamedTuple):
    """A phrase found in a text: its readings by kind, and the words it was read from."""

    readings: Mapping[str, tuple[str, str]]
    text: str


_Readings = dict[tuple[str, ...], dict[str, tuple[str, str]]]
_MARKS = r"\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0900-\u0963\u0966-\u0dff\u0e31-\u0e4e"
"""Signs above and below letters, which Python counts as no letters; they don't end a word."""
_LETTERS = rf"[^\W_](?:[^\W_]|[{_MARKS}])*"
_WORD = re.compile(rf"\"[^\"]*\"|{_LETTERS}(?:[-']{_LETTERS})*|[.,;:!?]")
_QUOTES = {0x201C: '"', 0x201D: '"', 0xAB: '"', 0xBB: '"', 0x2019: "'"}
_FORMS = ("base", "s", "ing", "past")
_SIMPLE = {
    "det": {"a": "a", "an": "a", "another": "a", "some": "a", "the": "the", "this": "the"},
    "number": {"two": "2", "three": "3", "four": "4", "2": "2", "3": "3", "4": "4", "1": "1"},
    "one": {"one": "1"},
    "pronoun": {"it": "it", "they": "they", "them": "they"},
    "which": {"that": "that", "which": "which", "who": "who"},
    "all": {"both": "all", "all": "all", "each": "all", "are": "all", "together": "all"},
    "join": {"and": "and", ",": ",", "with": "with", "together with": "with"},
    "stop": {w: w for w in (*".;:!?", "while", "as", "there is", "there are", "then")},
    "camera": {"camera": "camera", "view": "camera"},
    "ground": {w: w for w in ("floor", "ground", "sky", "wall", "background", "surface", "sign",
               "at the same time")},
}  # fmt: skip
COUNT_PHRASES = ("{n} {t} in all", "{n} {t} in total", "a scene with {n} {t}", "exactly {n} {t}")


def _phrases() -> Iterator[tuple[str, str, str, str]]:
    """Every phrase as (words, kind, value, extra)."""
    for kind, entries in _SIMPLE.items():
        yield from ((phrase, kind, value, "") for phrase, value in entries.items())
    for noun in words.THINGS:
        yield from ((form, "noun", "", "") for form in (noun, plural(noun)))
    yield from _nouns()
    adjectives = ("colour", words.COLOURS), ("material", words.MATERIALS), ("size", words.SIZES)
    for kind, table in (*adjectives, ("speed", words.SPEEDS)):
        yield from _rows(kind, table)
        yield from _rows(kind, words.HELD_OUT_SYNONYMS[kind])
    yield from (("medium", "size", "medium", ""), ("mid-size", "size", "medium", ""))
    yield from _rows("material", words.MATERIALS_AFTER)
    yield from _rows("relation", words.RELATIONS)
    yield from _verbs()
    yield from _stage()
    for count, number in enumerate(words.NUMBERS):
        for phrase in COUNT_PHRASES:
            for noun in words.THINGS:
                said = phrase.format(n=number, t=noun if count == 1 else plural(noun))
                yield said.removeprefix("a "), "count", str(count), ""


def _rows(kind: str, table: Table) -> Iterator[tuple[str, str, str, str]]:
    for value, phrases in table.items():
        yield from ((key(phrase), kind, value, "") for phrase in phrases)


def _nouns() -> Iterator[tuple[str, str, str, str]]:
    for table in (words.SHAPES, words.HELD_OUT_SYNONYMS["shape"]):
        for value, nouns in table.items():
            for noun in nouns:
                yield from ((form, "noun", value, "") for form in (noun, plural(noun)))


def _verbs() -> Iterator[tuple[str, str, str, str]]:
    for table in (words.HELD_OUT_SYNONYMS["verb"], words.VERB_PHRASES):
        for value, phrase in _flat(table):
            for form, (end, colour) in product(_FORMS, _ends(phrase)):
                yield inflect(end, form), "verb", value, f"{form}:{colour}"
    for table in (words.HELD_OUT_SYNONYMS["move"], words.MOVE_PHRASES):
        for value, phrase in _flat(table):
            yield from ((inflect(phrase, form), "move", value, "") for form in _FORMS)
    yield from _rows("move", words.MOVE_NOUNS)
    static = ("static", "fixed", "motionless", "not moving", "immobile", "stationary")
    yield from ((f"is {w}", "move", "static", "") for w in static)
    yield from ((f"is {w}", "verb", "still", "s:") for w in (*static, "still", "at rest"))
    yield from (("are still", "verb", "still", "base:"), ("motionless", "verb", "still", "ing:"))


def _flat(table: Table) -> Iterator[tuple[str, str]]:
    return ((value, phrase) for value, phrases in table.items() for phrase in phrases)


def _ends(phrase: str) -> Iterable[tuple[str, str]]:
    """A verb phrase without its object, once for every colour it may end in."""
    phrase = phrase.removesuffix(" {o}")
    if not phrase.endswith(" {c}"):
        return ((phrase, ""),)
    tables = words.COLOURS, words.HELD_OUT_SYNONYMS["colour"]
    names = ((name, value) for table in tables for value, row in table.items() for name in row)
    return ((phrase.replace("{c}", name), value) for name, value in names)


def _stage() -> Iterator[tuple[str, str, str, str]]:
    yield from (("overcast", "sky", "overcast", ""), ("sunny", "sky", "day", ""))
    tables = {
        "floor": (words.FLOORS, words.FLOOR_IS, words.FLOOR_TAGS),
        "sky": (words.SKIES, words.SKY_IS, words.SKY_TAGS),
        "light": (words.LIGHTS,),
        "fog": (words.FOGS, {"fog": ("foggy", "misty", "mist")}),
        "look": (words.LOOK_OF, words.LOOK_IN),
    }
    for kind, rows in tables.items():
        for table in (*rows, words.HELD_OUT_SYNONYMS.get(kind, {})):
            for value, phrases in table.items():
                yield from ((key(p).removesuffix(" of"), kind, value, "") for p in phrases)


@cache
def _lexicon() -> tuple[_Readings, int]:
    """Readings by phrase, and the length of the longest phrase; earlier rows never overwrite."""
    found: _Readings = {}
    for phrase, kind, value, extra in _phrases():
        found.setdefault(tuple(phrase.split()), {}).setdefault(kind, (value, extra))
    return found, max(map(len, found))


def split(text: str) -> list[str]:
    """The words and stops of a text of any script in lower case; a quoted sign keeps its own."""
    plain = unicodedata.normalize("NFC", text).translate(_QUOTES)
    return [w if w.startswith('"') else w.lower() for w in _WORD.findall(plain)]


def spoken(phrases: Iterable[str]) -> frozenset[str]:
    """The words of phrases without their slots."""
    bare = re.sub(r"\{\w+\}", " ", " ".join(phrases))
    return frozenset(word for word in split(bare) if word[0].isalnum())


def tokens(text: str) -> Iterator[Token]:
    """Phrases of a text from left to right; what nothing was made of is of kind "unknown".

    Adverbs of speed may stand inside a phrase ("slides slowly to the left") and come after it.
    """
    found, longest = _lexicon()
    rest = split(text)
    at = 0
    while at < len(rest):
        token, size = _match(rest, at, found, longest)
        inner = [w for w in rest[at : at + size] if _is_speed(w, found)] if size > 1 else []
        yield token
        for word in inner:
            yield Token(found[(word,)], word)
        at += size


def _is_speed(word: str, found: _Readings) -> bool:
    return "speed" in found.get((word,), {})


def _match(rest: list[str], at: int, found: _Readings, longest: int) -> tuple[Token, int]:
    first = rest[at]
    if first.startswith('"'):
        return Token({"sign": (first.strip('"'), "")}, first), 1
    span = rest[at : at + longest + 1]
    for size in range(len(span), 0, -1):
        phrase = tuple(span[:size])
        if phrase in found:
            return Token(found[phrase], " ".join(phrase)), size
        if size > 2 and not _is_speed(first, found):
            slim = tuple(w for w in phrase if not _is_speed(w, found))
            if len(slim) < size and slim in found and not _is_speed(phrase[-1], found):
                return Token(found[slim], " ".join(phrase)), size
    head, _, tail = first.rpartition("-")
    telling = head if tail in {"coloured", "colored"} else tail if head else ""
    if (telling,) in found:  # "tangerine-coloured", "lemon-yellow"
        return Token(found[telling,], first), 1
    kind = "filler" if first in FUNCTION_WORDS else "unknown"
    return Token({kind: (first, "")}, first), 1
