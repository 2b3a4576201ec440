"""A second opinion that has learned nothing: hues for things, phase correlation for the camera.

Thing: pixels whose linear light points the way of a paint (grey ones: by level), in one piece that
is compact, off the border and unlike what lies around it; its middle and area a frame.
Camera: the frame is cut into 3 x 3 overlapping windows; a window's shift between frames is the peak
of ifft(X* Y / |X* Y|); shifts are fitted by a + s (x, y) + r (-y, x), outliers weighing less.

Sources: Kuglin & Hines (1975) for phase correlation. Thresholds ours, set by eye on ten clips.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float, UInt8
from scipy import ndimage

from mutoscope.clip import Clip, Frames
from mutoscope.evaluate import report
from mutoscope.evaluate.reading import Reading, ThingRead, prepared
from mutoscope.evaluate.report import Report
from mutoscope.evaluate.tracks import COMPASS, Track, track
from mutoscope.networks.readers import FPS
from mutoscope.world.palette import GAMMA, PAINTS

Shot = UInt8[np.ndarray, "T H W 3"]

GREYS: Mapping[str, tuple[float, float]] = {
    "white": (0.42, 1.1), "grey": (0.06, 0.42), "black": (-1.0, 0.06),
}  # fmt: skip
"""Linear levels of the paints that have no hue."""
ANGLE = 0.965
"""Cosine to a paint's direction from which on a pixel may be of that paint."""
SMALL, LARGE = 0.008, 0.30
"""Shares of the frame that a thing covers."""
NEAR = 0.08
"""Frame sides within which two opinions of a middle agree."""
WINDOW = 32
STEADY = 0.1
"""Frame sides over a clip below which a camera stands still; zoom and roll count half."""


@dataclass(frozen=True)
class Camera:
    """What a camera does to the picture, in all.

    Shift right and down in frame sides, logarithm of growth, clockwise turn in radians.
    """

    right: float
    down: float
    growth: float
    turn: float

    @property
    def move(self) -> str:
        """The nearest move that shifts, scales or turns a picture (a truck counts as a pan)."""
        sizes = {
            "pan": self.right, "tilt": self.down, "zoom": self.growth / 2, "roll": self.turn / 2,
        }  # fmt: skip
        kind = max(sizes, key=lambda name: abs(sizes[name]))
        if abs(sizes[kind]) < STEADY:
            return "static"
        plus, minus = {
            "pan": ("left", "right"), "tilt": ("up", "down"), "zoom": ("in", "out"),
            "roll": ("anticlockwise", "clockwise"),
        }[kind]  # fmt: skip
        return f"{kind} {plus if sizes[kind] > 0 else minus}"


def thing(shot: Shot, colour: str, seconds: float) -> Track | None:
    """The track of the likeliest thing of a colour; None if fewer than half the frames have one."""
    light = (shot.astype(np.float64) / 255) ** GAMMA
    alike = _alike(light, colour)
    masks = np.zeros(alike.shape)
    last: np.ndarray | None = None
    for k, mask in enumerate(alike):
        piece = _piece(mask, light[k], last)
        if piece is not None:
            masks[k], last = piece, _middle(piece)
    found = masks.any((1, 2))
    return track(masks, seconds) if found.mean() >= 0.5 else None


def camera(shot: Shot) -> Camera:
    """What the camera does, from the pictures' shifts alone."""
    grey = shot.astype(np.float64).mean(-1)
    total = np.zeros(4)
    for before, after in pairwise(grey):
        total += fitted(*_shifts(before, after))
    side = shot.shape[1]
    return Camera(total[0] / side, total[1] / side, total[2], total[3])


