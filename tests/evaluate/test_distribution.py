"""Distances and scores with the values that can be worked out, whatever the features."""

import numpy as np
import pytest
import torch

from mutoscope import zoo
from mutoscope.errors import DataError
from mutoscope.evaluate.distribution import (
    Traps,
    distances,
    inception_score,
    kernel,
    ladder,
    of_frames,
    ours,
)
from mutoscope.evaluate.faithfulness import renders
from mutoscope.evaluate.frechet import LADDER, frechet, ordered
from mutoscope.evaluate.reading import shipped
from mutoscope.world.sample import sample


def test_the_kernel_distance_is_the_sum_over_pairs_written_out():
    x, y = np.array([[0.0, 1.0], [2.0, 1.0], [1.0, 1.0]]), np.array([[1.0, 0.0], [3.0, 2.0]])

    def k(a, b):
        return (a @ b / 2 + 1) ** 3

    within = [k(a, b) for i, a in enumerate(x) for j, b in enumerate(x) if i != j]
    other = [k(y[0], y[1]), k(y[1], y[0])]
    across = [k(a, b) for a in x for b in y]
    wanted = np.sum(within) / 6 + np.sum(other) / 2 - 2 * np.mean(across)
    assert kernel(x, y) == pytest.approx(wanted)
    assert kernel(y, x) == pytest.approx(wanted)


def test_the_kernel_distance_is_unbiased_and_frechets_is_not():
    rng = np.random.default_rng(0)
    draws = [(rng.normal(size=(20, 8)), rng.normal(size=(20, 8))) for _ in range(300)]
    values = np.array([kernel(*pair) for pair in draws])
    assert abs(values.mean()) < 3 * values.std() / np.sqrt(300), "0 in the mean for one law"
    assert (values < 0).any()
    assert np.mean([frechet(*pair) for pair in draws]) > 1
    apart = kernel(rng.normal(size=(200, 8)), rng.normal(1, 1, (200, 8)))
    assert apart > 5 * values.std()


def test_frames_of_one_clip_are_no_pairs_so_that_the_kernel_distance_of_frames_is_unbiased():
    rng = np.random.default_rng(2)

    def frames(clips, per=4):
        return np.repeat(rng.normal(size=(clips, 8)), per, 0) + 0.1 * rng.normal(
            size=(clips * per, 8)
        )

    draws = [(frames(20), frames(20)) for _ in range(300)]
    values = np.array([kernel(*pair, per=4) for pair in draws])
    wrong = np.array([kernel(*pair) for pair in draws])
    assert abs(values.mean()) < 3 * values.std() / np.sqrt(300)
    assert wrong.mean() > 10 * wrong.std() / np.sqrt(300), "pairs of one clip make it larger"
    x, y = draws[0]
    assert distances(x, y, {"real": x}, 4)["kernel"].n == 20
    assert kernel(x[::4], y[::4], per=1) == kernel(x[::4], y[::4])
    for odd in (x[:4], x[:9]):
        with pytest.raises(DataError, match="at least 2 clips of 4 rows each"):
            kernel(odd, y, per=4)


def test_an_inception_score_is_1_for_one_answer_and_k_for_k_sure_ones():
    same = np.tile([0.5, 0.25, 0.25, 0.0], (40, 1))
    assert inception_score(same).value == pytest.approx(1)
    sure = np.tile(np.eye(4), (10, 1))
    found = inception_score(sure)
    assert found.value == pytest.approx(4)
    assert found.interval == pytest.approx((4, 4))
    assert found.n == 40
    # Two answers at 0.9 and 0.1 by turns: exp(ln 2 - H(0.9)).
    halves = np.tile([[0.9, 0.1], [0.1, 0.9]], (20, 1))
    h = -(0.9 * np.log(0.9) + 0.1 * np.log(0.1))
    assert inception_score(halves).value == pytest.approx(2 * np.exp(-h))
    for wrong in (same * 2, same[:3], np.full((40, 4), np.nan)):
        with pytest.raises(DataError, match=r"probabilities|needs as many rows"):
            inception_score(wrong)


def test_too_few_clips_have_no_frechet_and_only_equal_numbers_stand_beside_it():
    rng = np.random.default_rng(1)
    real, made = rng.normal(size=(16, 8)), rng.normal(size=(16, 8))
    beside = {"real": rng.normal(size=(16, 8)), "untrained": rng.normal(2, 1, (9, 8))}
    rows = distances(real, made, beside)
    assert set(rows["frechet"].baselines) == {"real"}
    assert rows["kernel"].baselines["untrained"] > rows["kernel"].value
    assert set(distances(real[:15], made[:15], beside)) == {"kernel"}


def test_features_of_frames_give_a_row_a_frame_in_order():
    clips = torch.arange(2 * 3).float().view(2, 1, 3, 1, 1).expand(2, 3, 3, 4, 4)
    found = of_frames(lambda frames: frames.mean((2, 3)))(clips, 8.0)
    assert found[:, 0].tolist() == [0, 1, 2, 3, 4, 5]
    assert ladder(of_frames(lambda frames: frames.mean((2, 3))), clips, clips, 8.0)["kernel"].n == 2


def test_a_ladder_of_any_features_has_every_rung():
    rng = torch.Generator().manual_seed(0)
    clips = torch.rand(40, 3, 4, 2, 2, generator=rng)
    motion = ladder(lambda f, _: f.diff(dim=2).abs().mean((3, 4)).flatten(1)[:, :4].numpy(),
                    clips[:20], clips[20:], 8.0)  # fmt: skip
    assert list(motion["kernel"].baselines) == list(LADDER)
    assert motion["frechet"].baselines["frozen"] > 3 * motion["frechet"].baselines["real"]


def test_all_six_traps_are_said():
    said = Traps(n=128, rate="4 fps", start="from 0", resize="area", split="held out",
                 drawn="each once", features="ours").said()  # fmt: skip
    for words in ("128 clips", "4 fps", "from 0", "area", "held out", "each once", "ours"):
        assert words in said


@pytest.mark.slow
@pytest.mark.skipif("readers" not in zoo.names(), reason="no readers in the zoo")
def test_each_reference_is_thrice_as_far_by_both_distances():
    scenes = [sample(91, i, split="test") for i in range(1024)]
    real = renders(scenes, frames=8, size=(64, 64), fps=4.0)
    rows = ladder(ours(shipped()), real[:512], real[512:], 4.0)
    assert ordered(dict(rows["frechet"].baselines)), rows["frechet"]
    near, *others = (rows["kernel"].baselines[kind] for kind in LADDER)
    assert min(others) >= 3 * abs(near), rows["kernel"]
