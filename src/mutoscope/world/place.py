"""Places for the words of a scene: in view, unhidden and not passing through each other."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mutoscope.world.camera import View, view
from mutoscope.world.kernel import kernel
from mutoscope.world.motion import PACES, Track, lag, one_of, reach
from mutoscope.world.scene import SECONDS, SHAPES, Scene, Thing
from mutoscope.world.shapes import BOUND, HALF
from mutoscope.world.touch import overlap
from mutoscope.world.verbs import LOOP, Spot

Array = NDArray[np.float64]
Verdict = NDArray[np.bool_]

_Placed = dict[int, tuple[Track, Array]]
"""Things that have a place: their tracks and extents, of one spot."""

_BATCH = 48
TRIES = 12 * _BATCH
_CHECK = np.arange(0.0, SECONDS + 0.01, 0.25)
_CLIP = _CHECK <= 2.0
"""The reference clip lasts 2 seconds: then everything must be in view, afterwards the middles."""
_CLOSE, _CLOSER = (np.arange(0.0, SECONDS + 0.01, step) for step in (0.125, 0.0625))
_FILL = (0.54, 0.9, 0.72, 0.38, 0.54, 0.66, 0.48, 0.39)
"""About which part of its box in the picture each of SHAPES covers."""
_FLEETING = ("appears", "vanishes")
_LEAST, _CROWDED, _PATTERNED, _INKED = 0.021, 0.012, 1.25, 1.2
"""The least share of the frame that a thing covers, measured: where a word shows worst (a cone for
a pyramid), it changes 45 % of a thing's pixels. More if gloss or a pattern, or if ink, covers half;
less among three and more things, for which there is no room.
"""
DEEP = 0.01
"""Metres that things may be in each other: measured on points, a touch isn't told from a graze."""


def arrange(
    scene: Scene, rng: np.random.Generator, tries: int = TRIES, together: int = 2
) -> Scene | None:
    """The same words at new random places where all goes well; None if no place was found.

    Up to `together` things are placed at once; of more, one after another.
    """
    seen = view(scene.camera, _CHECK)
    groups = _groups(scene.things, together)
    close = _close(scene.things)
    spots = [_spots(thing, rng, i in close) for i, thing in enumerate(scene.things)]
    placed: _Placed = {}
    for k, group in enumerate(groups):
        for attempt in range(0, tries, _BATCH):
            if k or attempt:
                for i in group:
                    spots[i] = _spots(scene.things[i], rng, i in close)
            for i in group:
                _join(scene.things, spots, i, scene.things[i])
            found = _first(scene, spots, seen, group, placed)
            if found is not None:
                spots = found
                break
        else:
            return None
        placed |= {i: _seen(scene, spots, seen, i) for i in group}
    return _settled(scene, spots)


def _untouched(scene: Scene, group: list[int], placed: Collection[int] = ()) -> bool:
    """Whether a group passes through nothing, nor itself; fast things are watched more closely."""
    fast = any(thing.motion.speed == "quickly" for thing in scene.things)
    return bool(overlap(scene, _CLOSER if fast else _CLOSE, group, placed) <= DEEP)


def _groups(things: Sequence[Thing], together: int) -> list[list[int]]:
    """Which things to place at once: a few, or else those that refer to each other."""
    if len(things) <= together:
        return [list(range(len(things)))]
    groups = [{i, t.motion.other} for i, t in enumerate(things) if t.motion.other is not None]
    groups += [{i} for i in range(len(things)) if not any(i in g for g in groups)]
    return [sorted(g) for g in groups]


def _first(
    scene: Scene, spots: list[Spot], seen: View, group: list[int], placed: _Placed
) -> list[Spot] | None:
    """The first of a batch of spots that go well for a group beside what is placed already."""
    for row in np.flatnonzero(_well(scene, spots, seen, group, placed)):
        chosen = [_only(spot, int(row)) if i in group else spot for i, spot in enumerate(spots)]
        if _untouched(_settled(scene, chosen), group, placed):
            return chosen
    return None


def goes_well(scene: Scene) -> bool:
    """Whether all things stay in view, apart from each other, and mostly unhidden."""
    spots = [
        Spot(**{k: np.array([[v]]) for k, v in vars(Spot.of(t)).items()}) for t in scene.things
    ]
    group = list(range(len(spots)))
    well = bool(_well(scene, spots, view(scene.camera, _CHECK), group, {}).all())
    return well and _untouched(scene, group)


_START: dict[str, tuple[float, float, float, float]] = {
    "slides left": (-0.3, 1.7, -1.9, 0.9),
    "slides right": (-1.7, 0.3, -1.9, 0.9),
    "comes closer": (-1.1, 1.1, -4.0, -2.0),
    "moves away": (-1.1, 1.1, 0.5, 1.9),
    "circles": (-1.0, 1.0, -1.9, 0.4),
}
"""Where a verb's things may begin: x from, to, z from, to, in metres."""


def _close(things: Sequence[Thing]) -> set[int]:
    """Things that would be too small far away, and those they refer to."""
    if len(things) > 2:
        return set()
    little = {i for i, t in enumerate(things) if t.size == "small" or t.motion.verb in _FLEETING}
    return little | {j for i in little if (j := things[i].motion.other) is not None}


