"""Tune-A-Video works when it keeps a clip's motion while it changes what is seen.

Each row tunes to clips of held-out scenes of one thing that goes somewhere, and asks for the same
with the thing in another shape and colour; the world renders what that really looks like. Places
are those of the largest thing that is read, in pixels of the clip, against where the true one was.

Hygiene: all tensors but the named ones are the base's. Kept and changed: shape and colour of at
least 80 %, correlation of the ways at least .9, places 2 pixels off at most. Each part: without
the clip's own noise the correlation falls by .2, without looking at other frames colours drift
more, without tuning what stands still flickers more. Inversion: at guidance 1 the tuned clip comes
back, 25 dB. Exact edits: at most .7 of the square error of editing each frame by itself. Budget:
minutes of tuning; and the words seen after so many steps, of which the best is at most 5 points
above those at the steps that are usual.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from mutoscope import world, zoo
from mutoscope.autoencoders import FrameAutoencoder
from mutoscope.checks import Bench, Check, Obeyed
from mutoscope.checks.rows import mean, share
from mutoscope.clip import Clip, Frames
from mutoscope.core.denoiser import Denoiser
from mutoscope.evaluate import drift, paired, report, temporal
from mutoscope.evaluate.faithfulness import disordered, marks
from mutoscope.evaluate.folder import LeftOut
from mutoscope.evaluate.reading import as_frames, read
from mutoscope.evaluate.tracks import Track, track
from mutoscope.networks.readers import FPS as READ_FPS
from mutoscope.networks.readers import ClipReader
from mutoscope.networks.small3d import SmallUNet3D
from mutoscope.recipes import tune_a_video
from mutoscope.recipes.tune_a_video import CARD, TuneAVideo
from mutoscope.systems.shipped import AUTOENCODER
from mutoscope.systems.tuned import OWN
from mutoscope.training import tuning
from mutoscope.world.caption import caption
from mutoscope.world.place import goes_well
from mutoscope.world.scene import CORE_COLOURS, SHAPES, Scene

SEED, FRAMES, FPS = 17, 16, 8.0
GOING = ("slides left", "slides right", "rises", "drops", "circles")
MOST, FEW = 64, 4
"""Clips that are tuned to at most; one in so many is learned again for a part, or for longer."""
WORDS, ALIKE, PIXELS, FALL, DECIBELS, SHARE, SOME = 0.8, 0.9, 2.0, 0.2, 25.0, 0.7, 1e-6
CHANGED, WAY = "changed: shape and colour", "kept: way"
OBEYED = (
    Obeyed(condition="words: new shape and colour", row=CHANGED, unit="%", without="source"),
    Obeyed(condition="clip: way of its thing, correlation", row=WAY, without=None),
)
MINUTES, POINTS = 10.0, 0.05
AT = (50, 150, 500)
"""Steps after which the words are looked at besides the usual ones (ours)."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A clip to tune to, and what is asked of it afterwards."""

    scene: Scene
    edited: Scene
    prompt: str
    wish: str
    clip: Clip
    true: Frames
    way: Track
    still: torch.Tensor


def tried(on: Bench) -> Iterator[Check]:
    """The rows; a part's are of every FEWth clip."""
    cases = drawn(min(on.count, MOST), _side(on))
    systems = [tuned(on, case, f"clip-{k:03d}") for k, case in enumerate(cases)]
    made = [_made(system, case) for system, case in zip(systems, cases, strict=True)]
    yield _hygiene(on, len(cases))
    yield from _kept(cases, made, on.reader)
    yield _inversion(cases, systems)
    yield _exact(on, cases, made)
    few = slice(0, None, FEW)
    yield from _parts(on, cases[few], systems[few], made[few])
    yield _minutes(on, len(cases))
    yield _longer(on, cases[few])


def unchecked() -> list[LeftOut]:
    """What is a law of one layer and not of a system."""
    sight = "is a law of one layer; see tests/networks/test_small3d.py"
    return [LeftOut("sparse-causal mask", sight)]


def drawn(count: int, side: int) -> list[Case]:
    """The first held-out scenes of one thing that goes somewhere before a camera that stands."""
    found: list[Case] = []
    index = 0
    while len(found) < count:
        scene = world.sample(SEED, index, objects=1, split="test")
        rng = np.random.default_rng((SEED, index))
        index += 1
        (thing,) = scene.things
        if thing.motion.verb not in GOING or scene.camera.move != "static":
            continue
        shapes = [shape for shape in SHAPES if shape != thing.shape]
        colours = [colour for colour in CORE_COLOURS if colour != thing.colour]
        other = replace(thing, shape=str(rng.choice(shapes)), colour=str(rng.choice(colours)))
        edited = replace(scene, things=(other,))
        if goes_well(edited):
            found.append(_case(scene, edited, index, side))
    return found


