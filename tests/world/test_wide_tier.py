"""The wide tier: all words, drawn where they show and where nothing passes through anything."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from mutoscope.errors import DataError
from mutoscope.world import scene as w
from mutoscope.world.camera import view
from mutoscope.world.draw import wide_words
from mutoscope.world.law import SHARE, apart, changed, shows
from mutoscope.world.motion import tracks
from mutoscope.world.render import render
from mutoscope.world.sample import goes_well, held_out, sample
from mutoscope.world.scene import Camera, Motion, Scene, Stage, Thing
from mutoscope.world.shapes import clearance
from mutoscope.world.touch import overlap, surface

TIMES = np.arange(0, 4.01, 1 / 12)


@pytest.fixture(scope="module")
def scenes():
    return [sample(5, i, tier="wide") for i in range(60)]


def test_wide_scenes_are_pure_functions_of_their_number_survive_json_and_go_well(scenes):
    for i in (0, 7, 40):
        assert sample(5, i, tier="wide") == scenes[i]
    assert all(Scene.from_json(s.to_json()) == s for s in scenes)
    assert all(goes_well(s) for s in scenes[:20])
    assert not any(held_out(s) for s in scenes)


def test_every_word_of_the_vocabulary_is_drawn():
    rng, seen = np.random.default_rng(0), Counter()
    for i in range(600):
        s = wide_words(rng, 1 + i % 4)
        seen.update({s.stage.floor, s.stage.sky, s.stage.light, s.look, s.camera.move})
        seen["sign"] += s.sign is not None
        seen["fog"] += s.stage.fog
        seen["axes"] += s.camera.axes is not None
        for t in s.things:
            seen.update({t.shape, t.colour, t.material, t.size, t.motion.verb, t.motion.speed})
    words = {*w.FLOORS, *w.SKIES, *w.LIGHTS, *w.LOOKS, *w.MOVES, *w.SHAPES, *w.COLOURS}
    words |= {*w.MATERIALS, *w.SIZES, *w.VERBS, *w.SPEEDS, "sign", "fog", "axes"}
    assert min(seen[word] for word in words) >= 5


def sinks(scene):
    """How far below the floor anything ever is, in metres."""
    pairs = zip(scene.things, tracks(scene, TIMES), strict=True)
    low = [(p, clearance(w.SHAPES.index(t.shape), p.rotation) * p.scale) for t, p in pairs]
    return max((below - p.centre[:, 1]).max() for p, below in low)


def test_nothing_sinks_into_the_floor_or_passes_through_anything(scenes):
    assert max(sinks(s) for s in scenes) < 1e-6
    assert max(overlap(s, TIMES) for s in scenes) < 0.06


@pytest.mark.slow
def test_in_300_scenes_nothing_sinks_into_the_floor_or_passes_through_anything():
    for i in range(300):
        scene = sample(55, i, tier="wide")
        assert sinks(scene) < 1e-6
        assert overlap(scene, TIMES) < 0.06


def test_clearance_is_the_lowest_point_of_a_turned_solid():
    rng = np.random.default_rng(0)
    turned, _ = np.linalg.qr(rng.normal(size=(20, 3, 3)))
    for kind in range(len(w.SHAPES)):
        lowest = -(surface(kind) @ turned.transpose(0, 2, 1))[..., 1].min(-1)
        exact = clearance(kind, turned)
        assert (lowest < exact + 1e-4).all()
        assert (lowest > exact - 0.2).all()


def two(verb, other="slides right", **more):
    one = Thing(shape="cube", colour="red", x=-1.6, motion=Motion(verb=verb, other=1))
    return Scene(
        things=(replace(one, **more), Thing(shape="cube", colour="blue", motion=Motion(verb=other)))
    )


def test_a_pusher_touches_what_it_pushes_and_then_they_move_together():
    a, b = tracks(two("pushes"), TIMES)
    gap = b.centre[:, 0] - a.centre[:, 0]
    assert gap[0] == pytest.approx(1.6)
    assert gap.min() == pytest.approx(1.28)
    assert b.centre[0, 0] == b.centre[2, 0] == 0.0
    assert b.centre[24, 0] > 1.0


def test_a_stacked_thing_comes_to_rest_on_the_other_and_rides_along():
    a, b = tracks(two("stacks on", x=0.0, size="small"), TIMES)
    top = b.centre[:, 1] + 0.64
    under = a.centre[:, 1] - 0.64 * 0.72
    assert under[0] > top[0] + 1.0
    assert np.allclose(under[TIMES > 1.4], top[TIMES > 1.4])
    assert np.allclose(a.centre[:, 0], b.centre[:, 0])


def test_an_orbiting_thing_keeps_its_distance_and_goes_around():
    a, b = tracks(two("orbits", "still"), TIMES)
    way = a.centre - b.centre
    assert np.allclose(np.hypot(way[:, 0], way[:, 2]), 1.6)
    assert way[:, 2].max() > 1.5
    assert way[:, 2].min() < -1.5


def test_a_follower_does_later_what_it_follows():
    a, b = tracks(two("follows"), TIMES)
    assert np.allclose(a.centre[3:, 0] + 1.6, b.centre[:-3, 0] + 1.1 * 0.25, atol=1e-6)


def test_things_that_refer_to_each_other_in_a_ring_or_to_nothing_are_refused():
    scene = two("orbits")
    ring = replace(
        scene,
        things=(
            scene.things[0],
            replace(scene.things[1], motion=Motion(verb="orbits", other=0)),
        ),
    )
    with pytest.raises(DataError, match="in a ring"):
        tracks(ring, TIMES)
    with pytest.raises(DataError, match="needs another thing"):
        tracks(two("orbits", x=0.0, motion=Motion(verb="orbits", other=5)), TIMES)


def test_camera_axes_turn_the_way_they_are_named():
    times = np.array([0.0, 1.0, 2.0])
    forward = {m: view(Camera(move=m), times).basis[:, 2] for m in w.MOVES}
    eye = {m: view(Camera(move=m), times).eye for m in w.MOVES}
    right = {m: view(Camera(move=m), times).basis[:, 0] for m in w.MOVES}
    assert (np.diff(forward["pan right"][:, 0]) > 0).all()
    assert (np.diff(forward["tilt up"][:, 1]) > 0).all()
    assert (np.diff(eye["truck right"][:, 0]) > 0).all()
    assert (np.diff(eye["pedestal up"][:, 1]) > 0).all()
    assert (np.diff(view(Camera(move="zoom in"), times).fov) < 0).all()
    assert (np.diff(right["roll clockwise"][:, 1]) < 0).all()
    assert (np.diff(forward["orbit right"][:, 0]) < 0).all()
    assert (np.diff(eye["orbit right"][:, 0]) > 0).all()


def test_words_show_when_said():
    """The law on all kinds of words in turn; `benchmarks/world_law.py` counts many more."""
    shares = []
    for i in range(10):
        scene = sample(9, i, tier="wide", split="validation", objects=1 + i % 2)
        clip = render(scene, frames=8, size=(64, 64), fps=4)
        kinds = dict(changed(scene))
        shares += [
            apart(clip, render(other, frames=8, size=(64, 64), fps=4)) for other in kinds.values()
        ]
    assert len(shares) > 60
    assert min(shares) >= SHARE


def test_what_a_scene_does_not_say_is_not_changed():
    thing = Thing(shape="ball", colour="red", material="striped")
    scene = Scene(things=(thing,), stage=Stage(floor="sand", fog=True), look="pencil")
    kinds = {kind for kind, _ in changed(scene)}
    assert not kinds & {"colour", "material", "floor", "fog", "light", "verb", "move"}
    assert {"shape", "look"} <= kinds


def test_the_law_tells_scenes_apart():
    scene = Scene(things=(Thing(shape="ball", colour="red"),))
    spinning = replace(scene, things=(replace(scene.things[0], motion=Motion(verb="spins")),))
    assert not shows(scene, scene)
    assert not shows(scene, spinning)
    assert shows(scene, replace(scene, stage=Stage(floor="grass", sky="day")))


def test_a_sign_shows_its_word_and_refuses_what_it_cannot_write():
    empty = Scene(things=(Thing(shape="ball", colour="red"),))
    words = [render(replace(empty, sign=s), frames=1).rgb for s in ("HELLO", "WORLD")]
    assert (np.abs(words[0].astype(int) - words[1]) > 40).mean() > 0.003
    for wrong in ("TOOLONG", "", "h", "A B"):
        with pytest.raises(DataError, match="A-Z and 0-9"):
            render(replace(empty, sign=wrong), frames=1)


def test_words_outside_the_vocabulary_are_refused_by_name():
    ball = Thing(shape="ball", colour="red")
    for wrong, word in (
        (replace(ball, shape="egg"), "egg"),
        (replace(ball, colour="mauve"), "mauve"),
        (replace(ball, material="furry"), "furry"),
        (replace(ball, motion=Motion(verb="flies")), "flies"),
    ):
        with pytest.raises(DataError, match=word):
            render(Scene(things=(wrong,)), frames=1, size=(16, 16))
    with pytest.raises(DataError, match="lava"):
        render(Scene(things=(ball,), stage=Stage(floor="lava")), frames=1, size=(16, 16))
