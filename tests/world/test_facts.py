"""A word may be said only if it shows: change it, and 1 % of the pixels change."""

from dataclasses import replace

import numpy as np
import pytest

from mutoscope.world.facts import camera_move, pace, related, shown
from mutoscope.world.render import render
from mutoscope.world.sample import sample
from mutoscope.world.scene import (
    AXES,
    CORE_COLOURS,
    CORE_MOVES,
    CORE_STAGES,
    CORE_VERBS,
    LOOKS,
    MOVES,
    SHAPES,
    Camera,
    Motion,
    Scene,
    Stage,
    Thing,
)

SCENES = [sample(31, k) for k in range(5)]


def share(a: Scene, b: Scene, *, frames: int = 5) -> float:
    """The share of pixels that differ by 12 grey levels and more, over 2 seconds."""
    clips = [render(s, frames=frames, fps=2.5, size=(64, 64)).rgb.astype(int) for s in (a, b)]
    return float((np.abs(clips[0] - clips[1]).max(-1) >= 12).mean())


def with_thing(scene: Scene, **fields) -> Scene:
    return replace(scene, things=(replace(scene.things[0], **fields), *scene.things[1:]))


def with_verb(scene: Scene, verb: str) -> Scene:
    return with_thing(scene, motion=replace(scene.things[0].motion, verb=verb))


@pytest.mark.parametrize("scene", SCENES, ids=range(len(SCENES)))
def test_every_core_word_shows(scene):
    thing = scene.things[0]
    rng = np.random.default_rng(0)
    colours = [c for c in CORE_COLOURS if c != thing.colour]
    shapes = [s for s in SHAPES if s != thing.shape]
    verbs = [v for v in CORE_VERBS if v != shown(scene).things[0].verb]
    verbs = [v for v in verbs if not (v == "spins" and thing.shape == "ball")]
    changed = {
        "colour": [with_thing(scene, colour=c) for c in rng.choice(colours, 3, replace=False)],
        "verb": [with_verb(scene, v) for v in rng.choice(verbs, 4, replace=False)],
        "shape": [with_thing(scene, shape=s) for s in rng.choice(shapes, 3, replace=False)],
        "stage": [
            replace(scene, stage=replace(scene.stage, floor=floor, sky=sky))
            for floor, sky in CORE_STAGES.values()
            if floor != scene.stage.floor
        ],
        "move": [
            replace(scene, camera=Camera(move=m)) for m in CORE_MOVES if m != scene.camera.move
        ],
    }
    for word, others in changed.items():
        for other in others:
            assert share(scene, other) >= 0.01, word


@pytest.mark.parametrize("look", LOOKS)
def test_what_is_shown_of_any_look_shows(look):
    thing = Thing(shape="cube", colour="red", material="striped", yaw=0.5)
    scene = Scene(things=(thing,), stage=Stage(floor="grass", sky="day"), look=look)
    plain = replace(scene, stage=Stage(floor="white plain", sky="grey wall"))
    pairs = {
        "colour": (scene, with_thing(scene, colour="cyan")),
        "material": (scene, with_thing(scene, material="shiny")),
        "size": (scene, with_thing(scene, size="small")),
        "floor": (scene, replace(scene, stage=Stage(floor="water", sky="day"))),
        "sky": (scene, replace(scene, stage=Stage(floor="grass", sky="night"))),
        "tone": (plain, replace(plain, stage=Stage(floor="blue plain", sky="grey wall"))),
        "wall": (plain, replace(plain, stage=Stage(floor="white plain", sky="pink wall"))),
        "light": (plain, replace(plain, stage=replace(plain.stage, light="right"))),
        "fog": (scene, replace(scene, stage=replace(scene.stage, fog=True))),
    }
    for word, (before, after) in pairs.items():
        if shown(before) != shown(after):
            assert share(before, after, frames=1) >= 0.01, word


def test_what_is_not_shown_changes_nothing():
    ball = Scene(things=(Thing(shape="ball", colour="red"),))
    assert shown(with_verb(ball, "spins")) == shown(ball)
    assert share(ball, with_verb(ball, "spins")) == 0.0


def along(**axes: float) -> Camera:
    a, b, c, d, e, f = (axes.get(name, 0.0) for name in AXES)
    return Camera(axes=(a, b, c, d, e, f))


def test_camera_moves_are_known_from_their_axes():
    for move in MOVES:
        assert camera_move(Camera(move=move)) == move
    assert camera_move(along(pan=0.4)) == "pan right"
    assert camera_move(along(truck=-0.5, pan=0.5)) == "orbit left"
    assert camera_move(along()) == "static"
    assert camera_move(along(pan=0.4, tilt=0.3)) is None
    assert pace(Camera(move="pan left", amount=0.2)) == "slowly"
    assert pace(along(pan=-1.0)) == "quickly"
    assert pace(Camera(move="pan left", amount=0.6)) is None


def test_relations_need_a_margin_and_things_that_keep_their_places():
    def pair(x, z, verb="still"):
        there = Thing(shape="cube", colour="blue", x=x, z=z, motion=Motion(verb=verb))
        return Scene(things=(Thing(shape="ball", colour="red"), there))

    assert related(pair(1.2, 0.0), 0, "left of", 1)
    assert related(pair(1.2, 0.0), 1, "right of", 0)
    assert related(pair(1.2, 0.0), 0, "next to", 1)
    assert not related(pair(0.4, 0.0), 0, "left of", 1)
    assert not related(pair(1.2, 0.0, "slides left"), 0, "left of", 1)
    assert related(pair(0.3, -1.5), 0, "in front of", 1)
    assert related(pair(0.3, -1.5), 1, "behind", 0)
    assert not related(pair(0.3, -1.5), 0, "left of", 1)
    spun = replace(pair(1.2, 0.0), camera=Camera(move="orbit left"))
    assert not related(spun, 0, "left of", 1)


def test_left_and_right_hold_in_the_picture_and_behind_in_depth():
    found = 0
    for index in range(60):
        scene = sample(33, index, objects=2)
        clip = None
        for name, axis in (("left of", 0), ("behind", 2)):
            if related(scene, 0, name, 1):
                clip = clip or render(scene, frames=1, size=(64, 64))
                local = clip.centres[0] @ clip.pose[0, :, :3].T + clip.pose[0, :, 3]
                seen = local[:, 0] / local[:, 2] if axis == 0 else -local[:, 2]
                assert seen[0] < seen[1]
                found += 1
    assert found > 2
