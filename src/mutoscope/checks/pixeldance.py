"""PixelDance works when it keeps the first frame, and goes where the last one says without a jump.

Scenes of one thing that goes somewhere are told in words that say what is there, not what it does;
where it goes only the last frame says. Places are those of the surest thing that is read in a
frame, in pixels of a side of 64, against where the true one was; where none is read it is half a
frame off.

First: PSNR of frame 1 at most 2 dB below the autoencoder's, and nearest to its own first frame.
Last: the more steps see it, the nearer the end; 2 pixels off where half of them do. No snap: the
last step bends at most 1.3 times as much as others. Draft: a last frame that is blurred, 2 pixels
off and of another colour gives the way (15 degrees) but not the colour. Drawing: the same of lines.
Edit (ours): a clip whose two ends were recoloured is nearer to the exact edit than a blend of them,
and has the new colour in its middle. Chain: of four clips one after another the seams, 28 dB, the
things' words, and the distance from real clips of the fourth, at most 1.5 times that of the first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float
from scipy.stats import rankdata

from mutoscope.checks import Bench, Check, Obeyed
from mutoscope.clip import Frames
from mutoscope.evaluate import report
from mutoscope.evaluate.conditions import psnr
from mutoscope.evaluate.distribution import ours
from mutoscope.evaluate.ends import FPS, FRAMES, SEED, Case, going, written
from mutoscope.evaluate.faithfulness import disordered, marks, renders
from mutoscope.evaluate.folder import LeftOut
from mutoscope.evaluate.frechet import Features
from mutoscope.evaluate.keeping import each
from mutoscope.evaluate.paired import bootstrap
from mutoscope.evaluate.reading import read
from mutoscope.evaluate.report import Entry
from mutoscope.evaluate.whereabouts import Places, Row, bends, colours, degrees, off, places
from mutoscope.networks.readers import ClipReader
from mutoscope.recipes import pixeldance
from mutoscope.recipes.pixeldance import PixelDance
from mutoscope.request import ConditionRequest
from mutoscope.systems.system import Asked
from mutoscope.world.scene import Scene
from mutoscope.world.story import drawn_story

STEPS, TAUS = 10, (0.0, 0.125, 0.25, 0.5, 1.0)
CLIPS = 4
"""Of a chain."""
DECIBELS, PIXELS, SNAP, DEGREES, SEAM, SHARE, FARTHER = 2.0, 2.0, 1.3, 15.0, 28.0, 0.9, 1.5
FIRST, LAST, SKETCH = (
    "first: dB below the autoencoder", "last: pixels off, less", "sketch: pixels off, less"
)  # fmt: skip
OBEYED = (
    Obeyed(
        condition="first frame, put into every step: below the autoencoder's",
        row=FIRST, unit="dB", less=True, without="told only", truth=None,
    ),
    Obeyed(condition="last frame: pixels off, of 64", row=LAST, less=True),
    Obeyed(condition="drawing of it: pixels off, of 64", row=SKETCH, less=True),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A system on its bench; `name` is that of what is kept."""

    on: Bench
    system: PixelDance
    name: str = "clips"

    def made(self, prompts: Sequence[str], wishes: Sequence[Asked]) -> Frames:
        """A clip a prompt, each asked something of its own."""
        usual: Asked = {"frames": FRAMES, "fps": FPS, "steps": STEPS}
        asked: list[Asked] = [{**usual, **wish} for wish in wishes]
        return each(self.system, self.on.out / self.name, prompts, asked)

    def of(self, cases: Sequence[Case], wish: Callable[[Case], Asked]) -> Frames:
        """The clips of cases, each asked in the same way."""
        return self.made([case.prompt for case in cases], [wish(case) for case in cases])