def paint(shot: Shot, masks: Bool[np.ndarray, "T h w"]) -> str:
    """The paint nearest to the typical pixel under a mask, in hue first and level second."""
    step = shot.shape[1] // masks.shape[1]
    inside = shot[:, ::step, ::step][masks[: len(shot)]]
    if len(inside) == 0:
        return "grey"
    light = (np.median(inside, axis=0) / 255.0) ** GAMMA
    level = light.max()
    if level < 0.03 or (light.max() - light.min()) / level < 0.28:
        return next((n for n, (low, high) in GREYS.items() if low <= light.mean() < high), "grey")
    hues = [n for n in PAINTS if n not in GREYS]
    return max(hues, key=lambda n: float(_unit(light) @ _unit(_linear(n))))


def agreement(clips: Frames, readings: Sequence[Reading], fps: float) -> Report:
    """How often both opinions agree: on a thing's colour, place and direction, on the camera.

    A direction is asked where both see the thing go somewhere; one point of the compass may lie
    between them, since a way between two points is told as either.
    """
    shots = Clip(frames=prepared(clips, fps), fps=FPS).uint8()
    colours, places, ways, moves = [], [], [], []
    for shot, reading in zip(shots, readings, strict=True):
        for found in reading.things:
            word = found.words["colour"].best
            colours.append(paint(shot, found.masks) == word)
            other = thing(shot, word, 1 / FPS)
            if other is not None:
                places.append(_same_place(found, other))
                ways += _same_way(found.track.direction, other.direction)
        moves.append(camera(shot).move == reading.words["move"].best)
    return {
        "colour": report.share(colours),
        "place": report.share(places),
        "direction": report.share(ways),
        "camera": report.share(moves),
    }


def _same_place(found: ThingRead, other: Track) -> bool:
    away = np.hypot(*(found.track.middles - other.middles).T)
    away = away[np.isfinite(away)]
    return len(away) > 0 and float(np.median(away)) < NEAR


def _same_way(one: str | None, other: str | None) -> list[bool]:
    """Whether two points of the compass are the same or neighbours; [] where one is none."""
    if one is None or other is None:
        return []
    apart = (COMPASS.index(one) - COMPASS.index(other)) % len(COMPASS)
    return [apart in (0, 1, len(COMPASS) - 1)]


def _linear(colour: str) -> np.ndarray:
    return (np.array(PAINTS[colour]) / 255.0) ** GAMMA


def _unit(x: np.ndarray) -> np.ndarray:
    return x / (np.linalg.norm(x, axis=-1, keepdims=True) + 1e-6)


def _alike(light: Float[np.ndarray, "T H W 3"], colour: str) -> Bool[np.ndarray, "T H W"]:
    level = light.max(-1)
    flat = (level - light.min(-1)) < 0.3 * level + 0.01
    if colour in GREYS:
        low, high = GREYS[colour]
        mean = light.mean(-1)
        return flat & (mean >= low) & (mean < high)
    hues = [n for n in PAINTS if n not in GREYS]
    cosines = _unit(light) @ np.stack([_unit(_linear(n)) for n in hues]).T
    mine = cosines[..., hues.index(colour)]
    return ~flat & (mine > ANGLE) & (mine >= cosines.max(-1) - 0.01)


def _piece(
    mask: Bool[np.ndarray, "H W"], light: Float[np.ndarray, "H W 3"], last: np.ndarray | None
) -> Bool[np.ndarray, "H W"] | None:
    """The piece of a mask that is most like a thing, near where the thing was before."""
    pieces, count = ndimage.label(ndimage.binary_opening(mask))
    best, chosen = 0.0, None
    for k, box in enumerate(ndimage.find_objects(pieces)[:count]):
        piece = pieces == k + 1
        worth = _worth(piece, box, light)
        if last is not None:
            worth *= float(np.exp(-np.linalg.norm(_middle(piece) - last) / (0.2 * len(mask))))
        if worth > best:
            best, chosen = worth, piece
    return chosen


