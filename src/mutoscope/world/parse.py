"""What a text says about a scene: the inverse of `caption`, and as much as it can of free English.

The reader walks over the phrases of `lexicon` keeping the subject (an object, several, or the
camera), the adjectives waiting for their noun, and what was mentioned last.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mutoscope.world.facts import Facts, ThingFacts
from mutoscope.world.lexicon import Token, tokens
from mutoscope.world.scene import RELATIONAL


def parse(text: str) -> Facts:
    """What the text says, objects in order of mention, and the words nothing was made of."""
    reader = _Reader()
    for token in tokens(text):
        reader.read(token)
    return reader.facts()


class _Reader:
    """The state of one reading."""

    def __init__(self) -> None:
        self.things: list[dict[str, Any]] = []
        self.scene: dict[str, Any] = {}
        self.relations: list[tuple[int, str, int]] = []
        self.unknown: list[str] = []
        self.adjectives: dict[str, str] = {}
        self.det: str | None = None
        self.group: list[tuple[int, ...]] = []  # coordinated subjects: "a ball and a cube"
        self.subject: tuple[int, ...] = ()
        self.last: tuple[int, ...] = ()  # what was mentioned last
        self.filming = False  # the camera is the subject
        self.joined = self.joint = False  # after "and"; the verb is for the whole group
        self.relation: tuple[tuple[int, ...], str] | None = None
        self.link: int | None = None  # the object whose verb waits for its own object
        self.acting: tuple[int, ...] = ()  # whose verb was read last in this clause
        self.early: list[tuple[str, str]] = []  # words before their noun or verb

    def read(self, token: Token) -> None:
        kinds = token.readings
        kind = "move" if "move" in kinds and (self.filming or "verb" not in kinds) else ""
        kind = kind or ("verb" if "verb" in kinds else next(iter(kinds)))
        value, extra = kinds[kind]
        handler: Callable[[str, str], None] | None = getattr(self, f"_{kind}", None)
        if handler is not None:
            handler(value, extra)
        elif kind in {"colour", "material", "size"}:
            self.adjectives.setdefault(kind, value)
        elif kind in {"floor", "sky", "light", "look", "sign"}:
            self._settle()
            self.scene.setdefault(kind, value)

    def facts(self) -> Facts:
        self._settle()
        self._late_speed()
        things = tuple(ThingFacts(**{"other": None, **thing}) for thing in self.things)
        relations, unknown = tuple(self.relations), tuple(dict.fromkeys(self.unknown))
        return Facts(things=things, relations=relations, unknown=unknown, **self.scene)

    def _settle(self) -> None:
        """End a noun phrase: adjectives that met no noun describe what was mentioned last."""
        for index in () if self.det else self.last:
            for kind, value in self.adjectives.items():
                self.things[index].setdefault(kind, value)
        self.adjectives, self.det, self.relation = {}, None, None

    def _unknown(self, value: str, extra: str) -> None:
        self.unknown.append(value)

    def _filler(self, value: str, extra: str) -> None:
        if value in {"is", "does"}:
            self.joined = False

    def _det(self, value: str, extra: str) -> None:
        if self.det is None or value == "the":
            kept = self.relation
            if self.adjectives:
                self._settle()
            self.det, self.relation = value, kept

    def _number(self, value: str, extra: str) -> None:
        self.det = value

    def _one(self, value: str, extra: str) -> None:
        if self.det or self.adjectives:
            self._noun("", "")
        else:
            self.det = value

    def _ground(self, value: str, extra: str) -> None:
        self.adjectives, self.det, self.relation = {}, None, None

    def _count(self, value: str, extra: str) -> None:
        self._settle()
        self.scene.setdefault("count", int(value))

    def _fog(self, value: str, extra: str) -> None:
        self._settle()
        self.scene.setdefault("fog", True)

    def _noun(self, value: str, extra: str) -> None:
        said = {**self.adjectives, **({"shape": value} if value else {})}
        known = self._known(said) if self.det == "the" else None
        if known is None:
            number = int(self.det) if self.det and self.det.isdigit() else 1
            start = len(self.things)
            self.things += [dict(said) for _ in range(number)]
            unit = tuple(range(start, start + number))
        else:
            unit = (known,)
        self.adjectives, self.det, self.filming = {}, None, False
        self._mention(unit)

    def _known(self, said: dict[str, str]) -> int | None:
        """An earlier object that "the ..." points back to: everything said is known of it."""
        fits = [i for i, thing in enumerate(self.things) if said.items() <= thing.items()]
        return fits[-1] if fits else None

    def _mention(self, unit: tuple[int, ...]) -> None:
        """Give an object its part: of a verb, of a relation, or of the next subject."""
        if self.link is not None:
            self.things[self.link]["other"], self.link = unit[0], None
        elif self.relation is not None and self.relation[0]:
            self.relations.append((self.relation[0][0], self.relation[1], unit[0]))
            self.relation = None
        else:
            if not self.joined or not self.group or self._busy(self.group[-1]):
                self.group, self.joint = [], False
            self.group.append(unit)
            self.subject, self.acting = unit, ()
            for verb, extra in [e for e in self.early if ":" in e[1]]:
                self._verb(verb, "ing:" + extra.partition(":")[2])
            self.early = [e for e in self.early if ":" not in e[1]]
        self.last, self.joined = unit, False

    def _busy(self, unit: tuple[int, ...]) -> bool:
        return any("verb" in self.things[index] for index in unit)

    def _relation(self, value: str, extra: str) -> None:
        self._settle()
        self.relation = (self.subject if not self.filming else (), value)

    def _verb(self, value: str, extra: str) -> None:
        form, _, colour = extra.partition(":")
        if form == "ing" and (self.det is not None or not self.things):
            self.early.append((value, extra))
            return
        self._settle()
        whole = form == "base" or self.joint
        units = self.group if whole and self.group else [self.subject]
        targets = tuple(i for unit in units for i in unit if "verb" not in self.things[i])
        self.acting = targets
        for index in targets:
            self.things[index]["verb"] = value
            if colour:
                self.things[index]["becomes"] = colour
        self.link = targets[0] if targets and value in RELATIONAL else None
        self._early_speed()

    def _early_speed(self) -> None:
        for speed, extra in self.early:
            if not extra:
                for index in self.acting:
                    self.things[index].setdefault("speed", speed)
        self.early = [e for e in self.early if e[1]]

    def _late_speed(self) -> None:
        self.acting = self.acting or self.subject
        self._early_speed()

    def _speed(self, value: str, extra: str) -> None:
        if self.filming:
            self.scene.setdefault("pace", value)
            return
        if self.acting and all("speed" not in self.things[i] for i in self.acting):
            for index in self.acting:
                self.things[index]["speed"] = value
        else:
            self.early.append((value, ""))

    def _camera(self, value: str, extra: str) -> None:
        self._settle()
        self.filming = True

    def _move(self, value: str, extra: str) -> None:
        self._settle()
        self.filming = True
        self.scene.setdefault("move", value)
        speeds = [e for e in self.early if not e[1]]
        if speeds:
            self.scene.setdefault("pace", speeds[0][0])
            self.early.remove(speeds[0])

    def _pronoun(self, value: str, extra: str) -> None:
        self._settle()
        self.filming = False
        if self.link is not None:
            others = [i for i in reversed(range(len(self.things))) if i != self.link]
            self.things[self.link]["other"] = others[0] if others else None
            self.link = None
        elif value == "they":
            self.subject = tuple(range(len(self.things)))
            self.group, self.joint = [self.subject], True

    def _which(self, value: str, extra: str) -> None:
        self._settle()
        if self.last and not self.filming:
            self.subject = self.last
            self.group, self.acting, self.joint = [self.last], (), False

    def _all(self, value: str, extra: str) -> None:
        self._settle()
        self.joint = True

    def _join(self, value: str, extra: str) -> None:
        self._settle()
        self.joined, self.acting = value != "with", ()
        self.link = None

    def _stop(self, value: str, extra: str) -> None:
        self._settle()
        self.group, self.acting, self.joined, self.joint = [], (), False, False
        self.link = None
        if value in {".", ";", "!", "?"}:
            self.filming = False
