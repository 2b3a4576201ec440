"""Text2Video-Zero works when its parts each help, and the scene goes where it is told to.

Order: of four systems, whole, without carried latents, without looking at frame 1, without both,
each keeps what it shows better than the next. Motion: the scene goes the way asked for. Identity:
colour and shape of the thing are those of frame 1. Smoothing: the background varies less, things
are left. Freedom: the more noise between t0 and t1, the further things go by themselves. Chunks
change nothing.

Frames are read one by one as pictures, of scenes with one thing. "Truth" of motion is frame 1 moved
exactly as asked, with what phase correlation says of it. Masks are those of the dense reader, the
one that smoothing itself uses.

Control, where the part that reads maps is there: each kind is obeyed (`checks.mapped`), at least
nine tenths as well as by pictures alone, which are the same frames each looking at itself, and
neighbouring frames are more alike than those.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float
from scipy.stats import rankdata

from mutoscope.checked import Value
from mutoscope.checks import Check, Obeyed, Subject, mapped
from mutoscope.clip import Clip, Frames
from mutoscope.controls import dense
from mutoscope.core.warp import moved
from mutoscope.evaluate import report, segmentation, similarity
from mutoscope.evaluate.faithfulness import disordered
from mutoscope.evaluate.folder import LeftOut
from mutoscope.evaluate.paired import bootstrap, difference
from mutoscope.evaluate.reading import Reading, prepared, read
from mutoscope.networks.dense import RATE
from mutoscope.networks.readers import FPS
from mutoscope.world.caption import caption
from mutoscope.world.sample import sample

SEED = 11
"""Of the captions (ours)."""
FRAMES, STEPS = 8, 10
"""Of all clips but those of the chunks; frames are the paper's."""
KINDS: Mapping[str, Mapping[str, Value]] = {
    "whole": {},
    "cross-frame only": {"motion": False},
    "motion only": {"cross_frame": False},
    "neither": {"motion": False, "cross_frame": False},
}
LEAST = 1e-3
"""What the lower end of a difference must reach to count as above 0 (ours)."""
STRENGTH, GRID = 12.0, 512
"""The paper's lambda, in pixels of 512."""
WAYS = ((1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1))
"""Directions asked for: right, down."""
FREED = 5
"""Settings of t1, evenly from t0 to almost pure noise (the number is the specification's)."""
MOST = 0.98
SIDE = 64
"""Pixels of a side in which speed is told."""
CONTROLS, NEARLY = ("depth", "sketches", "edge"), 0.9
"""Kinds of maps of every frame, and the share of what pictures alone obey that must remain."""
LONG, CHUNKS = 16, (15, 8)
"""Frames of the clips of chunks; all others at once, and in two chunks."""
SAME = 45.0
"""Decibels from which clips of two kernels count as the same (as `verify` has it)."""

SLOPE = "motion: slope"
OBEYED = (
    Obeyed(condition="way of the scene, of the way told", row=SLOPE, without=None),
    *mapped.lines(CONTROLS),
)

Rows = Float[np.ndarray, "n 2"]


