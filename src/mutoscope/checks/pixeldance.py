"""PixelDance works when it keeps the first frame, and goes where the last one says without a jump.

Scenes of one thing that goes somewhere are told in words that say what is there, not what it does;
where it goes only the last frame says. Places are those of the surest thing that is read in a
frame, in pixels of a side of 64, against where the true one was; where none is read it is half a
frame off.

First: PSNR of frame 1 at most 2 dB below the autoencoder's, and nearest to its own first frame.
Last: the more steps see it, the nearer the end; 2 pixels off where half of them do. No snap: the
last step bends at most 1.3 times as much as others. Draft: a last frame that is blurred, 2 pixels
off and of another colour gives the way (15 degrees) but not the colour. Drawing: the same of lines.
Chain: of four clips one after another the seams, 28 dB, the things' words, and the distance from
real clips of the fourth, at most 1.5 times that of the first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float
from scipy.stats import rankdata
from torch import Tensor
from torch.nn import functional as F

from mutoscope import media, world
from mutoscope.checks import Bench, Check, Obeyed
from mutoscope.checks.rows import mean, share
from mutoscope.clip import Clip, Frames
from mutoscope.controls import sketch
from mutoscope.evaluate.conditions import psnr
from mutoscope.evaluate.distribution import kernel, ours
from mutoscope.evaluate.faithfulness import disordered, marks, renders
from mutoscope.evaluate.folder import LeftOut
from mutoscope.evaluate.keeping import each
from mutoscope.evaluate.paired import bootstrap
from mutoscope.evaluate.reading import ThingRead, as_frames, read
from mutoscope.evaluate.tracks import track
from mutoscope.networks.readers import ClipReader
from mutoscope.recipes import pixeldance
from mutoscope.recipes.pixeldance import PixelDance
from mutoscope.request import ConditionRequest
from mutoscope.systems.system import Asked
from mutoscope.world.caption import caption
from mutoscope.world.scene import Scene
from mutoscope.world.story import drawn_story

SEED, FRAMES, FPS, STEPS = 23, 16, 8.0, 10
GOING = ("slides left", "slides right", "rises", "drops", "comes closer", "moves away")
FAR = 0.15
"""Frame sides that a thing goes at least (ours)."""
TAUS, SIDE = (0.0, 0.125, 0.25, 0.5, 1.0), 64
JITTER, BLUR = 2, 5
"""Pixels of SIDE by which a draft is off, and over which it is blurred."""
CLIPS = 4
"""Of a chain."""
DECIBELS, PIXELS, SNAP, DEGREES, SEAM, SHARE, FARTHER = 2.0, 2.0, 1.3, 15.0, 28.0, 0.9, 1.5
FIRST, LAST, SKETCH = (
    "first: dB below the autoencoder", "last: pixels off, less", "sketch: pixels off, less"
)  # fmt: skip
OBEYED = (
    Obeyed(
        condition="first frame: below the autoencoder's",
        row=FIRST,
        unit="dB",
        less=True,
        truth=None,
    ),
    Obeyed(condition="last frame: pixels off, of 64", row=LAST, less=True),
    Obeyed(condition="drawing of it: pixels off, of 64", row=SKETCH, less=True),
)

Places = Float[np.ndarray, "n T 2"]
Row = Float[np.ndarray, " n"]


@dataclass(frozen=True, kw_only=True)
class Case:
    """A scene, what is said of it, its render, where its thing is, and a rough last frame."""

    scene: Scene
    prompt: str
    true: Frames
    draft: Float[Tensor, "b 3 1 H W"]
    way: Float[np.ndarray, "T 2"]
    pictures: Mapping[str, Path]

    def asked(self, *kinds: str, draft: bool = False, **settings: float) -> Asked:
        """Its frames as conditions, the last one as a draft; and knobs."""
        names = {kind: "draft" if draft and kind == "last" else kind for kind in kinds}
        given = [ConditionRequest(kind=kind, source=str(self.pictures[name]))
                 for kind, name in names.items()]  # fmt: skip
        return {"conditions": given, "settings": dict(settings)}


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
    cases = drawn(on.count, mine.system.config.sizes.side, on.out / "pictures")
    yield from _first(mine, twin, cases)
    yield from _last(mine, twin, cases)
    yield from _drafted(mine, cases)
    yield from _sketched(mine, cases)
    yield from _chained(mine, max(2, on.count // 2))


def unchecked() -> list[LeftOut]:
    """What is a law of the system, or asks for trainings of its own."""
    training = "needs trainings of its own; see benchmarks/mechanism_pixeldance.py"
    return [
        LeftOut("tau 0", "is the same as no last frame; see tests/recipes/test_pixeldance.py"),
        LeftOut("snap of a control, ablation at tau 0", training),
        LeftOut("FVD", "published numbers are of MSR-VTT and UCF-101 at 256 x 256"),
    ]


def drawn(count: int, side: int, folder: Path) -> list[Case]:
    """The first held-out scenes of one thing that goes far and stays in sight, and their files."""
    folder.mkdir(parents=True, exist_ok=True)
    found: list[Case] = []
    index = 0
    while len(found) < count:
        scene = world.sample(SEED, index, objects=1, split="test")
        rng = np.random.default_rng((SEED, index))
        index += 1
        if scene.things[0].motion.verb in GOING and scene.camera.move == "static":
            case = _case(scene, rng, side, folder / f"{len(found):03d}")
            found += [] if case is None else [case]
    return found


def _case(scene: Scene, rng: np.random.Generator, side: int, stem: Path) -> Case | None:
    made = world.render(scene, frames=FRAMES, size=(side, side), fps=FPS, truth=("sketch",))
    way = track((made.ids == 1).astype(np.float32), 1 / FPS).middles
    if not np.isfinite(way).all() or np.linalg.norm(way[-1] - way[0]) < FAR:
        return None
    true = as_frames(made.rgb[None])
    rough = drafted(true[:, :, -1:], rng)
    ends = {
        "first": true[:, :, :1],
        "last": true[:, :, -1:],
        "draft": rough,
        "sketch": sketch.shown(sketch.from_truth(made)[:, :, -1:]),
    }
    files = {name: _written(frame, Path(f"{stem}-{name}.png")) for name, frame in ends.items()}
    prompt = caption(scene, rng, still=True, detail="full")
    return Case(scene=scene, prompt=prompt, true=true, draft=rough, way=way, pictures=files)


def drafted(frame: Frames, rng: np.random.Generator) -> Frames:
    """A frame as someone would rough it out: JITTER pixels off, blurred, its colours exchanged."""
    step = frame.shape[-1] // SIDE or 1
    angle = rng.uniform(0, 2 * np.pi)
    off = [round(JITTER * step * part) for part in (np.sin(angle), np.cos(angle))]
    reach = BLUR * step // 2
    moved = torch.roll(frame[:, :, 0].roll(1, dims=1), off, dims=(-2, -1))
    wide = F.pad(moved, (reach,) * 4, mode="replicate")
    return F.avg_pool2d(wide, 2 * reach + 1, 1)[:, :, None]


def _written(frame: Frames, path: Path) -> Path:
    return media.write(Clip(frames=frame, fps=FPS), path, metadata=False)


def _first(mine: Stage, twin: Stage, cases: Sequence[Case]) -> Iterator[Check]:
    """How the frame that was given comes out again, beside what the autoencoder makes of it."""
    true = torch.cat([case.true[:, :, :1] for case in cases])
    coder = mine.system.autoencoder
    with torch.inference_mode():
        best = [psnr(coder.decode(coder.encode(one[None]))[0], one) for one in true]
    told, alone, raw = (
        stage.of(cases, wish)[:, :, :1]
        for stage, wish in (
            (mine, lambda case: case.asked("first")),
            (mine, lambda case: case.asked()),
            (twin, lambda case: case.asked("first")),
        )
    )
    below = {
        name: np.array([psnr(a, b) - c for a, b, c in zip(row, asked, best, strict=True)])
        for name, row, asked in (
            ("", told, list(true)),
            ("shuffled", told, disordered(list(true), SEED)),
            ("absent", alone, list(true)),
            ("untrained", raw, list(true)),
        )
    }
    own = below.pop("")
    yield mean(FIRST, own, -DECIBELS, _means(below))
    rows = {"": told, "absent": alone, "untrained": raw}
    near = {name: _nearest(row, true) for name, row in rows.items()}
    yield share("first: nearest to its own", near.pop(""), 1.0, _means(near))


def _nearest(made: Frames, true: Frames) -> Row:
    """Whether each of some pictures is nearer to the true one of its place than to any other."""
    apart = torch.cdist(made.flatten(1), true.flatten(1))
    return (apart.argmin(1) == torch.arange(len(made))).float().numpy()


def _last(mine: Stage, twin: Stage, cases: Sequence[Case]) -> Iterator[Check]:
    """The curve of tau, the places at half of the steps, and how much the last step bends."""
    clips = [mine.of(cases, lambda case, tau=tau: case.asked("first", "last", tau=tau))
             for tau in TAUS]  # fmt: skip
    table = np.stack([off(mine.on.reader, row, cases) for row in clips])
    picks = np.random.default_rng(SEED).integers(0, len(cases), (500, len(cases)))
    low, high = np.quantile([_falling(table[:, rows]) for rows in picks], (0.025, 0.975)).tolist()
    beside = {f"pixels at tau {tau:g}": float(row.mean())
              for tau, row in zip(TAUS, table, strict=True)}  # fmt: skip
    yield Check(
        id="last: rank correlation of tau and nearness", value=_falling(table),
        interval=(low, high), n=len(cases), threshold=0.9, baselines=beside,
    )  # fmt: skip
    half = TAUS.index(0.5)
    raw = twin.of(cases, lambda case: case.asked("first", "last", tau=0.5))
    others = disordered(list(cases), SEED)
    yield mean(LAST, -table[half], -PIXELS, {
        "absent": -float(table[0].mean()),
        "shuffled": -float(off(mine.on.reader, clips[half], others).mean()),
        "untrained": -float(off(mine.on.reader, raw, cases).mean()),
        "truth": -float(off(mine.on.reader, _true(cases), cases).mean()),
    })  # fmt: skip
    pairs = {name: bends(places(mine.on.reader, row)) for name, row in (
        ("", clips[half]), ("tau 1", clips[-1]), ("absent", clips[0]), ("truth", _true(cases)),
    )}  # fmt: skip
    at, usual = pairs.pop("")
    ends = bootstrap(at, usual) if len(cases) > 1 and (usual > 0).all() else None
    yield Check(
        id="last: bend at the end over others, less", value=-_ratio(at, usual),
        interval=None if ends is None else (-ends[1], -ends[0]), n=len(cases), threshold=-SNAP,
        baselines={name: -_ratio(*pair) for name, pair in pairs.items()},
    )  # fmt: skip


def _drafted(mine: Stage, cases: Sequence[Case]) -> Iterator[Check]:
    """What is left of a rough last frame: its place, not its colour."""
    made = mine.of(cases, lambda case: case.asked("first", "last", draft=True))
    alone = mine.of(cases, lambda case: case.asked("first"))
    wrong = [degrees(mine.on.reader, row, cases) for row in (made, alone, _true(cases))]
    beside = {"absent": -float(wrong[1].mean()), "truth": -float(wrong[2].mean())}
    yield mean("draft: degrees off, less", -wrong[0], -DEGREES, beside)
    drafts = torch.cat([case.draft for case in cases])
    rows = {"": made, "truth": _true(cases), "the draft": drafts}
    same = {name: coloured(mine.on.reader, row, cases) for name, row in rows.items()}
    yield share("draft: colour of the first frame", same.pop(""), SHARE, _means(same))


def _sketched(mine: Stage, cases: Sequence[Case]) -> Iterator[Check]:
    """A drawing of the last frame, which half of the steps see."""
    made = mine.of(cases, lambda case: case.asked("first", "sketch"))
    alone = mine.of(cases, lambda case: case.asked("first"))
    others = disordered(list(cases), SEED)
    rows = {
        "": off(mine.on.reader, made, cases),
        "absent": off(mine.on.reader, alone, cases),
        "shuffled": off(mine.on.reader, made, others),
        "truth": off(mine.on.reader, _true(cases), cases),
    }
    yield mean(SKETCH, -rows.pop(""), -PIXELS, {k: -value for k, value in _means(rows).items()})
    seen = {"": made, "absent": alone, "truth": _true(cases)}
    same = {name: coloured(mine.on.reader, row, cases) for name, row in seen.items()}
    yield share("sketch: colour of the first frame", same.pop(""), SHARE, _means(same))


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
        files = [_written(one[None], folder / f"chain-{k}-{i:03d}.png")
                 for i, one in enumerate(begins)]  # fmt: skip
        wishes: list[Asked] = [
            {"conditions": [ConditionRequest(kind="first", source=str(file))]} for file in files
        ]
        clips.append(mine.made([story.prompts[k] for story in stories], wishes))
    yield from _seams(clips)
    words = [_words(mine.on.reader, row, said) for row, said in
             ((clips[-1], scenes[-1]), (clips[0], scenes[0]), (real[-1], scenes[-1]))]  # fmt: skip
    beside = {"first clip": float(np.mean(words[1])), "truth": float(np.mean(words[2]))}
    yield share("chain: colour and shape in the last clip", words[0], SHARE, beside)
    look = ours(mine.on.reader)
    near, far = (kernel(look(real[k], FPS), look(clips[k], FPS)) for k in (0, -1))
    yield Check(
        id="chain: 1.5 kernel distances of the first clip less the last's",
        value=FARTHER * near - far, interval=None, n=count, threshold=0.0,
        baselines={"first clip": near, "last clip": far},
    )  # fmt: skip


def _seams(clips: Sequence[Frames]) -> Iterator[Check]:
    """The frame that two clips share, as each of them has it."""
    pairs = [(one[:, :, -1], two[:, :, 0]) for one, two in pairwise(clips)]
    own = [psnr(a, b) for before, after in pairs for a, b in zip(before, after, strict=True)]
    other = [
        psnr(a, b) for before, after in pairs
        for a, b in zip(before, disordered(list(after), SEED), strict=True)
    ]  # fmt: skip
    yield mean("chain: dB at the seams", np.array(own), SEAM, {"shuffled": float(np.mean(other))})


def _words(reader: ClipReader, made: Frames, scenes: Sequence[Scene]) -> Row:
    found = marks(read(reader, made, FPS), scenes, reader)
    return np.array([float(mark.right) for mark in found if mark.title in ("colour", "shape")])


def _true(cases: Sequence[Case]) -> Frames:
    return torch.cat([case.true for case in cases])


def _surest(reader: ClipReader, frames: Frames) -> list[ThingRead | None]:
    """The surest thing of every frame by itself, clip after clip."""
    flat = read(reader, rearrange(frames, "b c t h w -> (b t) c 1 h w"), FPS)
    return [max(one.things, key=lambda thing: thing.sure, default=None) for one in flat]


def places(reader: ClipReader, frames: Frames) -> Places:
    """Its middle in every frame, in frame sides; nan where none is read."""
    lost = np.full(2, np.nan)
    rows = [lost if one is None else one.track.middles[0] for one in _surest(reader, frames)]
    return np.stack(rows).reshape(len(frames), -1, 2)


def off(reader: ClipReader, frames: Frames, cases: Sequence[Case]) -> Row:
    """How far the thing is in the last frame from where it was to be, in pixels of SIDE."""
    seen = places(reader, frames[:, :, -1:])[:, 0]
    apart = np.linalg.norm(seen - np.stack([case.way[-1] for case in cases]), axis=1)
    return SIDE * np.nan_to_num(apart, nan=0.5)


def degrees(reader: ClipReader, frames: Frames, cases: Sequence[Case]) -> Row:
    """Between the way from the first frame to the last and the true one; 90 where there is none."""
    ends = places(reader, frames[:, :, [0, -1]])
    seen = np.nan_to_num(ends[:, 1] - ends[:, 0])
    true = np.stack([case.way[-1] - case.way[0] for case in cases])
    lengths = np.linalg.norm(seen, axis=1) * np.linalg.norm(true, axis=1)
    cosines = (seen * true).sum(1) / np.where(lengths > 1e-6, lengths, np.inf)
    return np.degrees(np.arccos(cosines.clip(-1, 1)))


def bends(places: Places) -> tuple[Row, Row]:
    """Lengths of the second difference at the last step of each clip, and their mean elsewhere."""
    second = places[:, 2:] - 2 * places[:, 1:-1] + places[:, :-2]
    lengths = np.nan_to_num(np.linalg.norm(second, axis=2), nan=0.5)
    return lengths[:, -1], lengths[:, :-1].mean(1)


def _ratio(at: Row, usual: Row) -> float:
    return float(at.sum() / max(1e-6, usual.sum()))


def coloured(reader: ClipReader, frames: Frames, cases: Sequence[Case]) -> Row:
    """Whether the thing of the last frame is read in the colour of the scene."""
    things = _surest(reader, frames[:, :, -1:])
    return np.array([
        float(one is not None and one.words["colour"].best == case.scene.things[0].colour)
        for one, case in zip(things, cases, strict=True)
    ])  # fmt: skip


def _falling(table: Float[np.ndarray, "k n"]) -> float:
    """Spearman's rank correlation of a row's number with less of its mean."""
    ranks = rankdata(-table.mean(1))
    return float(np.corrcoef(np.arange(len(ranks)), ranks)[0, 1]) if np.ptp(ranks) else 0.0


def _means(rows: Mapping[str, Row]) -> dict[str, float]:
    return {name: float(row.mean()) for name, row in rows.items()}
