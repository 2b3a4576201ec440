"""Identity and seams, on things and clips that change by a known amount or not at all."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from mutoscope.clip import Clip
from mutoscope.evaluate import identity, measure, temporal
from mutoscope.evaluate.drift import lost
from mutoscope.evaluate.identity import Sight
from mutoscope.evaluate.reading import as_frames, shipped
from mutoscope.world.render import render
from mutoscope.world.sample import sample
from tests.evaluate.readings import measured

TIMES = np.arange(8) / 4


def _two(colours, shapes=("ball",) * 8, speed=0.1):
    """A thing whose words change, and one that stays what it is."""
    return [
        [
            Sight((0.2 + speed * k, 0.3), (colours[k], shapes[k])),
            Sight((0.8, 0.8), ("blue", "cube")),
        ]
        for k in range(8)
    ]


def test_things_that_stay_what_they_are_keep_their_identity():
    row = identity.kept(_two(["red"] * 8), TIMES)
    assert math.isnan(row[0]), "nothing is told again in the first picture"
    assert (row[1:] == 1).all()
    assert lost(row, TIMES) == {}, "seven pictures are too few for a slope"


def test_each_sight_that_is_something_else_counts_against_it():
    row = identity.kept(_two(["red"] * 4 + ["green"] * 4), TIMES)
    assert np.nanmean(row) == pytest.approx((3 + 4 * 0.5) / 7)
    shapes = ["ball"] * 7 + ["cone"]
    assert np.nanmean(identity.kept(_two(["red"] * 8, shapes), TIMES)) == pytest.approx(6.5 / 7)


def test_what_can_not_be_told_is_not_held_against_a_thing():
    row = identity.kept(_two(["red", None, None, "red", None, "red", "red", None]), TIMES)
    assert np.nanmean(row) == 1
    none = [[Sight((0.5, 0.5), (None, None))] for _ in range(8)]
    assert np.isnan(identity.kept(none, TIMES)).all()
    assert np.isnan(identity.kept([[] for _ in range(8)], TIMES)).all()


def test_a_thing_that_leaps_or_comes_back_late_is_another_one():
    leaps = [[Sight((0.1 if k < 4 else 0.9, 0.5), ("red" if k < 4 else "blue", "ball"))]
             for k in range(8)]  # fmt: skip
    assert len(identity.followed(leaps, TIMES)) == 2
    assert np.nanmean(identity.kept(leaps, TIMES)) == 1
    gone = [[] if 1 < k < 7 else [Sight((0.5, 0.5), ("red", "ball"))] for k in range(8)]
    assert len(identity.followed(gone, TIMES)) == 2
    short = [[] if k == 3 else [Sight((0.5, 0.5), ("red", "ball"))] for k in range(8)]
    assert len(identity.followed(short, TIMES)) == 1


def test_identity_that_is_lost_by_and_by_has_its_slope():
    row = np.r_[np.nan, 1 - 0.05 * np.arange(15) / 4]
    found = lost(row, np.arange(16) / 4)["identity"]
    assert found.value == pytest.approx(-0.05)
    assert found.n == 15


def test_the_reader_tells_real_renders_from_a_thing_that_is_exchanged():
    """The first half of one scene before the second half of the same with another colour."""
    scene = next(
        scene
        for k in range(200)
        for scene in [sample(3, k, split="test")]
        if len(scene.things) == 1 and scene.things[0].colour == "red"
    )
    other = replace(scene, things=(replace(scene.things[0], colour="blue"),))
    one, two = (
        as_frames(render(each, frames=16, size=(64, 64), fps=8).rgb[None])[0]
        for each in (scene, other)
    )
    reader = shipped()
    true = identity.kept(*identity.sights(reader, one, 8.0))
    changed = torch.cat([one[:, :8], two[:, 8:]], dim=1)
    assert np.nanmean(true) == 1
    assert np.nanmean(identity.kept(*identity.sights(reader, changed, 8.0))) < 0.7


def test_a_seam_is_its_change_over_the_usual_one():
    level = torch.tensor([0, 1, 2, 3, 13, 14, 15, 15, 16]).float() / 50
    changed = temporal.changes(level.view(1, 9, 1, 1).expand(3, 9, 4, 4) * 2 - 1)
    assert changed.tolist() == pytest.approx([0.02, 0.02, 0.02, 0.2, 0.02, 0.02, 0, 0.02])
    assert temporal.seams(changed, [4, 7]).tolist() == pytest.approx([10, 0], rel=1e-4, abs=1e-5)
    assert temporal.seams(changed, [2]).tolist() == pytest.approx([1], rel=1e-4)
    assert temporal.seams(torch.zeros(8), [4]).isnan().all()
    assert temporal.seams(torch.ones(1), [1]).isnan().all()


def test_a_clip_with_seams_has_their_number_and_what_is_elsewhere_beside():
    clip = measured(flicker=0.1)
    assert measure.seamed(clip, ()) is clip
    told = measure.seamed(type(clip)(**{**vars(clip), "changes": [0.1, 0.1, 0.5, 0.1, 0.3]}), (3,))
    assert told.numbers["seams"] == pytest.approx(5)
    assert told.beside["elsewhere"]["seams"] == pytest.approx(1.5)
    still = measure.seamed(type(clip)(**{**vars(clip), "changes": [0.0] * 5}), (3,))
    assert "seams" not in still.numbers


def test_measuring_a_clip_tells_its_changes_and_its_identity():
    scene = sample(3, 0, split="test")
    frames = as_frames(render(scene, frames=16, size=(64, 64), fps=8).rgb[None])
    found = measure.measured(Clip(frames=frames, fps=8.0), shipped())
    assert len(found.changes) == 15
    assert found.numbers["identity kept"] > 0.9
    assert found.beside["frozen"]["identity kept"] == 1
