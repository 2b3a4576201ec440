"""A scene in English: `plan` decides what is said, `tell` words it, `parse` reads it back."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import final

import numpy as np

from mutoscope.world import lexicon, patterns, words
from mutoscope.world.dice import Dice
from mutoscope.world.facts import Facts, ThingFacts
from mutoscope.world.plan import Detail, handle, plan
from mutoscope.world.scene import RELATIONAL, Scene
from mutoscope.world.wording import OWN, Wording
from mutoscope.world.words import inflect, plural, said


def caption(
    scene: Scene, rng: np.random.Generator, *, still: bool = False, detail: Detail = "any"
) -> str:
    """A sentence or more that is true of the scene and says only what shows.

    `still` captions suit any single frame: no motion, camera move or speed, nor an attribute that
    changes. `detail` "full" says all that shows, "short" little, "any" mixes.
    """
    dice = Dice(rng)
    return tell(plan(scene, dice, still=still, detail=detail), dice, still=still)


def tell(facts: Facts, dice: Dice, *, still: bool = False, wording: Wording = OWN) -> str:
    """Facts in English, such that `parse` gives the facts back where the wording is its `OWN`.

    Objects are told in their order. The object of a verb ("follows") must come right after its
    subject, or before it with a shape of its own.
    """
    text = _Teller(facts, dice, still=still, wording=wording).text()
    return _finished(text, proper=dice.chance(0.6))


def vocabulary() -> frozenset[str]:
    """Every word a caption can contain, in lower case (the letters of signs aside)."""
    return _vocabulary()


def unseen(text: str) -> tuple[str, ...]:
    """The words of a text that no caption contains, in order: no trained model has read them."""
    said_words = dict.fromkeys(w for w in lexicon.split(text) if w[0].isalnum())
    return tuple(word for word in said_words if word not in _vocabulary() and not word.isdigit())


@cache
def _vocabulary() -> frozenset[str]:
    tables = (
        words.MATERIALS_AFTER, words.FLOOR_IS, words.SKY_IS, words.FLOOR_TAGS, words.SKY_TAGS,
        words.LIGHTS, words.FOGS, words.MOVE_NOUNS, words.LOOK_OF, words.LOOK_IN, words.RELATIONS,
    )  # fmt: skip
    phrases = [said(phrase) for table in tables for row in table.values() for phrase in row]
    phrases += [*map(plural, words.THINGS), *words.THINGS, *words.NUMBERS[1:], *_GLUE]
    phrases += [*patterns.SENTENCES, *patterns.FILMS, *patterns.PICTURES, *lexicon.COUNT_PHRASES]
    return lexicon.spoken([*OWN.phrases(), *phrases])


_GLUE = ("a an another the it they is are both all and that there in total now also says",)


def article(phrase: str) -> str:
    """A noun phrase with "a" or "an"."""
    return ("an " if phrase[0] in "aeiou" else "a ") + phrase


def names(thing: ThingFacts, dice: Dice, wording: Wording = OWN) -> dict[str, str]:
    """A word for each attribute that is said of an object."""
    tables = {
        "shape": wording.shapes, "colour": wording.colours, "material": wording.materials,
        "size": wording.sizes,
    }  # fmt: skip
    return {n: dice.pick(t[v]) for n, t in tables.items() if (v := getattr(thing, n))}


def noun_phrase(
    thing: ThingFacts, chosen: Mapping[str, str], dice: Dice, *, many: bool = False
) -> str:
    """An object in the chosen words, without an article: "small red ball with dots"."""
    noun = chosen.get("shape") or dice.pick(words.THINGS)
    parts, after = [chosen[n] for n in ("size", "material", "colour") if n in chosen], ""
    worn = words.MATERIALS_AFTER.get(thing.material or "", ())
    if worn and dice.chance(0.3):
        parts.remove(chosen["material"])
        after = " " + said(dice.pick(worn))
    elif len(parts) == 3 and dice.chance(0.3):
        parts[1:] = parts[:0:-1]
    return " ".join([*parts, plural(noun) if many else noun]) + after


def _joined(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def _finished(text: str, *, proper: bool) -> str:
    text = " ".join(text.split()).replace(" ,", ",").replace(" .", ".").replace(" ;", ";")
    text = text.replace(" :", ":").strip(" ,")
    if not proper:
        return text
    text = ". ".join(part[:1].upper() + part[1:] for part in text.split(". "))
    return text if text.endswith(("?", "!")) else text + "."


@final
class _Teller:
    """One telling: the words chosen for each object, so that it keeps its name."""

    def __init__(self, facts: Facts, dice: Dice, *, still: bool, wording: Wording) -> None:
        self.wording = wording
        self.facts = facts
        self.dice = dice
        self.still = still
        self.looked = self.related = self.whole = False
        self.names = [names(thing, dice, wording) for thing in facts.things]
        self.units = self._units()

    def _units(self) -> list[list[int]]:
        """Objects told as one ("two red balls"); those inside another's verb are left out."""
        things = self.facts.things
        inside = {i + 1 for i, thing in enumerate(things) if thing.other == i + 1}
        pointed = {thing.other for thing in things} | {
            i for r in self.facts.relations for i in r[::2]
        }
        units: list[list[int]] = []
        for i, thing in enumerate(things):
            if i in inside:
                continue
            twin = bool(units) and units[-1][-1] == i - 1 and things[i - 1] == thing
            if twin and thing.other is None and not pointed & {i, i - 1}:
                units[-1].append(i)
            else:
                units.append([i])
        return units

    def text(self) -> str:
        facts, dice = self.facts, self.dice
        tagged = dice.chance(0.05) and not facts.relations and facts.things
        core = self._tags() if tagged else self._core()
        if facts.look is not None and not self.looked:
            phrase = said(dice.pick(words.LOOK_IN[facts.look]))
            core = f"{phrase}, {core}" if self.whole and dice.chance(0.2) else f"{core}, {phrase}"
        if facts.fog:
            core = f"{core} {said(dice.pick(words.FOGS['fog']))}"
        if facts.light is not None:
            core = f"{core}, {said(dice.pick(words.LIGHTS[facts.light]))}"
        if facts.sign is not None:
            core = dice.pick(patterns.SIGNS).format(core=core, sign=facts.sign)
        core = self._after(core)
        return core if facts.move is None else self._shot(core)

    def _after(self, core: str) -> str:
        """What stands in sentences of its own: a relation, a count."""
        for i, relation, j in () if self.related else self.facts.relations:
            phrase = said(self.dice.pick(words.RELATIONS[relation]))
            core = f"{core}. {self._the(i)} is {phrase} {self._the(j)}"
        if self.facts.count is not None:
            phrase = self.dice.pick(lexicon.COUNT_PHRASES[:2])
            noun = self.dice.pick(words.THINGS)
            count = self.facts.count
            verb, noun = ("is", noun) if count == 1 else ("are", plural(noun))
            core = f"{core}. there {verb} {phrase.format(n=words.NUMBERS[count], t=noun)}"
        return core

    def _shot(self, core: str) -> str:
        move, dice = str(self.facts.move), self.dice
        watched = self.wording.watched.get(move, ())
        if watched and self.facts.pace is None and dice.chance(0.5):
            return dice.pick(patterns.WATCHED).format(core=core, said=dice.pick(watched))
        shots = patterns.SHOTS + (patterns.OPENING_SHOTS * 2 if self.whole else ())
        if ". " in core:
            shots = patterns.SHOTS_APART
        pattern = dice.pick([s for s in shots if "ing}" not in s] if move == "static" else shots)
        phrase, pace = dice.pick(self.wording.moves[move]), self.facts.pace
        shot = dice.pick(words.MOVE_NOUNS[move])
        return pattern.format(
            core=core,
            moves=self._paced(inflect(phrase, "s"), pace),
            moving=self._paced(inflect(phrase, "ing"), pace),
            shot=shot if pace is None else f"{shot} {dice.pick(self.wording.speeds[pace])}",
            **{"is": "is"},
        )

    def _paced(self, phrase: str, speed: str | None) -> str:
        if speed is None:
            return phrase
        adverb = self.dice.pick(self.wording.speeds[speed])
        early = adverb.endswith("ly") and self.dice.chance(0.5)
        return f"{adverb} {phrase}" if early else f"{phrase} {adverb}"

    def _object(self, unit: list[int]) -> str:
        """A noun phrase for one object, or for several twins, with its article or number."""
        thing = self.facts.things[unit[0]]
        bare = noun_phrase(thing, self.names[unit[0]], self.dice, many=len(unit) > 1)
        if len(unit) > 1:
            return f"{words.NUMBERS[len(unit)]} {bare}"
        return f"another {bare}" if self._again(unit[0]) else article(bare)

    def _again(self, index: int) -> bool:
        """Whether an object with this shape and colour was named before."""
        thing = self.facts.things[index]
        looks = [(t.shape, t.colour, t.size, t.material) for t in self.facts.things[:index]]
        return (thing.shape, thing.colour, thing.size, thing.material) in looks

    def _the(self, index: int) -> str:
        """An earlier object: "the ball", "the red ball"."""
        names = handle(self.facts.things, index) or ("shape",)
        return "the " + " ".join(self.names[index][name] for name in names)

    def _verbs(self, unit: list[int]) -> tuple[str, str, str]:
        """The verb phrase of an object as (does, do, doing), in agreement with its number."""
        thing = self.facts.things[unit[0]]
        if thing.verb is None:
            return "", "", ""
        phrase = self.dice.pick(self.wording.verbs[thing.verb])
        third, base, gerund = (inflect(phrase, form) for form in ("s", "base", "ing"))
        forms = [base if len(unit) > 1 else third, base, gerund]
        if thing.becomes is not None:
            colour = self.dice.pick(self.wording.colours[thing.becomes])
            forms = [form.replace("{c}", colour) for form in forms]
        ends = False
        if thing.verb in RELATIONAL:
            target, ends = self._target(unit[0], thing)
            forms = [form.replace("{o}", target) for form in forms]
        seed = self.dice.roll()
        if thing.speed is not None:
            forms = [self._placed(form, thing.speed, seed, before=ends) for form in forms]
        return forms[0], forms[1], forms[2]

    def _placed(self, phrase: str, speed: str, seed: float, *, before: bool) -> str:
        adverbs = self.wording.speeds[speed]
        adverb = adverbs[int(seed * len(adverbs))]
        early = before or (adverb.endswith("ly") and (seed * 7) % 1 < 0.5)
        return f"{adverb if not before else adverbs[0]} {phrase}" if early else f"{phrase} {adverb}"

    def _target(self, index: int, thing: ThingFacts) -> tuple[str, bool]:
        """The object of a verb, and whether it carries a clause of its own."""
        other = thing.other if thing.other is not None else 0
        if other > index:
            clause = self._verbs([other])[0]
            return self._object([other]) + (f" that {clause}" if clause else ""), True
        near = other == index - 1 and [other] in self.units
        return ("it" if near and self.dice.chance(0.5) else self._the(other)), False

    def _on(self) -> str:
        """Where the scene plays, or nothing."""
        floor, sky = self.facts.floor, self.facts.sky
        parts = [said(self.dice.pick(self.wording.floors[floor]))] if floor else []
        parts += [said(self.dice.pick(self.wording.skies[sky]))] if sky else []
        if len(parts) == 2 and self.dice.chance(0.2):
            parts.reverse()
        return " ".join(parts)

    def _place(self) -> tuple[str, str]:
        """Where the scene plays: in the sentence, and as a sentence of its own."""
        floor, sky = self.facts.floor, self.facts.sky
        if (floor or sky) and self.dice.chance(0.12):
            parts = [self.dice.pick(words.FLOOR_IS[floor])] if floor else []
            parts += [self.dice.pick(words.SKY_IS[sky])] if sky else []
            return "", ". " + said(" and ".join(parts))
        return self._on(), ""

    def _core(self) -> str:
        on, after = self._place() if self.units else (self._on(), "")
        if not self.units:
            return self.dice.pick(patterns.NOTHING).format(on=on)
        pattern = self._pattern(with_place=bool(on))
        if pattern is None:
            return self._clauses(on) + after
        return pattern.format_map(self._slots(pattern, on)) + after

    def _pattern(self, *, with_place: bool) -> str | None:
        """A sentence shape that fits; None when only a row of clauses does."""
        things = [self.facts.things[unit[0]] for unit in self.units]
        doing = [thing.verb is not None for thing in things]
        shapes = self._alone(doing) or self._shapes(things, doing)
        fits = shapes if with_place else [s for s in shapes if not s.startswith("{on}")]
        if not fits:
            return None
        pattern = self.dice.pick(fits)
        self.whole = pattern.startswith(("{a} {does", "{list} ")) and all(doing)
        return pattern

    def _alone(self, doing: list[bool]) -> tuple[str, ...]:
        """The wording's own shapes, half of the time, where everything said of has no twin."""
        twins = any(len(unit) > 1 for unit in self.units)
        if twins or self.facts.relations or len(set(doing)) > 1 or len(doing) > 2:
            return ()
        told = self.wording
        one, two = (told.lone_does, told.lone_two) if doing[0] else (told.lone_bare, told.lone_pair)
        shapes = one if len(doing) == 1 else two
        return shapes if shapes and self.dice.chance(0.5) else ()

    def _shapes(self, things: list[ThingFacts], doing: list[bool]) -> tuple[str, ...]:
        count = len(things)
        if count == 1:
            return patterns.ONE_DOES if doing[0] else patterns.ONE_BARE
        if not any(doing):
            plain = count == 2 and self.facts.relations
            if plain and self.facts.relations[0][::2] == (0, 1) and self.dice.chance(0.8):
                return patterns.RELATED
            return patterns.LIST_BARE
        same = len({(t.verb, t.speed, t.becomes) for t in things}) == 1
        if same and things[0].verb not in RELATIONAL and self.dice.chance(0.7):
            return patterns.TOGETHER
        if count > 2 or not all(doing):
            return ()
        pointed = all(len(u) == 1 and handle(self.facts.things, u[0]) for u in self.units)
        if pointed and all(t.other is None for t in things) and self.dice.chance(0.2):
            return patterns.TWO_POINTED
        return patterns.TWO_DO

    def _slots(self, pattern: str, on: str) -> dict[str, str]:
        slots = {"on": on, "film": self._film() if "{film}" in pattern else ""}
        for letter, unit in zip("ab", self.units, strict=False):
            slots[letter] = self._object(unit)
            verbs = self._verbs(unit)
            for name, verb in zip(("does", "do", "doing"), verbs, strict=True):
                slots[f"{name}_{letter}"] = verb
            slots[f"is_{letter}"] = "is" if len(unit) == 1 else "are"
            if "{the_" in pattern:
                slots[f"the_{letter}"] = self._the(unit[0])
        slots["it"] = "it" if len(self.units[0]) == 1 else "they"
        slots["all"] = "both" if len(self.facts.things) == 2 else "all"
        if "{list}" in pattern:
            slots["list"] = _joined([self._object(unit) for unit in self.units])
        if "{rel}" in pattern:
            self.related = True
            slots["rel"] = said(self.dice.pick(words.RELATIONS[self.facts.relations[0][1]]))
        return slots

    def _film(self) -> str:
        if self.facts.look is not None and self.dice.chance(0.8):
            self.looked = True
            return said(self.dice.pick(words.LOOK_OF[self.facts.look]))
        return self.dice.pick(patterns.PICTURES if self.still else patterns.FILMS)

    def _clauses(self, on: str) -> str:
        """A row of clauses, one an object; a clause without a verb ends its sentence."""
        gerund = all(self.facts.things[u[0]].verb for u in self.units) and self.dice.chance(0.4)
        text = f"{self._film()} " if gerund and self.dice.chance(0.5) else ""
        for k, unit in enumerate(self.units):
            does, _, doing = self._verbs(unit)
            verb = doing if gerund else does
            lead = "" if verb else f"there {'is' if len(unit) == 1 else 'are'} "
            last = k == len(self.units) - 1
            comma = " and " if k == len(self.units) - 2 else ", "
            text += f"{lead}{self._object(unit)} {verb}"
            text += "" if last else (comma if verb else ". ")
        return f"{text} {on}"

    def _tags(self) -> str:
        """Keywords, the way people also write prompts."""
        parts = []
        for unit in self.units:
            noun = self._object(unit)
            bare = noun if len(unit) > 1 else noun.partition(" ")[2]
            parts.append(f"{bare} {self._verbs(unit)[2]}")
        for value, table in (
            (self.facts.floor, words.FLOOR_TAGS),
            (self.facts.sky, words.SKY_TAGS),
        ):
            parts += [self.dice.pick(table[value])] if value else []
        return ", ".join(part.strip() for part in parts)
