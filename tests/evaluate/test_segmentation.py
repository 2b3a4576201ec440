"""The opinion that learned nothing is mostly right about rendered clips."""

import numpy as np
import pytest

from mutoscope.evaluate import segmentation
from mutoscope.evaluate.reading import Answer, Reading, ThingRead, as_frames
from mutoscope.evaluate.tracks import track
from mutoscope.world.render import render
from mutoscope.world.sample import sample
from mutoscope.world.scene import CORE_STAGES, Camera, Motion, Scene, Stage, Thing


def _shot(scene):
    return render(scene, frames=8, size=(64, 64), fps=4.0)


@pytest.mark.parametrize(
    "move", ["static", "pan left", "pan right", "tilt up", "tilt down", "zoom in", "zoom out"]
)
def test_the_camera_is_told_from_the_pictures_shifts(move):
    floor, sky = CORE_STAGES["grass"]
    scene = Scene(
        things=(Thing(shape="cube", colour="red"),),
        stage=Stage(floor=floor, sky=sky),
        camera=Camera(move=move, amount=0.7),
    )
    assert segmentation.camera(_shot(scene).rgb).move == move


def test_a_known_shift_is_measured_to_a_fraction_of_a_pixel():
    rng = np.random.default_rng(0)
    wide = rng.normal(size=(80, 80)).cumsum(0).cumsum(1)
    wide = 127 + 100 * (wide - wide.mean()) / np.abs(wide - wide.mean()).max()
    frames = [wide[8:72, 12 - 4 * k : 76 - 4 * k] for k in range(4)]
    shot = np.stack(frames).astype(np.uint8)[..., None].repeat(3, axis=-1)
    found = segmentation.camera(shot)
    assert found.right * 64 == pytest.approx(12, abs=0.5)
    assert found.down * 64 == pytest.approx(0, abs=0.3)
    assert found.move == "pan left"


def test_colours_and_places_agree_with_the_truth_of_rendered_scenes():
    colours, places = [], []
    for i in range(30):
        scene = sample(33, i, split="validation")
        clip = _shot(scene)
        for k, thing in enumerate(scene.things):
            mine = clip.ids == k + 1
            colours.append(segmentation.paint(clip.rgb, mine[:, 1::2, 1::2]) == thing.colour)
            found = segmentation.thing(clip.rgb, thing.colour, 0.25)
            if found is not None:
                away = np.hypot(*(found.middles - track(mine.astype(float), 0.25).middles).T)
                places.append(np.nanmedian(away) < segmentation.NEAR)
    assert np.mean(colours) > 0.9
    assert np.mean(places) > 0.8
    assert len(places) > 0.85 * len(colours)


def _reading(clip, scene):
    """What a reader says that makes no mistake."""
    things = []
    for k, thing in enumerate(scene.things):
        mask = clip.ids == k + 1
        words = {"colour": Answer(thing.colour, thing.colour, 1.0)}
        way = track(mask.astype(float), 0.25)
        things.append(ThingRead(words, 1.0, way, mask[:, 1::2, 1::2]))
    move = {"move": Answer(scene.camera.move, scene.camera.move, 1.0)}
    return Reading(tuple(things), move, np.zeros(64))


def test_both_opinions_agree_on_the_way_of_a_sliding_thing_and_not_on_the_opposite_one():
    floor, sky = CORE_STAGES["snow"]
    scenes = [
        Scene(
            things=(Thing(shape="cube", colour="red", motion=Motion(verb=f"slides {way}")),),
            stage=Stage(floor=floor, sky=sky),
        )
        for way in ("left", "right")
    ]
    clips = [_shot(scene) for scene in scenes]
    frames = as_frames(np.stack([clip.rgb for clip in clips]))
    right = [_reading(clip, scene) for clip, scene in zip(clips, scenes, strict=True)]
    agreed = segmentation.agreement(frames, right, 4.0)
    assert (agreed["direction"].value, agreed["direction"].n) == (1, 2)
    assert agreed["colour"].value == 1
    crossed = segmentation.agreement(frames, right[::-1], 4.0)
    assert crossed["direction"].value == 0


def test_where_no_thing_of_a_colour_is_none_is_found():
    scene = Scene(things=(Thing(shape="cube", colour="red"),))
    assert segmentation.thing(_shot(scene).rgb, "cyan", 0.25) is None


def test_a_picture_without_structure_has_a_camera_that_stands_still():
    ramp = np.linspace(0, 3, 64)[:, None, None].round() + np.zeros((4, 64, 64, 3))
    assert segmentation.camera(ramp.astype(np.uint8)).move == "static"
    places, shifts = np.random.default_rng(0).normal(size=(2, 16, 2))
    assert np.isfinite(segmentation.fitted(places, shifts, np.full(16, -0.01))).all()