def _case(scene: Scene, edited: Scene, index: int, side: int) -> Case:
    one, other = (
        world.render(which, frames=FRAMES, size=(side, side), fps=FPS) for which in (scene, edited)
    )
    prompt, wish = (
        caption(which, np.random.default_rng((SEED, index)), detail="full")
        for which in (scene, edited)
    )
    seen = np.maximum(one.ids, other.ids) > 0
    return Case(
        scene=scene,
        edited=edited,
        prompt=prompt,
        wish=wish,
        clip=Clip.from_uint8(one.rgb[None], fps=FPS),
        true=as_frames(other.rgb[None]),
        way=track((one.ids[:: round(FPS / READ_FPS)] == 1).astype(np.float32), 1 / READ_FPS),
        still=torch.from_numpy(~seen.any(0)),
    )


def tuned(
    on: Bench, case: Case, name: str, *, sees: str | None = None, steps: int | None = None
) -> TuneAVideo:
    """The system tuned to a clip, from its folder if it is there already; `sees` is another."""
    out = _prepared(on, name)
    done = zoo.facts(CARD.name, out)["phases"][0]["step"] if (out / CARD.name).exists() else 0
    if done < (steps or TuneAVideo.plan.steps) or not (out / CARD.name / OWN).exists():
        system = _started(out, sees)
        if not (out / tuning.TOLD).exists():
            tuning.begin(system, case.clip, case.prompt, out)
        tuning.tune(system, out, steps=steps)
    return tune_a_video.load(out)


def _started(out: Path, sees: str | None) -> TuneAVideo:
    """The system before it is tuned; `sees` puts another sight in the place of its own."""
    system = tune_a_video.start(out)
    if sees is not None:
        network, known = system.denoiser.network, system.denoiser
        assert isinstance(network, SmallUNet3D)
        other = SmallUNet3D(**{**zoo.arguments(network), "sees": sees}).eval()
        other.load_state_dict(network.state_dict())
        system.denoiser = Denoiser(other, known.schedule, known.prediction)
    return system


def _prepared(on: Bench, name: str) -> Path:
    """The folder of a clip, with the base that was named, if one was."""
    out = on.out / name
    for part in (TuneAVideo.plan.base, AUTOENCODER) if on.weights is not None else ():
        if not (out / part).exists():
            shutil.copytree(zoo.where(part, on.weights or zoo.FOLDER) / part, out / part)
    return out


def _side(on: Bench) -> int:
    found = tune_a_video.start(_prepared(on, "clip-000"))
    return found.config.sizes.side


def _made(system: TuneAVideo, case: Case, **settings: float) -> Frames:
    asked = system.request(case.wish, frames=FRAMES, fps=FPS, settings=settings)
    return system.make(asked).frames


def _hygiene(on: Bench, count: int) -> Check:
    """The share of the base's tensors, named ones aside, that are the same after tuning."""
    same: list[bool] = []
    learned = 0.0
    for k in range(count):
        out = on.out / f"clip-{k:03d}"
        base = load_file(zoo.files(TuneAVideo.plan.base, zoo.where(TuneAVideo.plan.base, out))[0])
        whole = load_file(out / "parts" / "network" / "weights.safetensors")
        rest = [name for name in whole if not tuning.fits(name, TuneAVideo.plan.learns)]
        same += [torch.equal(whole[name], base[name].float()) for name in rest]
        facts = zoo.facts(CARD.name, out)
        learned = facts["learned"] / facts["of"]
    entry = report.share(same)
    return Check(
        id="hygiene", value=entry.value, interval=entry.interval, n=entry.n, threshold=1.0,
        baselines={"share of parameters that learns": learned},
    )  # fmt: skip


def _words(cases: Sequence[Case], made: Sequence[Frames], reader: ClipReader) -> list[bool]:
    """Whether the new shape and colour are seen, a clip's two answers after another's."""
    readings = read(reader, torch.cat(list(made)), FPS)
    found = marks(readings, [case.edited for case in cases], reader)
    return [mark.right for mark in found if mark.title in ("shape", "colour")]