def _spots(thing: Thing, rng: np.random.Generator, close: bool) -> Spot:  # noqa: FBT001
    """A batch of random beginnings, in the nearer half of where they may be if need be."""
    x0, x1, z0, z1 = _START.get(thing.motion.verb, (-1.7, 1.7, -1.9, 0.9))
    z0 = (z0 + z1) / 2 if close else z0
    turn = 0.6 if thing.shape in ("ring", "star") else np.pi
    low, high = np.array([x0, z0, -turn, 0.0]), np.array([x1, z1, turn, 1.0])
    drawn = low + (high - low) * rng.random((_BATCH, 4))
    x, z, yaw, phase = (drawn[:, k : k + 1] for k in range(4))
    if thing.motion.verb == "circles":
        # What was drawn is the middle of the loop.
        x, z = x + LOOP * np.cos(2 * np.pi * phase), z + LOOP * np.sin(2 * np.pi * phase)
    return Spot(x=x.round(3), z=z.round(3), yaw=yaw.round(3), phase=phase.round(3))


def _join(things: Sequence[Thing], spots: list[Spot], i: int, thing: Thing) -> None:
    """Move the spots of a thing, and of the one its verb refers to, to where the verb can begin."""
    j, verb = thing.motion.other, thing.motion.verb
    if j is None:
        return
    # Numbers in [0, 1) already drawn for the thing serve to vary where it joins.
    u, other = np.asarray(spots[i].phase), spots[j]
    way = -1.0 if things[j].motion.verb == "slides left" else 1.0
    if verb == "pushes":
        other = replace(other, x=-way * (0.7 * np.asarray(other.phase)).round(3), yaw=0 * u)
        gap = reach(thing) + reach(things[j]) + 0.45 + 0.35 * u
        spots[i] = replace(spots[i], x=(other.x - way * gap).round(3), z=other.z, yaw=0 * u)
    elif verb == "orbits":
        angle, far = 2 * np.pi * u, 1.55 + 0.1 * np.asarray(spots[i].yaw)
        x, z = other.x + far * np.cos(angle), other.z + far * np.sin(angle)
        spots[i] = replace(spots[i], x=x.round(3), z=z.round(3))
    elif verb == "stacks on":
        spots[i] = replace(spots[i], x=other.x, z=other.z)
    elif verb == "follows" and things[j].motion.verb == "circles":
        begin = 2 * np.pi * np.asarray(other.phase)
        late = begin - np.pi * lag(things[j]) * PACES[things[j].motion.speed]
        x = other.x + LOOP * (np.cos(late) - np.cos(begin))
        z = other.z + LOOP * (np.sin(late) - np.sin(begin))
        spots[i] = replace(spots[i], x=x.round(3), z=z.round(3))
    elif verb == "follows":
        other = replace(other, x=way * (0.7 * np.asarray(other.phase)).round(3))
        spots[i] = replace(spots[i], x=(other.x - way * (1.5 + 0.7 * u)).round(3), z=other.z)
    spots[j] = other


def _only(spot: Spot, row: int) -> Spot:
    """One spot of a batch, by itself."""
    return Spot(**{k: np.asarray(v)[row : row + 1] for k, v in vars(spot).items()})


def _settled(scene: Scene, spots: list[Spot]) -> Scene:
    """The scene with its things at the first of each batch of spots."""
    things = []
    for thing, spot in zip(scene.things, spots, strict=True):
        x, z, yaw, phase = (float(np.asarray(v)[0, 0]) for v in vars(spot).values())
        motion = replace(thing.motion, phase=phase)
        things.append(replace(thing, x=x, z=z, yaw=yaw, motion=motion))
    return replace(scene, things=tuple(things))


def _seen(scene: Scene, spots: list[Spot], seen: View, i: int) -> tuple[Track, Array]:
    """A thing's track and its extent in the picture, from each of its spots."""
    path = one_of(scene.things, spots, i, _CHECK)
    return path, _extent(scene.things[i].shape, path, seen)


def _well(
    scene: Scene, spots: list[Spot], seen: View, group: list[int], placed: _Placed
) -> Verdict:
    """Which of a batch of spots go well for a group beside what is placed; stops where none do."""
    known = dict(placed)
    good = np.ones(1, np.bool_)
    for i in group:
        known[i] = _seen(scene, spots, seen, i)
        area = known[i][1]
        good = good & _in_view(area, _CLIP)
        good = good & _large_enough(scene, i, area)
        for j in known:
            if i != j and good.any():
                good = good & _well_together(scene, known, (i, j))
        if not good.any():
            break
    return good


def _well_together(
    scene: Scene, known: Mapping[int, tuple[Track, Array]], pair: tuple[int, int]
) -> Verdict:
    """Whether two things keep apart and don't hide each other, but for what their verbs ask."""
    i, j = pair
    verb = _between(scene.things, i, j)
    (path, area), (_, other) = known[i], known[j]
    good = np.ones(len(area), np.bool_)
    if verb not in ("pushes", "stacks on"):
        good = good & _apart(scene, path, known[j][0], pair)
    if verb not in ("orbits", "stacks on"):
        good = good & _unhidden(area, other, _CLIP)
    return good


