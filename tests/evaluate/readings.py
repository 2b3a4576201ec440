"""Readings and measurements written by hand."""

from collections.abc import Mapping, Sequence

from mutoscope.encoders import Bytes
from mutoscope.evaluate.matching import Ear
from mutoscope.evaluate.measure import Measured
from mutoscope.evaluate.reading import Reading
from mutoscope.networks.alignment import Aligner
from mutoscope.networks.readers import CLIP_WORDS, HEADS, THING_WORDS, ClipReader
from tests.tiny import awake

PICTURE = "data:image/webp;base64,AAAA"


def small_reader() -> ClipReader:
    """One that knows nothing, and was taught the core tier as far as its bars tell."""
    small = ClipReader(width=16, deep=16, mind=16, key=4, depth=1, layers=1, heads=2)
    for name in ("colour", "shape", "verb", "floor", "sky", "move", "count"):
        small.bars[HEADS.index(name)] = 0.5
    return small


def deaf() -> Ear:
    """What hears prompts and sees clips, and has learned nothing of either."""
    small = Aligner(width=16, deep=16, mind=16, depth=1, slots=2, layers=1, heads=2, text=8)
    return Ear(awake(small).eval().requires_grad_(False), Bytes())


def measured(
    things: Sequence[Mapping[str, str]] = (),
    words: Mapping[str, str] | None = None,
    *,
    size: tuple[int, int] = (64, 64),
    unread: str | None = None,
    places: Sequence[Sequence[float]] = (),
    **numbers: float,
) -> Measured:
    """A clip in which this was read; a word that isn't given is "can't tell"."""
    plain = {name.replace("_", " "): value for name, value in numbers.items()}
    return Measured(
        frames=8, fps=8.0, size=size, numbers=plain, beside={"frozen": dict.fromkeys(plain, 0.0)},
        drift={}, things=[_answers(thing, THING_WORDS) for thing in things],
        words=_answers(words or {}, CLIP_WORDS), unread=unread, moving=True, preview=PICTURE,
        places=places,
    )  # fmt: skip


def reading(things: Sequence[Mapping[str, str]], words: Mapping[str, str]) -> Reading:
    return measured(things, words).reading()


def _answers(said: Mapping[str, str], names: Mapping[str, object]) -> dict[str, list[object]]:
    return {name: [said.get(name), said.get(name, "?"), 0.9] for name in names}
