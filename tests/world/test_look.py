"""Looks: redrawn by the same hand every time, each unlike the others, still where nothing moves."""

from dataclasses import replace

import numpy as np
import pytest

from mutoscope.errors import DataError
from mutoscope.world.render import render
from mutoscope.world.scene import LOOKS, Motion, Scene, Stage, Thing

SCENE = Scene(
    things=(
        Thing(shape="cube", colour="red", x=-0.9, yaw=0.5),
        Thing(shape="ball", colour="blue", x=0.9, motion=Motion(verb="slides right")),
    ),
    stage=Stage(floor="grass", sky="day"),
)
OTHERS = LOOKS[1:]


@pytest.fixture(scope="module")
def clips():
    return {
        look: render(replace(SCENE, look=look), frames=2, fps=2, truth=("plain",)) for look in LOOKS
    }


def test_every_look_is_unlike_every_other(clips):
    for i, a in enumerate(LOOKS):
        for b in LOOKS[:i]:
            apart = np.abs(clips[a].rgb.astype(int) - clips[b].rgb).max(-1)
            assert (apart >= 12).mean() > 0.1, (a, b)


@pytest.mark.parametrize("look", OTHERS)
def test_a_look_is_deterministic_and_keeps_the_plain_picture_and_the_truth(clips, look):
    again = render(replace(SCENE, look=look), frames=2, fps=2)
    assert np.array_equal(again.rgb, clips[look].rgb)
    assert np.array_equal(clips[look].plain, clips["plain"].rgb)
    assert np.array_equal(clips[look].ids, clips["plain"].ids)


@pytest.mark.parametrize("look", OTHERS)
def test_a_look_keeps_still_what_is_still(clips, look):
    """Away from the moving ball, its shadow and their strokes nothing stirs."""
    first, second = clips[look].rgb.astype(int)
    assert np.abs(first - second)[:, :40].max() <= 1


@pytest.mark.parametrize("look", ["pencil", "mono", "sepia", "blueprint"])
def test_looks_without_colour_draw_a_red_thing_in_the_hues_of_the_rest(clips, look):
    image = clips[look].rgb[0].astype(float)
    tint = image[..., 0] - image[..., 2]
    thing = clips[look].ids[0] == 1
    grey = image.mean(-1)
    for low in range(0, 250, 50):
        band = (grey >= low) & (grey < low + 50)
        if (band & thing).sum() > 30 and (band & ~thing).sum() > 30:
            assert abs(tint[band & thing].mean() - tint[band & ~thing].mean()) < 25


@pytest.mark.parametrize("look", OTHERS)
def test_a_look_works_at_any_size_and_shape(look):
    clip = render(replace(SCENE, look=look), frames=1, size=(50, 34))
    assert clip.rgb.shape == (1, 34, 50, 3)
    assert clip.rgb.std() > 3


def test_an_unknown_look_is_refused_by_name():
    with pytest.raises(DataError, match="no look 'crayon'"):
        render(replace(SCENE, look="crayon"), frames=1)
