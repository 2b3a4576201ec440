"""Prompt extension: what a short prompt leaves open, said after it in the words of captions.

    a red ball  ->  a red ball on the sand at sunset. it bounces. the camera stays still

A prompt stays as it is and comes first. After it come a stage of the core tier where it names no
place, an action where it says nothing of what its things do, and that the camera rests where it
says nothing of the camera: phrases of `words` in the shapes of `patterns`, chosen by the prompt's
own words, so that a prompt is always extended alike. An addition stands only if `parse` finds in
the whole what it found before, and the addition. A prompt that names neither a thing nor a place
isn't extended, nor one with a word that no caption has: it may say what would be added.

Departs: how the Discord of VideoCrafter1 (Chen et al., 2023) extends prompts was never published.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from mutoscope.world import lexicon, words
from mutoscope.world.dice import Dice
from mutoscope.world.draw import SIZING
from mutoscope.world.facts import Facts
from mutoscope.world.parse import parse
from mutoscope.world.scene import CORE_STAGES, CORE_VERBS
from mutoscope.world.words import inflect, said

ACTIONS = tuple(verb for verb in CORE_VERBS if verb not in ("still", "spins", *SIZING))
"""What things may be said to do: what shows of every shape, whatever the camera does."""
LONGEST = 64
"""Words and stops of an extended prompt: text encoders bound what they read."""

Addition = tuple[str, Facts]
"""A prompt with something said after it, and what it is then to say."""


def extended(prompt: str, *, place: bool = True, still: bool = False) -> str:
    """The prompt and what it leaves open; the same prompt where nothing is to be added.

    Without `place` nothing is said of the stage, as beside a picture that shows one; `still` is of
    a single frame: nothing is said of what takes time.
    """
    facts = parse(prompt)
    if facts.unknown or not (facts.things or facts.floor or facts.sky):
        return prompt
    key = hashlib.sha256(" ".join(lexicon.split(prompt)).encode()).digest()
    dice = Dice(np.random.default_rng(np.frombuffer(key, np.uint32)))
    kinds = [_placed] * place + [_acting, _filmed] * (not still)
    text = prompt
    for kind in kinds:
        for longer, meant in kind(text, facts, dice):
            if len(lexicon.split(longer)) <= LONGEST and parse(longer) == meant:
                text, facts = longer, meant
                break
    return text


def _placed(text: str, facts: Facts, dice: Dice) -> Iterator[Addition]:
    """A stage: in the sentence where there is but one, else as a sentence of its own."""
    stages = [
        (floor, sky) for floor, sky in CORE_STAGES.values()
        if facts.floor in (None, floor) and facts.sky in (None, sky)
    ]  # fmt: skip
    if (facts.floor and facts.sky) or not stages:
        return
    floor, sky = dice.pick(stages)
    meant = replace(facts, floor=floor, sky=sky)
    floors, skies = ([] if facts.floor else [floor]), ([] if facts.sky else [sky])
    core, plain = _bare(text)
    if plain and facts.move is None:
        rows = [words.FLOORS[one] for one in floors] + [words.SKIES[one] for one in skies]
        yield _ended(" ".join([core, *(said(dice.pick(row)) for row in rows)]), text), meant
    rows = [words.FLOOR_IS[one] for one in floors]
    rows += [words.SKY_IS[one] for one in skies]
    yield _after(text, " and ".join(said(dice.pick(row)) for row in rows)), meant


def _acting(text: str, facts: Facts, dice: Dice) -> Iterator[Addition]:
    """An action of all things together, where none of them has one."""
    count = len(facts.things)
    if not count or any(thing.verb for thing in facts.things):
        return
    verb = dice.pick(ACTIONS)
    for phrase in dice.shuffled(words.VERB_PHRASES[verb]):
        things = tuple(replace(thing, verb=verb) for thing in facts.things)
        they = "they both" if count == 2 else "they all"
        clause = f"it {inflect(phrase, 's')}" if count == 1 else f"{they} {phrase}"
        yield _after(text, clause), replace(facts, things=things)


def _filmed(text: str, facts: Facts, dice: Dice) -> Iterator[Addition]:
    """A camera that rests."""
    if facts.move is None:
        phrases = dice.shuffled(words.MOVE_PHRASES["static"])
        meant = replace(facts, move="static")
        yield from ((_after(text, f"the camera {inflect(p, 's')}"), meant) for p in phrases)


def _bare(text: str) -> tuple[str, bool]:
    """A prompt without its last stop, and whether it is one sentence that something may follow."""
    core = text.strip().rstrip(".,;: ")
    return core, core[-1:] not in ("!", "?") and not set(".;:!?") & set(lexicon.split(core))


def _after(text: str, clause: str) -> str:
    """A prompt and a sentence after it, written as the prompt is."""
    core, _ = _bare(text)
    clause = clause[:1].upper() + clause[1:] if _proper(text) else clause
    return _ended(core + (" " if core.endswith(("!", "?")) else ". ") + clause, text)


def _ended(text: str, like: str) -> str:
    return f"{text}." if _proper(like) else text


def _proper(text: str) -> bool:
    """Whether a prompt is written with capitals, and so ends in a stop."""
    return text.strip()[:1].isupper()