def tried(on: Bench) -> Iterator[Check]:
    """The rows; chains are of half as many stories."""
    mine = Stage(on=on, system=pixeldance.load(on.weights))
    twin = Stage(on=on, system=pixeldance.start(on.weights), name="untrained")
    cases = going(on.count, mine.system.config.sizes.side, on.out / "pictures")
    yield from _first(mine, twin, cases)
    yield from _last(mine, twin, cases)
    yield from _drafted(mine, cases)
    yield from _sketched(mine, cases)
    yield from _edited(mine, cases)
    yield from _chained(mine, max(2, on.count // 2))


def unchecked() -> list[LeftOut]:
    """What is a law of the system, or asks for trainings of its own."""
    training = "needs trainings of its own; see benchmarks/mechanism_pixeldance.py"
    return [
        LeftOut("tau 0", "is the same as no last frame; see tests/recipes/test_pixeldance.py"),
        LeftOut("snap of a control, ablation at tau 0", training),
        LeftOut("FVD", "published numbers are of MSR-VTT and UCF-101 at 256 x 256"),
    ]


def _first(mine: Stage, twin: Stage, cases: Sequence[Case]) -> Iterator[Check]:
    """How the frame that was given comes out again, beside what the autoencoder makes of it."""
    true = torch.cat([case.true[:, :, :1] for case in cases])
    best = [psnr(a, b) for a, b in zip(_coded(mine.system, true), true, strict=True)]
    told, loose, alone, raw = (
        stage.of(cases, wish)[:, :, :1].clone()
        for stage, wish in (
            (mine, lambda case: case.asked("first")),
            (mine, lambda case: case.asked("first", keep=False)),
            (mine, lambda case: case.asked()),
            (twin, lambda case: case.asked("first", keep=False)),
        )
    )
    below = {
        name: np.array([psnr(a, b) - c for a, b, c in zip(row, asked, best, strict=True)])
        for name, row, asked in (
            ("", told, list(true)),
            ("told only", loose, list(true)),
            ("shuffled", told, disordered(list(true), SEED)),
            ("absent", alone, list(true)),
            ("untrained", raw, list(true)),
        )
    }
    own = below.pop("")
    yield _mean(FIRST, own, -DECIBELS, {**_means(below), "truth": 0.0})
    rows = {"": told, "told only": loose, "absent": alone, "untrained": raw}
    near = {name: _nearest(row, true) for name, row in rows.items()}
    yield _share("first: nearest to its own", near.pop(""), 1.0, _means(near))


def _coded(system: PixelDance, frames: Frames) -> Frames:
    """What the autoencoder makes of clips."""
    coder = system.autoencoder
    with torch.inference_mode():
        return torch.cat([coder.decode(coder.encode(one)) for one in torch.split(frames, 1)])


def _nearest(made: Frames, true: Frames) -> Row:
    """Whether each of some pictures is nearer to the true one of its place than to any other."""
    apart = torch.cdist(made.flatten(1), true.flatten(1))
    return (apart.argmin(1) == torch.arange(len(made))).float().numpy()


def _last(mine: Stage, twin: Stage, cases: Sequence[Case]) -> Iterator[Check]:
    """The curve of tau, the places at half of the steps, and how much the last step bends."""
    reader, ways = mine.on.reader, _ways(cases)
    prompts = [case.prompt for case in cases]
    wishes = ([case.asked("first", "last", tau=tau) for case in cases] for tau in TAUS)
    seen = [places(reader, mine.made(prompts, wish)) for wish in wishes]
    real = places(reader, _true(cases))
    table = np.stack([off(row, ways) for row in seen])
    picks = np.random.default_rng(SEED).integers(0, len(cases), (500, len(cases)))
    low, high = np.quantile([_falling(table[:, rows]) for rows in picks], (0.025, 0.975)).tolist()
    beside = {f"pixels at tau {tau:g}": float(row.mean())
              for tau, row in zip(TAUS, table, strict=True)}  # fmt: skip
    yield Check(
        id="last: rank correlation of tau and nearness", value=_falling(table),
        interval=(low, high), n=len(cases), threshold=0.9, baselines=beside,
    )  # fmt: skip
    half = TAUS.index(0.5)
    raw = places(reader, twin.of(cases, lambda case: case.asked("first", keep=False))[:, :, -1:])
    yield _mean(LAST, -table[half], -PIXELS, _negative({
        "absent": table[0],
        "shuffled": off(seen[half], _others(ways)),
        "untrained": off(raw, ways),
        "truth": off(real, ways),
    }))  # fmt: skip
    pairs = {name: bends(row) for name, row in (
        ("", seen[half]), ("tau 1", seen[-1]), ("absent", seen[0]), ("truth", real),
    )}  # fmt: skip
    at, usual = pairs.pop("")
    ends = bootstrap(at, usual) if len(cases) > 1 and (usual > 0).all() else None
    yield Check(
        id="last: bend at the end over others, less", value=-ratio(at, usual),
        interval=None if ends is None else (-ends[1], -ends[0]), n=len(cases), threshold=-SNAP,
        baselines={name: -ratio(*pair) for name, pair in pairs.items()},
    )  # fmt: skip


def _drafted(mine: Stage, cases: Sequence[Case]) -> Iterator[Check]:
    """What is left of a rough last frame: its place, not its colour."""
    reader, ways = mine.on.reader, _ways(cases)
    made, alone, real = (row[:, :, [0, -1]] for row in (
        mine.of(cases, lambda case: case.asked("first", "last", draft=True)),
        mine.of(cases, lambda case: case.asked("first")),
        _true(cases),
    ))  # fmt: skip
    wrong = {name: degrees(places(reader, row), true) for name, row, true in (
        ("", made, ways), ("absent", alone, ways), ("shuffled", made, _others(ways)),
        ("truth", real, ways),
    )}  # fmt: skip
    yield _mean("draft: degrees off, less", -wrong.pop(""), -DEGREES, _negative(wrong))
    drafts = torch.cat([case.draft for case in cases])
    rows = {"": made, "truth": real, "the draft": drafts}
    same = {name: coloured(reader, row, cases) for name, row in rows.items()}
    yield _share("draft: colour of the first frame", same.pop(""), SHARE, _means(same))


def _sketched(mine: Stage, cases: Sequence[Case]) -> Iterator[Check]:
    """A drawing of the last frame, which half of the steps see."""
    reader, ways = mine.on.reader, _ways(cases)
    made, alone, real = (row[:, :, -1:].clone() for row in (
        mine.of(cases, lambda case: case.asked("first", "sketch")),
        mine.of(cases, lambda case: case.asked("first")),
        _true(cases),
    ))  # fmt: skip
    seen = {"": made, "absent": alone, "truth": real}
    rows = {name: off(places(reader, row), ways) for name, row in seen.items()}
    rows["shuffled"] = off(places(reader, made), _others(ways))
    yield _mean(SKETCH, -rows.pop(""), -PIXELS, _negative(rows))
    same = {name: coloured(reader, row, cases) for name, row in seen.items()}
    yield _share("sketch: colour of the first frame", same.pop(""), SHARE, _means(same))


def _edited(mine: Stage, cases: Sequence[Case]) -> Iterator[Check]:
    """A clip of which both ends were recoloured, against the world's own recoloured clip."""
    made = mine.made([case.wish for case in cases], [case.changed(tau=1.0) for case in cases])
    size = (made.shape[-1], made.shape[-2])
    exact = renders([case.edited for case in cases], frames=FRAMES, size=size, fps=FPS)
    share = torch.linspace(0, 1, FRAMES).view(1, 1, -1, 1, 1)
    blend = torch.lerp(exact[:, :, :1], exact[:, :, -1:], share)
    within = slice(1, FRAMES - 1)
    gains = {
        name: np.array([
            psnr(one[:, within], true[:, within]) - psnr(fade[:, within], true[:, within])
            for one, fade, true in zip(row, blend, exact, strict=True)
        ])
        for name, row in (
            ("", made), ("the clip as it was", _true(cases)), ("truth", _coded(mine.system, exact))
        )
    }  # fmt: skip
    yield _mean("edit: dB over a blend of both ends", gains.pop(""), 0.0, _means(gains))
    half = slice(FRAMES // 2, FRAMES // 2 + 1)
    wished = [replace(case, scene=case.edited) for case in cases]
    same = {
        name: coloured(mine.on.reader, row[:, :, half], wished)
        for name, row in (("", made), ("the clip as it was", _true(cases)), ("truth", exact))
    }
    yield _share("edit: the new colour in the middle", same.pop(""), SHARE, _means(same))


def _chained(mine: Stage, count: int) -> Iterator[Check]:
    """Clips of the pieces of stories, each from the last frame of the one before."""
    seconds = (FRAMES - 1) / FPS
    stories = [drawn_story(SEED, k, split="test", segments=CLIPS, seconds=seconds)
               for k in range(count)]  # fmt: skip
    side, folder = mine.system.config.sizes.side, mine.on.out / "pictures"
    scenes = [[story.segments[k].scene for story in stories] for k in range(CLIPS)]
    real = [renders(row, frames=FRAMES, size=(side, side), fps=FPS) for row in scenes]
    clips: list[Frames] = []
    for k in range(CLIPS):
        begins = clips[-1][:, :, -1:] if clips else real[0][:, :, :1]
        files = [written(one[None], folder / f"chain-{k}-{i:03d}.png")
                 for i, one in enumerate(begins)]  # fmt: skip
        wishes: list[Asked] = [
            {"conditions": [ConditionRequest(kind="first", source=str(file))]} for file in files
        ]
        clips.append(mine.made([story.prompts[k] for story in stories], wishes))
    yield _seams(mine.system, clips)
    words = [_words(mine.on.reader, row, said) for row, said in
             ((clips[-1], scenes[-1]), (clips[0], scenes[0]), (real[-1], scenes[-1]))]  # fmt: skip
    beside = {"first clip": float(np.mean(words[1])), "truth": float(np.mean(words[2]))}
    yield _share("chain: colour and shape in the last clip", words[0], SHARE, beside)
    yield _farther(*(ours(mine.on.reader)(row[k], FPS) for k in (0, -1) for row in (real, clips)))


def _farther(real: Features, made: Features, end: Features, last: Features) -> Check:
    """How far first and last clips are from the real ones of their own stories, each by itself.

    A distance between sets has no meaning here: of so few clips it is noise around zero.
    """
    near, far = (np.linalg.norm(one - other, axis=1) for one, other in ((made, real), (last, end)))
    others = np.linalg.norm(last - np.stack(disordered(list(end), SEED)), axis=1)
    low, high = bootstrap(far, near)
    return Check(
        id="chain: distance of the last clip over the first's, less", value=-ratio(far, near),
        interval=(-high, -low), n=len(real), threshold=-FARTHER,
        baselines={name: float(row.mean()) for name, row in (
            ("distance of the first", near), ("of the last", far), ("from another story", others)
        )},
    )  # fmt: skip


def _seams(system: PixelDance, clips: Sequence[Frames]) -> Check:
    """The frame that two clips share, as each of them has it."""
    rows: dict[str, list[float]] = {"": [], "shuffled": [], "autoencoder": []}
    for before, after in pairwise(clips):
        ends, starts = before[:, :, -1:], after[:, :, :1]
        found = {
            "": list(starts), "shuffled": disordered(list(starts), SEED),
            "autoencoder": list(_coded(system, ends)),
        }  # fmt: skip
        for name, row in found.items():
            rows[name] += [psnr(a, b) for a, b in zip(ends, row, strict=True)]
    own = np.array(rows.pop(""))
    return _mean(
        "chain: dB at the seams", own, SEAM, {k: float(np.mean(v)) for k, v in rows.items()}
    )


def _words(reader: ClipReader, made: Frames, scenes: Sequence[Scene]) -> Row:
    found = marks(read(reader, made, FPS), scenes, reader)
    return np.array([float(mark.right) for mark in found if mark.title in ("colour", "shape")])


def _true(cases: Sequence[Case]) -> Frames:
    return torch.cat([case.true for case in cases])


def _ways(cases: Sequence[Case]) -> Places:
    return np.stack([case.way for case in cases])


def _others(ways: Places) -> Places:
    return np.stack(disordered(list(ways), SEED))


def ratio(at: Row, usual: Row) -> float:
    """How much more the one is than the other, over all clips together."""
    return float(at.sum() / max(1e-6, usual.sum()))


def coloured(reader: ClipReader, frames: Frames, cases: Sequence[Case]) -> Row:
    """Whether the thing of the last frame is read in the colour of the scene."""
    seen = colours(reader, frames[:, :, -1:])
    return np.array([
        float(one == case.scene.things[0].colour) for one, case in zip(seen, cases, strict=True)
    ])  # fmt: skip


def _falling(table: Float[np.ndarray, "k n"]) -> float:
    """Spearman's rank correlation of a row's number with less of its mean."""
    ranks = rankdata(-table.mean(1))
    return float(np.corrcoef(np.arange(len(ranks)), ranks)[0, 1]) if np.ptp(ranks) else 0.0


def _means(rows: Mapping[str, Row]) -> dict[str, float]:
    return {name: float(row.mean()) for name, row in rows.items()}


def _negative(rows: Mapping[str, Row]) -> dict[str, float]:
    """Means of what is less the better, as rows have it."""
    return {name: -value for name, value in _means(rows).items()}


def _mean(name: str, values: Row, least: float, beside: Mapping[str, float]) -> Check:
    return _row(name, report.mean(values, better="higher", baselines=beside), least)


def _share(name: str, rights: Row, least: float, beside: Mapping[str, float]) -> Check:
    return _row(name, report.share((bool(right) for right in rights), beside), least)


def _row(name: str, found: Entry, least: float) -> Check:
    return Check(
        id=name, value=found.value, interval=found.interval, n=found.n, threshold=least,
        baselines=found.baselines,
    )  # fmt: skip