def _worth(
    piece: Bool[np.ndarray, "H W"], box: tuple[slice, slice], light: Float[np.ndarray, "H W 3"]
) -> float:
    """Zero for what can't be a thing; else larger for compact pieces unlike their surroundings."""
    H, W = piece.shape
    area = piece.sum()
    if not SMALL < area / piece.size < LARGE:
        return 0.0
    ys, xs = box
    sides = (ys.start == 0) + (xs.start == 0) + (ys.stop == H) + (xs.stop == W)
    fill = area / ((ys.stop - ys.start) * (xs.stop - xs.start))
    ring = ndimage.binary_dilation(piece, iterations=3) & ~ndimage.binary_dilation(piece)
    if sides > 1 or fill < 0.3 or not ring.any():
        return 0.0
    unlike = np.linalg.norm(light[piece].mean(0) ** 0.45 - light[ring].mean(0) ** 0.45)
    return float(fill * unlike * np.sqrt(area))


def _middle(piece: np.ndarray) -> np.ndarray:
    ys, xs = np.nonzero(piece)
    return np.array([ys.mean(), xs.mean()])


def _shifts(
    before: Float[np.ndarray, "H W"], after: Float[np.ndarray, "H W"]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Middles of windows (from the frame's middle, in pixels), their shifts x, y, and peaks."""
    H, W = before.shape
    taper = np.outer(np.hanning(WINDOW), np.hanning(WINDOW))
    places, shifts, peaks = [], [], []
    for y in np.linspace(0, H - WINDOW, 3).astype(int):
        for x in np.linspace(0, W - WINDOW, 3).astype(int):
            cut = np.s_[y : y + WINDOW, x : x + WINDOW]
            pair = [(f[cut] - f[cut].mean()) * taper for f in (before, after)]
            shift, peak = _shift(*pair)
            places.append((x + WINDOW / 2 - W / 2, y + WINDOW / 2 - H / 2))
            shifts.append(shift)
            peaks.append(peak)
    return np.array(places), np.array(shifts), np.array(peaks)


def _shift(a: np.ndarray, b: np.ndarray) -> tuple[tuple[float, float], float]:
    """How far b is a shifted right and down, to a fraction of a pixel, and the peak's height."""
    cross = np.conj(np.fft.rfft2(a)) * np.fft.rfft2(b)
    size = np.abs(cross)
    # A little damping: frequencies without power have a phase of noise only.
    surface = np.fft.irfft2(cross / (size + 0.02 * size.max() + 1e-9), a.shape)
    n = len(a)
    y, x = np.unravel_index(surface.argmax(), surface.shape)
    around = np.arange(-1, 2)
    patch = surface[np.ix_((y + around) % n, (x + around) % n)].clip(0)
    total = patch.sum() + 1e-9
    dx, dy = (patch.sum(0) @ around) / total, (patch.sum(1) @ around) / total
    wrap = [float((v + n / 2) % n - n / 2) for v in (x + dx, y + dy)]
    return (wrap[0], wrap[1]), float(surface.max())


def fitted(
    places: Float[np.ndarray, "n 2"],
    shifts: Float[np.ndarray, "n 2"],
    peaks: Float[np.ndarray, " n"],
) -> Float[np.ndarray, " 4"]:
    """The similarity that explains shifts of places: a_x, a_y, growth, turn (clockwise, radians).

    Places are told from the fixed point of growth and turn; `peaks` say how much each counts.
    Least squares, twice leaving out the worst.
    """
    x, y = places.T
    zero, one = np.zeros_like(x), np.ones_like(x)
    rows = np.concatenate([np.stack([one, zero, x, -y], 1), np.stack([zero, one, y, x], 1)])
    target = np.concatenate([shifts[:, 0], shifts[:, 1]])
    peaks = peaks.clip(1e-3)  # of a flat piece the highest peak may lie below 0
    weight = np.sqrt(np.tile(peaks, 2))
    found = np.zeros(4)
    for _ in range(3):
        found = np.linalg.lstsq(rows * weight[:, None], target * weight, rcond=None)[0]
        left = np.hypot(*(target - rows @ found).reshape(2, -1))
        weight = np.sqrt(np.tile(peaks / (1 + (left / (np.median(left) + 0.1)) ** 4), 2))
    return found
