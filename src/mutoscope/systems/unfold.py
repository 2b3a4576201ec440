"""A clip out of an image model, without training: one latent carried along, and freed by noise.

    picture   x_1 -> x_t1 -> x_t0                    the first frame alone, by the sampler
    carried   x^k_t0 = W_k(x^1_t0)                   moved by (k - 1) times the way of one frame
    freed     x^k_t1 = forward(x^k_t0, t0 -> t1)     fresh noise for every frame but the first
    clip      x_t1 -> x_0                            all frames, each looking at the first

The more noise lies between t0 and t1, the more each frame may differ from a moved picture; none at
all gives a moved picture. Smoothing draws the background of every frame towards that of the first:
with masks M of things, clean = M clean + (1 - M) (a W_k(clean^1) + (1 - a) clean), and M is 1
wherever a thing is in the frame itself or would be if the first had only moved.

Source: Khachatryan et al. (2023), section 3.3. Departs: smoothing mixes what the denoiser believes
clean, at every step, where they mix noisy latents, whose noise shrinks when two are mixed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from mutoscope.checked import Number, Span, Value
from mutoscope.core import grids
from mutoscope.core.condition import Condition
from mutoscope.core.denoiser import Denoiser
from mutoscope.core.samplers import Sampler, Step, numbered
from mutoscope.core.schedule import Betas, Schedule
from mutoscope.core.shapes import Denoise, Grid, Latent, Time
from mutoscope.core.warp import moved
from mutoscope.errors import RequestError
from mutoscope.request import Setting

Masks = Float[Tensor, "b 1 t h w"]

CARRIED, FREED = 881, 941
"""Timesteps t0 and t1 of the paper's base. Source: their code, indices 44 and 47 of 50 steps."""
LATENT = 64
"""The side of a latent of the paper's base."""
GRID = 512
"""`strength` is told in so many parts of a side. Source: the paper's pictures, in pixels."""


def _knob(name: str, default: Number, low: Number, high: Number, told: str) -> Setting:
    span = Span(low=low, high=high)
    return Setting(name=name, type="number", default=default, range=span, help=told)


def _switch(name: str, told: str, *, default: bool = True) -> Setting:
    return Setting(name=name, type="switch", default=default, help=told)


CHUNK = Setting(
    name="chunk",
    type="integer",
    default=16,
    range=Span(low=1, high=240, step=1),
    help="frames computed together beside the first; fewer take less memory",
)


def times(schedule: Schedule | None, side: int = LATENT) -> tuple[float, float]:
    """t0 and t1 on the paper's own clock, or where noise hides as much on another schedule.

    Of a latent with a smaller `side` less noise hides as much: sigma / alpha in the measure of the
    sides. Source: Hoogeboom et al. (2023), eq. 3.
    """
    theirs = torch.tensor([CARRIED + 1, FREED + 1], dtype=torch.float64) / 1000
    if schedule is not None:
        alpha, sigma = Betas.scaled_linear()(theirs)
        theirs = schedule.when(sigma / alpha * side / LATENT)
    low, high = theirs.tolist()
    return round(low, 4), round(high, 4)


def settings(strength: Number, low: Number, high: Number, *, carried: bool) -> Sequence[Setting]:
    """The knobs of such a system; defaults for strength, t0, t1 and `carried` are its own.

    Direction (1, 1) and alpha are the paper's.
    """
    return (
        _switch("motion", "one latent carried along; off: every frame has its own noise"),
        _knob("right", 1.0, -1, 1, "direction of motion: to the right, below 0 to the left"),
        _knob("down", 1.0, -1, 1, "direction of motion: down, below 0 up"),
        _knob("strength", strength, 0, GRID, "way from frame to frame, in 512ths of the side"),
        _knob("t0", low, 0.02, 0.99, "time at which the picture is carried along"),
        _knob("t1", high, 0.02, 1, "time, t0 or later, up to which noise frees the frames"),
        _switch("cross_frame", "every frame looks at the first one"),
        _switch("carried", "it is seen where it is carried to; twice the work", default=carried),
        _switch("smoothing", "keeps the background still; twice the work", default=False),
        _knob("alpha", 0.6, 0, 1, "how much of a smoothed background is the first frame's"),
        CHUNK,
    )


