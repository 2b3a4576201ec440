"""VideoCrafter1 works when it hears frames per second, and when words and picture both count.

Doors: new ones change nothing. Rate: at 4, 8, 16 and 24 frames a second of the same words and seed,
pixels a frame fall (Spearman's rank correlation, -.9). Both: beside a picture of a held-out scene
with one thing the words say only what it does; colour and shape are the picture's (85 %), motion
the words' (80 %). With strength 0 colour and shape are chance, without words motion is. Extension:
what a short prompt says is seen as well once it is extended.

Path: whoever knows the noise gets the clean clip back at each of its timesteps, shrunk or not.

"Chance" are the same clips against other scenes, "truth" real renders. Speed is the mean length of
the flow over what moves in any pair of frames: what has landed, or left, says nothing of it. Of
rates the base knows 24 at most, not 32.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from scipy.stats import rankdata
from torch import Tensor

from mutoscope import media
from mutoscope.checks import Check, Obeyed, Subject
from mutoscope.clip import Clip, Frames
from mutoscope.core import grids
from mutoscope.core.condition import Condition
from mutoscope.core.prediction import Noise
from mutoscope.core.samplers import ddim
from mutoscope.core.schedule import Betas, Schedule, Shrunk
from mutoscope.errors import DataError
from mutoscope.evaluate import report
from mutoscope.evaluate.conditions import followed
from mutoscope.evaluate.faithfulness import Mark, Said, disordered, marks, renders
from mutoscope.evaluate.folder import LeftOut
from mutoscope.evaluate.paired import Difference, difference
from mutoscope.evaluate.reading import Reading, read
from mutoscope.networks.readers import ClipReader
from mutoscope.recipes.videocrafter1 import DELTA, SHRUNK
from mutoscope.request import ConditionRequest
from mutoscope.systems import shipped, steered
from mutoscope.systems.system import Asked
from mutoscope.world.caption import caption, tell
from mutoscope.world.dice import Dice
from mutoscope.world.facts import Facts, ThingFacts
from mutoscope.world.parse import parse
from mutoscope.world.sample import sample
from mutoscope.world.scene import Scene

SEED, FRAMES, STEPS, FPS = 29, 16, 10, 8.0
RATES = (4.0, 8.0, 16.0, 24.0)
GOING = ("slides left", "slides right", "rises", "drops", "comes closer", "moves away")
"""What a thing does of which words tell and a picture doesn't."""
LOOKS, MOTION = ("colour", "shape"), ("verb",)
MOVES = 0.25
"""Pixels of 64 a frame from which on something moves (ours)."""
FALLS, LOOK, MOVE, POINTS = 0.9, 0.85, 0.8, 0.1
"""Thresholds; the last, how far from chance still is chance, is ours."""
RATE, PICTURE, WORDS = (
    "rate: pixels a frame fall", "both: colour and shape of the picture",
    "both: motion of the words",
)  # fmt: skip
OBEYED = (
    Obeyed(condition="fps: pixels a frame fall, rank correlation", row=RATE, shuffled=None,
           without=None),
    Obeyed(condition="picture: its colour and shape", row=PICTURE, unit="%", shuffled="chance",
           without="strength 0"),
    Obeyed(condition="words: their motion", row=WORDS, unit="%", shuffled="chance",
           without="without words"),
)  # fmt: skip
EXACT, LOST, ROUND = 1e-5, 0.05, 1e-4
FEW = 8
"""One scene in so many is asked of the twin that has learned nothing."""
TABLE = 1000
"""Timesteps of the published path."""

Row = Float[np.ndarray, " n"]


@dataclass(frozen=True, kw_only=True)
class Case:
    """A held-out scene: what its picture shows, and words that say only what its things do."""

    scene: Scene
    prompt: str
    picture: Path

    def asked(self, strength: float = 1.0) -> Asked:
        """What is asked besides the words: the picture, at a strength."""
        one = ConditionRequest(kind="image", source=str(self.picture), strength=strength)
        return {"frames": FRAMES, "steps": STEPS, "fps": FPS, "conditions": [one]}


