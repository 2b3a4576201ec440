"""The rows of Text2Video-Zero's check, of clips that do exactly what is asked for."""

import numpy as np
import pytest
import torch

from mutoscope import checks
from mutoscope.checks import Subject, mapped
from mutoscope.checks.text2video_zero import CONTROLS, GRID, KINDS, SEED, STRENGTH, _prompts
from mutoscope.core.warp import moved
from mutoscope.evaluate.faithfulness import renders
from mutoscope.evaluate.reading import shipped
from mutoscope.world.sample import sample

COUNT = 8
SPOILT = dict(zip(KINDS, (0.0, 0.4, 1.0, 2.0), strict=True))


@pytest.fixture(scope="module")
def rows():
    scenes = [sample(SEED, i, objects=1, split="test") for i in range(COUNT)]
    pictures = dict(
        zip(_prompts(COUNT), renders(scenes, frames=1, size=(64, 64), fps=8.0), strict=True)
    )

    def clip(prompt, seed, frames, told):
        way = np.array([told.get("right", 1.0), told.get("down", 1.0)])
        way = way * told.get("strength", STRENGTH) / GRID + (told.get("t1", 0.5) - 0.5) / 20
        found = moved(pictures[prompt][None], torch.arange(frames)[:, None] * torch.from_numpy(way))
        kind = {key: told[key] for key in ("motion", "cross_frame") if key in told}
        amount = SPOILT[next(name for name, one in KINDS.items() if dict(one) == kind)]
        amount = 0.2 if told.get("smoothing") is False else amount
        rng = torch.Generator().manual_seed(seed)
        fresh = torch.randn(found.shape, generator=rng)
        return (found + amount * fresh).clamp(-1, 1)

    def ask(asked):
        return lambda prompts, seeds: torch.cat(
            [
                clip(prompt, seed, asked["frames"], asked["settings"])
                for prompt, seed in zip(prompts, seeds, strict=True)
            ]
        )

    subject = Subject(
        make=lambda frames: ask({"frames": frames, "settings": {}}), ask=ask,
        twin=lambda frames: ask({"frames": frames, "settings": {}}),
        settings={"t0": 0.5}, reader=shipped(), count=COUNT, fps=8.0, side=64,
    )  # fmt: skip
    return {row.id: row for row in checks.find("text2video_zero").run(subject)}


def test_the_order_of_what_is_left_out_is_seen(rows):
    for name in ("consistency", "identity"):
        found = [row for id_, row in rows.items() if id_.startswith(f"order, lower end: {name}")]
        assert len(found) == 3
    assert rows["order, lower end: consistency, whole over cross-frame only"].passes
    assert rows["identity"].value > rows["identity"].baselines["neither"]


def test_a_scene_that_goes_as_told_has_the_slope_and_angle_of_the_truth(rows):
    slope = rows["motion: slope"]
    assert slope.passes
    assert slope.value == pytest.approx(slope.baselines["truth"], abs=0.15)
    assert slope.baselines["shuffled"] < slope.value - 0.5
    assert rows["motion: slope, from above"].value == -slope.value
    off = rows["motion: degrees off"]
    assert off.passes
    assert off.baselines["shuffled"] < off.threshold
    assert rows["motion: pixels a frame at strength 0"].passes


def test_less_noise_beside_things_is_less_variance(rows):
    assert rows["smoothing: fall of the background's variance"].value > 0.9


def test_things_that_go_further_are_ranked_and_equal_clips_are_equal(rows):
    assert rows["freedom: rank correlation with things' ways"].value > 0.8
    assert rows["chunks: dB"].value == 100
    assert rows["chunks: dB"].baselines["other clips"] < 45


def test_what_the_image_model_cannot_do_is_named():
    left = {one.file for one in checks.find("text2video_zero").unchecked()}
    assert {"control by pose", "edit by instruction"} <= left


def test_the_lines_of_the_readme_are_rows_with_the_baselines_they_name(rows):
    for line in checks.obeyed("text2video_zero"):
        if line in mapped.lines(CONTROLS):
            continue  # see test_controlnet.py
        named = {line.shuffled, line.without, line.truth} - {None}
        assert named <= set(rows[line.row].baselines)