@dataclass(frozen=True, kw_only=True)
class Motion:
    """The way of a frame, in shares of the frame's width and height, + right and + down.

    The picture is carried at time `low` and freed up to time `high`.
    """

    right: float
    down: float
    low: float
    high: float

    @classmethod
    def of(cls, asked: Mapping[str, Value]) -> Motion | None:
        """What the values of `settings` say; refuses t0 > t1, whether they matter or not."""
        strength = float(asked["strength"]) / GRID
        found = cls(
            right=float(asked["right"]) * strength,
            down=float(asked["down"]) * strength,
            low=float(asked["t0"]),
            high=float(asked["t1"]),
        )
        return found if asked["motion"] else None

    def __post_init__(self) -> None:
        if not 0 < self.low <= self.high <= 1:
            raise RequestError(
                f"motion needs 0 < t0 <= t1 <= 1 (got t0 {self.low:g}, t1 {self.high:g}); "
                "t0 = t1 only moves the picture"
            )

    def shifts(self, frames: int) -> Float[Tensor, "t 2"]:
        """How far each frame is from the first."""
        step = torch.tensor([self.right, self.down], dtype=torch.float64)
        return torch.arange(frames, dtype=torch.float64)[:, None] * step


@dataclass(frozen=True, kw_only=True)
class Unfolded:
    """The sampler of such a clip, made of a sampler; its x holds noise for every frame.

    Without `motion` every frame begins at its own noise, or if it is `shared` at the first's.
    `things` tells from a finished latent where things are, and then all steps from `high` on are
    done again, the background drawn to the first frame's by `alpha` in [0, 1]; None is no
    smoothing.
    """

    sampler: Sampler
    motion: Motion | None
    things: Callable[[Latent], Masks] | None = None
    alpha: float = 0.6
    shared: bool = False

    @classmethod
    def of(
        cls, asked: Mapping[str, Value], sampler: Sampler, things: Callable[[Latent], Masks], *,
        led: bool = False,
    ) -> Unfolded:  # fmt: skip
        """What the values of `settings` say; of frames `led` by maps only that motion is on counts.

        Then the first frame's noise is that of all, and nothing is moved. Source: Text2Video-Zero's
        code for control.
        """
        motion = Motion.of(asked)
        return cls(
            sampler=sampler,
            motion=None if led else motion,
            things=things if asked["smoothing"] else None,
            alpha=float(asked["alpha"]),
            shared=led and motion is not None,
        )

    def __call__(
        self, denoise: Denoise, x: Latent, grid: Grid, schedule: Schedule
    ) -> Iterator[Step]:
        """As any sampler; a step of the first frame alone shows it carried."""
        grid = grid if self.motion is None else grids.through(grid, self.motion.high)
        rest = grid if self.motion is None else grid[grid <= self.motion.high]
        total = len(grid) - 1 + (len(rest) - 1 if self.things else 0)
        return numbered(self._steps(denoise, x, grid, schedule), total)

    def _steps(self, denoise: Denoise, x: Latent, grid: Grid, schedule: Schedule) -> Iterator[Step]:
        shifts, rest = x.new_zeros(x.shape[2], 2).double(), grid
        x = x[:, :, :1].expand_as(x) if self.shared else x
        if self.motion is not None:
            shifts, rest = self.motion.shifts(x.shape[2]), grid[grid <= self.motion.high]
            x = yield from self._freed(denoise, x, grid, schedule, self.motion)
        last = x
        for step in self.sampler(denoise, x, rest, schedule):
            last = step.x
            yield step
        if self.things is not None:
            smooth = smoothed(denoise, self.things(last), shifts, self.alpha)
            yield from self.sampler(smooth, x, rest, schedule)

    def _freed(
        self, denoise: Denoise, x: Latent, grid: Grid, schedule: Schedule, motion: Motion
    ) -> Generator[Step, None, Latent]:
        first, fresh, shifts = x[:, :, :1], x[:, :, 1:], motion.shifts(x.shape[2])
        low, high = grid.new_tensor([motion.low]), grid.new_tensor([motion.high])
        above = grid[grid >= high]
        alone = self.sampler(denoise, first, above, schedule) if len(above) > 1 else iter(())
        for step in alone:
            first = step.x
            yield replace(step, x=moved(first, shifts), clean=moved(step.clean, shifts))
        below = torch.cat([high, grid[(grid < high) & (grid > low)], low])
        settled = first
        if motion.low < motion.high:
            (step,) = deque(self.sampler(denoise, first, below, schedule), maxlen=1)
            settled = step.x
        rest = schedule.raised(moved(settled, shifts[1:]), fresh, low[0], high[0])
        return torch.cat([first, rest], dim=2)