@dataclass(frozen=True, kw_only=True)
class Seen:
    """Clips of cases, read once."""

    clips: Frames
    cases: Sequence[Case]
    reader: ClipReader

    def rights(self, titles: Collection[str], *, shuffled: bool = False) -> tuple[Row, Row]:
        """Of each clip how many words of these titles are its scene's, and how many are asked."""
        said = [case.scene for case in self.cases]
        return counted(self._marks(disordered(said, SEED) if shuffled else said), titles)

    def share(self, titles: Collection[str], *, shuffled: bool = False) -> float:
        """The share of such words."""
        right, asked = self.rights(titles, shuffled=shuffled)
        return float(right.sum() / asked.sum())

    @cached_property
    def _readings(self) -> list[Reading]:
        return read(self.reader, self.clips, FPS)

    def _marks(self, said: Sequence[Said]) -> list[list[Mark]]:
        return by_clip(marks(self._readings, said, self.reader), len(said))


def run(of: Subject) -> Iterator[Check]:
    """The rows; every prompt is asked for at each rate."""
    if of.folder is None:
        raise DataError("pictures are given as files; name a folder for them")
    yield _doors()
    yield _slower(of, drawn(of.count))
    yield from _both(of, cases(of.folder, drawn(of.count), of.side))
    yield _extended(of)
    yield shrunk(SHRUNK)


def unchecked() -> list[LeftOut]:
    """Those that need trainings of their own, or what isn't here."""
    return [
        LeftOut(
            "inflation over time", "is of a base before training; see tests/nn/test_inflate.py"
        ),
        LeftOut("rate: 32", "the base has heard 24 frames a second at most"),
        LeftOut("full tokens over one", "needs a twin; see benchmarks/mechanism_videocrafter1.py"),
        LeftOut("full tokens: fine texture", "things of the world's core tier are plain"),
        LeftOut("joint training", "pictures are frames of the clips: none shows what no clip does"),
    ]


def drawn(count: int, objects: int = 1) -> list[Scene]:
    """The first held-out scenes whose things go somewhere before a camera that stands."""
    found: list[Scene] = []
    index = 0
    while len(found) < count:
        scene = sample(SEED, index, objects=objects, split="test")
        index += 1
        if scene.camera.move == "static" and all(t.motion.verb in GOING for t in scene.things):
            found.append(scene)
    return found


def cases(folder: Path, scenes: Sequence[Scene], side: int) -> list[Case]:
    """Their first frames as files, and words for what their things do."""
    folder.mkdir(parents=True, exist_ok=True)
    return [_case(folder, k, scene, side) for k, scene in enumerate(scenes)]


def _case(folder: Path, k: int, scene: Scene, side: int) -> Case:
    path = folder / f"picture-{SEED}-{len(scene.things)}-{side}-{k:03d}.png"
    if not path.exists():
        first = renders([scene], frames=1, size=(side, side), fps=FPS)
        media.write(Clip(frames=first, fps=FPS), path)
    things = tuple(ThingFacts(verb=thing.motion.verb) for thing in scene.things)
    prompt = tell(Facts(things=things), Dice(np.random.default_rng((SEED, k))))
    return Case(scene=scene, prompt=prompt, picture=path)


def _doors() -> Check:
    """The largest difference that doors make before they have learned; negative."""
    (grown, sizes), base = steered.opened(DELTA), shipped.opened(DELTA.base, None, torch.float32)
    rng = torch.Generator().manual_seed(SEED)
    side = sizes.side // base.autoencoder.stride[1]
    x = torch.randn(1, base.autoencoder.channels, 4, side, side, generator=rng)
    text = torch.randn(1, 8, base.text.width, generator=rng)
    tokens = torch.randn(1, 64, DELTA.layout["image"], generator=rng)
    t, fps = torch.full((1,), 0.7), {"fps": torch.full((1,), FPS)}
    with torch.inference_mode():
        plain = base.denoiser.network(x, t, Condition(text=text, scalars=fps))
        told = Condition(text=text, image=tokens, scalars=fps)
        other = grown.denoiser.network(x, t, told)
    return Check(
        id="doors: new ones change nothing", value=-float((other - plain).abs().max()),
        interval=None, n=1, threshold=-EXACT,
    )  # fmt: skip