def _ways(
    cases: Sequence[Case], made: Sequence[Frames], reader: ClipReader
) -> tuple[np.ndarray, np.ndarray]:
    """Of each clip the correlation of the way that is read with the true one, and pixels between.

    Where nothing is read the correlation is 0 and a thing is half a frame off.
    """
    side = made[0].shape[-1]
    alike, off = [], []
    for case, seen in zip(cases, read(reader, torch.cat(list(made)), FPS), strict=True):
        thing = max(seen.things, key=lambda one: float(one.track.areas.sum()), default=None)
        both = None if thing is None else _both(thing.track, case.way)
        alike.append(0.0 if both is None else _correlation(*both))
        apart = None if both is None else np.linalg.norm(both[0] - both[1], axis=1).mean()
        off.append(side * float(0.5 if apart is None else apart))
    return np.array(alike), np.array(off)


def _both(one: Track, other: Track) -> tuple[np.ndarray, np.ndarray] | None:
    """Middles in the frames where both are seen; None for fewer than three."""
    n = min(len(one.middles), len(other.middles))
    shown = one.visible[:n] & other.visible[:n]
    return (one.middles[:n][shown], other.middles[:n][shown]) if shown.sum() >= 3 else None


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Pearson's, over both axes, each about its own mean."""
    a, b = one - one.mean(0), other - other.mean(0)
    size = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return float((a * b).sum()) / size if size > 0 else 0.0


def _kept(cases: Sequence[Case], made: Sequence[Frames], reader: ClipReader) -> Iterator[Check]:
    true, source = [case.true for case in cases], [case.clip.frames for case in cases]
    others = disordered(list(cases), SEED)
    rows = {"truth": (cases, true), "source": (cases, source), "shuffled": (others, made)}
    yield share(CHANGED, np.array(_words(cases, made, reader), float), WORDS, {
        name: float(np.mean(_words(*pair, reader))) for name, pair in rows.items()
    })  # fmt: skip
    (alike, off), (best, least), (swapped, apart) = (
        _ways(*pair, reader) for pair in ((cases, made), rows["truth"], rows["shuffled"])
    )
    beside = {"truth": float(best.mean()), "shuffled": float(swapped.mean())}
    yield mean(WAY, alike, ALIKE, beside)
    beside = {"truth": -float(least.mean()), "shuffled": -float(apart.mean())}
    yield mean("kept: places, less pixels off", -off, -PIXELS, beside)


def _inversion(cases: Sequence[Case], systems: Sequence[TuneAVideo]) -> Check:
    """PSNR of the clip, as the autoencoder has it, told its own words without guidance."""
    told: list[float] = []
    silent: list[float] = []
    for case, system in zip(cases, systems, strict=True):
        assert system.own is not None
        with torch.inference_mode():
            given = system.autoencoder.decode(system.own.clean)
        for prompt, row in ((case.prompt, told), ("", silent)):
            asked = system.request(prompt, frames=FRAMES, fps=FPS, guidance=1.0)
            row.append(_decibels(system.make(asked).frames, given))
    entry = report.mean(told, better="higher")
    return Check(
        id="inversion: decibels", value=entry.value, interval=entry.interval, n=entry.n,
        threshold=DECIBELS, baselines={"told nothing": float(np.mean(silent))},
    )  # fmt: skip


def _decibels(one: Frames, other: Frames) -> float:
    return 10 * math.log10(4 / max(1e-12, _error(one, other)))


def _exact(on: Bench, cases: Sequence[Case], made: Sequence[Frames]) -> Check:
    """One less the share: square error against the true edit over that of editing each frame."""
    alone = [_framewise(on, k, case) for k, case in enumerate(cases)]
    mine, theirs, source = (
        np.array(
            [float((x - case.true).square().mean()) for x, case in zip(row, cases, strict=True)]
        )
        for row in (made, alone, [case.clip.frames for case in cases])
    )
    few = len(cases) < 2
    low, high = (0.0, 0.0) if few else paired.bootstrap(mine, theirs)
    return Check(
        id="exact edits: error saved", value=1 - float(mine.sum() / theirs.sum()),
        interval=None if few else (1 - high, 1 - low), n=len(cases), threshold=1 - SHARE,
        baselines={"source": 1 - float(source.sum() / theirs.sum())},
    )  # fmt: skip


def _error(one: Frames, other: Frames) -> float:
    return float((one - other).square().mean())