def smoothed(
    denoise: Denoise, things: Masks, shifts: Float[Tensor, "t 2"], alpha: float
) -> Denoise:
    """A denoiser whose background is the first frame's carried along, by a share `alpha`."""
    ground = (1 - things) * (1 - moved(things[:, :, :1], shifts))

    def drawn(x: Latent, t: Time) -> Latent:
        clean = denoise(x, t)
        return clean + alpha * ground * (moved(clean[:, :, :1], shifts) - clean)

    return drawn


class Anchored(nn.Module):
    """A network whose frames all look at the first, `chunk` of them at a time beside it.

    With a `motion` each looks at the first carried along to it: a network that knows places finds
    there what it would find at its own place in the first, were nothing moved, and so leaves all
    things where they were. What it says doesn't depend on `chunk`. Of a network with layers over
    time it would.
    """

    def __init__(self, network: nn.Module, chunk: int, motion: Motion | None = None) -> None:
        super().__init__()
        self.network, self.chunk, self.motion = network, chunk, motion

    def forward(self, x: Latent, t: Time, condition: Condition) -> Latent:
        """As the network itself; each frame keeps its own part of what lies beside it."""
        if self.motion is not None and x.shape[2] > 1:
            return self._carried(x, t, condition, self.motion.shifts(x.shape[2]))
        maps, parts = condition.concat, self._parts(x)
        beside = [None] * len(parts) if maps is None else self._parts(maps)
        said = [
            self.network(part, t, replace(condition, concat=its), sees="first")
            for part, its in zip(parts, beside, strict=True)
        ]
        return torch.cat([said[0][:, :, :1], *(part[:, :, 1:] for part in said)], dim=2)

    def _carried(
        self, x: Latent, t: Time, condition: Condition, shifts: Float[Tensor, "t 2"]
    ) -> Latent:
        """Pairs of the first frame carried along and a frame, each pair as a clip of its own."""
        if condition.concat is not None:
            raise ValueError("frames after maps are not carried along")
        said = [self.network(x[:, :, :1], t, condition)]
        for ks in torch.split(torch.arange(1, x.shape[2]), self.chunk):
            pairs, n = _pairs(moved(x[:, :, :1], shifts[ks]), x[:, :, ks]), len(ks)
            told = condition.framewise(n)
            found = self.network(pairs, t.repeat_interleave(n), told, sees="first")[:, :, 1]
            said.append(rearrange(found, "(b n) c h w -> b c n h w", n=n))
        return torch.cat(said, dim=2)

    def _parts(self, x: Float[Tensor, "b k t h w"]) -> list[Float[Tensor, "b k _t h w"]]:
        first, rest = x[:, :, :1], x[:, :, 1:]
        return [torch.cat([first, part], dim=2) for part in torch.split(rest, self.chunk, dim=2)]


def _pairs(
    one: Float[Tensor, "b k t h w"], other: Float[Tensor, "b k t h w"]
) -> Float[Tensor, "bt k 2 h w"]:
    """Frames of two clips side by side, as clips of two frames."""
    return rearrange([one, other], "two b k t h w -> (b t) k two h w")


def carried(asked: Mapping[str, Value]) -> Motion | None:
    """The motion with which the first frame is carried to those that look at it, if any do."""
    return Motion.of(asked) if asked["cross_frame"] and asked["carried"] else None


def anchored(denoiser: Denoiser, chunk: int, motion: Motion | None = None) -> Denoiser:
    """The same denoiser with its network `Anchored`; its weights are shared."""
    network = Anchored(denoiser.network, chunk, motion)
    return Denoiser(network, denoiser.schedule, denoiser.prediction)