def _slower(of: Subject, scenes: Sequence[Scene]) -> Check:
    """How surely pixels a frame fall as frames a second grow, over prompts."""
    prompts = [
        caption(scene, np.random.default_rng((SEED, k)), detail="full")
        for k, scene in enumerate(scenes)
    ]
    size, seeds = (of.side, of.side), list(range(len(prompts)))
    made, true = [], []
    for rate in RATES:
        ask = of.ask({"frames": FRAMES, "steps": STEPS, "fps": rate})
        made.append(speeds(ask(prompts, seeds)))
        true.append(speeds(renders(scenes, frames=FRAMES, size=size, fps=rate)))
    found = report.mean(falls(np.stack(made)), better="higher")
    means = {f"pixels at {r:g}": float(row.mean()) for r, row in zip(RATES, made, strict=True)}
    return Check(
        id=RATE, value=found.value, interval=found.interval, n=found.n,
        threshold=FALLS, baselines={"truth": float(falls(np.stack(true)).mean()), **means},
    )  # fmt: skip


def speeds(clips: Frames) -> Row:
    """Of each clip the mean length of its flow where it moves, in pixels of 64 a frame, or 0."""
    lengths = [np.hypot(*np.moveaxis(followed(one), -1, 0)) for one in torch.split(clips, 1)]
    moving = [one[one >= MOVES] for one in lengths]  # no comparison holds of what isn't known
    return np.array([float(one.mean()) if len(one) else 0.0 for one in moving])


def falls(table: Float[np.ndarray, "rates n"]) -> Row:
    """Of each column Spearman's rank correlation with the row's number, negated; 0 for none."""
    ranks = rankdata(table, axis=0) - (len(table) + 1) / 2
    order = np.arange(len(table)) - (len(table) - 1) / 2
    spread = np.sqrt((ranks**2).sum(0) * (order**2).sum())
    return -(order @ ranks) / np.where(spread > 0, spread, np.inf)


def looked(of: Subject, found: Sequence[Case], *, strength: float = 1.0, told: bool = True) -> Seen:
    """A clip a case of its picture, and of its words if they are `told`."""
    clips = [
        of.ask(case.asked(strength))([case.prompt if told else ""], [k])
        for k, case in enumerate(found)
    ]
    return Seen(clips=torch.cat(clips), cases=found, reader=of.reader)


def _both(of: Subject, found: Sequence[Case]) -> Iterator[Check]:
    """What is the picture's, what the words', and what is left without one of them."""
    size = (of.side, of.side)
    scenes, names = [case.scene for case in found], [str(case.picture) for case in found]
    real = renders(scenes, frames=FRAMES, size=size, fps=FPS)
    few = found[::FEW]
    noise = of.twin(FRAMES)([case.prompt for case in few], list(range(len(few))))
    true = Seen(clips=real, cases=found, reader=of.reader)
    twin = Seen(clips=noise, cases=few, reader=of.reader)
    whole, shut, silent = (
        looked(of, found),
        looked(of, found, strength=0.0),
        looked(of, found, told=False),
    )
    rows = (
        (PICTURE, LOOKS, LOOK, ("strength 0", shut)),
        (WORDS, MOTION, MOVE, ("without words", silent)),
    )
    for name, titles, least, (without, other) in rows:
        right, asked = whole.rights(titles)
        entry = report.mean(right / asked, better="higher")
        beside = {
            "truth": true.share(titles), "chance": whole.share(titles, shuffled=True),
            without: other.share(titles), "untrained": twin.share(titles),
        }  # fmt: skip
        yield Check(
            id=name, value=entry.value, interval=entry.interval, n=entry.n,
            threshold=least, baselines=beside,
        )  # fmt: skip
        (mine, asked), (chance, _) = other.rights(titles), other.rights(titles, shuffled=True)
        gap = difference(mine, chance, asked, names, better="higher")
        what = name.removeprefix("both: ")
        yield _row(f"both: {without}, {what} is chance", gap, -POINTS, ("left", "chance"))


