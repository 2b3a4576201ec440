"""Cheap choices for text: one draw of many uniforms instead of one call a choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar, final

import numpy as np

T = TypeVar("T")
_DRAW: Final = 96


@final
class Dice:
    """Choices that are a pure function of the generator's state."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._left: list[float] = []

    def roll(self) -> float:
        """A uniform number in [0, 1)."""
        if not self._left:
            self._left = self._rng.random(_DRAW).tolist()
        return self._left.pop()

    def chance(self, probability: float) -> bool:
        """True with the given probability."""
        return self.roll() < probability

    def gates(self, odds: Mapping[str, float]) -> dict[str, bool]:
        """True or False for each name, at once."""
        rolls = self._rng.random(len(odds)).tolist()
        return {name: roll < odds[name] for name, roll in zip(odds, rolls, strict=True)}

    def pick(self, options: Sequence[T]) -> T:
        """One of the options, all equally likely."""
        return options[int(self.roll() * len(options))]

    def shuffled(self, options: Sequence[T]) -> list[T]:
        """The options in a random order."""
        order = sorted((self.roll(), index) for index in range(len(options)))
        return [options[index] for _, index in order]