def run(of: Subject) -> Iterator[Check]:
    """The rows; half as many captions for smoothing and freedom, a sixteenth for chunks."""
    prompts = _prompts(of.count)
    yield from _kept(of, prompts)
    yield from _moved(of, prompts)
    yield from _smoothed(of, prompts[: -(-len(prompts) // 2)])
    yield from _freed(of, prompts[: -(-len(prompts) // 2)])
    yield _chunked(of, prompts[: max(2, len(prompts) // 16)])
    kinds = [kind for kind in CONTROLS if kind in of.conditions]
    if kinds:
        yield from _controlled(of, kinds)


def unchecked() -> list[LeftOut]:
    """Those that ask for what the image model can't do, or for a truth that isn't there."""
    return [
        LeftOut("control by pose", "the world has no people"),
        LeftOut("edit by instruction", "the image model was taught no instructions"),
        LeftOut("smoothing: PSNR of things", "what was generated has no true foreground"),
        LeftOut("chunks: 1e-4", "is of float32; see tests/recipes/test_text2video_zero.py"),
    ]


def _prompts(n: int) -> list[str]:
    """What a still picture shows of the first `n` held-out scenes with one thing."""
    scenes = [sample(SEED, i, objects=1, split="test") for i in range(n)]
    return [
        caption(scene, np.random.default_rng((SEED, i)), still=True, detail="full")
        for i, scene in enumerate(scenes)
    ]


def _made(
    of: Subject, prompts: Sequence[str], settings: Mapping[str, Value], frames: int = FRAMES
) -> Frames:
    whole = {**of.settings, **settings}  # clips are kept by it, and a default may change
    generate = of.ask({"frames": frames, "steps": STEPS, "settings": whole})
    return generate(prompts, list(range(len(prompts))))


def _kept(of: Subject, prompts: Sequence[str]) -> Iterator[Check]:
    """Order, and identity of the whole system."""
    near, same = {}, {}
    for kind, settings in KINDS.items():
        pictures = _pictures(of, _made(of, prompts, settings))
        near[kind] = np.array([similarity.neighbours(_features(row)) for row in pictures])
        same[kind] = np.array([float(_alike(row)) for row in pictures])
    for name, rows in (("consistency", near), ("identity", same)):
        for better, worse in pairwise(KINDS):
            found = difference(
                rows[worse], rows[better], np.ones(len(prompts)), prompts, better="higher"
            )
            low = found.interval[0] if found.interval else min(0.0, found.value)
            yield Check(
                id=f"order, lower end: {name}, {better} over {worse}",
                value=low,
                interval=found.interval,
                n=found.n,
                threshold=LEAST,
                baselines={"difference": found.value, better: found.other, worse: found.first},
            )
    beside = {kind: float(row.mean()) for kind, row in same.items() if kind != "whole"}
    yield _share("identity", same["whole"], 0.9, beside)


def _moved(of: Subject, prompts: Sequence[str]) -> Iterator[Check]:
    """The way of the scene against the way asked for, in frame sides over a clip."""
    clips: list[Frames] = []
    ways: list[tuple[int, int]] = []
    for k, (right, down) in enumerate(WAYS):
        settings: dict[str, Value] = {"strength": STRENGTH, "right": right, "down": down}
        mine = prompts[k :: len(WAYS)]
        if mine:
            clips.append(_made(of, mine, settings))
            ways += [(right, down)] * len(mine)
    frames, asked = torch.cat(clips), np.array(ways) * STRENGTH / GRID * (FRAMES - 1)
    seen, others = _camera(frames), np.array(disordered(list(asked), SEED))
    exact = _camera(
        torch.cat([_carried(clip, way) for clip, way in zip(frames, asked, strict=True)])
    )
    along, length = (seen * asked).sum(1), (asked**2).sum(1)
    slope, ends = float(along.sum() / length.sum()), bootstrap(along, length)
    beside = {"truth": _slope(exact, asked), "shuffled": _slope(seen, others)}
    yield Check(id=SLOPE, value=slope, interval=ends, n=len(seen), threshold=0.6, baselines=beside)
    yield Check(
        id="motion: slope, from above", value=-slope, interval=(-ends[1], -ends[0]), n=len(seen),
        threshold=-1.2, baselines={name: -value for name, value in beside.items()},
    )  # fmt: skip
    wrong = {"truth": _angles(exact, asked), "shuffled": _angles(seen, others)}
    means = {name: float(row.mean()) for name, row in wrong.items()}
    yield _below("motion: degrees off", _angles(seen, asked), 20.0, means)
    still = _speeds(_camera(_made(of, prompts[: len(prompts) // 4 or 1], {"strength": 0.0})))
    moving = {f"at {STRENGTH:g}": float(_speeds(seen).mean())}
    yield _below("motion: pixels a frame at strength 0", still, 0.2, moving)


def _smoothed(of: Subject, prompts: Sequence[str]) -> Iterator[Check]:
    """Variance over time where nothing is in either clip, and what is seen of things."""
    plain, smooth = (_made(of, prompts, {"strength": 0.0, "smoothing": on}) for on in (False, True))
    reader = dense.shipped()
    there = [dense.read(reader, frames, RATE) for frames in (plain, smooth)]
    before: list[float] = []
    after: list[float] = []
    for k, pair in enumerate(zip(*there, strict=True)):
        ground = ~np.any([maps.things.any(0) for maps in pair], axis=0)
        for frames, row in ((plain, before), (smooth, after)):
            spread = prepared(frames[k : k + 1], FPS)[0].var(dim=1).mean(0).numpy()
            row.append(float(spread[ground].sum()))
    mine, yours = np.array(before), np.array(after)
    yield Check(
        id="smoothing: fall of the background's variance",
        value=float((mine - yours).sum() / mine.sum()) if mine.sum() > 0 else 0.0,
        interval=bootstrap(mine - yours, mine) if (mine > 0).all() else None,
        n=len(mine),
        threshold=0.4,
    )
    same = [np.array([float(_alike(row)) for row in _pictures(of, one)]) for one in (plain, smooth)]
    found = difference(same[0], same[1], np.ones(len(mine)), prompts, better="higher")
    yield Check(
        id="smoothing: identity, less without",
        value=found.value,
        interval=found.interval,
        n=found.n,
        threshold=-0.05,
        baselines={"without": found.first, "with": found.other},
    )


def _freed(of: Subject, prompts: Sequence[str]) -> Iterator[Check]:
    """How far things go from where they begin, by t1, in a scene that stays."""
    ways, same = [], []
    for time in np.linspace(float(of.settings["t0"]), MOST, FREED).tolist():
        clips = _made(of, prompts, {"strength": 0.0, "t1": round(time, 4)})
        ways.append(np.array([_way(one) for one in read(of.reader, clips, FPS)]))
        same.append(np.array([float(_alike(row)) for row in _pictures(of, clips)]))
    table = np.stack(ways)
    drawn = np.random.default_rng(SEED).integers(0, table.shape[1], (500, table.shape[1]))
    low, high = np.quantile([_rising(table[:, rows]) for rows in drawn], (0.025, 0.975)).tolist()
    yield Check(
        id="freedom: rank correlation with things' ways",
        value=_rising(table),
        interval=(low, high),
        n=table.shape[1],
        threshold=0.9,
        baselines={"least": float(table[0].mean()), "most": float(table[-1].mean())},
    )
    yield _share("freedom: identity, worst setting", min(same, key=np.mean), 0.85, {})


def _chunked(of: Subject, prompts: Sequence[str]) -> Check:
    """The worst PSNR of clips made at once and in chunks."""
    once, parts = (_made(of, prompts, {"chunk": chunk}, LONG) for chunk in CHUNKS)
    other = _made(of, [*prompts[1:], prompts[0]], {"chunk": CHUNKS[0]}, LONG)
    worst = min(_psnr(a, b) for a, b in zip(once, parts, strict=True))
    beside = {
        "other clips": float(np.mean([_psnr(a, b) for a, b in zip(once, other, strict=True)]))
    }
    return Check(
        id="chunks: dB",
        value=worst,
        interval=None,
        n=len(prompts),
        threshold=SAME,
        baselines=beside,
    )


def _controlled(of: Subject, kinds: Sequence[str]) -> Iterator[Check]:
    """Each kind of map, of half as many scenes; then against frames that look at themselves."""
    on = mapped.trial(of, -(-of.count // 2), FRAMES)
    yield from mapped.obeying(on, kinds)
    apart = {"cross_frame": False}
    for kind in kinds:
        clips, alone = on.made(kind), on.made(kind, apart)
        mine, single = (on.told(on.seen(one), kind) for one in (clips, alone))
        value, interval = mapped.share(mine, single)
        yield Check(
            id=f"control: {kind}, share of what pictures alone obey", value=value,
            interval=interval, n=len(on.cases), threshold=NEARLY,
            baselines={"whole": mapped.mean(mine), "alone": mapped.mean(single)},
        )  # fmt: skip
        first, other = (
            np.array([similarity.neighbours(_features(row)) for row in _pictures(of, one)])
            for one in (alone, clips)
        )
        found = difference(first, other, np.ones(len(first)), on.prompts, better="higher")
        low = found.interval[0] if found.interval else min(0.0, found.value)
        yield Check(
            id=f"control, lower end: {kind}, consistency over pictures alone", value=low,
            interval=found.interval, n=found.n, threshold=LEAST,
            baselines={"difference": found.value, "whole": found.other, "alone": found.first},
        )  # fmt: skip


def _pictures(of: Subject, frames: Frames) -> list[list[Reading]]:
    """What is read of every frame by itself, clip by clip."""
    T = frames.shape[2]
    flat = read(of.reader, rearrange(frames, "b c t h w -> (b t) c 1 h w"), of.fps)
    return [flat[k : k + T] for k in range(0, len(flat), T)]


def _features(row: Sequence[Reading]) -> np.ndarray:
    return np.stack([one.feature for one in row])


def _alike(row: Sequence[Reading]) -> bool:
    """Whether the surest thing of every frame has one colour and one shape."""
    seen = {_looks(one) for one in row}
    return len(seen) == 1 and None not in seen


def _looks(one: Reading) -> tuple[str, str] | None:
    if not one.things:
        return None
    thing = max(one.things, key=lambda found: found.sure)
    return thing.words["colour"].best, thing.words["shape"].best


def _way(one: Reading) -> float:
    """The mean distance of the surest thing from where it was first seen, in frame sides."""
    if not one.things:
        return 0.0
    middles = max(one.things, key=lambda found: found.sure).track.middles
    middles = middles[np.isfinite(middles[:, 0])]
    return float(np.hypot(*(middles - middles[:1]).T).mean()) if len(middles) else 0.0


def _camera(frames: Frames) -> Rows:
    """How far each picture goes right and down over a clip, by phase correlation."""
    shots = Clip(frames=prepared(frames, FPS), fps=FPS).uint8()  # at FPS every frame is taken
    found = [segmentation.camera(shot) for shot in shots]
    return np.array([(one.right, one.down) for one in found])


def _carried(clip: Float[torch.Tensor, "c T H W"], way: np.ndarray) -> Frames:
    """The first frame of a clip, moved by `way` over as many frames."""
    T = clip.shape[1]
    shifts = torch.linspace(0, 1, T, dtype=torch.float64)[:, None] * torch.from_numpy(way)
    return moved(clip[None, :, :1], shifts)


def _slope(seen: Rows, asked: Rows) -> float:
    return float((seen * asked).sum() / (asked**2).sum())


def _angles(seen: Rows, asked: Rows) -> Float[np.ndarray, " n"]:
    """Degrees between two ways; 90, as good as none, where nothing moves."""
    lengths = np.hypot(*seen.T) * np.hypot(*asked.T)
    cosines = (seen * asked).sum(1) / np.where(lengths > 1e-6, lengths, np.inf)
    return np.degrees(np.arccos(cosines.clip(-1, 1)))


def _speeds(seen: Rows) -> Float[np.ndarray, " n"]:
    return np.hypot(*seen.T) * SIDE / (FRAMES - 1)


def _rising(table: Float[np.ndarray, "k n"]) -> float:
    """Spearman's rank correlation of a row's number with its mean."""
    ranks = rankdata(table.mean(1))
    if np.ptp(ranks) == 0:
        return 0.0
    return float(np.corrcoef(np.arange(len(ranks)), ranks)[0, 1])


def _psnr(one: torch.Tensor, other: torch.Tensor) -> float:
    """Of frames in [-1, 1], in dB; 100 where equal."""
    error = float((one - other).square().mean())
    return min(100.0, 10 * math.log10(4 / error)) if error > 0 else 100.0


def _share(
    name: str, rights: Float[np.ndarray, " n"], least: float, beside: Mapping[str, float]
) -> Check:
    found = report.share((bool(right) for right in rights), beside)
    return Check(
        id=name, value=found.value, interval=found.interval, n=found.n, threshold=least,
        baselines=found.baselines,
    )  # fmt: skip


def _below(
    name: str, values: Float[np.ndarray, " n"], most: float, beside: Mapping[str, float]
) -> Check:
    """A row that must stay below: value, interval, threshold and baselines are negated."""
    found = report.mean(-values, better="higher", baselines={n: -v for n, v in beside.items()})
    return Check(
        id=name, value=found.value, interval=found.interval, n=found.n, threshold=-most,
        baselines=found.baselines,
    )  # fmt: skip