def _extended(of: Subject) -> Check:
    """What short prompts say is seen, once they are extended, as often as before; paired."""
    scenes = [sample(SEED, k, split="test") for k in range(of.count)]
    prompts = [
        caption(scene, np.random.default_rng((SEED, k)), detail="short")
        for k, scene in enumerate(scenes)
    ]
    said, rows = [parse(prompt) for prompt in prompts], []
    for on in (False, True):
        ask = of.ask({"frames": FRAMES, "steps": STEPS, "settings": {"extend": on}})
        readings = read(of.reader, ask(prompts, list(range(len(prompts)))), of.fps)
        found = marks(readings, said, of.reader)
        rows.append(counted(by_clip(found, len(said)), None))
    (plain, asked), (longer, _) = rows
    kept = np.flatnonzero(asked)
    gap = difference(
        plain[kept], longer[kept], asked[kept], [prompts[k] for k in kept], better="higher"
    )
    return _row("extension: what was said is seen", gap, -LOST, ("off", "on"))


def shrunk(scale: float) -> Check:
    """How far from the clean clip DDIM gets at any of TABLE timesteps, told the noise; negative."""
    plain = Betas.scaled_linear(count=TABLE)
    path = Shrunk(plain, scale)
    rng = torch.Generator().manual_seed(SEED)
    x0, eps = (torch.randn(1, 4, 2, 8, 8, generator=rng) for _ in range(2))
    errors = {
        name: _strayed(made, told, x0, eps)
        for name, made, told in (
            ("shrunk", path, path), ("not shrunk", plain, plain), ("not divided", path, plain),
        )
    }  # fmt: skip
    return Check(
        id="path: the clean clip comes back", value=-errors.pop("shrunk"), interval=None, n=TABLE,
        threshold=-ROUND, baselines={name: -error for name, error in errors.items()},
    )  # fmt: skip


def _strayed(made: Schedule, told: Schedule, x0: Tensor, eps: Tensor) -> float:
    """The largest error of what is taken for clean, of a clip noised by one schedule.

    The sampler goes by the other, and what it is told is the noise itself.
    """

    def clean(x: Tensor, t: Tensor) -> Tensor:
        _, kept, out = Noise().row(told, t)
        return kept * x + out * eps

    grid = grids.trailing(TABLE, table=TABLE)
    steps = ddim(clean, made.mixed(x0, eps, grid[0]), grid, told)
    return max(float((step.clean - x0).abs().max()) for step in steps)


def by_clip(found: Sequence[Mark], count: int) -> list[list[Mark]]:
    """The marks of each of so many clips."""
    return [[mark for mark in found if mark.clip == k] for k in range(count)]


def counted(found: Sequence[Sequence[Mark]], titles: Collection[str] | None) -> tuple[Row, Row]:
    """Of each clip how many marks of these titles (None: all) are right, and how many there are."""
    mine = [[one.right for one in row if titles is None or one.title in titles] for row in found]
    return np.array([float(sum(row)) for row in mine]), np.array([float(len(r)) for r in mine])


def _row(name: str, gap: Difference, threshold: float, beside: tuple[str, str]) -> Check:
    named: Mapping[str, float] = dict(zip(beside, (gap.first, gap.other), strict=True))
    return Check(
        id=name, value=gap.value, interval=gap.interval, n=gap.n, threshold=threshold,
        baselines=named,
    )  # fmt: skip