def _framewise(on: Bench, k: int, case: Case) -> Frames:
    """The image model's own edit: each frame inverted and told the new words by itself."""
    return _made(_untuned(_prepared(on, f"clip-{k:03d}"), case, sees="own"), case)


def _untuned(out: Path, case: Case, *, sees: str | None = None) -> TuneAVideo:
    """The system as it begins, with the clip's noise."""
    system = _started(out, sees)
    assert isinstance(system.autoencoder, FrameAutoencoder)
    with torch.no_grad():
        clean = system.autoencoder.encode(case.clip.frames)
    asked = system.request(case.prompt, frames=FRAMES, fps=FPS)
    system.own = system.invert(clean, system.times(asked))
    return system


def _parts(
    on: Bench, cases: Sequence[Case], systems: Sequence[TuneAVideo], made: Sequence[Frames]
) -> Iterator[Check]:
    """What falls when a part is taken away, paired."""
    prompts = [case.prompt for case in cases]
    fresh = [_made(system, case, inverted=0.0) for system, case in zip(systems, cases, strict=True)]
    ways = [_ways(cases, row, on.reader)[0] for row in (fresh, made)]
    yield _paired("part: own noise, way", ways, prompts, threshold=FALL)
    blind = [
        _made(tuned(on, case, f"blind-{k:03d}", sees="own"), case) for k, case in enumerate(cases)
    ]
    drifts = [np.array([float(drift.colours(x[0]).mean()) for x in row]) for row in (made, blind)]
    yield _paired("part: sparse-causal sight, drift", drifts, prompts, threshold=SOME)
    raw = [
        _made(_untuned(_prepared(on, f"blind-{k:03d}"), case), case) for k, case in enumerate(cases)
    ]
    flickers = [
        np.array([_flicker(x, case) for x, case in zip(row, cases, strict=True)])
        for row in (made, raw)
    ]
    yield _paired("part: tuning, flicker", flickers, prompts, threshold=SOME)


def _flicker(frames: Frames, case: Case) -> float:
    return float(temporal.flicker(frames, case.still[None])[0])


def _paired(
    name: str, rows: Sequence[np.ndarray], prompts: Sequence[str], *, threshold: float
) -> Check:
    """The second row less the first, which is what the part is worth."""
    first, other = rows
    found = paired.difference(first, other, np.ones(len(first)), prompts, better="higher")
    signs = {} if found.p is None else {"p of the sign test": found.p}
    return Check(
        id=name, value=found.value, interval=found.interval, n=found.n, threshold=threshold,
        baselines={"first": found.first, "other": found.other, **signs},
    )  # fmt: skip


def _minutes(on: Bench, count: int) -> Check:
    """Minutes that tuning took, by the log of each run; negative, so that less is more."""
    spent = [-_spent(on.out / f"clip-{k:03d}") for k in range(count)]
    entry = report.mean(spent, better="higher")
    return Check(
        id="budget: less minutes", value=entry.value, interval=entry.interval, n=entry.n,
        threshold=-MINUTES,
    )  # fmt: skip


def _spent(out: Path) -> float:
    """What the log of a run accounts for: its first steps are in it from the twentieth on."""
    path = out / "log.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    before = [0, *(line["step"] for line in lines)]
    return sum(
        line["seconds"] * (line["step"] - last) for line, last in zip(lines, before, strict=False)
    ) / 60  # fmt: skip


def _longer(on: Bench, cases: Sequence[Case]) -> Check:
    """Words seen at the usual steps less the most that are seen after any of AT."""
    usual, seen, before = TuneAVideo.plan.steps, dict[int, float](), ""
    for steps in sorted({*AT, usual}):
        made = []
        for k, case in enumerate(cases):
            last, now = (on.out / f"longer-{k:03d}{mark}" for mark in (before, f"-{steps}"))
            if before and not now.exists():
                shutil.copytree(last, now)
            made.append(_made(tuned(on, case, now.name, steps=steps), case))
        seen[steps], before = float(np.mean(_words(cases, made, on.reader))), f"-{steps}"
    best = max(seen, key=lambda steps: seen[steps])
    beside = {f"after {steps}": value for steps, value in seen.items()}
    return Check(
        id="over-tuning: words below the best", value=seen[usual] - seen[best], interval=None,
        n=len(cases), threshold=-POINTS,
        baselines={**beside, "best after": float(best)},
    )  # fmt: skip