def _between(things: Sequence[Thing], i: int, j: int) -> str:
    """The verb of one thing that refers to the other, or none."""
    for a, b in ((i, j), (j, i)):
        if things[a].motion.other == b:
            return things[a].motion.verb
    return ""


def _extent(shape: str, path: Track, seen: View) -> Array:
    """x0 y0 x1 y1 in [0, 1] across the frame, and the middle's depth, B T 5."""
    areas = np.empty((*path.scale.shape, 5))
    half = HALF[SHAPES.index(shape)]
    tans = np.tan(seen.fov / 2)
    _project(half, path.centre, path.rotation, path.scale, seen.eye, seen.basis, tans, areas)
    return areas


@kernel
def _project(  # noqa: PLR0913 - the inner loop of `_extent`
    half: Array,
    centre: Array,
    rotation: Array,
    scale: Array,
    eye: Array,
    basis: Array,
    tans: Array,
    areas: Array,
) -> None:
    point, local = np.empty(3), np.empty(3)
    for b in range(scale.shape[0]):
        for t in range(scale.shape[1]):
            x0, y0, x1, y1, deep = 1e9, 1e9, -1e9, -1e9, 0.0
            for k in range(8):
                a0 = half[0] if k & 4 else -half[0]
                a1 = half[1] if k & 2 else -half[1]
                a2 = half[2] if k & 1 else -half[2]
                for i in range(3):
                    r = rotation[b, t, i]
                    turned = r[0] * a0 + r[1] * a1 + r[2] * a2
                    point[i] = centre[b, t, i] + scale[b, t] * turned - eye[t, i]
                for i in range(3):
                    m = basis[t, i]
                    local[i] = m[0] * point[0] + m[1] * point[1] + m[2] * point[2]
                d = max(local[2], 1e-3) * tans[t]
                x, y = 0.5 + 0.5 * local[0] / d, 0.5 + 0.5 * local[1] / d
                x0, y0, x1, y1 = min(x0, x), min(y0, y), max(x1, x), max(y1, y)
                deep += local[2]
            areas[b, t, 0], areas[b, t, 1] = x0, y0
            areas[b, t, 2], areas[b, t, 3] = x1, y1
            areas[b, t, 4] = deep / 8.0


@kernel
def _in_view(area: Array, clip: Verdict) -> Verdict:
    good = np.ones(len(area), np.bool_)
    for b in range(len(area)):
        for t in range(area.shape[1]):
            x0, y0, x1, y1, deep = area[b, t]
            x, y = (x0 + x1) / 2, (y0 + y1) / 2
            well = deep > 2.0 and 0.04 < x < 0.96 and 0.04 < y < 0.96
            if clip[t]:
                well = well and min(x0, y0) > -0.02 and max(x1, y1) < 1.02
            if not well:
                good[b] = False
                break
    return good


def _large_enough(scene: Scene, i: int, area: Array) -> Verdict:
    """Whether a thing takes enough of the frame, on average, for all that is said of it to show."""
    thing = scene.things[i]
    least = (_LEAST if len(scene.things) < 3 else _CROWDED) * (
        _PATTERNED if thing.material != "matte" else 1.0
    )
    least *= _INKED if scene.look == "cartoon" else 1.0
    sides = (area[..., 2:4] - area[..., :2])[:, _CLIP]
    share = _FILL[SHAPES.index(thing.shape)] * sides.prod(axis=-1).mean(-1)
    good: Verdict = share >= least
    return good


def _apart(scene: Scene, a: Track, b: Track, pair: tuple[int, int]) -> Verdict:
    """Whether two things never meet, each taken for a ball a little smaller than its bound."""
    first, second = (BOUND[SHAPES.index(scene.things[k].shape)] for k in pair)
    gap = np.linalg.norm(a.centre - b.centre, axis=-1)
    good: Verdict = (gap > 0.9 * (first * a.scale + second * b.scale)).all(-1)
    return good


@kernel
def _unhidden(a: Array, b: Array, clip: Verdict) -> Verdict:
    """Whether two things overlap little in the picture at first, and not for long later on."""
    good = np.ones(len(a), np.bool_)
    for i in range(len(a)):
        early, late, often, times = -1.0, 0.0, 0, 0
        for t in range(a.shape[1]):
            if not clip[t]:
                continue
            p, q = a[i, t], b[i if len(b) > 1 else 0, t]
            wide = max(min(p[2], q[2]) - max(p[0], q[0]), 0.0)
            high = max(min(p[3], q[3]) - max(p[1], q[1]), 0.0)
            far = p if p[4] > q[4] else q
            late = wide * high / max((far[2] - far[0]) * (far[3] - far[1]), 1e-9)
            early = late if times == 0 else early
            often += late > 0.4
            times += 1
        good[i] = early < 0.15 and late < 0.35 and often < 0.25 * times
    return good
