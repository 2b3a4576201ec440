"""One latent carried along and freed by noise: with a denoiser that is exact in closed form."""

from collections import deque

import pytest
import torch

from mutoscope.core import grids
from mutoscope.core.condition import Condition
from mutoscope.core.ideal import Mixture
from mutoscope.core.noise import Noise
from mutoscope.core.samplers import ddim
from mutoscope.core.schedule import Rectified
from mutoscope.core.warp import moved
from mutoscope.errors import RequestError
from mutoscope.systems import foreground, unfold
from mutoscope.systems.unfold import Motion, Unfolded, smoothed

SCHEDULE = Rectified(2.0)
DATA = Mixture(weights=(0.5, 0.5), means=(-1.0, 1.0), deviations=(0.1, 0.1))


def denoise(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    return DATA.denoise(SCHEDULE, x.double(), t.double()).to(x)


def noise(frames: int = 5, seed: int = 0) -> torch.Tensor:
    return Noise([seed]).framewise(torch.empty(1, 4, frames, 8, 8))


def steps(x, motion, *, count=12, **more):
    way = Unfolded(sampler=ddim, motion=motion, **more)
    return list(way(denoise, x, grids.trailing(count), SCHEDULE))


def motion(right=1 / 8, down=0.0, low=0.7, high=0.8):
    return Motion(right=right, down=down, low=low, high=high)


def test_its_steps_are_those_asked_for_and_each_shows_a_whole_clip():
    x = noise()
    found = steps(x, motion())
    assert [(step.index, step.total) for step in found] == [(k, 12) for k in range(12)]
    assert all(step.x.shape == step.clean.shape == x.shape for step in found)
    first = found[0]
    carried = moved(first.clean[:, :, :1], motion().shifts(5))
    assert torch.equal(first.clean, carried), "before t1 the first frame stands for all, carried"


def test_the_first_frame_is_the_picture_alone():
    x, way = noise(), motion()
    made = steps(x, way)[-1].x[:, :, :1]
    grid = grids.through(grids.trailing(12), way.high)
    (alone,) = deque(ddim(denoise, x[:, :, :1], grid, SCHEDULE), maxlen=1)
    torch.testing.assert_close(made, alone.x, atol=1e-5, rtol=1e-5)


def test_without_freedom_the_clip_is_its_first_frame_moved():
    way = motion(right=0.25, down=-0.125, low=0.75, high=0.75)
    made = steps(noise(), way)[-1].x
    torch.testing.assert_close(made, moved(made[:, :, :1], way.shifts(5)), atol=1e-5, rtol=1e-5)


def test_frames_differ_more_the_more_they_are_freed():
    apart = []
    for high in (0.7, 0.75, 0.85, 0.95):
        way = motion(right=0.0, low=0.7, high=high)
        made = steps(noise(seed=3), way)[-1].x
        apart.append(float((made[:, :, 1:] - made[:, :, :1]).abs().mean()))
    assert apart[0] < 1e-5
    assert apart == sorted(apart)
    assert apart[-1] > 0.3


def test_freed_frames_have_the_noise_of_t1():
    class Seen(list):
        def __call__(self, x, t):
            self.append((float(t[0]), x))
            return denoise(x, t)

    seen, way = Seen(), motion()
    x = Noise([5]).framewise(torch.empty(1, 16, 9, 24, 24))
    list(Unfolded(sampler=ddim, motion=way)(seen, x, grids.trailing(60), SCHEDULE))
    t, start = next((t, z) for t, z in seen if z.shape[2] == 9)
    assert t == pytest.approx(way.high)
    alpha, sigma = SCHEDULE(torch.tensor(way.high, dtype=torch.float64))
    wanted = float((alpha.square() * 1.01 + sigma.square()).sqrt())
    for frame in start.unbind(2):
        assert float(frame.std()) == pytest.approx(wanted, rel=0.02)


def test_without_motion_every_frame_goes_its_own_way():
    x = noise()
    made = steps(x, None)[-1].x
    for k in range(5):
        (alone,) = deque(ddim(denoise, x[:, :, k : k + 1], grids.trailing(12), SCHEDULE), maxlen=1)
        torch.testing.assert_close(made[:, :, k : k + 1], alone.x, atol=1e-6, rtol=1e-6)


def test_a_clip_of_one_frame_is_the_picture():
    made = steps(noise(1), motion())
    assert len(made) == 12
    assert made[-1].x.shape[2] == 1


def test_a_smoothed_background_is_nearer_to_the_first_frames_and_things_are_left():
    x, way = noise(seed=2), motion(right=0.0, high=0.95)
    things = torch.zeros(1, 1, 5, 8, 8)
    things[..., 2:5, 2:5] = 1

    plain = steps(x, way)
    found = steps(x, way, things=lambda _: things, alpha=0.6)
    assert [step.index for step in found] == list(range(found[0].total))
    assert found[0].total > plain[0].total

    def away(clip):
        return (clip - clip[:, :, :1]).square()

    ground = (1 - things).expand_as(x).bool()
    before, after = away(plain[-1].x), away(found[-1].x)
    assert after[ground].mean() < 0.5 * before[ground].mean()
    torch.testing.assert_close(found[-1].x[~ground], plain[-1].x[~ground])
    torch.testing.assert_close(found[-1].x[:, :, 0], plain[-1].x[:, :, 0])


def test_a_thing_of_the_first_frame_is_left_where_it_would_be_too():
    things = torch.zeros(1, 1, 2, 4, 4)
    things[:, :, 0, 0, 0] = 1
    shifts = torch.tensor([[0.0, 0.0], [0.25, 0.0]])
    said = torch.randn(1, 1, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    mixed = smoothed(lambda x, t: said, things, shifts, 1.0)(said, torch.ones(1))
    assert mixed[0, 0, 1, 0, 1] == said[0, 0, 1, 0, 1]
    torch.testing.assert_close(mixed[0, 0, 1, 3, 1:], said[0, 0, 0, 3, :-1])


def test_times_in_the_wrong_order_are_refused():
    with pytest.raises(RequestError, match="0 < t0 <= t1 <= 1"):
        motion(low=0.9, high=0.8)


def test_its_knobs_say_a_motion():
    values = {knob.name: knob.default for knob in unfold.settings(64, 0.5, 0.6, carried=True)}
    found = Motion.of({**values, "right": -0.5})
    assert found == Motion(right=-64 / 1024, down=64 / 512, low=0.5, high=0.6)
    assert Motion.of({**values, "motion": False}) is None


@pytest.mark.parametrize("side", [32, 128])
def test_masks_of_things_fit_the_latent(side: int):
    frames = torch.zeros(1, 3, 18, side, side)
    found = foreground.things(foreground.fresh(), frames, (side // 8, side // 8))
    assert found.shape == (1, 1, 18, side // 8, side // 8)
    assert set(found.unique().tolist()) <= {0.0, 1.0}


class Looking(torch.nn.Module):
    """Says of each frame what the frame it looks at shows."""

    def forward(self, x, t, condition, *, sees="own"):
        assert len(t) == len(x) == condition.batch
        return x[:, :, :1].expand_as(x) if sees == "first" else x


@pytest.mark.parametrize("chunk", [1, 3, 16])
def test_a_frame_looks_at_the_first_where_it_is_carried_to(chunk):
    x, told = noise().repeat(2, 1, 1, 1, 1), Condition(scalars={"fps": torch.full((2,), 8.0)})
    x[1] = x[1].flip(-1)
    t = torch.tensor([0.5, 0.5])
    still = unfold.Anchored(Looking(), chunk)(x, t, told)
    assert torch.equal(still, x[:, :, :1].expand_as(x))
    way = motion(right=1 / 8, down=1 / 8)
    seen = unfold.Anchored(Looking(), chunk, way)(x, t, told)
    torch.testing.assert_close(seen, moved(x[:, :, :1], way.shifts(5)))
