"""The core tier: scenes are pure functions of their number, and what they say is seen."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mutoscope.errors import DataError
from mutoscope.world.render import render
from mutoscope.world.sample import NUMBERS, SPLITS, goes_well, held_out, redraws, sample
from mutoscope.world.scene import CORE_COLOURS, CORE_MOVES, CORE_VERBS, SHAPES, Scene


def test_a_scene_is_a_pure_function_of_its_number_and_splits_differ():
    assert sample(3, 5) == sample(3, 5)
    splits = [sample(3, 5, split=s) for s in ("train", "validation", "test")]
    assert len({s.to_json() for s in splits}) == 3


@given(st.integers(0, NUMBERS - 1), st.integers(0, NUMBERS - 1), st.integers(1, 9))
@settings(max_examples=12, deadline=None, derandomize=True)
def test_no_number_stands_for_a_scene_of_another_split(seed: int, index: int, more: int):
    drawn = {sample(seed, index, split=split).to_json() for split in SPLITS}
    assert len(drawn) == len(SPLITS)
    beyond = more * NUMBERS
    for numbers in ((seed + beyond, index), (seed, index + beyond), (-more, index), (seed, -more)):
        with pytest.raises(DataError, match=f"seeds and indices go from 0 to {NUMBERS - 1}"):
            sample(*numbers)
        with pytest.raises(DataError, match="seeds and indices"):
            next(redraws(*numbers))


def test_what_is_drawn_in_a_scenes_place_is_a_scene_of_no_number():
    first, second, *_ = (scene for scene, _ in redraws(3, 5))
    assert first == sample(3, 5)
    assert second.to_json() not in {sample(3, 5, split=split).to_json() for split in SPLITS}


def test_a_scene_survives_json():
    for i in range(20):
        scene = sample(1, i)
        assert Scene.from_json(scene.to_json()) == scene


def test_core_scenes_use_core_words_and_go_well():
    for i in range(60):
        scene = sample(2, i)
        assert scene.camera.move in CORE_MOVES
        assert len(scene.things) in (1, 2)
        assert goes_well(scene)
        for thing in scene.things:
            assert thing.colour in CORE_COLOURS
            assert thing.motion.verb in CORE_VERBS
            assert (thing.shape, thing.motion.verb) != ("ball", "spins")


def test_training_never_sees_a_held_out_pair_and_unseen_scenes_always_have_one():
    assert not any(held_out(sample(4, i)) for i in range(60))
    assert all(held_out(sample(4, i, split="test", unseen=True)) for i in range(20))
    with pytest.raises(DataError, match="never in train"):
        sample(0, 0, unseen=True)


def test_every_thing_is_seen_in_every_frame_of_the_reference_clip():
    for i in range(24):
        scene = sample(5, i)
        clip = render(scene, size=(64, 64))
        share = [(clip.ids == k + 1).mean(axis=(1, 2)) for k in range(len(scene.things))]
        assert min(s[0] for s in share) > 0.004
        assert np.isfinite(clip.boxes).all()


def test_the_same_scene_gives_the_same_bits_and_any_rate_samples_the_same_motion():
    scene = sample(6, 1)
    slow, fast = render(scene, frames=4, fps=4), render(scene, frames=8, fps=8)
    assert np.array_equal(slow.rgb, fast.rgb[::2])
    assert np.array_equal(slow.rgb, render(scene, frames=4, fps=4).rgb)


def test_all_shapes_leave_their_silhouette_inside_their_box():
    for i, _ in enumerate(SHAPES):
        clip = render(sample(7, i), frames=2, size=(64, 48))
        assert clip.rgb.shape == (2, 48, 64, 3)
