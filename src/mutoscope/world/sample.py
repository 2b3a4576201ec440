"""Scenes drawn at random, each a pure function of (seed, index).

Words come first; then places are tried until all things are in view, apart from each other and not
hidden for as long as a clip lasts. A word that wouldn't show is never drawn (a plain ball doesn't
spin). Pairs of words on a fixed hashed list, about one in ten, are held out of training.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np

from mutoscope.errors import DataError
from mutoscope.world.draw import core_words, wide_words
from mutoscope.world.place import arrange as arrange
from mutoscope.world.place import goes_well as goes_well
from mutoscope.world.scene import Scene

SPLITS = {"train": 0, "validation": 1, "test": 2}
"""Each split draws from its own streams of random numbers."""
NUMBERS = 2**32
"""Seeds and indices are below it: a generator's seed is words of 32 bits, and the second word of a
longer number would stand where the split does, so that training would draw what is held out."""
HELD_OUT = 0.1
"""Share of the pairs of words that training never sees."""
_SALT = "779"
"""Chosen so that no word of the core tier loses more than two partners."""
REDRAWS = 100
"""How many scenes are tried for what not every scene allows (ours)."""
_MOST = {"core": 2, "wide": 4}
_TRIES = {"core": 576, "wide": 192}
"""Places tried before other words are drawn."""
_TOGETHER = {"core": 2, "wide": 1}
_WIDE_COUNTS = (0.35, 0.4, 0.15, 0.1)


def sample(
    seed: int,
    index: int,
    *,
    tier: str = "core",
    objects: int | None = None,
    split: str = "train",
    unseen: bool = False,
) -> Scene:
    """The scene of a number: `objects` things (None: 1 or 2, wide: to 4).

    `seed` and `index` are below NUMBERS. Training never sees a held-out pair; `unseen` draws only
    scenes that have one.
    """
    numbered(seed, index)
    return _drawn(seed, index, tier=tier, objects=objects, split=split, unseen=unseen)


def _drawn(
    seed: int, index: int, *, tier: str, objects: int | None, split: str, unseen: bool = False
) -> Scene:
    """The same; of redraws, whose numbers are larger."""
    known(tier, split)
    if unseen and split == "train":
        raise DataError(
            "scenes with a held-out pair are never in train; use the split validation or test"
        )
    rng = np.random.default_rng(np.random.SeedSequence((seed, index, SPLITS[split])))
    count = _count(rng, tier) if objects is None else objects
    if not 1 <= count <= _MOST[tier]:
        raise DataError(f"a {tier} scene has 1 to {_MOST[tier]} objects (got {count})")
    while True:
        words = core_words(rng, count) if tier == "core" else wide_words(rng, count)
        if held_out(words) != unseen and (unseen or split == "train"):
            continue
        scene = arrange(words, rng, _TRIES[tier], _TOGETHER[tier])
        if scene is not None:
            return scene


def numbered(*numbers: int) -> None:
    """Refuse a seed or an index that another may stand for: it must be below NUMBERS."""
    for number in numbers:
        if not 0 <= number < NUMBERS:
            raise DataError(f"seeds and indices go from 0 to {NUMBERS - 1} (got {number})")


def known(tier: str, split: str) -> None:
    """Refuse a tier or a split that there isn't."""
    if tier not in _MOST:
        raise DataError(f"tier must be core or wide (got {tier!r})")
    if split not in SPLITS:
        raise DataError(f"split must be train, validation or test (got {split!r})")


def redraws(
    seed: int, index: int, *, tier: str = "core", objects: int | None = None, split: str = "train"
) -> Iterator[tuple[Scene, np.random.Generator]]:
    """The scene of a number, then up to 99 others in its place, each with a generator.

    For what not every scene allows (an edit, a story); a pure function of its arguments.
    """
    numbered(seed, index)
    for attempt in range(REDRAWS):
        # Beyond any index, so that no scene stands in for two numbers.
        drawn = _drawn(seed, index + (attempt << 40), tier=tier, objects=objects, split=split)
        entropy = (seed, index, SPLITS[split], attempt, REDRAWS)
        yield drawn, np.random.default_rng(np.random.SeedSequence(entropy))


def _count(rng: np.random.Generator, tier: str) -> int:
    if tier == "core":
        return int(rng.integers(1, 3))
    return 1 + int(rng.choice(len(_WIDE_COUNTS), p=_WIDE_COUNTS))


def pairs(scene: Scene) -> Iterator[tuple[str, str, str]]:
    """The pairs of words of a scene that can be held out, as (kind, word, word)."""
    for thing in scene.things:
        yield "colour shape", thing.colour, thing.shape
        yield "shape verb", thing.shape, thing.motion.verb
    yield "stage move", scene.stage.floor, scene.camera.move


def held_out(scene: Scene) -> bool:
    """Whether a scene has a pair of words that training never sees."""
    return any(_hidden(pair) for pair in pairs(scene))


def _hidden(pair: tuple[str, str, str]) -> bool:
    digest = hashlib.sha256("|".join((_SALT, *pair)).encode()).digest()
    # A still thing and a static camera are what all other words are compared with.
    return pair[2] not in ("still", "static") and digest[0] < HELD_OUT * 256
